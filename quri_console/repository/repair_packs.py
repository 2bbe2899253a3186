"""Putting damaged packs away: what can be read of them is stored anew first, so that only what is lost is missing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from quri_console.errors import CorruptionError, UsageError
from quri_console.progress import NoProgress, Progress, ProgressEvent
from quri_console.repository.backend import ObjectMissing
from quri_console.repository.check_data import WORKERS
from quri_console.repository.chunk_writer import ChunkWriter
from quri_console.repository.damage_reach import Reach, reach_of
from quri_console.repository.errors import NewerFormat
from quri_console.repository.index import PACKS_FOLDER, Index, IndexedPack, pack_id, pack_name
from quri_console.repository.index_rewrite import drop_from_index
from quri_console.repository.pack_check import check_pack
from quri_console.repository.quarantine import put_away, readable_bytes
from quri_console.repository.repair_report import PackRepair, PacksRepair
from quri_console.repository.salvage import salvaged_chunks
from quri_console.repository.sets import SetManifest
from quri_console.repository.store import Repository


def repair_packs(
    repository: Repository,
    names: Sequence[str] = (),
    progress: Progress | None = None,
    *,
    dry_run: bool = False,
    keep_alive: Callable[[], None] = lambda: None,
) -> PacksRepair:
    """Put away the damaged ones of these packs (the beginnings of their names; all packs when none is given).

    The exclusive lock is held; killed anywhere, nothing is lost that could be read. A later backup stores anew what is
    lost, as far as a canister still holds it, and so heals older sets. Raises WrongKey, UsageError for a name that no
    pack has, NewerFormat, StorageFailed, DiskFull.
    """
    repair = _Repair(repository, progress or NoProgress(), keep_alive)
    chosen = repair.chosen(names)
    damaged = repair.damaged(chosen)
    repaired = repair.put_away(damaged, dry_run=dry_run) if damaged else ()
    return PacksRepair(len(chosen), repaired, dry_run)


@dataclass(frozen=True, slots=True)
class _Damaged:
    """A damaged pack with what can be read of its bytes, and what the index says of it."""

    id: bytes
    why: str
    data: bytes
    indexed: IndexedPack | None


class _Repair:
    """One repair under way."""

    def __init__(self, repository: Repository, progress: Progress, keep_alive: Callable[[], None]) -> None:
        self._repository = repository
        self._backend = repository.backend
        self._vault = repository.vault
        self._progress = progress
        self._keep_alive = keep_alive
        repository.forget_index()
        self._index = repository.index

    def chosen(self, names: Sequence[str]) -> tuple[bytes, ...]:
        """The packs to look at."""
        found = (pack_id(entry.name) for entry in self._backend.list(PACKS_FOLDER))
        present = tuple(identifier for identifier in found if identifier is not None)
        if not names:
            return present
        wanted = tuple(_named(name, present) for name in names)
        return tuple(dict.fromkeys(wanted))

    def damaged(self, packs: Sequence[bytes]) -> list[_Damaged]:
        """Those that are not as they were written."""
        damaged = []
        with ThreadPoolExecutor(WORKERS, "repair") as pool:
            for done, (identifier, why) in enumerate(zip(packs, pool.map(self._damage, packs), strict=True), 1):
                self._progress.report(ProgressEvent("read packs", done, len(packs), "packs"))
                self._keep_alive()
                if why:
                    indexed = self._index.packs.get(identifier)
                    damaged.append(
                        _Damaged(identifier, why, readable_bytes(self._backend, pack_name(identifier)), indexed)
                    )
        return damaged

    def _damage(self, identifier: bytes) -> str:
        """How a pack is damaged; empty when it is not."""
        indexed = self._index.packs.get(identifier)
        if indexed is None:
            # the index would have it, if its headers and its SHA-256 were as they were written
            name = pack_name(identifier)
            return next((item.why for item in self._index.problems if item.name == name), "It cannot be read.")
        verdict = check_pack(self._backend, self._vault, indexed)
        if verdict.key_problem is not None:
            raise verdict.key_problem
        return "" if verdict.misindexed else verdict.why

    def put_away(self, damaged: Sequence[_Damaged], *, dry_run: bool) -> tuple[PackRepair, ...]:
        """Store what can be read anew, then move the packs, then let the index forget them."""
        bad = {item.id for item in damaged}
        rest = Index()
        for pack in self._index.packs.values():
            if pack.id not in bad:
                rest.add(pack)
        saved: list[dict[bytes, int]] = []
        taken: set[bytes] = set()
        for item in damaged:
            saved.append(self._saved(item, rest, taken, dry_run=dry_run))
            taken.update(saved[-1])
        reaches = reach_of(self._repository, self._manifests(), _lost(damaged, rest, taken))
        repaired = []
        for item, chunks in zip(damaged, saved, strict=True):
            name, reach = pack_name(item.id), reaches.get(item.id, Reach())
            repaired.append(
                PackRepair(
                    name=name,
                    why=item.why,
                    quarantine="" if dry_run else put_away(self._backend, name, item.data, item.id.hex()),
                    saved_chunks=len(chunks),
                    saved_bytes=sum(chunks.values()),
                    lost=tuple(sorted(reach.chunks)),
                    affected=tuple(sorted(reach.affected)),
                )
            )
        if not dry_run:
            self._forget(bad)
        return tuple(repaired)

    def _saved(self, pack: _Damaged, rest: Index, taken: Collection[bytes], *, dry_run: bool) -> dict[bytes, int]:
        """Store the chunks of a pack that are neither in the `rest` nor `taken`; their lengths by name."""
        writer = ChunkWriter(self._backend, self._vault, rest)
        saved: dict[bytes, int] = {}
        for identifier, content in salvaged_chunks(self._vault, pack.data, pack_name(pack.id), pack.indexed):
            if identifier in rest or identifier in taken or not content:
                continue
            saved[identifier] = len(content)
            if not dry_run:
                writer.add(content, len(content))
        if not dry_run:
            writer.flush()
        return saved

    def _forget(self, packs: Collection[bytes]) -> None:
        # entries of packs that are gone do no harm, and `repair index` is what a damaged fragment needs
        with contextlib.suppress(CorruptionError):
            drop_from_index(self._backend, packs)
        self._repository.forget_index()

    def _manifests(self) -> Iterator[SetManifest]:
        for name in self._repository.set_names():
            try:
                yield self._repository.manifest(name)
            except (CorruptionError, ObjectMissing, NewerFormat):
                continue


def _lost(damaged: Iterable[_Damaged], rest: Index, taken: Collection[bytes]) -> dict[bytes, bytes]:
    """The pack of every chunk that nothing holds any more, as far as the index knows what was in a pack."""
    return {
        chunk.id: item.id
        for item in damaged
        if item.indexed is not None
        for chunk in item.indexed.chunks
        if chunk.id not in rest and chunk.id not in taken
    }


def _named(name: str, present: Iterable[bytes]) -> bytes:
    """The one pack whose name begins so, with or without its folder. Raises UsageError."""
    wanted = name.rsplit("/", 1)[-1].lower()
    found = [identifier for identifier in present if len(wanted) >= 4 and identifier.hex().startswith(wanted)]
    if len(found) != 1:
        raise UsageError(
            f"{len(found) or 'no'} packs have names that begin with {name!r}",
            next_step="`quri-console check --read-data` names the damaged ones; write at least 4 characters of a name.",
        )
    return found[0]
