"""A canister's log as rows: newest last, escaped, bounded, and only what is searched for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from quri_console.render.cycles_window import shown_datetime
from quri_console.render.escape import escape
from quri_console.render.grid import Cell, Column, Row
from quri_console.render.spans import Line, Span
from quri_console.render.zone import moment_text

if TYPE_CHECKING:
    from quri_console.ic.management.types import LogRecord

LOG_COLUMNS = (Column("at", "Time"), Column("text", "Line"))
KEPT_LINES = 2000
ROW_CHARACTERS = 400
WHOLE_CHARACTERS = 4000


class KeptLog:
    """The newest lines of a log; how many older ones were let go is in `dropped`."""

    def __init__(self) -> None:
        self._lines: deque[tuple[Row, str, LogRecord]] = deque(maxlen=KEPT_LINES)
        self.taken = 0

    @property
    def dropped(self) -> int:
        """How many lines were let go."""
        return self.taken - len(self._lines)

    def take(self, records: Iterable[LogRecord]) -> None:
        """More lines, oldest first."""
        for record in records:
            row = _row(record)
            self._lines.append((row, row.cells[1].text.casefold(), record))
            self.taken += 1

    def rows(self, wanted: str = "") -> tuple[Row, ...]:
        """The lines in which the letters stand."""
        letters = wanted.casefold()
        return tuple(row for row, text, _ in self._lines if letters in text)

    def whole(self, key: str | None) -> tuple[Line, ...]:
        """One line as a whole, with its time."""
        record = next((record for row, _, record in self._lines if row.key == key), None)
        if record is None:
            return ()
        # two lines: a long one begins at the left edge again when it wraps
        return ((Span(moment_text(record.timestamp_ns), "muted"),), (Span(_text(record, WHOLE_CHARACTERS)),))

    def text(self, wanted: str = "") -> str:
        """All of it for copying."""
        letters = wanted.casefold()
        kept = [record for _, text, record in self._lines if letters in text]
        return "\n".join(f"{moment_text(record.timestamp_ns)} {_text(record, WHOLE_CHARACTERS)}" for record in kept)


def _row(record: LogRecord) -> Row:
    moment = f"{shown_datetime(record.timestamp_ns):%m-%d %H:%M:%S}"
    return Row(str(record.index), (Cell(moment, "muted"), Cell(_text(record, ROW_CHARACTERS))))


def _text(record: LogRecord, limit: int) -> str:
    # four bytes a character at most, and what is cut there is cut again below
    return escape(record.content[: 4 * limit + 4].decode("utf-8", "replace"), limit=limit)


def log_line(kept: KeptLog, shown: int, wanted: str, failure: str) -> Line:
    """What stands above the log: whether it is followed, and what is left out."""
    if failure:
        return (Span(failure, "status-critical"),)
    parts = [f"{kept.taken - kept.dropped:,} lines, followed" if kept.taken else "Waiting for the first line …"]
    if kept.dropped:
        parts.append(f"{kept.dropped:,} older ones were let go")
    if wanted:
        parts.append(f"{shown:,} have {escape(wanted, limit=30)}")
    return (Span(" · ".join(parts), "muted"),)
