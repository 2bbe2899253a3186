"""The folder of one operation: what was asked, how far it is, how it ended. Console and CLI read it, the runner writes.

request.json    what was asked for, written before the runner starts
journal.jsonl   the truth: effects, each before it was attempted
progress.jsonl  how far it is, one event a line
requests.jsonl  what the operator asks of the runner meanwhile
outcome.json    how it ended; absent while it runs, and for ever if it was killed
runner.lock     held by the runner for as long as it lives
log.txt         the runner's standard output and error
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.effects.durable import FILE_MODE, Json, compact_json, make_private_directory, unusable, write_whole
from quri_console.errors import CorruptionError, ExitCode, QuriError, UsageError
from quri_console.progress import ProgressEvent

REQUEST, PROGRESS, REQUESTS, OUTCOME = "request.json", "progress.jsonl", "requests.jsonl", "outcome.json"
RUNNER_LOCK, LOG = "runner.lock", "log.txt"


@dataclass(frozen=True, slots=True)
class OperationRequest:
    """What was asked for; everything that a runner needs but the key."""

    id: str
    kind: str
    created_at_ns: int
    config_path: str
    network: str
    canisters: tuple[str, ...]
    """Names or ids as configured."""
    duty: str
    """Whose identity signs: `backup` or `operate`."""
    confirmation: str = ""
    force: bool = False
    plan_hash: str = ""
    reason: str | None = None
    parameters: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an operation ended; `result` says what came of it, in the words of its kind."""

    exit_code: ExitCode
    finished_at_ns: int
    what: str = ""
    why: str = ""
    next_step: str = ""
    result: Json = field(default_factory=dict)
    audit: Json = field(default_factory=dict)
    """Number and hash of the event of the audit log that tells of this end, and why not all of it is there, if so."""

    @property
    def ok(self) -> bool:
        """Whether it did all that it was asked for."""
        return self.exit_code == ExitCode.OK

    def raise_failure(self) -> None:
        """Raise the failure that the runner met; nothing when it succeeded."""
        if not self.ok:
            raise QuriError(self.what, why=self.why, next_step=self.next_step, exit_code=self.exit_code)


def new_operation_id(kind: str, now_ns: int) -> str:
    """A name that sorts by time and tells the kind: `20250124T020000Z-restore-1f3a`."""
    moment = datetime.fromtimestamp(now_ns // NANOSECONDS_PER_SECOND, UTC)
    return f"{moment:%Y%m%dT%H%M%SZ}-{kind}-{secrets.token_hex(2)}"


@dataclass(frozen=True, slots=True)
class OperationFiles:
    """One operation's folder."""

    directory: Path

    @classmethod
    def create(cls, operations: Path, request: OperationRequest) -> OperationFiles:
        """Make the folder and write the request. Raises StateFolderUnusable."""
        files = cls(operations / request.id)
        make_private_directory(files.directory)
        write_whole(files.directory / REQUEST, f"{compact_json(asdict(request))}\n")
        return files

    def request(self) -> OperationRequest:
        """What was asked for. Raises CorruptionError, UsageError when there is no such operation."""
        path = self.directory / REQUEST
        if not path.exists():
            raise UsageError(
                f"there is no operation {self.directory.name}", next_step="See `quri-console operations list`."
            )
        fields = _read_json(path)
        try:
            return OperationRequest(**{**fields, "canisters": tuple(fields["canisters"])})
        except (TypeError, KeyError) as error:
            raise _damaged(path) from error

    def outcome(self) -> Outcome | None:
        """How it ended; None while it runs, or when its runner was killed. Raises CorruptionError."""
        path = self.directory / OUTCOME
        if not path.exists():
            return None
        fields = _read_json(path)
        try:
            return Outcome(**{**fields, "exit_code": ExitCode(fields["exit_code"])})
        except (TypeError, KeyError, ValueError) as error:
            raise _damaged(path) from error

    def write_outcome(self, outcome: Outcome) -> None:
        """Say how it ended; the last thing that a runner does."""
        write_whole(self.directory / OUTCOME, f"{compact_json(asdict(outcome))}\n")

    def remove_outcome(self) -> None:
        """Forget an earlier end, because the operation is resumed."""
        (self.directory / OUTCOME).unlink(missing_ok=True)

    def lock_runner(self) -> int | None:
        """A descriptor that holds the runner's lock and may be inherited; None when a runner lives."""
        path = self.directory / RUNNER_LOCK
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
        except OSError as error:
            raise unusable(path, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def runner_lives(self) -> bool:
        """Whether a process works on it now."""
        descriptor = self.lock_runner()
        if descriptor is None:
            return True
        os.close(descriptor)
        return False

    def ask(self, request: str) -> None:
        """Ask something of the runner (`abort`); it looks before each effect."""
        append_line(self.directory / REQUESTS, compact_json({"request": request}))

    def asked(self, request: str) -> bool:
        """Whether somebody asked for it since the runner started."""
        path = self.directory / REQUESTS
        if not path.exists():
            return False
        return any(json.loads(line).get("request") == request for line in path.read_text().splitlines())

    def forget_requests(self) -> None:
        """Drop what was asked of an earlier runner."""
        (self.directory / REQUESTS).unlink(missing_ok=True)


class ProgressFile:
    """Writes progress where console and CLI can follow it; never fails the work that it reports."""

    def __init__(self, directory: Path) -> None:
        path = directory / PROGRESS
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, FILE_MODE)
        except OSError as error:
            raise unusable(path, error) from error
        self._file = os.fdopen(descriptor, "a", encoding="utf-8", buffering=1)

    def report(self, event: ProgressEvent) -> None:
        """Take the newest state of the work."""
        try:
            self._file.write(f"{compact_json(asdict(event))}\n")
        except OSError:
            return  # a full disk must not stop an operation that holds a canister stopped

    def close(self) -> None:
        """Release the file."""
        self._file.close()


class ProgressReader:
    """Follows a progress file; each `read` gives what came since."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / PROGRESS
        self._offset = 0

    def read(self) -> list[ProgressEvent]:
        """The whole lines since the last call."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        whole = data.rpartition(b"\n")[0]
        self._offset += len(whole) + bool(whole)
        return [ProgressEvent(**json.loads(line)) for line in whole.splitlines()]


def append_line(path: Path, line: str) -> None:
    """Append one line in one write, so that two writers do not mix. Raises StateFolderUnusable."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, FILE_MODE)
        try:
            os.write(descriptor, f"{line}\n".encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        raise unusable(path, error) from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        fields = json.loads(path.read_bytes())
    except OSError as error:
        raise unusable(path, error) from error
    except ValueError as error:
        raise _damaged(path) from error
    if not isinstance(fields, dict):
        raise _damaged(path)
    return fields


def _damaged(path: Path) -> CorruptionError:
    return CorruptionError(f"{path} is damaged", next_step="The journal beside it says what was done.")
