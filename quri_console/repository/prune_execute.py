"""Carrying a prune out, under the exclusive lock: each step leaves a repository in which every kept set is whole.

Whatever is killed anywhere is done again by the next prune: sets lose their manifest first and their mark in the
trash last, packs are taken out of the index before they are deleted, and new packs are in place before old ones are
marked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from quri_console.errors import CorruptionError, RefusedBySafetyRule
from quri_console.progress import NoProgress, Progress, ProgressEvent
from quri_console.repository.backend import ObjectMissing
from quri_console.repository.frames import FrameReader
from quri_console.repository.index import IndexedPack, Location, load_index, put_fragment
from quri_console.repository.index_rewrite import compact_index, drop_from_index
from quri_console.repository.leftovers import remove_temporary_file
from quri_console.repository.locks import RepositoryLock
from quri_console.repository.marks import MARKS_FOLDER
from quri_console.repository.needed import needed_in
from quri_console.repository.pack_marks import drop_pack_marks, put_pack_marks
from quri_console.repository.prune import Survey, survey
from quri_console.repository.prune_plan import DamagedPack, PrunePlan, PruneResult
from quri_console.repository.repack import Repacked, repack
from quri_console.repository.sets import BEGUN_NAME, manifest_object, set_folder
from quri_console.repository.store import Repository
from quri_console.repository.trash import trash_object


def execute_prune(
    repository: Repository, plan: PrunePlan, lock: RepositoryLock, *, progress: Progress | None = None
) -> PruneResult:
    """Do what a plan says under the exclusive lock. Packs that turn out damaged are left and named in the result.

    Raises RefusedBySafetyRule for a plan with refusals, and when the repository is no longer as it was planned for;
    LockLost, StorageFailed, DiskFull, WrongKey, CorruptionError when a new pack does not read back.
    """
    if lock.info is None or lock.info.kind != "exclusive":
        raise ValueError("a prune needs the exclusive lock")
    plan.refuse()
    show = progress or NoProgress()
    found = survey(
        repository,
        now=plan.now,
        grace=plan.grace,
        repack_share=plan.repack_share,
        progress=show,
        still_locked=lock.refresh_if_due,
    )
    if found.plan != plan:
        found.plan.refuse()
        raise RefusedBySafetyRule(
            "The repository has changed since this prune was planned",
            why="A backup was taken, forgotten, pinned or brought back meanwhile; nothing was deleted.",
            next_step="Run `quri-console prune` again and read the new plan.",
        )
    try:
        return _Execution(repository, found, lock, show).run()
    finally:
        repository.forget_index()


class _Execution:
    """One prune under way."""

    def __init__(self, repository: Repository, found: Survey, lock: RepositoryLock, progress: Progress) -> None:
        self._repository = repository
        self._backend = repository.backend
        self._found = found
        self._plan = found.plan
        self._lock = lock
        self._progress = progress
        self._freed = 0
        self._damaged: list[DamagedPack] = []

    def run(self) -> PruneResult:
        """All steps, in the order that keeps every kept set whole."""
        plan = self._plan
        drop_pack_marks(self._backend, {*(step.id for step in plan.unmarked), *plan.gone_marks})
        self._delete((name, 0) for name in plan.unreadable_marks)
        for item in plan.sets:
            self._remove_set(item.name)
        if plan.marked:
            put_pack_marks(self._backend, (step.id for step in plan.marked), plan.now)
        self._delete_packs([step.id for step in plan.deleted])
        repacked = self._repack()
        if plan.unindexed:
            put_fragment(self._backend, [self._found.index.packs[identifier] for identifier in plan.unindexed])
        if plan.compacts_index:
            compact_index(self._backend, load_index(self._backend).packs.values())
        for leftover in plan.temporary_files:
            remove_temporary_file(self._backend, leftover)
            self._freed += leftover.size
        self._delete((note.path, note.size) for note in plan.notes)
        return PruneResult(
            plan, self._freed, repacked.written_bytes, len(repacked.new_packs), (*self._damaged, *repacked.damaged)
        )

    def _remove_set(self, name: str) -> None:
        """Its own files, in an order in which it is no backup from the first step on, and forgotten to the last."""
        folder = set_folder(name)
        # the manifest first; the mark of who made it last, because it keeps the name from being taken again
        rank = {manifest_object(name): 0, f"{folder}/{BEGUN_NAME}": 2}
        own = sorted(self._backend.list(folder), key=lambda entry: rank.get(entry.name, 1))
        marks = list(self._backend.list(f"{MARKS_FOLDER}/{name}"))
        self._delete((entry.name, entry.size) for entry in (*own, *marks))
        trash = self._backend.head(trash_object(name))
        if trash is not None:
            self._delete([(trash.name, trash.size)])

    def _delete(self, objects: Iterable[tuple[str, int]]) -> None:
        for name, size in objects:
            self._lock.refresh_if_due()
            self._backend.delete(name)
            self._freed += size

    def _delete_packs(self, identifiers: Sequence[bytes]) -> None:
        """Take packs away of which nothing is needed, or only what was just read from other packs."""
        packs = [self._found.index.packs[identifier] for identifier in identifiers]
        wrong = self._not_elsewhere(packs)
        if wrong:
            self._damaged += [DamagedPack(pack.id, "Its copies cannot be read.") for pack in packs if pack.id in wrong]
            drop_pack_marks(self._backend, wrong)
        going = [pack for pack in packs if pack.id not in wrong]
        if not going:
            return
        drop_from_index(self._backend, {pack.id for pack in going})
        for done, pack in enumerate(going, 1):
            self._delete([(pack.name, pack.size)])
            self._progress.report(ProgressEvent("delete packs", done, len(going), "packs"))
        drop_pack_marks(self._backend, {pack.id for pack in going})

    def _not_elsewhere(self, packs: Sequence[IndexedPack]) -> Collection[bytes]:
        """Those of these packs that hold needed chunks of which no other pack holds a readable copy."""
        wanted = needed_in(packs, self._found.needs)
        if not wanted:
            return ()
        going = {pack.id for pack in packs}
        reader = FrameReader(self._backend, self._repository.vault)
        for pack in load_index(self._backend).packs.values():
            if pack.id in going:
                continue
            self._lock.refresh_if_due()
            for frame in pack.frames:
                held = [chunk.id for chunk in frame.header.chunks if chunk.id in wanted]
                if held and _reads_back(reader, held[0], Location(pack, frame)):
                    wanted.difference_update(held)
        return {pack.id for pack in packs if any(chunk.id in wanted for chunk in pack.chunks)}

    def _repack(self) -> Repacked:
        plan, uses = self._plan, self._found.uses
        if not plan.repacked:
            return Repacked((), (), (), 0)
        shown = self._shown("repack", sum(item.size for item in plan.repacked))
        repacked = repack(self._repository, self._found.index, [uses[item.id] for item in plan.repacked], shown)
        if repacked.replaced:
            put_pack_marks(self._backend, repacked.replaced, plan.now)
        if plan.hasty:
            self._delete_packs(repacked.replaced)
        return repacked

    def _shown(self, phase: str, total: int) -> Callable[[int], None]:
        done = 0

        def show(size: int) -> None:
            nonlocal done
            done += size
            self._lock.refresh_if_due()
            self._progress.report(ProgressEvent(phase, done, total, "bytes"))

        return show


def _reads_back(reader: FrameReader, identifier: bytes, place: Location) -> bool:
    """Whether the whole frame that holds a chunk is as its names say."""
    try:
        reader.chunk(identifier, (place,))
    except (CorruptionError, ObjectMissing):
        return False
    return True
