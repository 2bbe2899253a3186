"""Taking a backup: status → stop → take → start → copy into the repository → manifest → delete the snapshot.

A canister that ran is started again before the copy begins, so it is down for seconds. The snapshot on chain is
deleted only when the set is committed: until then it is the only whole copy.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import quri_console
from quri_console.backup.backup_set import BackupInterrupted, BackupRequest, BackupSet, nothing_captured
from quri_console.backup.bill import snapshot_bytes
from quri_console.backup.canister_records import (
    other_module,
    put_extras,
    put_health,
    put_state,
    put_status,
    status_record,
    stored_module_hash,
    warnings_of,
)
from quri_console.backup.copy_state import PACKER_THREADS, CopiedState, ProgressNotes, StateCopier
from quri_console.backup.download import SnapshotSource
from quri_console.backup.earlier import Earlier, earlier_copies
from quri_console.backup.extras import Extras, read_extras
from quri_console.backup.health_replies import HealthReply, ask_around, compared, not_asked
from quri_console.backup.interchange import Slice
from quri_console.backup.manifest import (
    GroupWindow,
    ManifestCanister,
    ManifestFailure,
    NetworkOrigin,
    document_of,
    folder_name,
    set_items,
)
from quri_console.backup.own_snapshots import snapshot_to_replace, snapshots_to_delete
from quri_console.backup.plan import read_status, require_possible, require_room
from quri_console.backup.resume import SET_RESERVED, Resumed
from quri_console.backup.resume_notes import slices_done
from quri_console.backup.reuse import look_before_reuse
from quri_console.backup.seen import keep_what_is_seen
from quri_console.backup.take import CaptureFailure, Subject, Taken, TakenTogether, Taker
from quri_console.backup.target import BackupTarget
from quri_console.clock import Clock, utc_datetime
from quri_console.errors import Cancelled, CorruptionError, NetworkError, QuriError
from quri_console.ic.management.types import CanisterStatus, Snapshot
from quri_console.ic.public import subnet_id_of
from quri_console.progress import Progress, ProgressEvent
from quri_console.repository.chunk_list import ChunkId
from quri_console.repository.chunk_writer import ChunkWriter
from quri_console.repository.set_writer import SetWriter
from quri_console.repository.sets import SetManifest
from quri_console.tasks import first_failure

if TYPE_CHECKING:
    from quri_console.effects.perform import Effects


@dataclass(frozen=True, slots=True)
class _Captured:
    taken: Taken
    folder: str
    copied: CopiedState
    entry: ManifestCanister
    extras: Extras
    health: tuple[HealthReply, ...]
    read_module: bool


@dataclass(slots=True)
class _Tally:
    """What became of the targets so far."""

    captured: list[_Captured] = field(default_factory=list)
    seen: list[ManifestCanister] = field(default_factory=list)
    """Canisters of which only the status is kept."""
    failures: list[CaptureFailure] = field(default_factory=list)
    groups: list[GroupWindow] = field(default_factory=list)
    folders: set[str] = field(default_factory=set)
    interrupted: list[CaptureFailure] = field(default_factory=list)


async def back_up(
    request: BackupRequest,
    effects: Effects,
    *,
    clock: Clock,
    progress: Progress,
    checkpoint: Callable[[], None] = lambda: None,
    resumed: Resumed | None = None,
) -> BackupSet:
    """Back up the targets into one set, from the start or from where an earlier process of this operation stopped.

    One canister's failure leaves the others alone; the set is then partial. When none could be captured its error
    (or BackupFailed for several) is raised and nothing that could be taken for a backup is left. However this ends,
    a canister has the status that it had before, or the error says that it has not. `checkpoint` is called for every
    slice and raises Cancelled when the operator asked to abort. A lock of the repository must be held.
    """
    repository = request.repository
    if resumed is None:
        writer = await repository.begin_set({"operation": request.operation, "network": request.network})
        effects.journal.append(SET_RESERVED, set=writer.name, repository=repository.id)
    else:
        writer = repository.resume_set(resumed.set_name)
    job = _Job(request, effects, clock, progress, writer, checkpoint, resumed)
    try:
        await job.capture_all()
        manifest = await job.commit()
    except BackupInterrupted:
        raise
    except BaseException as error:
        await job.give_up(error)
        raise
    finally:
        job.close()
    progress.report(ProgressEvent("commit", 1, 1, "steps", subject=writer.name))
    leftovers = await job.delete_snapshots()
    tally = job.tally
    captured = (*(part.entry for part in tally.captured), *tally.seen)
    stored = job.chunks.totals.stored_bytes + sum(file.size for file in manifest.files)
    return BackupSet(writer.name, captured, tuple(tally.failures), leftovers, tuple(tally.groups), stored)


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
        resumed: Resumed | None,
    ) -> None:
        self.request = request
        self.effects = effects
        self.clock = clock
        self.progress = progress
        self.writer = writer
        self.checkpoint = checkpoint
        self.resumed = resumed
        self.tally = _Tally()
        self.network = NetworkOrigin(request.network, hashlib.sha256(effects.agent.root_key).digest())
        self.notes = ProgressNotes(writer.put_note)
        self.chunks: ChunkWriter = request.repository.chunk_writer(
            level=request.compression_level, on_durable=self.notes.durable_to
        )
        self.threads = ThreadPoolExecutor(PACKER_THREADS, thread_name_prefix="packer")
        self.earlier: Mapping[str, Earlier] = {}

    def close(self) -> None:
        """Wait for the packer threads, so that none writes after this."""
        self.threads.shutdown()

    async def capture_all(self) -> None:
        """Capture every target, a group at a time; raises when none succeeded."""
        self.notes.start_at(await asyncio.to_thread(lambda: sum(1 for _ in self.writer.notes())))
        subjects = {self.network.subject(target.canister) for target in self.request.targets}
        self.earlier = await asyncio.to_thread(earlier_copies, self.request.repository, subjects)
        for name, members in units(self.request.targets):
            if self.request.mode == "metadata":
                await self._look_at(members)
            else:
                await self._capture_unit(name, members)
        if not self.tally.captured and not self.tally.seen:
            raise self._nothing_captured()

    def _nothing_captured(self) -> QuriError:
        interrupted, failures = self.tally.interrupted, self.tally.failures
        if interrupted and not failures:
            return BackupInterrupted(
                "The network went away while the backup was being copied",
                why=str(interrupted[0].error),
                next_step=f"`quri-console operations resume {self.request.operation}` goes on where it stopped; "
                "`operations abort` deletes what was copied, and the snapshot, which costs cycles until then.",
            )
        return nothing_captured([*failures, *interrupted])

    async def _capture_unit(self, name: str, members: Sequence[BackupTarget]) -> None:
        together = await self._taken(name, members)
        self.tally.failures += together.failures
        if together.window is not None:
            self.tally.groups.append(together.window)
        for taken in together.taken:
            await self._copy_isolated(taken, together.window)

    async def _taken(self, name: str, members: Sequence[BackupTarget]) -> TakenTogether:
        there: list[Taken] = []
        failures: list[CaptureFailure] = []
        subjects: list[Subject] = []
        for target in members:
            try:
                again = None if self.resumed is None else await self._taken_before(target)
                if again is not None:
                    there.append(again)
                else:
                    subjects.append(await self._checked(target))
            except Cancelled:
                raise
            except QuriError as error:
                failures.append(CaptureFailure(target, error))
                self._report("failed", target, note=str(error))
        taker = Taker(
            self.effects,
            self.clock,
            mode=self.request.mode,
            stop_timeout_seconds=self.request.stop_timeout_seconds,
            report=lambda phase, target, note: self._report(phase, target, note=note),
            give_back=self._delete_after,
        )
        # after a crash the members' snapshots are no longer known to be one cut, unless all are there
        together = await taker.take(name if not there and not failures else "", subjects)
        window = together.window
        if name and len(members) > 1 and window is None and self.request.mode == "stop":
            window = self._window_before(name, there, members)
        return TakenTogether((*there, *together.taken), (*failures, *together.failures), window)

    def _window_before(self, name: str, there: Sequence[Taken], members: Sequence[BackupTarget]) -> GroupWindow:
        noted = self.resumed.group(name) if self.resumed is not None else None
        if noted is not None and len(there) == len(members):
            return noted
        return GroupWindow(name, False, reason="Not all of its members were stopped together.")

    async def _taken_before(self, target: BackupTarget) -> Taken | None:
        assert self.resumed is not None
        snapshot = await self.resumed.snapshot_of(self.effects, target.canister)
        if snapshot is None:
            return None
        noted = self.resumed.status_of(target.canister)
        status = noted or await read_status(self.effects.agent, target)
        return Taken(Subject(target, status), snapshot, own=self.request.mode != "reuse")

    async def _checked(self, target: BackupTarget) -> Subject:
        self._report("status", target)
        if self.request.mode == "reuse":
            return await look_before_reuse(self.effects.agent, target, self.clock)
        status = await read_status(self.effects.agent, target)
        require_possible(target, status, self.request.mode)
        await asyncio.to_thread(self._require_room, snapshot_bytes(status))
        own = self._earlier(target).own_snapshots
        room = await snapshot_to_replace(self.effects.agent, target, own)
        await self._note_status(target, status)
        return Subject(target, status, room, health=await self._health(target, status.status == "running"))

    async def _health(self, target: BackupTarget, is_running: bool) -> tuple[HealthReply, ...]:
        if not is_running:
            return not_asked(target.health_checks, "it was not running")
        return await ask_around(self.effects.agent, target.canister, target.health_checks, self.clock)

    async def _health_of_copy(self, taken: Taken) -> tuple[HealthReply, ...]:
        """What can be compared with the copy, now that it was taken and the canister runs again."""
        target, before = taken.subject.target, taken.subject.health
        if not before:
            return not_asked(target.health_checks, "its snapshot had been taken before")
        if all(reply.reply is None for reply in before):
            return before
        return compared(before, await self._health(target, is_running=True))

    def _earlier(self, target: BackupTarget) -> Earlier:
        return self.earlier.get(self.network.subject(target.canister), Earlier())

    async def _note_status(self, target: BackupTarget, status: CanisterStatus) -> None:
        record = status_record(target, status, self.clock)
        await asyncio.to_thread(self.writer.put_note, f"status-{target.canister.to_str()}", record)

    async def _copy_isolated(self, taken: Taken, window: GroupWindow | None) -> None:
        """Copy one snapshot; its failure is noted, and its snapshot deleted unless a resumed run can use it."""
        target = taken.subject.target
        folder = folder_name(target.name, target.canister, self.tally.folders)
        try:
            captured = await self._copy(taken, folder, window)
        except BaseException as error:
            if not await self._left_out(taken, error):
                raise
        else:
            self.tally.captured.append(captured)
            self.tally.folders.add(folder)

    async def _left_out(self, taken: Taken, error: BaseException) -> bool:
        """Note why a canister is not in the set; False when `error` concerns more than this canister."""
        target = taken.subject.target
        if isinstance(error, NetworkError) and not isinstance(error, Cancelled):
            # its snapshot is kept: a resumed operation goes on with it
            self.tally.interrupted.append(CaptureFailure(target, error))
        else:
            await self._return(error, taken)
            if isinstance(error, Cancelled) or not isinstance(error, QuriError):
                return False
            self.tally.failures.append(CaptureFailure(target, error))
        self._report("failed", target, note=str(error))
        return True

    async def _return(self, error: BaseException, taken: Taken) -> None:
        if taken.own:
            await self._delete_after(error, taken.subject.target, taken.snapshot)

    async def _copy(self, taken: Taken, folder: str, window: GroupWindow | None) -> _Captured:
        target, agent = taken.subject.target, self.effects.agent
        source = SnapshotSource(agent, target.canister, taken.snapshot.id, self.clock)
        metadata = taken.subject.metadata or await source.metadata()
        total = metadata.wasm_module_size + metadata.wasm_memory_size + metadata.stable_memory_size
        done_bytes = 0

        def advance(count: int) -> None:
            nonlocal done_bytes
            done_bytes += count
            self.checkpoint()
            self._report("download", target, done_bytes, max(done_bytes, total), "bytes")

        earlier = self._earlier(target)
        known = earlier.module(taken.subject.status.module_hash, metadata.wasm_module_size) if taken.own else None
        await asyncio.to_thread(self._require_room, total)
        self._report("download", target, 0, total, "bytes")
        done = await asyncio.to_thread(self._done_before, taken)
        before = self.chunks.totals.new_bytes
        copier = StateCopier(source, self.chunks, self.threads, self.notes, advance)
        # what takes a round trip each is asked beside the slices, which take many
        async with first_failure() as tasks:
            tasks.create_task(self._require_same_module(taken))
            extras_read = tasks.create_task(
                read_extras(
                    agent,
                    target.canister,
                    proxy=self.request.proxy,
                    export_method=target.export_method,
                    clock=self.clock,
                )
            )
            health = tasks.create_task(self._health_of_copy(taken))
            subnet = tasks.create_task(subnet_id_of(agent, target.canister))
            copied = await copier.copy(metadata, done=done, chunk_bytes=earlier.chunk_bytes, known_module=known)
        extras = extras_read.result()
        entry = ManifestCanister(
            canister=target.canister,
            name=target.name,
            folder=folder,
            subnet=subnet.result(),
            taken_at=utc_datetime(taken.snapshot.taken_at_ns),
            mode=self.request.mode,
            status_before=taken.subject.status.status,
            snapshot_id=taken.snapshot.id,
            module_hash=taken.subject.status.module_hash or b"",
            state_bytes=copied.state_bytes,
            new_bytes=self.chunks.totals.new_bytes - before,
            cycles_before=taken.subject.status.cycles,
            group=window.name if window is not None else "",
            warnings=warnings_of(self.request.mode, extras, window),
        )
        return _Captured(taken, folder, copied, entry, extras, health.result(), known is None)

    def _require_room(self, total: int) -> None:
        # what is known already takes no room; this errs upwards for all but the first backup
        require_room(self.request.repository, total // 8 if self.earlier else total)

    def _done_before(self, taken: Taken) -> Mapping[Slice, tuple[ChunkId, ...]]:
        """The slices of this snapshot that an earlier process of this operation stored."""
        if self.resumed is None:
            return {}
        return slices_done(self.writer, taken.snapshot.id, self.request.repository.index)

    async def _require_same_module(self, taken: Taken) -> None:
        """CorruptionError when the module was exchanged between the status and the snapshot."""
        if not taken.own or self.resumed is not None:
            return
        status = await read_status(self.effects.agent, taken.subject.target)
        if status.module_hash != taken.subject.status.module_hash:
            raise other_module(taken.subject.target.name)

    async def _look_at(self, members: Sequence[BackupTarget]) -> None:
        """Keep what can be seen of canisters without their state."""
        for target in members:
            try:
                self.checkpoint()
                self._report("status", target)
                folder = folder_name(target.name, target.canister, self.tally.folders)
                self.tally.seen.append(
                    await keep_what_is_seen(
                        self.effects.agent, target, self.writer, folder, proxy=self.request.proxy, clock=self.clock
                    )
                )
                self.tally.folders.add(folder)
            except Cancelled:
                raise
            except QuriError as error:
                self.tally.failures.append(CaptureFailure(target, error))
                self._report("failed", target, note=str(error))

    async def commit(self) -> SetManifest:
        """Everything durable, modules compared with what the canisters showed, records, and last the manifest."""
        asked = list(self.tally.captured)
        async with first_failure() as tasks:
            asking = tasks.create_task(self._statuses(asked))
            await asyncio.to_thread(self.chunks.flush)
        await self._note_bills(asked, asking.result())
        for captured in list(self.tally.captured):
            try:
                await asyncio.to_thread(self._finish, captured)
            except CorruptionError as error:
                self.tally.captured.remove(captured)
                await self._return(error, captured.taken)
                self.tally.failures.append(CaptureFailure(captured.taken.subject.target, error))
        if not self.tally.captured and not self.tally.seen:
            raise self._nothing_captured()
        self.tally.failures += self.tally.interrupted
        document = document_of(
            tool=f"quri-console {quri_console.__version__}",
            operation=self.request.operation,
            network=self.network,
            failures=[
                ManifestFailure(f.target.canister, f.target.name, str(f.error), f.error.next_step)
                for f in self.tally.failures
            ],
            groups=self.tally.groups,
        )
        entries = (*(captured.entry for captured in self.tally.captured), *self.tally.seen)
        return await asyncio.to_thread(self.writer.commit, set_items(self.network, entries), document)

    async def _statuses(self, asked: Sequence[_Captured]) -> list[CanisterStatus | BaseException]:
        agent = self.effects.agent
        asking = (read_status(agent, captured.taken.subject.target) for captured in asked)
        return await asyncio.gather(*asking, return_exceptions=True)

    async def _note_bills(self, asked: Sequence[_Captured], answers: Sequence[CanisterStatus | BaseException]) -> None:
        """Note what each canister has left; one that cannot be asked any more is left out."""
        for captured, answer in zip(asked, answers, strict=True):
            position = self.tally.captured.index(captured)
            if isinstance(answer, BaseException):
                del self.tally.captured[position]
                if not await self._left_out(captured.taken, answer):
                    raise answer
            else:
                entry = replace(captured.entry, cycles_after=answer.cycles)
                self.tally.captured[position] = replace(captured, entry=entry)

    def _finish(self, captured: _Captured) -> None:
        """Read the module back, then write the canister's records. Raises CorruptionError, StorageFailed, DiskFull."""
        target, copied = captured.taken.subject.target, captured.copied
        self._report("verify", target, copied.state_bytes, copied.state_bytes, "bytes")
        if captured.read_module:
            module_hash = stored_module_hash(self.request.repository, copied)
            if captured.taken.own and module_hash != captured.entry.module_hash:
                raise other_module(target.name)
            # a snapshot that was there may hold another module than the canister has now
            position = self.tally.captured.index(captured)
            self.tally.captured[position] = replace(captured, entry=replace(captured.entry, module_hash=module_hash))
        put_status(self.writer, captured.folder, target, captured.taken.subject.status, self.clock)
        put_state(self.writer, captured.folder, copied)
        put_extras(self.writer, captured.folder, captured.extras)
        put_health(self.writer, captured.folder, captured.health)

    async def delete_snapshots(self) -> tuple[CaptureFailure, ...]:
        """Delete this tool's snapshots but for the newest that are to stay; those that remain are reported."""
        leftovers = []
        for captured in self.tally.captured:
            target = captured.taken.subject.target
            if not captured.taken.own:
                continue
            self._report("clean up", target)
            try:
                own = (*self._earlier(target).own_snapshots, captured.taken.snapshot.id)
                for identifier in await snapshots_to_delete(self.effects.agent, target, own):
                    await self.effects.delete_snapshot(target.canister, identifier)
            except QuriError as error:
                leftovers.append(CaptureFailure(target, error))
        for failure in self.tally.interrupted:
            leftovers += await self._delete_interrupted(failure)
        return tuple(leftovers)

    async def _delete_interrupted(self, failure: CaptureFailure) -> list[CaptureFailure]:
        """The set is committed without it, so nothing will go on with its snapshot."""
        from quri_console.backup.resume import snapshots_of_operation

        canister = failure.target.canister
        try:
            for identifier in snapshots_of_operation(self.effects, canister, doubtful=True):
                await self.effects.delete_snapshot(canister, identifier)
        except QuriError as error:
            return [CaptureFailure(failure.target, error)]
        return []

    async def give_up(self, error: BaseException) -> None:
        """Remove what was written and what was taken; `error`, which led here, is the one to report."""
        # first what was written: on a full disk the journal needs the room to record the deletion
        try:
            await asyncio.to_thread(self.writer.abandon)
        finally:
            for captured in self.tally.captured:
                await self._return(error, captured.taken)

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


def units(targets: Sequence[BackupTarget]) -> Iterator[tuple[str, tuple[BackupTarget, ...]]]:
    """Groups with their members in the given order, and every other target for itself, as they first appear."""
    members: dict[tuple[str, str], list[BackupTarget]] = {}
    for target in targets:
        key = (target.group, "") if target.group else ("", target.canister.to_str())
        members.setdefault(key, []).append(target)
    for (group, _), together in members.items():
        yield group, tuple(together)
