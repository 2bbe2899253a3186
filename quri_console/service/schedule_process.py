"""A job as a process of its own: bound to a deadline, its output kept, and never twice at once."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from quri_console.clock import Clock, utc_datetime
from quri_console.effects.durable import FILE_MODE, make_private_directory, unusable
from quri_console.errors import LockedError
from quri_console.units import MIB

LOG_BYTES = MIB
"""When a log is larger it becomes `.1`, and what was `.1` goes."""
TAIL_BYTES = 4_000
END_SECONDS = 10.0
"""Between the request to end and the end by force."""


@dataclass(frozen=True, slots=True)
class JobEnd:
    """How a command ended: its exit code, None when it took too long; what it said; its JSON document if any."""

    exit_code: int | None
    tail: str = ""
    document: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Job:
    """What a command runs for: its files, the descriptor of the lock that is held, and how long it may take."""

    files: JobFiles
    lock: int
    deadline_seconds: float


class Execute(Protocol):
    """Runs one command line of this program to its end, or to the deadline."""

    async def __call__(self, arguments: Sequence[str], job: Job) -> JobEnd: ...


@dataclass(frozen=True, slots=True)
class JobFiles:
    """Where a schedule's lock, log and output lie."""

    folder: Path
    network: str
    schedule: str

    @property
    def lock(self) -> Path:
        """Held by whoever runs the job, and by the process that does."""
        return self._file("lock")

    @property
    def log(self) -> Path:
        """What the job said, run after run."""
        return self._file("log")

    @property
    def output(self) -> Path:
        """What its last command printed."""
        return self._file("out")

    def _file(self, ending: str) -> Path:
        return self.folder / f"{self.network}.{self.schedule}.{ending}"

    def busy(self) -> bool:
        """Whether the job runs now, anywhere on this state folder."""
        try:
            with self.held():
                return False
        except LockedError:
            return True

    @contextlib.contextmanager
    def held(self) -> Iterator[int]:
        """Hold the lock; its descriptor, for the process to inherit. Raises LockedError, StateFolderUnusable.

        The kernel frees it when the last process that has it is gone: a job outlives its watch and is still not
        begun a second time.
        """
        make_private_directory(self.folder)
        try:
            descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT, FILE_MODE)
        except OSError as error:
            raise unusable(self.lock, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield descriptor
        except BlockingIOError as error:
            raise LockedError(f"the last run of {self.schedule} still goes on") from error
        finally:
            os.close(descriptor)


class Processes:
    """Runs commands with this interpreter, behind the words of `prefix`."""

    def __init__(self, clock: Clock, prefix: Sequence[str]) -> None:
        self._clock = clock
        self._prefix = tuple(prefix)

    @classmethod
    def of(cls, config_path: Path, network: str, clock: Clock) -> Processes:
        """Those of this program with a configuration and one of its networks."""
        return cls(clock, ("-m", "quri_console", "--config", str(config_path), "--network", network))

    async def __call__(self, arguments: Sequence[str], job: Job) -> JobEnd:
        """Run one command line. Raises StateFolderUnusable where its output cannot be kept."""
        files = job.files
        try:
            rotate(files.log)
            log = os.open(files.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, FILE_MODE)
            output = os.open(files.output, os.O_RDWR | os.O_CREAT | os.O_TRUNC, FILE_MODE)
        except OSError as error:
            raise unusable(files.log, error) from error
        try:
            began = utc_datetime(self._clock.now_ns())
            os.write(log, f"--- {began:%Y-%m-%dT%H:%M:%SZ} {' '.join(arguments)}\n".encode())
            start = os.fstat(log).st_size
            exit_code = await self._run(arguments, job, log, output)
            return JobEnd(exit_code, _tail(files.log, start) or _tail(files.output, 0), _document(files.output))
        finally:
            os.close(log)
            os.close(output)

    async def _run(self, arguments: Sequence[str], job: Job, log: int, output: int) -> int | None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *self._prefix,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=log,
            env=_environment(),
            pass_fds=(job.lock,),
            start_new_session=True,
        )
        ended = asyncio.ensure_future(process.wait())
        deadline = asyncio.ensure_future(self._clock.sleep(job.deadline_seconds))
        try:
            await asyncio.wait((ended, deadline), return_when=asyncio.FIRST_COMPLETED)
            return ended.result() if ended.done() else None
        finally:
            deadline.cancel()
            if not ended.done():
                await _end(process.pid, ended)


def _environment() -> dict[str, str]:
    """Ours, for output that is kept and quoted: no colours, and lines broken for nobody's terminal."""
    return {name: value for name, value in os.environ.items() if name != "COLUMNS"} | {"NO_COLOR": "1"}


async def _end(group: int, ended: asyncio.Future[int]) -> None:
    """Ask the processes of a job's own session to end, then make them."""
    for number, seconds in ((signal.SIGTERM, END_SECONDS), (signal.SIGKILL, END_SECONDS)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)
        # real seconds: a process does not live by our clock
        await asyncio.wait((ended,), timeout=seconds)
        if ended.done():
            return


def rotate(log: Path) -> None:
    """Begin a new log when this one is large. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > LOG_BYTES:
            log.replace(log.with_name(f"{log.name}.1"))


def _tail(path: Path, start: int) -> str:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(start, size - TAIL_BYTES))
        return file.read().decode("utf-8", "replace").strip()


def _document(path: Path) -> dict[str, Any]:
    """The JSON object that a command printed; empty where it printed none."""
    with contextlib.suppress(OSError, ValueError):
        if path.stat().st_size <= 16 * MIB:
            found = json.loads(path.read_bytes())
            return found if isinstance(found, dict) else {}
    return {}
