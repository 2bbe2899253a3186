"""Planning a prune: which sets and packs go now, which are marked to go later, and what forbids it. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from quri_console.progress import NoProgress, Progress, ProgressEvent
from quri_console.repository.backend import Backend
from quri_console.repository.catalogue import Catalogue, SetState, read_catalogue
from quri_console.repository.index import PACKS_FOLDER, Index, load_index, pack_id
from quri_console.repository.index_rewrite import fragment_names, is_scattered
from quri_console.repository.leftovers import notes_of_committed, temporary_files
from quri_console.repository.marks import MARKS_FOLDER
from quri_console.repository.needed import Needs, PackUse, pack_uses, read_needs
from quri_console.repository.pack_marks import read_pack_marks
from quri_console.repository.prune_plan import (
    DEFAULT_GRACE,
    DEFAULT_REPACK_SHARE,
    PackStep,
    PrunePlan,
    Repack,
    SetRemoval,
    WaitingSet,
)
from quri_console.repository.removal_rules import (
    Objection,
    objections_to_any,
    objections_to_future,
    objections_to_last,
    objections_to_set,
)
from quri_console.repository.sets import set_folder
from quri_console.repository.store import Repository
from quri_console.repository.trash import Forgotten, trash_object
from quri_console.units import format_duration

TEMPORARY_FILE_AGE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Survey:
    """A plan with what it was made from: the index, what is needed, and the use of every pack."""

    plan: PrunePlan
    index: Index
    needs: Needs
    uses: Mapping[bytes, PackUse]


def plan_prune(
    repository: Repository,
    *,
    now: datetime,
    grace: timedelta = DEFAULT_GRACE,
    repack_share: float = DEFAULT_REPACK_SHARE,
    progress: Progress | None = None,
) -> PrunePlan:
    """What a prune would do now. Sets forgotten, and packs marked, at least `grace` ago go for good.

    Packs of which more than `repack_share` is needed by no set are repacked. What forbids it stands in `refusals`.
    Raises WrongKey, NewerFormat, StorageFailed.
    """
    return survey(repository, now=now, grace=grace, repack_share=repack_share, progress=progress).plan


def survey(
    repository: Repository,
    *,
    now: datetime,
    grace: timedelta,
    repack_share: float,
    progress: Progress | None = None,
    still_locked: Callable[[], None] = lambda: None,
) -> Survey:
    """The plan and what it was made from; `still_locked` is called often and may raise. Raises as `plan_prune`."""
    backend = repository.backend
    _ = repository.vault  # whoever has no key is told so, even where no list of chunks has to be read
    catalogue = read_catalogue(repository, now)
    kept_back = tuple(_kept_back(catalogue, now, grace))
    leaving, waiting, staying = _parted(catalogue, kept_back, now, grace)
    marks = read_pack_marks(backend)
    marked_at = marks.marked_at()
    index = load_index(backend, avoid=frozenset(marked_at))
    keep = (*catalogue.remaining, *staying)
    shown = _shown(progress or NoProgress(), len(keep) + len(waiting), still_locked)
    unfinished = [item.name for item in catalogue.unfinished]
    needs = read_needs(repository, index, keep=keep, maybe=waiting, unfinished=unfinished, report=shown)
    refusals = (
        *objections_to_any(catalogue),
        *objections_to_future(catalogue, now),
        *_cut_off(backend, index),
        *_damage(index, needs, catalogue, grace),
    )
    basis = PrunePlan(now=now, grace=grace, repack_share=repack_share, refusals=refusals, kept_back=kept_back)
    if refusals:
        return Survey(basis, index, needs, {})
    uses = {use.pack.id: use for use in pack_uses(index, needs, marked_at, repack_share=repack_share)}
    steps = _Steps(basis, marked_at)
    for use in uses.values():
        steps.place(use)
    fragments = len(fragment_names(backend))
    plan = replace(
        basis,
        sets=tuple(_removals(backend, leaving, catalogue.half_removed)),
        waiting_sets=tuple(_waiting(backend, waiting, grace)),
        unmarked=tuple(steps.unmarked),
        marked=tuple(steps.marked),
        deleted=tuple(steps.deleted),
        waiting_packs=tuple(steps.waiting),
        repacked=tuple(steps.repacked),
        compacts_index=is_scattered(fragments, len(index.packs)),
        index_fragments=fragments,
        temporary_files=temporary_files(backend, now - TEMPORARY_FILE_AGE),
        notes=notes_of_committed(backend, (state.name for state in (*keep, *waiting))),
        gone_marks=tuple(sorted(marked_at.keys() - index.packs.keys())),
        unreadable_marks=marks.unreadable,
        unindexed=tuple(sorted(index.unindexed - {step.id for step in steps.deleted})),
    )
    return Survey(plan, index, needs, uses)


def _kept_back(catalogue: Catalogue, now: datetime, grace: timedelta) -> Iterator[Objection]:
    """Why forgotten sets whose time has come must stay nevertheless."""
    for name in catalogue.unreadable_trash:
        yield Objection(
            f"The mark that backup {name} is forgotten cannot be read, so it counts as not forgotten",
            "The file was changed after it was written.",
            f"`quri-console forget {name}` marks it anew, `quri-console forget --undo {name}` removes the mark.",
            name,
        )
    due = [state for state in catalogue.forgotten if _is_due(state, now, grace)]
    for state in due:
        yield from objections_to_set(state)
    yield from objections_to_last(due, catalogue.remaining, is_damaged=_went_damaged)


def _went_damaged(state: SetState) -> bool:
    # it could be forgotten only because it was damaged: to ask the rule again would keep it for ever
    return state.forgotten is not None and state.forgotten.damaged


def _is_due(state: SetState, now: datetime, grace: timedelta) -> bool:
    return state.forgotten is not None and now - state.forgotten.at >= grace


def _parted(
    catalogue: Catalogue, kept_back: Iterable[Objection], now: datetime, grace: timedelta
) -> tuple[list[SetState], list[SetState], list[SetState]]:
    """The forgotten sets that leave now, those that wait, and those that must stay."""
    held = {objection.set_name for objection in kept_back}
    leaving, waiting, staying = [], [], []
    for state in catalogue.forgotten:
        if state.name in held:
            staying.append(state)
        elif _is_due(state, now, grace):
            leaving.append(state)
        else:
            waiting.append(state)
    return leaving, waiting, staying


def _shown(progress: Progress, total: int, still_locked: Callable[[], None]) -> Callable[[int], None]:
    def show(done: int) -> None:
        still_locked()
        progress.report(ProgressEvent("read lists of chunks", done, total, "backups"))

    return show


def _cut_off(backend: Backend, index: Index) -> Iterator[Objection]:
    """Packs that are not as long as they were: what they held may be in others that would go."""
    for entry in backend.list(PACKS_FOLDER):
        pack = index.packs.get(pack_id(entry.name) or b"")
        if pack is not None and pack.size != entry.size:
            yield Objection(
                f"{entry.name} is damaged, so it is not known what may go",
                f"It has {entry.size} bytes instead of {pack.size}.",
                "`quri-console check` tells which backups need it, `quri-console repair` what can be done.",
            )


def _damage(index: Index, needs: Needs, catalogue: Catalogue, grace: timedelta) -> Iterator[Objection]:
    """Why it cannot be said what is needed: then nothing is deleted, because anything might be."""
    for problem in index.problems:
        yield Objection(
            f"{problem.name} cannot be used, so it is not known what may go",
            problem.why,
            "`quri-console check` tells what is damaged, `quri-console repair` what can be done.",
        )
    forgotten = {state.name: state.forgotten for state in catalogue.forgotten}
    for unreadable in needs.unreadable:
        yield Objection(
            f"Backup {unreadable.name} is damaged, so it is not known what it needs",
            unreadable.why,
            _way_out(unreadable.name, forgotten.get(unreadable.name), grace),
        )


def _way_out(name: str, forgotten: Forgotten | None, grace: timedelta) -> str:
    if forgotten is None:
        return f"`quri-console check` tells more; if nothing can be repaired, `quri-console forget {name}`."
    return (
        f"It goes when it has been forgotten for {format_duration(grace.total_seconds())}, at "
        f"{forgotten.at + grace:%Y-%m-%d %H:%M} UTC; a shorter `--grace` takes it sooner."
    )


class _Steps:
    """Sorts packs by what happens to them."""

    def __init__(self, plan: PrunePlan, marked_at: Mapping[bytes, datetime]) -> None:
        self._plan = plan
        self._marked_at = marked_at
        self.unmarked: list[PackStep] = []
        self.marked: list[PackStep] = []
        self.deleted: list[PackStep] = []
        self.waiting: list[PackStep] = []
        self.repacked: list[Repack] = []

    def place(self, use: PackUse) -> None:
        """Decide about one pack."""
        marked_at = self._marked_at.get(use.pack.id)
        if use.kept_bytes:
            if marked_at is not None:
                self.unmarked.append(PackStep(use.pack.id, use.pack.size, "a backup needs it again"))
            elif use.unneeded_bytes > self._plan.repack_share * use.content_bytes:
                live = use.kept_bytes + use.maybe_bytes
                self.repacked.append(Repack(use.pack.id, use.pack.size, live, use.unneeded_bytes))
        elif marked_at is None:
            self._unneeded(use)
        elif use.maybe_bytes:
            self._wait(use, "only forgotten or unfinished backups need it, and they may come back")
        elif self._plan.now - marked_at >= self._plan.grace:
            self._delete(use, f"marked {marked_at:%Y-%m-%d %H:%M} UTC and needed by no backup since")
        else:
            until = marked_at + self._plan.grace
            self._wait(use, f"marked {marked_at:%Y-%m-%d %H:%M} UTC, goes after {until:%Y-%m-%d %H:%M} UTC")

    def _unneeded(self, use: PackUse) -> None:
        if use.maybe_bytes:
            self.marked.append(PackStep(use.pack.id, use.pack.size, "only forgotten or unfinished backups need it"))
            return
        why = "all that is needed of it lies in other packs, too" if use.copied else "no backup needs it"
        if self._plan.hasty:
            self._delete(use, why)
        else:
            self.marked.append(PackStep(use.pack.id, use.pack.size, why))

    def _delete(self, use: PackUse, why: str) -> None:
        self.deleted.append(PackStep(use.pack.id, use.pack.size, why))

    def _wait(self, use: PackUse, why: str) -> None:
        self.waiting.append(PackStep(use.pack.id, use.pack.size, why))


def _removals(backend: Backend, leaving: Iterable[SetState], half: Iterable[Forgotten]) -> Iterator[SetRemoval]:
    began = {mark.set_name for mark in half}
    marks = [state.forgotten for state in leaving if state.forgotten is not None]
    for mark in sorted([*marks, *half], key=lambda mark: mark.set_name):
        size = set_bytes(backend, mark.set_name)
        yield SetRemoval(mark.set_name, size, mark.at, mark.by, mark.reason, mark.set_name in began)


def _waiting(backend: Backend, waiting: Iterable[SetState], grace: timedelta) -> Iterator[WaitingSet]:
    for state in waiting:
        if state.forgotten is not None:
            yield WaitingSet(state.name, set_bytes(backend, state.name), state.forgotten.at + grace)


def set_bytes(backend: Backend, name: str) -> int:
    """What a forgotten set's own objects take: its folder, its marks, and the mark that it is forgotten."""
    folders = (set_folder(name), f"{MARKS_FOLDER}/{name}")
    trash = backend.head(trash_object(name))
    own = sum(entry.size for folder in folders for entry in backend.list(folder))
    return own + (0 if trash is None else trash.size)
