"""The runner: a process of its own session that carries an operation out, whatever becomes of whoever started it.

Its standard output and error are the operation's log; the key comes through a pipe on standard input,
never by argument or environment. Progress, journal and outcome are files in the operation's folder.
"""

from __future__ import annotations

import asyncio
import contextlib
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
from quri_console.effects.durable import FILE_MODE, Json, StateFolderUnusable, unusable
from quri_console.effects.guard import PACKAGE_FOLDER
from quri_console.effects.journal import JOURNAL_NAME, Journal
from quri_console.effects.operation_audit import OperationAudit
from quri_console.effects.operation_files import (
    LOG,
    OperationFiles,
    OperationRequest,
    Outcome,
    ProgressFile,
)
from quri_console.errors import Cancelled, ExitCode, LockedError, QuriError
from quri_console.progress import Progress, ProgressEvent
from quri_console.units import MIB

ABORT, CONTINUE, RESUME = "abort", "continue", "resume"
LOOK_SECONDS = 0.5
BRING_BACK = "bring back"
"""Asks a new process of an operation that died to start what it left stopped, and to do nothing else."""


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


async def told_to_go_on(running: Running) -> None:
    """Wait until the operator says `continue`, or resumes what died while it waited. Raises Cancelled on `abort`."""
    note = f"nothing is stopped yet: `operations continue {running.request.id}` goes on, `abort` ends it"
    running.progress.report(ProgressEvent("paused", note=note))
    while not (running.files.asked(CONTINUE) or running.files.asked(RESUME)):
        running.checkpoint()
        await running.clock.sleep(LOOK_SECONDS)


Work = Callable[[Running], Awaitable[Finished]]

# A runner is waited for when its handle is; kept here so that it is not taken for a leak before.
_started: list[subprocess.Popen[bytes]] = []


def start_runner(files: OperationFiles, module: str, key: Key, *, begin: Callable[[], None] = lambda: None) -> None:
    """Start `python -m MODULE FOLDER` in its own session and hand it the key. Raises LockedError when one lives.

    `begin` changes the operation's folder for the new process, and is called only once no other one can live: what
    it asks for must not reach a process that somebody else has just started.
    """
    _started[:] = [process for process in _started if process.poll() is None]
    lock = files.lock_runner()
    if lock is None:
        raise LockedError(f"operation {files.directory.name} is running already", next_step="Follow it instead.")
    try:
        begin()
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
    audit = _audit_of(files, clock)
    outcome = _outcome(files, work, stdin, clock, audit)
    if audit is not None:
        outcome = audit.end(outcome)
    if not files.asked(BRING_BACK):
        # one that was only brought back is still to be resumed or aborted by somebody
        files.write_outcome(outcome)
    return int(outcome.exit_code)


def _audit_of(files: OperationFiles, clock: Clock) -> OperationAudit | None:
    """What audits the operation; None when its request cannot be read, which the work will tell."""
    # operations/ and audit/ lie side by side in the state folder
    state_folder = files.directory.parent.parent
    try:
        return OperationAudit(state_folder, files.request(), clock)
    except QuriError:
        return None


def _outcome(files: OperationFiles, work: Work, stdin: BinaryIO, clock: Clock, audit: OperationAudit | None) -> Outcome:
    try:
        finished = _worked(files, work, stdin, clock, audit)
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


def _worked(files: OperationFiles, work: Work, stdin: BinaryIO, clock: Clock, audit: OperationAudit | None) -> Finished:
    request = files.request()
    key = read_key(stdin)
    journal = Journal(files.directory / JOURNAL_NAME, clock=clock)
    if audit is not None:
        audit.go_on_from(journal.records)
        journal.listener = audit
    progress = ProgressFile(files.directory)
    try:
        return asyncio.run(_work(work, Running(request, files, key, journal, progress, clock)))
    finally:
        if audit is not None and audit.problem is not None:
            with contextlib.suppress(StateFolderUnusable):
                journal.append("not audited", why=str(audit.problem))
        progress.close()
        journal.close()


async def _work(work: Work, running: Running) -> Finished:
    return await work(running)


def read_key(stdin: BinaryIO) -> Key:
    """The key that the parent wrote; read to the end, so that the pipe holds nothing afterwards."""
    document = json.loads(stdin.read())
    return Key(document["pem"].encode(), document["passphrase"], document["repository"])
