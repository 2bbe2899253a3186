"""`quri-console operations`: list, show, resume, abort and resolve operations."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.operation import carry_out, outcome_as_plain
from quri_console.cli.output import say, show_json, show_lines
from quri_console.cli.resolve import resolve
from quri_console.render.ages import utc_text
from quri_console.render.escape import escape
from quri_console.render.operation_list import operation_list_lines, what_now
from quri_console.render.operation_steps import journal_lines
from quri_console.render.spans import Span

if TYPE_CHECKING:
    from quri_console.config import Config
    from quri_console.effects.journal import Record
    from quri_console.effects.operation_summary import OperationSummary, Rollback

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group("operations")
def command() -> None:
    """Backups, restores and rollbacks: each runs in a process of its own, whatever becomes of the terminal.

    OPERATION is an operation's name, how it begins, or latest.
    """


@command.command("list")
@AS_JSON
@click.pass_obj
def list_(invocation: Invocation, as_json: bool) -> None:
    """List all operations, newest first. What one that died left stopped is started again first."""
    console = invocation.console()
    for item in asyncio.run(console.bring_back()):
        show_lines([(Span(escape(item.words), "status-warning"),)], stream=sys.stderr)
    summaries = console.operations()
    if as_json:
        show_json({"operations": [_as_plain(summary) for summary in summaries]})
        return
    if not summaries:
        say("No operations yet.")
        return
    show_lines(operation_list_lines(summaries, time.time_ns()))


@command.command()
@click.argument("operation")
@AS_JSON
@click.pass_obj
def show(invocation: Invocation, operation: str, as_json: bool) -> None:
    """Show how one operation ended. Every effect in its journal is shown, too."""
    handle = invocation.console().follow(operation)
    summary = handle.summary()
    records = handle.journal()
    if as_json:
        show_json({**_as_plain(summary), "journal": [_record_as_plain(record) for record in records]})
        return
    say(f"{summary.id}  {summary.state}", role="heading")
    for label, text in _facts(summary, invocation.console().config):
        say(f"  {label:<16} {escape(text)}")
    say()
    show_lines(journal_lines(records, invocation.console().config.canister_names))


@command.command()
@click.argument("operation")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; progress goes to standard error.")
@click.pass_obj
def resume(invocation: Invocation, operation: str, as_json: bool) -> int:
    """Go on with an operation whose process died. What it left stopped is started first."""
    handle = invocation.console().resume(operation)
    return asyncio.run(carry_out(handle, as_json=as_json))


@command.command("continue")
@click.argument("operation")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; progress goes to standard error.")
@click.pass_obj
def continue_(invocation: Invocation, operation: str, as_json: bool) -> int:
    """Go on with a restore that was told to --pause. It waits before it stops anything."""
    handle = invocation.console().proceed(operation)
    return asyncio.run(carry_out(handle, as_json=as_json))


@command.command()
@click.argument("operation")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; progress goes to standard error.")
@click.pass_obj
def abort(invocation: Invocation, operation: str, as_json: bool) -> int:
    """End a running operation before its next effect. The canister gets the status back that it had.

    One that died is ended, too. Of a group, canisters that were restored already get their old state back.
    """
    handle = invocation.console().abort(operation)
    return asyncio.run(carry_out(handle, as_json=as_json))


command.add_command(resolve)


def _facts(summary: OperationSummary, config: Config) -> list[tuple[str, str]]:
    from quri_console.service.following import named

    outcome = summary.outcome
    facts = [
        ("kind", summary.kind),
        ("network", summary.network),
        ("canisters", ", ".join(summary.canisters)),
        ("started", utc_text(summary.created_at_ns)),
        ("reason", summary.reason or ""),
        ("what", outcome.what if outcome else ""),
        ("why", outcome.why if outcome else ""),
        ("next", outcome.next_step if outcome else ""),
        ("not audited", str(outcome.audit.get("problem", "")) if outcome else ""),
        ("now", what_now(summary)),
        ("left stopped", ", ".join(named(config, canister) for canister in summary.left_stopped)),
        ("safety snapshot", ", ".join(identifier.hex() for identifier in summary.safety_snapshots)),
        ("kept until", utc_text(summary.safety_kept_until_ns) if summary.safety_kept_until_ns else ""),
        ("folder", str(summary.directory)),
    ]
    return [(label, text) for label, text in facts if text]


def _as_plain(summary: OperationSummary) -> dict[str, Any]:
    return {
        "id": summary.id,
        "kind": summary.kind,
        "network": summary.network,
        "canisters": list(summary.canisters),
        "started_at_ns": summary.created_at_ns,
        "state": summary.state,
        "reason": summary.reason,
        "left_stopped": list(summary.left_stopped),
        "safety_snapshots": [identifier.hex() for identifier in summary.safety_snapshots],
        "rolled_back": None if summary.rolled_back is None else _rollback_as_plain(summary.rolled_back),
        "mixed": None if summary.mixed is None else summary.mixed.words,
        "undo": f"quri-console rollback {summary.id}" if summary.can_be_rolled_back else None,
        "folder": str(summary.directory),
        "outcome": None if summary.outcome is None else outcome_as_plain(summary.outcome, summary.id),
    }


def _rollback_as_plain(rollback: Rollback) -> dict[str, Any]:
    return {"by": rollback.id, "state": rollback.state, "finished_at_ns": rollback.finished_at_ns or None}


def _record_as_plain(record: Record) -> dict[str, Any]:
    # the signed request is for resuming, not for showing: whoever has it can send the call
    fields = {name: value for name, value in record.fields.items() if name != "request"}
    return {"seq": record.sequence, "at_ns": record.at_ns, "event": record.event, **fields}
