"""One line of the service log, and its form as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, cast, get_args

from quri_console.clock import NANOSECONDS_PER_SECOND, utc_datetime
from quri_console.config.log import LogLevel
from quri_console.redaction import redacted, without_secrets
from quri_console.service_log.log import Fact

Process = Literal["watch", "console", "schedule", "runner"]
"""`console` stands for the console and for single commands, `schedule` for one-shot runs of the system's timers."""
MAX_TEXT = 2_000
"""Characters of a line's text; a failure may quote what a canister answered."""
MAX_FACT = 300


@dataclass(frozen=True, slots=True)
class LogLine:
    """What happened in a process: `event` is a short word to look for, `facts` what a program may want of it."""

    at_ns: int
    level: LogLevel
    process: Process
    pid: int
    event: str
    text: str
    facts: Mapping[str, Fact] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """The line as JSON values."""
        return {
            "at": f"{utc_datetime(self.at_ns):%Y-%m-%dT%H:%M:%S.%f}Z",
            "level": self.level,
            "process": self.process,
            "pid": self.pid,
            "event": self.event,
            "text": self.text,
            "facts": dict(self.facts),
        }

    def written(self) -> bytes:
        """The line as it stands in the file: in ASCII, so that it does nothing to a terminal that shows the file."""
        return json.dumps(self.as_json(), separators=(",", ":"), ensure_ascii=True).encode() + b"\n"


def harmless(text: str, facts: Mapping[str, Fact]) -> tuple[str, Mapping[str, Fact]]:
    """Text and facts without secrets, cut to what a line may hold."""
    kept = cast("Mapping[str, Fact]", redacted({name: value for name, value in facts.items() if value != ""}))
    short = {name: value[:MAX_FACT] if isinstance(value, str) else value for name, value in kept.items()}
    # redacted before it is cut: half an address is an address still
    return _cut(without_secrets(text)), short


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"


def read_line(line: bytes) -> LogLine | None:
    """A line of a file; None when it is none."""
    try:
        fields = json.loads(line)
        at = datetime.fromisoformat(fields["at"])
        level, process, facts = fields["level"], fields["process"], fields["facts"]
        if level not in get_args(LogLevel) or process not in get_args(Process) or not isinstance(facts, dict):
            return None
        kept = {str(name): value for name, value in facts.items() if isinstance(value, str | int)}
        seconds = int(at.timestamp())
        at_ns = seconds * NANOSECONDS_PER_SECOND + at.microsecond * 1_000
        return LogLine(at_ns, level, process, int(fields["pid"]), str(fields["event"]), str(fields["text"]), kept)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
