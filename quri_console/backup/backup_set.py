"""What a backup is asked for, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quri_console.backup.manifest import GroupWindow, ManifestCanister, TakenMode
from quri_console.backup.take import CaptureFailure
from quri_console.backup.target import BackupTarget
from quri_console.errors import NetworkError, QuriError
from quri_console.ic.encoding.principal import Principal
from quri_console.repository.store import Repository

DEFAULT_STOP_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class BackupRequest:
    """What to back up and where to; `operation` is the id of the operation whose journal records the effects."""

    network: str
    repository: Repository
    targets: tuple[BackupTarget, ...]
    mode: TakenMode = "stop"
    stop_timeout_seconds: float = DEFAULT_STOP_TIMEOUT_SECONDS
    operation: str = ""
    compression_level: int = 3
    proxy: Principal | None = None
    """The canister through which a canister's history is read."""


@dataclass(frozen=True, slots=True)
class BackupSet:
    """A committed set. `leftovers` are snapshots of ours that could not be deleted: they cost cycles."""

    name: str
    captured: tuple[ManifestCanister, ...]
    failures: tuple[CaptureFailure, ...]
    leftovers: tuple[CaptureFailure, ...]
    groups: tuple[GroupWindow, ...] = ()
    stored_bytes: int = 0
    """What the set added to the repository."""

    @property
    def partial(self) -> bool:
        return bool(self.failures)


class BackupFailed(QuriError):
    """Nothing could be captured; no backup was made."""


class BackupInterrupted(NetworkError):
    """The network went away in the middle; what was read is kept, and so is the snapshot."""


def nothing_captured(failures: Sequence[CaptureFailure]) -> QuriError:
    """What to raise when every canister failed: the error of the only one, or all of them in one."""
    if len(failures) == 1:
        return failures[0].error
    codes = {failure.error.exit_code for failure in failures}
    return BackupFailed(
        f"None of the {len(failures)} canisters could be backed up",
        why="; ".join(f"{failure.target.name}: {failure.error}" for failure in failures),
        next_step=next((failure.error.next_step for failure in failures if failure.error.next_step), ""),
        exit_code=codes.pop() if len(codes) == 1 else None,
    )
