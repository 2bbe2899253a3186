"""The runner: a process of its own session that carries an operation out, whatever becomes of whoever started it.

Its standard output and error are the operation's log; the key comes through a pipe on standard input,
never by argument or environment. Progress, journal and outcome are files in the operation's folder.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from quri_console.clock import Clock, SystemClock
from quri_console.effects.durable import FILE_MODE, Json, unusable
from quri_console.effects.guard import PACKAGE_FOLDER
from quri_console.effects.journal import JOURNAL_NAME, Journal
from quri_console.effects.operation_files import (
    LOG,
    OperationFiles,
    OperationRequest,
    Outcome,
    ProgressFile,
)
from quri_console.errors import Cancelled, ExitCode, LockedError, QuriError
from quri_console.progress import Progress
from quri_console.units import MIB

ABORT = "abort"


@dataclass(frozen=True, slots=True)
class Key:
    """A private key on its way to the runner; shows itself nowhere."""

    pem: bytes
    passphrase: str | None = None
    repository_passphrase: str | None = None
    """What opens an encrypted repository, where no key file of the configuration does."""

    def __repr__(self) -> str:
        return "Key(…)"


@dataclass(frozen=True, slots=True)
class Running:
    """What a runner gives to the work."""

    request: OperationRequest
    files: OperationFiles
    key: Key
    journal: Journal
    progress: Progress
    clock: Clock

    def checkpoint(self) -> None:
        """Raise Cancelled when the operator asked to abort."""
        if self.files.asked(ABORT):
            raise Cancelled(
                f"{self.request.kind} was aborted",
                next_step="The outcome says in which state the canister is.",
            )


@dataclass(frozen=True, slots=True)
class Finished:
    """What work came to; `exit_code` is PARTIAL when some of it failed."""

    what: str
    result: Json
    exit_code: ExitCode = ExitCode.OK
    why: str = ""
    next_step: str = ""


Work = Callable[[Running], Awaitable[Finished]]

# A runner is waited for when its handle is; kept here so that it is not taken for a leak before.
_started: list[subprocess.Popen[bytes]] = []


def start_runner(files: OperationFiles, module: str, key: Key) -> None:
    """Start `python -m MODULE FOLDER` in its own session and hand it the key. Raises LockedError when one lives."""
    _started[:] = [process for process in _started if process.poll() is None]
    lock = files.lock_runner()
    if lock is None:
        raise LockedError(f"operation {files.directory.name} is running already", next_step="Follow it instead.")
    try:
        process = _spawn(files, module, lock)
    finally:
        # the child holds the lock through its own copy of the descriptor
        os.close(lock)
    _started.append(process)
    assert process.stdin is not None
    document = {
        "pem": key.pem.decode("ascii", "replace"),
        "passphrase": key.passphrase,
        "repository": key.repository_passphrase,
    }
    try:
        process.stdin.write(json.dumps(document).encode())
        process.stdin.close()
    except BrokenPipeError as error:
        raise QuriError(
            f"the runner of {files.directory.name} ended at once", next_step=f"Look into {files.directory / LOG}."
        ) from error


def runner_environment() -> dict[str, str]:
    """The variables of a runner's process.

    A backup allocates and frees megabytes all the time. glibc gives each to the system and takes it again, page by
    page, and keeps a heap for every thread; with one heap that stays, 1 GiB took 229 MB instead of 281 MB at the peak.
    Other C libraries ignore these.
    """
    return {
        **os.environ,
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_TRIM_THRESHOLD_": str(256 * MIB),
        "MALLOC_MMAP_THRESHOLD_": str(32 * MIB),
    }


def _spawn(files: OperationFiles, module: str, lock: int) -> subprocess.Popen[bytes]:
    path = files.directory / LOG
    try:
        path.touch(mode=FILE_MODE)
        with path.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", module, str(files.directory.resolve())],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=PACKAGE_FOLDER,
                env=runner_environment(),
                start_new_session=True,
                pass_fds=(lock,),
            )
    except OSError as error:
        raise unusable(path, error) from error


def run(directory: Path, work: Work, stdin: BinaryIO, clock: Clock | None = None) -> int:
    """Do the work of an operation and write its outcome; the process's exit code."""
    # the terminal it was started from may go away at any time
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    files = OperationFiles(directory)
    clock = clock or SystemClock()
    signal.signal(signal.SIGTERM, lambda _number, _frame: files.ask(ABORT))
    outcome = _outcome(files, work, stdin, clock)
    files.write_outcome(outcome)
    return int(outcome.exit_code)


def _outcome(files: OperationFiles, work: Work, stdin: BinaryIO, clock: Clock) -> Outcome:
    try:
        finished = _worked(files, work, stdin, clock)
    except QuriError as error:
        _log_failure(error)
        return Outcome(
            error.exit_code, clock.now_ns(), error.what, error.why, error.next_step, dict(getattr(error, "result", {}))
        )
    except Exception as error:  # noqa: BLE001 - the last resort: an operation must never end without an outcome
        _log_failure(error)
        return Outcome(
            ExitCode.FAILED,
            clock.now_ns(),
            f"quri-console itself failed: {type(error).__name__}",
            str(error),
            f"Look at the canister's status, and into {files.directory / LOG}. This is a bug; please report it.",
        )
    return Outcome(
        finished.exit_code, clock.now_ns(), finished.what, finished.why, finished.next_step, dict(finished.result)
    )


def _log_failure(error: BaseException) -> None:
    """The traceback to the log, where what a canister answered must do nothing to the terminal that shows it."""
    for line in "".join(traceback.format_exception(error)).rstrip("\n").split("\n"):
        harmless = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
        sys.stderr.write(f"{''.join(harmless)}\n")


def _worked(files: OperationFiles, work: Work, stdin: BinaryIO, clock: Clock) -> Finished:
    request = files.request()
    key = read_key(stdin)
    journal = Journal(files.directory / JOURNAL_NAME, clock=clock)
    progress = ProgressFile(files.directory)
    try:
        return asyncio.run(_work(work, Running(request, files, key, journal, progress, clock)))
    finally:
        progress.close()
        journal.close()


async def _work(work: Work, running: Running) -> Finished:
    return await work(running)


def read_key(stdin: BinaryIO) -> Key:
    """The key that the parent wrote; read to the end, so that the pipe holds nothing afterwards."""
    document = json.loads(stdin.read())
    return Key(document["pem"].encode(), document["passphrase"], document["repository"])
