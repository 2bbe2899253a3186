"""What an exchange of states works on, and what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from quri_console.backup.interchange import Slice
from quri_console.errors import ExitCode, QuriError
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.types import SettingsChange, SnapshotMetadata
from quri_console.ic.rejection import Rejected
from quri_console.restore.plan import LiveState, ReadBack
from quri_console.restore.words import named

OLD_STATE, NEW_STATE, UNKNOWN_STATE = "its old state", "the restored state", "either its old or the restored state"
MIXED_STATE = "not the same on all canisters"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged:
    """What has to be known of an exchange in order to undo it."""

    canister: Principal
    name: str
    live: LiveState
    """As the plan found it."""
    snapshot_id: bytes
    """Of what is loaded."""
    stop_timeout_seconds: float
    settings: SettingsChange | None = None

    @property
    def of_another_canister(self) -> bool:
        """Whether the snapshot on chain belongs to another canister; its id ends with its owner's."""
        return self.snapshot_id[8:] != self.canister.bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapTarget(Exchanged):
    """Which snapshot takes the place of a canister's state, and what a stopped canister must show then."""

    metadata: SnapshotMetadata
    """Of the snapshot that is loaded."""
    module_hash: bytes | None
    """None: not known."""
    safety_snapshot: bool = True
    uploaded: bool = False
    """Whether this operation made the snapshot that is loaded, so that it is not needed any more afterwards."""
    start_after: bool | None = None
    read_back: ReadBack = "metadata"
    read: Callable[[Slice], Awaitable[bytes | memoryview]] | None = None
    """Reads a slice of what was to be loaded."""


def unread_metadata() -> SnapshotMetadata:
    """Stands for the metadata of a snapshot that was loaded, and checked, before this process began."""
    return SnapshotMetadata(None, 0, 0, (), 0, 0, (), 0, b"")


@dataclass(frozen=True, slots=True)
class SwapReport:
    """What was done; `downtime_seconds` from the stop request to the answer of start, 0 when it did not run."""

    safety_snapshot: bytes | None
    downtime_seconds: float
    status: str
    notes: tuple[str, ...] = ()


class RestoreFailed(QuriError):
    """A restore that did not succeed; says in which state the canister is. `result` goes into the outcome."""

    def __init__(
        self,
        cause: QuriError,
        what: str,
        state: str,
        *,
        next_step: str = "",
        result: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(
            f"{what}: {cause.what}",
            why=". ".join(part for part in (cause.why, state) if part),
            next_step=next_step or cause.next_step,
            exit_code=cause.exit_code,
        )
        self.result = dict(result or {})


class NotAsRestored(QuriError):
    """The canister does not show what the loaded snapshot must give."""


class ForeignSnapshotNotReady(QuriError):
    """The network wants to be asked later for a snapshot of another canister; the present state is still there."""

    def __init__(self, target: Exchanged, rejection: Rejected, operation: str) -> None:
        super().__init__(
            f"the network does not load another canister's snapshot into {named(target.name, target.canister)} yet",
            why=f"{rejection.message}. After a load it may take about 10 minutes until it does, and the canister is "
            "not kept down for that",
            next_step=f"Wait about 10 minutes, then go on: quri-console operations resume {operation}",
            exit_code=ExitCode.FAILED,
        )
