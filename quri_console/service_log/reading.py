"""Reads the service log of all processes as one, oldest first, and goes on with what comes."""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, get_args

from quri_console.config.log import LogLevel
from quri_console.errors import QuriError, UsageError
from quri_console.service_log.files import LOCK_NAME, log_path
from quri_console.service_log.line import LogLine, Process, read_line
from quri_console.service_log.writer import LEVELS
from quri_console.units import MIB

LONGEST_LINE = MIB


class LogUnreadable(QuriError):
    """The service log cannot be read."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines are asked for: since a moment, of at least a level, of some processes, with a pattern in them."""

    since_ns: int = 0
    level: LogLevel = "debug"
    processes: tuple[Process, ...] = ()
    pattern: re.Pattern[str] | None = None

    def fits(self, line: LogLine) -> bool:
        """Whether a line is one of them."""
        return (
            line.at_ns >= self.since_ns
            and LEVELS.index(line.level) >= LEVELS.index(self.level)
            and (not self.processes or line.process in self.processes)
            and (self.pattern is None or self._found(self.pattern, line))
        )

    @staticmethod
    def _found(pattern: re.Pattern[str], line: LogLine) -> bool:
        facts = " ".join(f"{name}={value}" for name, value in line.facts.items())
        return pattern.search(f"{line.event} {line.text} {facts}") is not None


def pattern_of(text: str) -> re.Pattern[str]:
    """A pattern that somebody typed; letters count alike, large or small. Raises UsageError."""
    try:
        return re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise UsageError(
            f"{text!r} is not a regular expression", why=str(error), next_step="Put a \\ before ( [ * + ? . to mean it."
        ) from error


@dataclass(slots=True)
class _Place:
    """How far a kind of process was read: in which file, and to which byte."""

    inode: int = -1
    offset: int = 0


@dataclass(slots=True)
class LogReader:
    """Reads what there is, and with every further call what has come since, whichever files gave way meanwhile."""

    folder: Path
    wanted: Wanted = field(default_factory=Wanted)
    damaged: int = 0
    """Lines that were none."""
    _places: dict[Process, _Place] = field(default_factory=dict)

    def lines(self) -> Iterator[LogLine]:
        """The lines that are wanted, oldest first. Raises LogUnreadable."""
        processes: tuple[Process, ...] = self.wanted.processes or get_args(Process)
        try:
            with contextlib.ExitStack() as opened, self._held_still():
                files = [(process, self._open(process, opened)) for process in processes]
                # all are open: what gives way from here on is still read from where it was
                rest = opened.pop_all()
            with rest:
                streams = [self._of_process(process, found) for process, found in files]
                yield from heapq.merge(*streams, key=lambda line: line.at_ns)
        except OSError as error:
            raise LogUnreadable(
                f"the service log in {self.folder} cannot be read",
                why=error.strerror or str(error),
                next_step="Check the folder and who owns it.",
            ) from error

    @contextlib.contextmanager
    def _held_still(self) -> Iterator[None]:
        """Keep files from giving way, unless somebody is at it: then a line may be read twice, or not."""
        try:
            descriptor = os.open(self.folder / LOCK_NAME, os.O_RDWR | os.O_CLOEXEC)
        except (FileNotFoundError, PermissionError):
            yield
            return
        try:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            yield
        finally:
            os.close(descriptor)

    def _open(self, process: Process, opened: contextlib.ExitStack) -> Sequence[BinaryIO]:
        """The files of a kind of process that hold something new, oldest first."""
        place = self._places.setdefault(process, _Place())
        found: list[BinaryIO] = []
        for path in _files(log_path(self.folder, process)):
            with contextlib.suppress(FileNotFoundError):
                file = opened.enter_context(path.open("rb"))
                status = os.fstat(file.fileno())
                # a smaller one has got the number of one that somebody deleted
                if status.st_ino == place.inode and status.st_size >= place.offset:
                    # older ones were read before
                    found = []
                    file.seek(place.offset)
                found.append(file)
        return found

    def _of_process(self, process: Process, files: Sequence[BinaryIO]) -> Iterator[LogLine]:
        place = self._places[process]
        for file in files:
            place.inode, place.offset = os.fstat(file.fileno()).st_ino, file.tell()
            while data := file.readline(LONGEST_LINE):
                if not data.endswith(b"\n") and len(data) < LONGEST_LINE:
                    break  # it is being written, or a full disk cut it off
                place.offset = file.tell()
                line = read_line(data)
                if line is None:
                    self.damaged += 1
                elif self.wanted.fits(line):
                    yield line


def _files(newest: Path) -> list[Path]:
    """The files of a kind of process, oldest first. Raises OSError."""
    numbered = [
        (int(path.suffix[1:]), path)
        for path in newest.parent.glob(f"{newest.name}.*")
        if path.suffix[1:].isascii() and path.suffix[1:].isdigit()
    ]
    return [*(path for _, path in sorted(numbered, reverse=True)), newest]
