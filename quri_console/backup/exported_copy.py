"""A canister's copy that was written as a snapshot directory, and the command that leads on from it."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from quri_console.backup.browse import StoredCanister
from quri_console.backup.export import Exported, export_state
from quri_console.progress import Progress

_BLOCK_BYTES = 512


@dataclass(frozen=True, slots=True)
class ExportedCopy:
    """What was written where, out of which backup; `disk_bytes` is what the files take, holes left out."""

    backup: str
    name: str
    canister_id: str
    module_hash: bytes
    written: Exported
    disk_bytes: int
    seconds: float

    @property
    def label(self) -> str:
        """BACKUP/CANISTER."""
        return f"{self.backup}/{self.name}"

    @property
    def next_command(self) -> str:
        """The official tool's upload; where icp will not take it, our own restore."""
        if self.written.refused_by_icp:
            return f"quri-console restore {shlex.quote(self.name)} --from {self.backup} --dry-run"
        return f"icp canister snapshot upload {self.canister_id} -i {shlex.quote(str(self.written.path))}"


def export_copy(
    stored: StoredCanister,
    target: Path,
    progress: Progress,
    still_locked: Callable[[], None],
    monotonic: Callable[[], float],
) -> ExportedCopy:
    """Write a copy into the new directory `target`. Raises as `export_state`."""
    began = monotonic()
    written = export_state(stored, target, progress, still_locked)
    files = (path for path in written.path.rglob("*") if path.is_file())
    return ExportedCopy(
        backup=stored.set_name,
        name=stored.name,
        canister_id=stored.canister.to_str(),
        module_hash=stored.module_hash,
        written=written,
        disk_bytes=sum(path.stat().st_blocks * _BLOCK_BYTES for path in files),
        seconds=monotonic() - began,
    )
