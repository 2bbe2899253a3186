"""Checking the packs themselves: every byte read, every chunk compared with its name; in rounds, if need be."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from itertools import islice

from quri_console.errors import CorruptionError
from quri_console.progress import NoProgress, Progress, ProgressEvent
from quri_console.repository.backend import ObjectMissing
from quri_console.repository.check_report import CheckReport, Damage, DataSummary
from quri_console.repository.check_selection import Everything, Selection
from quri_console.repository.check_structure import REPAIR_INDEX, REPAIR_PACKS, check_structure
from quri_console.repository.damage_reach import Reach, lost_chunks, reach_of
from quri_console.repository.errors import NewerFormat
from quri_console.repository.index import IndexedPack
from quri_console.repository.pack_check import PackVerdict, check_pack
from quri_console.repository.read_log import ReadLog
from quri_console.repository.sets import SetManifest
from quri_console.repository.store import Repository
from quri_console.repository.vault import Vault

WORKERS = 2
_PACKS_PER_NOTE = 64
"""How many packs are read before the log of reads is written: what is lost of it when the process is killed."""


@dataclass(frozen=True, slots=True)
class DataOptions:
    """Which packs to read, and how long. `deadline` is a time of the repository's monotonic clock, None for never."""

    selection: Selection = field(default_factory=Everything)
    deadline: float | None = None

    @property
    def goes_on(self) -> bool:
        """Whether it goes on with a round of reading that an earlier run began."""
        return self.deadline is not None and isinstance(self.selection, Everything)


@dataclass(frozen=True, slots=True)
class DataCheck:
    """A report that tells of packs, too. `whole` are the sets of which every chunk was read and is whole.

    `since_ns`: when the oldest of the reads was made that this rests upon.
    """

    report: CheckReport
    whole: tuple[str, ...]
    since_ns: int


def check_data(
    repository: Repository,
    options: DataOptions | None = None,
    progress: Progress | None = None,
    *,
    structure: CheckReport | None = None,
    log: ReadLog | None = None,
    source: random.Random | None = None,
    keep_alive: Callable[[], None] = lambda: None,
) -> DataCheck:
    """Read packs again, after `check_structure` (its report, when that was just made).

    `keep_alive` is called after every pack. Damage is collected, never raised. Raises as `check_structure`.
    """
    progress = progress or NoProgress()
    structure = structure or check_structure(repository, progress)
    reading = _Reading(repository, structure, options or DataOptions(), log or ReadLog.in_memory(), progress)
    return reading.run(source or random.SystemRandom(), keep_alive)


