"""A running operation and its end, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quri_console.errors import QuriError
from quri_console.progress import ProgressEvent
from quri_console.render.escape import escape
from quri_console.render.spans import Span
from quri_console.units import format_bytes

if TYPE_CHECKING:
    from quri_console.effects.operation_files import Outcome


def progress_line(event: ProgressEvent) -> str:
    """How far one phase is: `download rune-engine: 12 MiB of 69 MiB (17 %)`."""
    name = " ".join(part for part in (escape(event.phase), escape(event.subject)) if part)
    measure = _measure(event)
    note = f" – {escape(event.note)}" if event.note else ""
    return f"{name}: {measure}{note}" if measure else f"{name}{note}"


def _measure(event: ProgressEvent) -> str:
    if event.total <= 0:
        return _amount(event.done, event.unit) if event.done else ""
    share = f"{100 * event.done // event.total} %"
    return f"{_amount(event.done, event.unit)} of {_amount(event.total, event.unit)} ({share})"


def _amount(value: int, unit: str) -> str:
    return format_bytes(value) if unit == "bytes" else str(value)


def outcome_lines(outcome: Outcome) -> tuple[Span, ...]:
    """How an operation ended: what happened, why, and what to do next."""
    if outcome.ok:
        return (Span(f"Done: {escape(outcome.what)}", "status-ok"), *_because(outcome.why, outcome.next_step))
    return (Span(f"Not done: {escape(outcome.what)}", "status-critical"), *_because(outcome.why, outcome.next_step))


def error_lines(error: QuriError) -> tuple[Span, ...]:
    """A failure: what happened, why, and what to do next."""
    return (Span(escape(error.what), "status-critical"), *_because(error.why, error.next_step))


def _because(why: str, next_step: str) -> tuple[Span, ...]:
    lines = [Span(f"Why: {escape(why)}")] if why else []
    return (*lines, Span(f"Next: {escape(next_step)}")) if next_step else tuple(lines)
