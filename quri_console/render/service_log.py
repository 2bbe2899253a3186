"""Lines of the service log as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from quri_console.config.log import LogLevel
from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span
from quri_console.render.zone import moment_text
from quri_console.service_log.line import LogLine

if TYPE_CHECKING:
    from quri_console.ic.management.types import LogRecord

LEVEL_ROLES: Mapping[LogLevel, str] = {
    "debug": "muted",
    "info": "muted",
    "warning": "status-warning",
    "error": "status-critical",
}
TEXT_CHARACTERS = 2_000


def service_line(line: LogLine) -> Line:
    """One line: when, how bad, which process, what happened."""
    return (Span(f"{moment_text(line.at_ns)} ", "muted"), *line_body(line))


def as_record(number: int, line: LogLine) -> LogRecord:
    """A line in the form in which the page of a canister's log takes its lines; it escapes them."""
    from quri_console.ic.management.types import LogRecord

    text = f"{line.level:<7} {line.process:<8} {line.event}: {line.text}"
    return LogRecord(number, line.at_ns, text.encode("utf-8", "replace"))


def line_body(line: LogLine) -> Line:
    """A line without its time."""
    return (
        Span(f"{line.level:<7}", LEVEL_ROLES[line.level]),
        Span(f" {line.process:<8} ", "muted"),
        Span(f"{escape(line.event, limit=20)}: "),
        Span(escape(line.text, limit=TEXT_CHARACTERS)),
    )
