"""What commands that start operations share: the typed confirmation, following, and how it ended."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from quri_console.cli.output import (
    BarProgress,
    line_width,
    painted,
    progress_to,
    say,
    show_error,
    show_json,
    show_lines,
)
from quri_console.errors import ExitCode, QuriError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quri_console.effects.operation_files import Outcome
    from quri_console.render.spans import Line
    from quri_console.service.following import OperationHandle


def confirmed(kind: str, network: str, name: str, given: str | None, *, feasible: bool = True) -> str:
    """What was typed for the gate: `given`, or asked for at a terminal. Raises UsageError where nobody can be asked."""
    from quri_console.effects.gate import expected_confirmation

    expected = expected_confirmation(network, name)
    if given:
        return given
    if given is not None or not sys.stdin.isatty():
        raise UsageError(
            f"{kind} needs --confirm where nobody can be asked" if given is None else "--confirm is empty",
            next_step=f"Add --confirm {expected} if that is what you mean; --dry-run shows what would be done.",
        )
    if not feasible:
        return ""  # the plan's failed checks are the answer; asking first would promise something else
    return str(click.prompt(f"Type {expected} to {kind}", err=True))


def show_plan_lines(lines: Sequence[Line], *, to_errors: bool) -> None:
    """A plan, broken to the width of the terminal; on standard error where standard output is for JSON."""
    from quri_console.render.spans import wrap_lines

    stream = sys.stderr if to_errors else sys.stdout
    width = line_width(stream)
    show_lines(lines if width is None else wrap_lines(lines, width), stream=stream)


async def carry_out(handle: OperationHandle, *, as_json: bool) -> int:
    """Follow an operation to its end and say how it ended; the exit code."""
    if not as_json:
        sys.stderr.write(f"Operation {handle.id}\n")
    outcome = await follow_to_end(handle, as_json=as_json)
    tell(outcome, handle.id, as_json=as_json)
    return int(outcome.exit_code)


async def follow_to_end(handle: OperationHandle, *, as_json: bool) -> Outcome:
    """Show progress on standard error until the operation ends. Ctrl-C stops following, not the operation."""
    progress = progress_to(sys.stderr, "json" if as_json else None)
    try:
        async for event in handle.events():
            progress.report(event)
        outcome = await handle.wait()
    except BaseException:
        sys.stderr.write(
            f"\nThe operation goes on without this command: quri-console operations show {handle.id}\n"
            f"To end it: quri-console operations abort {handle.id}\n"
        )
        raise
    finally:
        if isinstance(progress, BarProgress):
            progress.close()
    if outcome.audit.get("problem"):
        _warn(f"Not all of it is in the audit log: {outcome.audit['problem']}")
    return outcome


def _warn(text: str) -> None:
    from quri_console.render.escape import escape

    sys.stderr.write(f"{painted(escape(text), 'status-warning', sys.stderr)}\n")


def tell(outcome: Outcome, operation_id: str, *, as_json: bool) -> None:
    """How an operation ended, on standard output when it succeeded or as JSON, else as a failure."""
    from quri_console.render.escape import escape
    from quri_console.render.operation import result_lines
    from quri_console.render.spans import Span

    if as_json:
        show_json(outcome_as_plain(outcome, operation_id))
        return
    if not outcome.ok:
        show_error(QuriError(outcome.what, why=outcome.why, next_step=outcome.next_step))
        return
    say(escape(outcome.what), role="status-ok")
    for line in result_lines(operation_id, outcome):
        show_lines([(Span("  "), *line)])


def outcome_as_plain(outcome: Outcome, operation_id: str) -> dict[str, object]:
    """An outcome as JSON values; `undo` is the command that takes it back, null where there is none."""
    from quri_console.render.operation import undo_command

    return {
        "operation": operation_id,
        "exit_code": int(outcome.exit_code),
        "ok": outcome.exit_code == ExitCode.OK,
        "what": outcome.what,
        "why": outcome.why,
        "next": outcome.next_step,
        "result": dict(outcome.result),
        "audit": dict(outcome.audit),
        "undo": undo_command(operation_id, outcome),
    }
