"""Taking a backup: status → stop → take → start → download → verify → manifest → delete the snapshot.

A canister that ran is started again before the download begins, so it is down for seconds. The snapshot
on chain is deleted only when the set is committed: until then it is the only whole copy.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import quri_console
from quri_console.backup.bill import snapshot_bytes
from quri_console.backup.browse import SNAPSHOT_NAME, STATUS_NAME
from quri_console.backup.directory import SetWriter
from quri_console.backup.download import Download, SnapshotSource, WrittenFile, download_snapshot
from quri_console.backup.files import storage_errors, sync_directory, write_private
from quri_console.backup.layout import set_time
from quri_console.backup.manifest import (
    Manifest,
    ManifestCanister,
    ManifestFailure,
    ManifestFile,
    Mode,
    NetworkOrigin,
    folder_name,
)
from quri_console.backup.plan import BackupTarget, read_status, require_free_snapshot, require_possible, require_room
from quri_console.backup.resume import SET_RESERVED
from quri_console.backup.status_record import encode_status
from quri_console.clock import Clock, utc_datetime
from quri_console.errors import Cancelled, CorruptionError, QuriError
from quri_console.ic.management.types import CanisterStatus, Snapshot, SnapshotMetadata
from quri_console.ic.public import subnet_id_of
from quri_console.progress import Progress, ProgressEvent

if TYPE_CHECKING:
    from quri_console.effects.perform import Effects

DEFAULT_STOP_TIMEOUT_SECONDS = 60.0
STOPPED_PATIENCE_SECONDS = 4.0
"""How long a canister is kept stopped because the network limits the rate of snapshots; it may mean 10 minutes."""


@dataclass(frozen=True, slots=True)
class BackupRequest:
    """What to back up and where to; `operation` is the id of the operation whose journal records the effects."""

    network: str
    repository: Path
    targets: tuple[BackupTarget, ...]
    mode: Mode = "stop"
    stop_timeout_seconds: float = DEFAULT_STOP_TIMEOUT_SECONDS
    operation: str = ""


@dataclass(frozen=True, slots=True)
class CaptureFailure:
    """A canister that could not be backed up, and why."""

    target: BackupTarget
    error: QuriError


@dataclass(frozen=True, slots=True)
class BackupSet:
    """A committed set. `leftovers` are snapshots of ours that could not be deleted: they cost cycles."""

    name: str
    path: Path
    captured: tuple[ManifestCanister, ...]
    failures: tuple[CaptureFailure, ...]
    leftovers: tuple[CaptureFailure, ...]

    @property
    def partial(self) -> bool:
        return bool(self.failures)


class BackupFailed(QuriError):
    """Nothing could be captured; no backup was made."""


@dataclass(frozen=True, slots=True)
class _Captured:
    target: BackupTarget
    snapshot: Snapshot
    entry: ManifestCanister
    files: tuple[ManifestFile, ...]


async def back_up(
    request: BackupRequest,
    effects: Effects,
    *,
    clock: Clock,
    progress: Progress,
    checkpoint: Callable[[], None] = lambda: None,
) -> BackupSet:
    """Back up the targets one after the other into one set.

    One canister's failure leaves the others alone; the set is then partial. When none could be captured
    its error (or BackupFailed for several) is raised and nothing is left in the repository. However this
    ends, a canister has the status that it had before, or the error says that it has not. `checkpoint` is
    called for every slice and raises Cancelled when the operator asked to abort.
    """
    writer = await SetWriter.reserve(request.repository, clock)
    job = _Job(request, effects, clock, progress, writer, checkpoint)
    try:
        effects.journal.append(SET_RESERVED, path=str(writer.path.with_name(writer.name).absolute()))
        await job.capture_all()
        manifest = job.manifest()
        path = await asyncio.to_thread(writer.commit, manifest)
    except BaseException as error:
        await job.give_up(error)
        raise
    progress.report(ProgressEvent("commit", 1, 1, "steps", subject=writer.name))
    leftovers = await job.delete_snapshots()
    return BackupSet(writer.name, path, manifest.canisters, tuple(job.failures), leftovers)


class _Job:
    """One set while it is being made."""

    def __init__(
        self,
        request: BackupRequest,
        effects: Effects,
        clock: Clock,
        progress: Progress,
        writer: SetWriter,
        checkpoint: Callable[[], None],
    ) -> None:
        self.request = request
        self.effects = effects
        self.clock = clock
        self.progress = progress
        self.writer = writer
        self.checkpoint = checkpoint
        self.captured: list[_Captured] = []
        self.failures: list[CaptureFailure] = []
        self.folders: set[str] = set()

    async def capture_all(self) -> None:
        """Capture every target; raises when none succeeded."""
        for target in self.request.targets:
            try:
                self.captured.append(await self._capture(target))
            except Cancelled:
                raise
            except QuriError as error:
                self.failures.append(CaptureFailure(target, error))
                self._report("failed", target, note=str(error))
        if not self.captured:
            raise _nothing_captured(self.failures)

    async def _capture(self, target: BackupTarget) -> _Captured:
        self._report("status", target)
        status = await read_status(self.effects.agent, target)
        await self._check(target, status)
        folder = folder_name(target.name, target.canister, self.folders)
        directory = self.writer.add_folder(folder)
        snapshot = None
        try:
            snapshot = await self._take(target, status)
            captured = await self._copy(target, status, snapshot, directory)
        except BaseException as error:
            # first what was written: on a full disk the journal needs the room to record the deletion
            try:
                self.writer.discard_folder(folder)
            finally:
                if snapshot is not None:
                    await self._delete_after(error, target, snapshot)
            raise
        self.folders.add(folder)
        return captured

    async def _check(self, target: BackupTarget, status: CanisterStatus) -> None:
        require_possible(target, status, self.request.mode)
        require_room(self.request.repository, snapshot_bytes(status))
        await require_free_snapshot(self.effects.agent, target)

    async def _take(self, target: BackupTarget, status: CanisterStatus) -> Snapshot:
        """Take a snapshot, with the canister stopped meanwhile if it ran and the mode says so."""
        if self.request.mode == "hot" or status.status != "running":
            self._report("snapshot", target)
            return await self.effects.take_snapshot(target.canister)
        self._report("stop", target)
        await self.effects.stop_canister(target.canister, timeout_seconds=self.request.stop_timeout_seconds)
        try:
            self._report("snapshot", target)
            snapshot = await self.effects.take_snapshot(target.canister, patience_seconds=STOPPED_PATIENCE_SECONDS)
        except BaseException:
            await self.effects.bring_back(target.canister)
            raise
        self._report("start", target)
        try:
            await self.effects.bring_back(target.canister)
        except BaseException as error:
            await self._delete_after(error, target, snapshot)
            raise
        return snapshot

    async def _copy(
        self, target: BackupTarget, status: CanisterStatus, snapshot: Snapshot, directory: Path
    ) -> _Captured:
        agent = self.effects.agent
        source = SnapshotSource(agent, target.canister, snapshot.id, self.clock)
        metadata = await source.metadata()
        total = metadata.wasm_module_size + metadata.wasm_memory_size + metadata.stable_memory_size
        require_room(self.request.repository, total)
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            self.checkpoint()
            self._report("download", target, done, max(done, total), "bytes")

        self._report("download", target, 0, total, "bytes")
        download = await download_snapshot(source, directory / SNAPSHOT_NAME, metadata, advance)
        self._report("verify", target, total, total, "bytes")
        _verify(target, status, metadata, download)
        record = await self._write_status(target, status, directory)
        taken_at = utc_datetime(snapshot.taken_at_ns)
        entry = ManifestCanister(
            canister=target.canister,
            name=target.name,
            folder=directory.name,
            subnet=await subnet_id_of(agent, target.canister),
            taken_at=taken_at,
            mode=self.request.mode,
            status_before=status.status,
            snapshot_id=snapshot.id,
            module_hash=download.sha256_of("wasm_module.bin"),
            state_bytes=done,
        )
        return _Captured(target, snapshot, entry, _manifest_files(directory.name, record, download))

    async def _write_status(self, target: BackupTarget, status: CanisterStatus, directory: Path) -> WrittenFile:
        read_at = utc_datetime(self.clock.now_ns())
        record = encode_status(status, canister_id=target.canister.to_str(), name=target.name, read_at=read_at)
        with storage_errors(f"write {STATUS_NAME}", directory):
            await asyncio.to_thread(write_private, directory / STATUS_NAME, record)
            await asyncio.to_thread(sync_directory, directory)
            await asyncio.to_thread(sync_directory, directory.parent)
        return WrittenFile(STATUS_NAME, len(record), hashlib.sha256(record).digest())

    def manifest(self) -> Manifest:
        root_key_hash = hashlib.sha256(self.effects.agent.root_key).digest()
        return Manifest(
            taken_at=set_time(self.writer.name),
            tool=f"quri-console {quri_console.__version__}",
            operation=self.request.operation,
            network=NetworkOrigin(self.request.network, root_key_hash),
            canisters=tuple(captured.entry for captured in self.captured),
            failures=tuple(
                ManifestFailure(
                    failure.target.canister, failure.target.name, str(failure.error), failure.error.next_step
                )
                for failure in self.failures
            ),
            files=tuple(file for captured in self.captured for file in captured.files),
        )

    async def delete_snapshots(self) -> tuple[CaptureFailure, ...]:
        """Delete the snapshots that this set took; those that remain are reported, the set stays good."""
        leftovers = []
        for captured in self.captured:
            self._report("clean up", captured.target)
            try:
                await self.effects.delete_snapshot(captured.target.canister, captured.snapshot.id)
            except QuriError as error:
                leftovers.append(CaptureFailure(captured.target, error))
        return tuple(leftovers)

    async def give_up(self, error: BaseException) -> None:
        """Remove what was written and what was taken; `error`, which led here, is the one to report."""
        if self.writer.path.exists():
            self.writer.abandon()
        for captured in self.captured:
            await self._delete_after(error, captured.target, captured.snapshot)

    async def _delete_after(self, error: BaseException, target: BackupTarget, snapshot: Snapshot) -> None:
        """Delete a snapshot because of `error`; where that fails, `error` also says what is left to do."""
        try:
            await self.effects.delete_snapshot(target.canister, snapshot.id)
        except QuriError as failure:
            left = (
                f"Snapshot {snapshot.id.hex()} of {target.name} is still on chain and costs cycles ({failure}): "
                f"icp canister snapshot delete {target.canister.to_str()} {snapshot.id.hex()}"
            )
            self._report("left on chain", target, note=left)
            if isinstance(error, QuriError):
                error.next_step = f"{error.next_step} {left}".strip()

    def _report(
        self, phase: str, target: BackupTarget, done: int = 0, total: int = 0, unit: str = "steps", note: str = ""
    ) -> None:
        self.progress.report(ProgressEvent(phase, done, total, unit, note, subject=target.name))


def _verify(target: BackupTarget, status: CanisterStatus, metadata: SnapshotMetadata, download: Download) -> None:
    sizes = {file.path: file.size for file in download.files}
    stated = {
        "wasm_module.bin": metadata.wasm_module_size,
        "wasm_memory.bin": metadata.wasm_memory_size,
        "stable_memory.bin": metadata.stable_memory_size,
    }
    for name, size in stated.items():
        if sizes[name] != size:
            raise CorruptionError(f"{name} of {target.name} has {sizes[name]} bytes instead of {size}")
    if download.sha256_of("wasm_module.bin") != status.module_hash:
        raise CorruptionError(
            f"The module of {target.name} does not have the hash that the canister showed",
            why="It was upgraded while the backup ran, or the download is damaged.",
            next_step="Run the backup again.",
        )


def _manifest_files(folder: str, record: WrittenFile, download: Download) -> tuple[ManifestFile, ...]:
    snapshot_files = sorted(download.files, key=lambda file: file.path)
    return (
        ManifestFile(PurePosixPath(folder, record.path), record.size, record.sha256),
        *(
            ManifestFile(PurePosixPath(folder, SNAPSHOT_NAME, file.path), file.size, file.sha256)
            for file in snapshot_files
        ),
    )


def _nothing_captured(failures: list[CaptureFailure]) -> QuriError:
    if len(failures) == 1:
        return failures[0].error
    codes = {failure.error.exit_code for failure in failures}
    return BackupFailed(
        f"None of the {len(failures)} canisters could be backed up",
        why="; ".join(f"{failure.target.name}: {failure.error}" for failure in failures),
        next_step=next((failure.error.next_step for failure in failures if failure.error.next_step), ""),
        exit_code=codes.pop() if len(codes) == 1 else None,
    )
