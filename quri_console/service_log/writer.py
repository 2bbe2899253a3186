"""What the services write into: redacted, counted where it repeats itself, and never a reason for them to stop."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from quri_console.clock import Clock, utc_datetime
from quri_console.config.log import LogConfig, LogLevel
from quri_console.service_log.line import LogLine, Process, harmless
from quri_console.service_log.log import Fact
from quri_console.service_log.repeats import Repeats

LEVELS: tuple[LogLevel, ...] = get_args(LogLevel)


class ServiceLog:
    """The log of one process. Threads may share it.

    A line that cannot be written is counted; `tell` hears why once, and again when it fails after it has worked. The
    log itself tells what was lost as soon as it can.
    """

    def __init__(
        self, folder: Path, process: Process, config: LogConfig, clock: Clock, tell: Callable[[str], None]
    ) -> None:
        # imported here: the file's rotation is the standard library's, and a silent log needs none of it
        from quri_console.service_log.files import SharedFile

        self._file = SharedFile(folder, process, config)
        self._process: Process = process
        self._least = LEVELS.index(config.level)
        self._clock = clock
        self._tell = tell
        self._repeats = Repeats()
        self._lock = threading.RLock()
        self._lost = 0
        self._lost_since_ns = 0
        self._pid = os.getpid()

    @property
    def path(self) -> Path:
        """The file that is written."""
        return self._file.path

    def say(self, event: str, text: str, level: LogLevel = "info", *, news: bool = False, **facts: Fact) -> None:
        """Write that `event` happened; never raises."""
        if LEVELS.index(level) < self._least:
            return
        with self._lock:
            line = self._line(level, event, *harmless(text, facts))
            told = self._write(*self._repeats.admit(line, news=news))
        self._pass_on(told)

    def count_up(self, *, all_of_them: bool = False) -> None:
        """Write how often lines repeated themselves whose time is over, or all; to be called now and then."""
        with self._lock:
            told = self._write(*self._repeats.due(self._clock.now_ns(), all_of_them=all_of_them))
        self._pass_on(told)

    def close(self) -> None:
        """Write what was only counted; nothing is open."""
        self.count_up(all_of_them=True)

    def _pass_on(self, problem: str) -> None:
        # outside the lock: who hears it may want to write it down here
        if problem:
            self._tell(problem)

    def _line(self, level: LogLevel, event: str, text: str, facts: object = None) -> LogLine:
        kept = facts if isinstance(facts, dict) else {}
        return LogLine(self._clock.now_ns(), level, self._process, self._pid, event, text, kept)

    def _write(self, *lines: LogLine) -> str:
        """Write these; a problem that is news, empty when there is none."""
        for number, line in enumerate(lines):
            try:
                if self._lost:
                    self._file.append(self._about_lost().written())
                    self._lost = 0
                self._file.append(line.written())
            except OSError as error:
                news = not self._lost
                if news:
                    self._lost_since_ns = line.at_ns
                self._lost += len(lines) - number
                return self._problem(error) if news else ""
        return ""

    def _about_lost(self) -> LogLine:
        since = f"{utc_datetime(self._lost_since_ns):%Y-%m-%d %H:%M:%S} UTC"
        lines = "1 line" if self._lost == 1 else f"{self._lost} lines"
        return self._line("warning", "log", f"{lines} since {since} could not be written and are lost")

    def _problem(self, error: OSError) -> str:
        why = error.strerror or str(error)
        return f"the service log {self._file.path} cannot be written ({why}); what happens is not logged meanwhile"
