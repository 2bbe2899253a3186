"""A running operation and its end, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quri_console.effects.operation_summary import safety_kept_until_ns
from quri_console.errors import QuriError
from quri_console.progress import ProgressEvent
from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span, sentence
from quri_console.render.zone import moment_text, retold
from quri_console.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from quri_console.effects.operation_files import Outcome

SHOWN_PHASES = 12
PAUSED = "paused"


def progress_line(event: ProgressEvent, pace: str = "") -> str:
    """How far one phase is: `download rune-engine: 12 MiB of 69 MiB (17 %)`, and after it its `pace`."""
    name = " ".join(part for part in (escape(event.phase), escape(event.subject)) if part)
    measure = _measure(event)
    note = f" – {escape(event.note)}" if event.note else ""
    return f"{name}: {measure}{pace}{note}" if measure else f"{name}{note}"


def _measure(event: ProgressEvent) -> str:
    if event.total <= 0:
        return _amount(event.done, event.unit) if event.done else ""
    share = f"{100 * event.done // event.total} %"
    return f"{_amount(event.done, event.unit)} of {_amount(event.total, event.unit)} ({share})"


def _amount(value: int, unit: str) -> str:
    return format_bytes(value) if unit == "bytes" else str(value)


def newest_of_each_phase(events: Sequence[ProgressEvent]) -> tuple[ProgressEvent, ...]:
    """The newest report of every phase of every subject, in the order in which the phases began."""
    newest: dict[tuple[str, str], ProgressEvent] = {}
    for event in events:
        newest[event.phase, event.subject] = event
    return tuple(newest.values())


def operation_lines(
    operation_id: str,
    events: Sequence[ProgressEvent],
    outcome: Outcome | None,
    *,
    shown: int = SHOWN_PHASES,
    pace: Callable[[ProgressEvent], str] = lambda _: "",
) -> tuple[Line, ...]:
    """An operation as far as it is: its phases, `pace` how fast each goes, how it ended, and what can be done now."""
    phases = newest_of_each_phase(events)
    return (
        (Span(f"Operation {escape(operation_id)}", "title"),),
        *((Span(f"  • {progress_line(event, '' if outcome else pace(event))}"),) for event in phases[-shown:]),
        (),
        *(_running(phases) if outcome is None else _ended(operation_id, outcome)),
    )


def _running(phases: Sequence[ProgressEvent]) -> tuple[Line, ...]:
    if phases and phases[-1].phase == PAUSED:
        words = "Nothing is stopped yet. g goes on and stops the canister; A ends it and leaves everything as it is."
        return ((Span(words, "title"),),)
    return ((Span("It runs in a process of its own: Esc leaves this page, and it goes on.", "muted"),),)


def keys_while_running() -> str:
    """What can be done with an operation that runs."""
    return "A ends it before its next effect; Esc leaves only this page."


def keys_after(*, can_be_rolled_back: bool) -> str:
    """What can be done with an operation that has ended."""
    return f"{'B rolls it back; ' if can_be_rolled_back else ''}w writes the report; Esc leads back."


def _ended(operation_id: str, outcome: Outcome) -> tuple[Line, ...]:
    lines: list[Line] = [(span,) for span in outcome_lines(outcome)]
    return (*lines, *result_lines(operation_id, outcome))


def result_lines(operation_id: str, outcome: Outcome) -> tuple[Line, ...]:
    """What an operation came to: the state that the canister is in now, what to know besides, and the way back."""
    lines: list[Line] = []
    if (down := outcome.result.get("downtime_seconds")) is not None:
        lines.append((Span(f"It was down for {escape(str(down))} s."),))
    # a rollback says it in its first sentence
    # of a backup it is the set's own state, not a canister's
    of_backup = "backup" in outcome.result
    if (state := outcome.result.get("state")) is not None and not of_backup and str(state) not in outcome.what:
        lines.append((Span(f"It has {escape(str(state))}."),))
    if (status := outcome.result.get("status")) is not None:
        lines.append((Span(f"It is {escape(str(status))} now."),))
        lines += _start_lines(outcome.result)
    if (health := outcome.result.get("health")) is not None:
        lines.append((Span(f"Health query: {escape(str(health))}"),))
    for member in outcome.result.get("members", ()):
        told = f"{member.get('name')}: {member.get('status')}, down for {member.get('downtime_seconds')} s"
        lines.append((Span(escape(told)),))
        lines += _start_lines(member)
    lines += [(Span(escape(retold(str(note))), "status-warning"),) for note in outcome.result.get("notes", ())]
    return (*lines, *_way_back(operation_id, outcome))


def _start_lines(result: Mapping[str, Any]) -> list[Line]:
    """The command that starts what an operation left, or found and left, stopped."""
    if result.get("status") != "stopped" or result.get("name") is None:
        return []
    return [(Span(f"To start it: quri-console start {escape(str(result['name']))}"),)]


def undo_command(operation_id: str, outcome: Outcome) -> str | None:
    """The command that takes a finished restore or rollback back; None where there is no way back."""
    if outcome.result.get("settings_undo"):
        return f"quri-console rollback {operation_id}"
    replaced = outcome.result.get("source") or outcome.result.get("rolled_back")
    return f"quri-console rollback {operation_id}" if replaced and outcome.result.get("safety_snapshot") else None


def _way_back(operation_id: str, outcome: Outcome) -> tuple[Line, ...]:
    command = undo_command(operation_id, outcome)
    if command is None:
        if outcome.result.get("source"):
            return (
                (
                    Span(
                        "There is no way back: no safety snapshot was taken (it had no module, or you skipped it).",
                        "muted",
                    ),
                ),
            )
        return ()
    if outcome.result.get("settings_undo"):
        return ((Span(f"To undo it: {escape(command)}"),),)
    name, snapshot = outcome.result.get("name"), outcome.result["safety_snapshot"]
    until = moment_text(safety_kept_until_ns(outcome.finished_at_ns))
    lines: list[Line] = [
        (Span(f"To undo it: {escape(command)}"),),
        (Span("Its safety snapshot is kept on chain until you roll back or delete it;", "muted"),),
        (Span(f"`quri-console snapshots clean` deletes it after {until}.", "muted"),),
        (Span("It costs cycles meanwhile; a canister that runs out of cycles loses it.", "muted"),),
    ]
    if name is not None:
        delete = f"quri-console snapshots delete {escape(str(name))} {escape(str(snapshot))}"
        lines.append((Span(f"To delete it: {delete}", "muted"),))
    return tuple(lines)


def outcome_lines(outcome: Outcome) -> tuple[Span, ...]:
    """How an operation ended: what happened, why, and what to do next."""
    done, role = ("Done", "status-ok") if outcome.ok else ("Not done", "status-critical")
    return (Span(f"{done}: {escape(retold(outcome.what))}", role), *_because(outcome.why, outcome.next_step))


def error_lines(error: QuriError) -> tuple[Span, ...]:
    """A failure: what happened, why, and what to do next."""
    return (Span(escape(retold(error.what)), "status-critical"), *_because(error.why, error.next_step))


def failure_text(error: QuriError) -> str:
    """A failure in one line of whole sentences: what happened, why, and what to do next."""
    parts = (error.what, error.why, error.next_step)
    return " ".join(sentence(escape(retold(part))) for part in parts if part)


def _because(why: str, next_step: str) -> tuple[Span, ...]:
    lines = [Span(f"Why: {escape(retold(why))}")] if why else []
    return (*lines, Span(f"Next: {escape(retold(next_step))}")) if next_step else tuple(lines)
