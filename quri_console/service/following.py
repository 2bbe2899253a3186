"""Following operations: their folders tell how far they are and how they ended, whoever started them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from quri_console.config import Config
from quri_console.effects.journal import JOURNAL_NAME, Record, read_records
from quri_console.effects.operation_files import REQUEST, OperationFiles, OperationRequest, Outcome, ProgressReader
from quri_console.effects.operation_summary import RESOLVED_RESULT, OperationState, OperationSummary, Rollback
from quri_console.effects.replay import left_stopped, own_snapshots, safety_snapshots
from quri_console.effects.runner import ABORT
from quri_console.errors import ExitCode, QuriError, UsageError
from quri_console.progress import ProgressEvent
from quri_console.service.mixed import mixed_group
from quri_console.service.session import Session

LOOK_SECONDS = 0.05
UNDONE = "operation"
"""The parameter of a rollback that names what it undoes."""


class OperationHandle:
    """An operation that runs or has run, whoever started it."""

    def __init__(self, session: Session, files: OperationFiles) -> None:
        self._clock = session.clock
        self._config = session.config
        self._files = files

    @property
    def id(self) -> str:
        """The operation's name."""
        return self._files.directory.name

    @property
    def directory(self) -> Path:
        """The folder with its request, journal, progress, log and outcome."""
        return self._files.directory

    @property
    def request(self) -> OperationRequest:
        """What was asked for."""
        return self._files.request()

    async def events(self) -> AsyncIterator[ProgressEvent]:
        """All progress from the beginning, then what comes, until the operation ends."""
        reader = ProgressReader(self._files.directory)
        while True:
            ended = self._ended()
            for event in reader.read():
                yield event
            if ended:
                return
            await self._clock.sleep(LOOK_SECONDS)

    async def wait(self) -> Outcome:
        """How it ended; for one whose runner died, a failure that says how to go on."""
        while not self._ended():
            await self._clock.sleep(LOOK_SECONDS)
        return self.outcome() or interrupted(self.id)

    def outcome(self) -> Outcome | None:
        """How it ended; None while it runs or when its runner died."""
        return self._files.outcome()

    def journal(self) -> tuple[Record, ...]:
        """Every record of its journal, oldest first. Raises CorruptionError."""
        path = self._files.directory / JOURNAL_NAME
        return read_records(path)[0] if path.exists() else ()

    def running(self) -> bool:
        """Whether a process works on it now."""
        return not self._ended()

    def abort(self) -> None:
        """Ask the runner to end before its next effect; canisters come back to the status they had."""
        self._files.ask(ABORT)

    def summary(self) -> OperationSummary:
        """Everything that its folder tells."""
        return _summary(self._files, rollbacks(self.directory.parent), self._config)

    def _ended(self) -> bool:
        # the runner holds its lock until after the outcome is written
        return self._files.outcome() is not None or not self._files.runner_lives()


def interrupted(operation_id: str) -> Outcome:
    """The outcome of an operation whose process ended without writing one."""
    return Outcome(
        ExitCode.FAILED,
        0,
        f"operation {operation_id} was interrupted",
        "its process ended before it could say how far it came",
        f"Run `quri-console operations resume {operation_id}`: it starts what was left stopped, then goes on.",
    )


def operations(session: Session) -> tuple[OperationSummary, ...]:
    """All operations in the state folder, newest first; one that cannot be read hides no other."""
    undone = rollbacks(session.config.paths.operations)
    config = session.config
    return tuple(_summary_or_damage(OperationFiles(path), undone, config) for path in reversed(_folders(config)))


def rollbacks(folder: Path) -> Mapping[str, Rollback]:
    """Which operations in this folder were rolled back, or are about to be, and by which."""
    found: dict[str, Rollback] = {}
    for path in sorted(folder.glob("*-rollback-*")):
        try:
            undone, rollback = _rollback(OperationFiles(path))
        except QuriError:
            continue  # the list says that it is damaged
        earlier = found.get(undone)
        if rollback.state in ("done", "running", "interrupted") and not (earlier is not None and earlier.done):
            found[undone] = rollback
    return found


def _rollback(files: OperationFiles) -> tuple[str, Rollback]:
    """What a rollback undoes, and how far it is."""
    request, outcome = files.request(), files.outcome()
    # the request of an older version does not tell what it undoes, only the outcome does
    undone = request.parameters.get(UNDONE) or (outcome.result.get("rolled_back") if outcome else None)
    state = _state(files, outcome)
    finished = outcome.finished_at_ns if outcome is not None and state == "done" else 0
    return str(undone or ""), Rollback(request.id, state, finished)


def named(config: Config, canister_id: str) -> str:
    """`NAME (ID)` as configured; the id alone for a canister that is not in the configuration."""
    name = next((canister.name for canister in config.canisters if canister.id == canister_id), None)
    return canister_id if name is None else f"{name} ({canister_id})"


def follow(session: Session, operation_id: str) -> OperationHandle:
    """The operation of that name or of the one that begins so; `latest` is the newest. Raises UsageError."""
    folders = _folders(session.config)
    if operation_id == "latest" and folders:
        return OperationHandle(session, OperationFiles(folders[-1]))
    found = [path for path in folders if path.name == operation_id]
    found = found or [path for path in folders if operation_id and path.name.startswith(operation_id)]
    if len(found) != 1:
        raise UsageError(
            f"{len(found)} operations begin with {operation_id!r}" if found else f"no operation {operation_id!r}",
            next_step="See `quri-console operations list`.",
        )
    return OperationHandle(session, OperationFiles(found[0]))


def _folders(config: Config) -> list[Path]:
    folder = config.paths.operations
    if not folder.is_dir():
        return []
    # the name of an operation sorts as its time does
    return sorted(path for path in folder.iterdir() if (path / REQUEST).exists())


def _summary_or_damage(files: OperationFiles, undone: Mapping[str, Rollback], config: Config) -> OperationSummary:
    try:
        return _summary(files, undone, config)
    except QuriError as error:
        return OperationSummary(
            id=files.directory.name,
            kind="",
            network="",
            canisters=(),
            created_at_ns=0,
            state="damaged",
            outcome=Outcome(error.exit_code, 0, error.what, error.why, error.next_step),
            reason=None,
            left_stopped=(),
            safety_snapshots=(),
            directory=files.directory,
        )


def _summary(files: OperationFiles, undone: Mapping[str, Rollback], config: Config) -> OperationSummary:
    request, outcome = files.request(), files.outcome()
    journal = files.directory / JOURNAL_NAME
    records = read_records(journal)[0] if journal.exists() else ()
    state = _state(files, outcome)
    names = config.canister_names
    return OperationSummary(
        id=request.id,
        kind=request.kind,
        network=request.network,
        canisters=request.canisters,
        created_at_ns=request.created_at_ns,
        state=state,
        outcome=outcome,
        reason=request.reason,
        left_stopped=left_stopped(records),
        safety_snapshots=safety_snapshots(records),
        directory=files.directory,
        rolled_back=undone.get(request.id),
        own_snapshots=own_snapshots(records),
        mixed=None if state == "running" else mixed_group(files.directory, request, outcome, names),
    )


def _state(files: OperationFiles, outcome: Outcome | None) -> OperationState:
    if outcome is None:
        return "running" if files.runner_lives() else "interrupted"
    if RESOLVED_RESULT in outcome.result:
        return "resolved"
    words: dict[int, OperationState] = {
        ExitCode.OK: "done",
        ExitCode.PARTIAL: "partial",
        ExitCode.CANCELLED: "aborted",
    }
    return words.get(outcome.exit_code, "failed")
