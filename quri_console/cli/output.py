"""The one place where commands write: tables, JSON, failures and progress, with or without colour."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import traceback
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, TextIO

from quri_console.errors import QuriError
from quri_console.progress import Progress, ProgressEvent
from quri_console.render.escape import escape, escape_lines
from quri_console.render.pace import amount_text, rate_text
from quri_console.render.spans import Line, sentence

# (text, role) or plain text; roles are those of render.table
TableCell = str | tuple[str, str]
ProgressStyle = Literal["bar", "lines", "json"]

_NARROWEST = 40

_SGR = {
    "status-ok": "32",
    "status-warning": "33",
    "status-critical": "1;31",
    "status-unknown": "35",
    "stale": "2",
    "muted": "2",
    "delta-up": "32",
    "delta-down": "31",
    "delta-changed": "33",
    "heading": "1",
    "error": "1;31",
}


def colours(stream: TextIO) -> bool:
    """Whether to colour what goes to `stream`: a terminal that is not dumb, and no NO_COLOR (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def painted(text: str, role: str, stream: TextIO) -> str:
    """`text` in the colour of a semantic role, plain where `stream` takes none."""
    code = _SGR.get(role)
    return f"\x1b[{code}m{text}\x1b[0m" if code and text and colours(stream) else text


def say(text: str = "", *, role: str = "plain") -> None:
    """One line to standard output; everything in it that came from outside must be escaped already."""
    sys.stdout.write(painted(text, role, sys.stdout) + "\n")


def show_lines(lines: Iterable[Line], *, stream: TextIO | None = None) -> None:
    """Lines of `render` to a stream, standard output unless given."""
    to = stream or sys.stdout
    for line in lines:
        to.write("".join(painted(span.text, span.role, to) for span in line) + "\n")
    to.flush()


def show_json(value: Any) -> None:
    """One JSON document to standard output; times are ISO 8601 texts and bytes hex before they come here.

    Indented for people at a terminal. A program gets it on one line: a list of 1,000 backups takes a fifth of a second
    to indent.
    """
    indent = 2 if sys.stdout.isatty() else None
    sys.stdout.write(json.dumps(value, indent=indent, ensure_ascii=True, allow_nan=False) + "\n")
    sys.stdout.flush()


def show_table(headings: Sequence[str], rows: Sequence[Sequence[TableCell]], *, right: Sequence[int] = ()) -> None:
    """A table to standard output; the columns numbered in `right` are aligned there."""
    texts = [[_text(cell) for cell in row] for row in rows]
    widths = [max(map(cell_width, column)) for column in zip(headings, *texts, strict=True)]
    say(_line([(heading, "heading") for heading in headings], widths, right))
    for row in rows:
        say(_line(row, widths, right))


def cell_width(text: str) -> int:
    """Terminal cells that a text takes (wide East Asian characters two, combining marks none)."""
    if text.isascii():
        return len(text)
    return sum(_character_width(character) for character in text)


def line_width(stream: TextIO) -> int | None:
    """How many cells a line to `stream` may take: a terminal's, or COLUMNS where it is set; None for any number."""
    if not (stream.isatty() or os.environ.get("COLUMNS")):
        return None
    return max(shutil.get_terminal_size().columns, _NARROWEST)


def show_error(error: QuriError, *, debug: bool = False, as_json: bool = False) -> None:
    """A failure to standard error: what happened, why, what to do next; its traceback only when `debug`.

    As JSON it is one object on one line, so that a program that asked for JSON can read a failure as well.
    """
    stream = sys.stderr
    if as_json:
        stream.write(json.dumps({"error": error_json(error, debug=debug)}) + "\n")
        stream.flush()
        return
    if debug:
        for line in escape_lines("".join(traceback.format_exception(error)).rstrip("\n")):
            stream.write(f"{line}\n")
    stream.write(f"{painted('Error:', 'error', stream)} {escape(sentence(error.what))}\n")
    if error.why:
        stream.write(f"  Why:  {escape(sentence(error.why))}\n")
    if error.next_step:
        stream.write(f"  Next: {escape(sentence(error.next_step))}\n")


def error_json(error: QuriError, *, debug: bool = False) -> dict[str, object]:
    """A failure as JSON values: the texts that `show_error` has, and the exit code."""
    document: dict[str, object] = {
        "what": error.what,
        "why": error.why,
        "next_step": error.next_step,
        "exit_code": int(error.exit_code),
    }
    if debug:
        document["traceback"] = "".join(traceback.format_exception(error))
    return document


def progress_to(stream: TextIO, style: ProgressStyle | None = None) -> Progress:
    """How long work reports to `stream`: a bar on a terminal, else a line per step, or JSON events when asked."""
    if style is None:
        style = "bar" if stream.isatty() and os.environ.get("TERM") != "dumb" else "lines"
    if style == "json":
        return JsonProgress(stream)
    return BarProgress(stream) if style == "bar" else LineProgress(stream)


class JsonProgress:
    """One JSON object per event and line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def report(self, event: ProgressEvent) -> None:
        """Write the event."""
        fields = {name: getattr(event, name) for name in ("subject", "phase", "done", "total", "unit", "note")}
        self._stream.write(json.dumps({"event": "progress", **fields}) + "\n")
        self._stream.flush()


class LineProgress:
    """For pipes and logs: a line when a phase begins, every quarter of it, and when it ends."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last: tuple[str, str, int, str] | None = None

    def report(self, event: ProgressEvent) -> None:
        """Write a line unless nothing worth one has changed."""
        quarter = event.done * 4 // event.total if event.total else 0
        now = (event.subject, event.phase, quarter, event.note)
        if now != self._last:
            self._last = now
            self._stream.write(progress_text(event) + "\n")
            self._stream.flush()


class BarProgress:
    """For terminals: one line that is drawn over, at most ten times a second, with rate and time left."""

    def __init__(self, stream: TextIO, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._monotonic = monotonic
        self._phase: tuple[str, str] | None = None
        self._started = self._drawn = 0.0

    def report(self, event: ProgressEvent) -> None:
        """Draw the event; a new phase gets a new line."""
        now = self._monotonic()
        phase = (event.subject, event.phase)
        if phase != self._phase:
            if self._phase is not None:
                self._stream.write("\n")
            self._phase, self._started = phase, now
        elif now - self._drawn < 0.1 and event.done != event.total:
            return
        self._drawn = now
        self._stream.write(f"\r\x1b[K{progress_text(event, elapsed_seconds=now - self._started)}")
        self._stream.flush()

    def close(self) -> None:
        """End the line, so that what follows starts on its own."""
        if self._phase is not None:
            self._stream.write("\n")
            self._stream.flush()
            self._phase = None


def progress_text(event: ProgressEvent, *, elapsed_seconds: float = 0) -> str:
    """One event in words: `rune-engine: heap 35 % 24 MiB of 69 MiB, 12 MiB/s, 4 s left`."""
    parts = [escape(event.phase)]
    if event.total:
        parts.append(f"{event.done * 100 // event.total:3d} %")
    if event.total or event.done:
        amount = amount_text(event.done, event.unit)
        parts.append(f"{amount} of {amount_text(event.total, event.unit)}" if event.total else amount)
    text = " ".join(parts)
    text += rate_text(event, event.done, elapsed_seconds)
    if event.note:
        text += f" – {escape(event.note)}"
    return f"{escape(event.subject)}: {text}" if event.subject else text


def _text(cell: TableCell) -> str:
    return cell if isinstance(cell, str) else cell[0]


def _line(cells: Sequence[TableCell], widths: Sequence[int], right: Sequence[int]) -> str:
    parts: list[str] = []
    for index, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        text, role = (cell, "plain") if isinstance(cell, str) else cell
        padding = " " * (width - cell_width(text))
        coloured = painted(text, role, sys.stdout)
        parts.append(padding + coloured if index in right else coloured + padding)
    return "  ".join(parts).rstrip()


def _character_width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