class _Reading:
    """One run over packs."""

    def __init__(
        self, repository: Repository, structure: CheckReport, options: DataOptions, log: ReadLog, progress: Progress
    ) -> None:
        self._repository = repository
        self._structure = structure
        self._options = options
        self._log = log
        self._progress = progress
        self._index = repository.index
        self._vault: Vault | None = None if structure.key_problem is not None else repository.vault
        self._now_ns = repository.clock.now_ns()
        self._unnoted: list[bytes] = []
        self._good: set[bytes] = set()
        self._bad: list[PackVerdict] = []
        self._done = self._read_bytes = self._content_bytes = 0
        self._key_problem = structure.key_problem

    def run(self, source: random.Random, keep_alive: Callable[[], None]) -> DataCheck:
        """Read what is to be read."""
        last_reads = self._log.last_reads()
        self._log.remove(last_reads.keys() - self._index.packs.keys())
        chosen = self._options.selection.choose(self._index.packs.values(), last_reads, source)
        began = self._round()
        earlier = {pack.id for pack in chosen if self._options.goes_on and last_reads.get(pack.id, -1) >= began}
        todo = [pack for pack in chosen if pack.id not in earlier]
        try:
            self._read_all(todo, keep_alive)
        finally:
            self._note_reads()
        stopped_early = self._done < len(todo)
        if isinstance(self._options.selection, Everything) and not stopped_early:
            self._log.end_round()
        summary = DataSummary(
            read_packs=self._done,
            read_bytes=self._read_bytes,
            content_bytes=self._content_bytes,
            round_packs=len(earlier) + self._done,
            total_packs=len(chosen),
            stopped_early=stopped_early,
            selection=self._options.selection.words,
        )
        report = replace(
            self._structure,
            damages=tuple(self._damages()),
            key_problem=self._key_problem,
            data=summary,
        )
        whole = tuple(self._whole(report, earlier)) if self._key_problem is None else ()
        since = min((last_reads[pack] for pack in earlier), default=self._now_ns)
        return DataCheck(report, whole, since)

    def _round(self) -> int:
        """When the round of reading everything began that this run belongs to."""
        began = self._log.round_began_ns
        if began is not None and self._options.goes_on:
            return began
        if isinstance(self._options.selection, Everything):
            self._log.begin_round(self._now_ns)
        return self._now_ns

    def _read_all(self, packs: Sequence[IndexedPack], keep_alive: Callable[[], None]) -> None:
        total, queue = sum(pack.size for pack in packs), iter(packs)
        with ThreadPoolExecutor(WORKERS, "check") as pool:
            # a few more than there are workers, so that none waits for this thread
            under_way = {pool.submit(self._check, pack) for pack in islice(queue, 2 * WORKERS)}
            while under_way:
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                for future in done:
                    self._take(future.result())
                self._progress.report(ProgressEvent("read packs", self._read_bytes, total, "bytes"))
                keep_alive()
                if not self._is_over():
                    under_way |= {pool.submit(self._check, pack) for pack in islice(queue, len(done))}

    def _check(self, pack: IndexedPack) -> PackVerdict:
        return check_pack(self._repository.backend, self._vault, pack)

    def _is_over(self) -> bool:
        deadline = self._options.deadline
        return deadline is not None and self._repository.clock.monotonic() >= deadline

    def _take(self, verdict: PackVerdict) -> None:
        self._done += 1
        self._read_bytes += verdict.read_bytes
        self._content_bytes += sum(frame.header.raw_bytes for frame in verdict.pack.frames)
        self._key_problem = self._key_problem or verdict.key_problem
        if not verdict.ok:
            self._bad.append(verdict)
        if not verdict.ok or verdict.key_problem is not None:
            return
        self._good.add(verdict.pack.id)
        self._unnoted.append(verdict.pack.id)
        if len(self._unnoted) >= _PACKS_PER_NOTE:
            self._note_reads()

    def _note_reads(self) -> None:
        if self._vault is not None:
            self._log.add(self._unnoted, self._now_ns)
        self._unnoted.clear()
        self._log.remove(verdict.pack.id for verdict in self._bad)

    def _damages(self) -> Iterator[Damage]:
        """All that is known now: what was read of a pack tells more than its size."""
        read = {verdict.pack.name for verdict in self._bad if self._vault is not None}
        earlier = [damage for damage in self._structure.damages if damage.name not in read]
        yield from earlier
        named = {damage.name for damage in earlier}
        lost = lost_chunks(self._index, {verdict.pack.id: frozenset(verdict.bad_frames) for verdict in self._bad})
        reaches = reach_of(self._repository, self._manifests(set(lost.values())), lost)
        for verdict in sorted(self._bad, key=lambda verdict: verdict.pack.id):
            if verdict.pack.name in named:
                continue
            reach = reaches.get(verdict.pack.id, Reach())
            step = REPAIR_INDEX if verdict.misindexed else REPAIR_PACKS
            affected, chunks = tuple(sorted(reach.affected)), tuple(sorted(reach.chunks))
            yield Damage("pack", verdict.pack.name, verdict.why, step, affected, chunks)

    def _manifests(self, packs: set[bytes]) -> Iterator[SetManifest]:
        """Those of the sets that need any of these packs."""
        for item in self._structure.sets:
            if item.packs is None or item.packs & packs:
                try:
                    yield self._repository.manifest(item.name)
                except (CorruptionError, ObjectMissing, NewerFormat):
                    continue

    def _whole(self, report: CheckReport, earlier: Iterable[bytes]) -> Iterator[str]:
        """Sets that are known to be whole now: nothing of them is damaged, all of it was read, some of it just now."""
        good = self._good.union(earlier)
        damaged = report.damaged_sets
        for item in report.sets:
            if item.name in damaged or item.packs is None or not item.packs <= good:
                continue
            if item.packs & self._good or (not item.packs and isinstance(self._options.selection, Everything)):
                yield item.name
