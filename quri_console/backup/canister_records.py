"""The records of a canister in a set: its status, what was seen beside the state, and what to be careful about."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from quri_console.backup.browse import EXPORT_NAME, EXTRAS_NAME, HEALTH_NAME, INTERFACE_NAME, STATUS_NAME
from quri_console.backup.copy_state import CopiedState
from quri_console.backup.extras import Extras, Present, extras_table
from quri_console.backup.health_replies import HealthReply, encode_replies
from quri_console.backup.manifest import GroupWindow, TakenMode
from quri_console.backup.snapshot_record import SNAPSHOT_RECORD, encode_snapshot_record
from quri_console.backup.status_record import encode_status
from quri_console.backup.target import BackupTarget
from quri_console.clock import Clock, utc_datetime
from quri_console.errors import CorruptionError
from quri_console.ic.management.types import CanisterStatus
from quri_console.repository.sealed import seal
from quri_console.repository.set_writer import SetWriter
from quri_console.repository.store import Blob, Repository

HOT_WARNING = "It ran while its snapshot was taken: calls that were open then find no answer after a restore."


def status_record(target: BackupTarget, status: CanisterStatus, clock: Clock) -> bytes:
    """The bytes of `status.toml`."""
    read_at = utc_datetime(clock.now_ns())
    return encode_status(status, canister_id=target.canister.to_str(), name=target.name, read_at=read_at)


def put_status(writer: SetWriter, folder: str, target: BackupTarget, status: CanisterStatus, clock: Clock) -> None:
    """Store `status.toml`. Raises StorageFailed, DiskFull."""
    writer.put_record(folder, STATUS_NAME, status_record(target, status, clock))


def put_extras(writer: SetWriter, folder: str, extras: Extras) -> None:
    """Store what was read beside the state. Raises StorageFailed, DiskFull."""
    writer.put_record(folder, EXTRAS_NAME, seal(extras_table(extras)))
    if isinstance(extras.interface, Present):
        writer.put_record(folder, INTERFACE_NAME, extras.interface.value)
    if isinstance(extras.export, Present):
        writer.put_record(folder, EXPORT_NAME, extras.export.value.reply)


def put_health(writer: SetWriter, folder: str, replies: Sequence[HealthReply]) -> None:
    """Store `health.toml` where queries are configured. Raises StorageFailed, DiskFull."""
    if replies:
        writer.put_record(folder, HEALTH_NAME, encode_replies(replies))


def put_state(writer: SetWriter, folder: str, copied: CopiedState) -> None:
    """Store `snapshot.toml` and the lists of chunks, all of which must be durable. Raises StorageFailed, DiskFull."""
    writer.put_record(folder, SNAPSHOT_RECORD, encode_snapshot_record(copied.metadata, copied.chunk_sizes))
    for blob, chunks in copied.lists.items():
        writer.put_chunk_list(folder, blob, chunks)


def stored_module_hash(repository: Repository, copied: CopiedState) -> bytes:
    """SHA-256 of the module as it reads back. Raises CorruptionError."""
    digest = hashlib.sha256()
    for _, data in Blob(copied.lists["wasm_module"], repository).slices(1 << 20):
        digest.update(data)
    return digest.digest()


def warnings_of(mode: TakenMode, extras: Extras, window: GroupWindow | None) -> tuple[str, ...]:
    """What whoever restores from the copy should know."""
    warnings = [HOT_WARNING] if mode == "hot" else []
    if window is not None and not window.consistent:
        warnings.append(f"It is not one cut with the others of {window.name}: {window.reason}")
    return (*warnings, *(f"{name}: {failed.reason}" for name, failed in extras.failures.items()))


def other_module(name: str) -> CorruptionError:
    """The failure of a canister whose module is not the one that it showed."""
    return CorruptionError(
        f"The module of {name} does not have the hash that the canister showed",
        why="It was upgraded while the backup ran, or the download is damaged.",
        next_step="Run the backup again.",
    )
