"""Operations as a list: how each ended, and below it what became of it and what can be done now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from quri_console.render.ages import short_age
from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span
from quri_console.render.zone import moment_text

if TYPE_CHECKING:
    from quri_console.effects.operation_summary import OperationSummary

STATE_ROLES = {
    "running": "status-ok",
    "done": "status-ok",
    "partial": "status-warning",
    "aborted": "status-warning",
    "failed": "status-critical",
    "interrupted": "status-critical",
    "resolved": "muted",
    "damaged": "status-critical",
}
HEADINGS = ("OPERATION", "AGE", "NETWORK", "CANISTERS", "STATE")
NAMES_SHOWN = 2


def operation_list_lines(summaries: Sequence[OperationSummary], now_ns: int) -> tuple[Line, ...]:
    """A row for each operation, and under it a sentence where there is something to say."""
    rows = [_row(summary, now_ns) for summary in summaries]
    widths = [max(map(len, column)) for column in zip(HEADINGS, *rows, strict=True)]
    lines: list[Line] = [(Span(_aligned(HEADINGS, widths), "heading"),)]
    for summary, row in zip(summaries, rows, strict=True):
        beginning = _aligned((*row[:-1], ""), widths)
        lines.append((Span(beginning + "  "), Span(row[-1], STATE_ROLES[summary.state])))
        if sentence := what_now(summary):
            lines.append((Span(f"  {escape(sentence)}", "muted" if summary.rolled_back is not None else ""),))
    return tuple(lines)


def what_now(summary: OperationSummary) -> str:
    """What became of an operation since it ended, or the command that leads on; empty where nothing does."""
    if summary.state == "damaged" and summary.outcome is not None:
        return str(summary.outcome.what)
    if summary.mixed is not None:
        return f"{summary.mixed.words}; to end that: quri-console operations resume {summary.id}"
    if summary.state == "interrupted" or (summary.left_stopped and summary.state != "running"):
        # one that ended in part is not gone on with
        ended = "it left a canister stopped; once that is put right: quri-console operations resolve"
        return f"{ended if summary.state == 'partial' else 'to go on: quri-console operations resume'} {summary.id}"
    rollback = summary.rolled_back
    if rollback is not None:
        if rollback.done:
            return f"rolled back by {rollback.id}, {moment_text(rollback.finished_at_ns)}"
        return f"{rollback.id} rolls it back" + (" now" if rollback.state == "running" else ", and was interrupted")
    return f"to undo it: quri-console rollback {summary.id}" if summary.can_be_rolled_back else ""


def _row(summary: OperationSummary, now_ns: int) -> tuple[str, ...]:
    return (
        summary.id,
        short_age(summary.created_at_ns, now_ns) if summary.created_at_ns else "–",
        escape(summary.network),
        _names(summary.canisters),
        summary.state,
    )


def _names(names: Sequence[str]) -> str:
    if len(names) <= NAMES_SHOWN:
        return ", ".join(escape(name) for name in names)
    return f"{escape(names[0])} and {len(names) - 1} more"


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
    return padded.rstrip() if cells[-1] else padded[: -(widths[-1] + 2)]
