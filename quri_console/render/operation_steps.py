"""The steps of an operation, messages and diagnoses, as lines and rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from quri_console.render.ages import short_age
from quri_console.render.escape import escape
from quri_console.render.grid import Cell, Column, Row
from quri_console.render.journal_words import told_journal
from quri_console.render.operation_list import STATE_ROLES, what_now
from quri_console.render.spans import Line, Span
from quri_console.render.zone import moment_text, retold

if TYPE_CHECKING:
    from quri_console.effects.journal import Record
    from quri_console.effects.operation_summary import OperationSummary
    from quri_console.history.outbox import Message

OPERATION_COLUMNS = (
    Column("state", "State"),
    Column("kind", "Kind"),
    Column("canisters", "Canisters"),
    Column("age", "Begun", right=True),
    Column("reason", "Reason", priority=1),
    Column("now", "Now", priority=3),
    Column("id", "Operation", priority=2),
)
LONGEST_REASON = 32
"""Cells: a longer one would push itself and what stands behind it off the screen; below the list it is whole."""
LONGEST_CELL, LONGEST_SENTENCE = 200, 4000
"""Characters; of what is longer nobody reads the rest, and `--json` has it."""
_LEVEL_ROLES = {"ok": "status-ok", "warning": "status-warning", "critical": "status-critical"}
_MESSAGE_ROLES = {"waiting": "status-warning", "delivered": "status-ok", "dead": "status-critical", "expired": "stale"}


def _told(text: str) -> str:
    return escape(text, limit=LONGEST_SENTENCE)


def operation_rows(summaries: Iterable[OperationSummary], now_ns: int) -> tuple[Row, ...]:
    """A row for each operation, in their order."""
    return tuple(_operation_row(summary, now_ns) for summary in summaries)


def _operation_row(summary: OperationSummary, now_ns: int) -> Row:
    age = Cell(short_age(summary.created_at_ns, now_ns), "muted", float(summary.created_at_ns))
    return Row(
        summary.id,
        (
            Cell(summary.state, STATE_ROLES[summary.state], summary.state),
            Cell(escape(summary.kind, limit=LONGEST_CELL)),
            Cell(", ".join(escape(name, limit=LONGEST_CELL) for name in summary.canisters)),
            age,
            Cell(escape(summary.reason or "", limit=LONGEST_REASON)),
            Cell(escape(what_now(summary), limit=LONGEST_CELL), "muted"),
            Cell(escape(summary.id), "muted"),
        ),
    )


def journal_lines(records: Sequence[Record], names: Mapping[str, str] | None = None) -> tuple[Line, ...]:
    """A journal in plain words; `names` of canisters by their ids."""
    return tuple(
        (Span(f"  {moment_text(at_ns)}  ", "muted"), Span(_told(sentence), role))
        for at_ns, sentence, role in told_journal(records, names)
    )


def step_lines(
    summary: OperationSummary, records: Sequence[Record], names: Mapping[str, str] | None = None
) -> tuple[Line, ...]:
    """How an operation ended, and every effect in its journal."""
    lines: list[Line] = [(Span(escape(summary.id), "title"), Span(f"  {summary.state}", STATE_ROLES[summary.state]))]
    outcome = summary.outcome
    texts = (outcome.what, outcome.why, outcome.next_step) if outcome is not None else ()
    lines += [(Span(f"  {_told(retold(text[:LONGEST_SENTENCE]))}"),) for text in (*texts, what_now(summary)) if text]
    return (*lines, *journal_lines(records, names))


def message_lines(messages: Iterable[Message]) -> tuple[Line, ...]:
    """Messages, newest first, each with what became of it."""
    lines: list[Line] = [(Span("Messages", "title"),)]
    for message in messages:
        error = f" – {_told(message.error)}" if message.error else ""
        tries = "" if message.attempts <= 1 else f", {message.attempts} tries"
        lines.append(
            (
                Span(f"  {moment_text(message.created_ns)}  {escape(message.channel)}  ", "muted"),
                Span(message.state + tries, _MESSAGE_ROLES[message.state]),
                Span(f"  {_told(_title(message.document))}{error}"),
            )
        )
    return tuple(lines) if len(lines) > 1 else ((Span("No message was sent or waits.", "muted"),),)


def _title(document: str) -> str:
    try:
        found = json.loads(document)
    except ValueError:
        return ""
    title = found.get("title") or found.get("text") or "" if isinstance(found, dict) else ""
    return title if isinstance(title, str) else ""


def diagnosis_lines(found: Iterable[tuple[str, str, str, str]]) -> tuple[Line, ...]:
    """(what, level, text, next step) of every diagnosis, the worst first."""
    ranked = sorted(found, key=lambda item: ("critical", "warning", "ok").index(item[1]))
    lines: list[Line] = [(Span("Doctor", "title"),)]
    for what, level, text, next_step in ranked:
        lines.append(
            (
                Span(f"  {level:<9}", _LEVEL_ROLES[level]),
                Span(f"{_told(what)}: {_told(retold(text[:LONGEST_SENTENCE]))}"),
            )
        )
        if next_step:
            lines.append((Span(f"           {_told(next_step)}", "muted"),))
    return tuple(lines)
