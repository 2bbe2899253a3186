"""Reading one set, or one item of it, again; and noting beside sets what a check or a verification came to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from quri_console.clock import utc_datetime
from quri_console.progress import NoProgress, Progress, ProgressEvent
from quri_console.repository.check_data import WORKERS, DataCheck
from quri_console.repository.check_findings import Findings
from quri_console.repository.check_report import CheckReport, Damage, Verification
from quri_console.repository.check_sets import SetCheck
from quri_console.repository.check_structure import REPAIR_PACKS
from quri_console.repository.damage_reach import ChunkFinder, Reach, frames_with_copies, lost_chunks, reach_of
from quri_console.repository.files import StorageFailed
from quri_console.repository.index import IndexedPack
from quri_console.repository.marks import put_mark, read_marks
from quri_console.repository.pack_check import PackVerdict, check_frames
from quri_console.repository.sets import SetManifest, set_folder
from quri_console.repository.store import Repository


def verify_set(
    repository: Repository, name: str, progress: Progress | None = None, folder: str | None = None
) -> Verification:
    """Read all that a set (or its item in `folder`) consists of, and compare every byte with its digest.

    Damage is collected, never raised. Raises WrongKey, NewerFormat, StorageFailed when it may not be read, ValueError
    for what is no name of a set.
    """
    progress = progress or NoProgress()
    verification = _Verifying(repository, name, folder, progress).run()
    if any(damage.kind == "chunks" for damage in verification.damages):
        # the index may have been read before the set was written
        repository.forget_index()
        verification = _Verifying(repository, name, folder, progress).run()
    return verification


class _Verifying:
    """One verification under way."""

    def __init__(self, repository: Repository, name: str, folder: str | None, progress: Progress) -> None:
        self._repository = repository
        self._name = name
        self._folder = folder
        self._progress = progress
        self._found = Findings()
        self._read_bytes = 0

    def run(self) -> Verification:
        """Records and lists first, then the frames that hold the chunks."""
        repository, found = self._repository, self._found
        _ = repository.vault  # without its key nothing can be said
        manifest = SetCheck(repository, repository.index, found, self._progress).check_set(self._name, self._folder)
        bad: list[PackVerdict] = []
        if manifest is not None:
            bad = self._bad_packs(self._frames(manifest))
        if found.key_problem is not None:
            raise found.key_problem
        checked = found.sets[0] if found.sets else None
        return Verification(
            set_name=self._name,
            folder=self._folder,
            folders=checked.folders if checked else (),
            files=found.files,
            logical_bytes=checked.logical_bytes if checked else 0,
            read_bytes=self._read_bytes,
            damages=(*found.damages, *self._lost(manifest, bad)),
        )

    def _frames(self, manifest: SetManifest) -> dict[bytes, set[int]]:
        """The frames that hold the chunks of what is verified, by pack."""
        finder = ChunkFinder(self._repository.index)
        frames: dict[bytes, set[int]] = {}
        unreadable = {damage.name for damage in self._found.damages}
        for file in manifest.chunk_lists() if self._folder is None else manifest.files_of(self._folder):
            if file.is_chunk_list and f"{set_folder(self._name)}/{file.path}" not in unreadable:
                for pack, numbers in finder.frames(self._repository.chunk_list(manifest, file.path).stored_ids).items():
                    frames.setdefault(pack, set()).update(numbers)
        return frames

    def _bad_packs(self, frames: Mapping[bytes, set[int]]) -> list[PackVerdict]:
        packs = self._repository.index.packs
        work = [(packs[pack], sorted(numbers)) for pack, numbers in sorted(frames.items())]
        total, done, bad = sum(map(_size, work)), 0, []
        with ThreadPoolExecutor(WORKERS, "verify") as pool:
            for item, verdict in zip(work, pool.map(self._check, work), strict=True):
                done += _size(item)
                self._read_bytes += verdict.read_bytes
                self._progress.report(ProgressEvent("read chunks", done, total, "bytes", subject=self._name))
                if not verdict.ok:
                    bad.append(verdict)
        return bad

    def _check(self, work: tuple[IndexedPack, list[int]]) -> PackVerdict:
        return check_frames(self._repository.backend, self._repository.vault, *work)

    def _lost(self, manifest: SetManifest | None, bad: list[PackVerdict]) -> Iterable[Damage]:
        """The damage of packs that this set or item does not survive: chunks that are in another pack are no loss."""
        if manifest is None or not bad:
            return
        index = self._repository.index
        frames = {verdict.pack.id: frozenset(verdict.bad_frames) for verdict in bad}
        for verdict in self._bad_packs(frames_with_copies(index, frames)):
            frames[verdict.pack.id] = frames.get(verdict.pack.id, frozenset()).union(verdict.bad_frames)
        reaches = reach_of(self._repository, [manifest], lost_chunks(index, frames))
        for verdict in bad:
            reach = reaches.get(verdict.pack.id, Reach())
            affected = sorted(item for item in reach.affected if self._folder in (None, item.folder))
            if affected:
                chunks = tuple(sorted(reach.chunks))
                yield Damage("pack", verdict.pack.name, verdict.why, REPAIR_PACKS, tuple(affected), chunks)


def _size(work: tuple[IndexedPack, list[int]]) -> int:
    pack, numbers = work
    return sum(pack.frames[number].size for number in numbers)


def mark_verified(repository: Repository, verification: Verification, tool: str) -> bool:
    """Note beside the set what its verification came to; whether that could be done.

    One item that is whole says nothing of the set, so then nothing is noted. A shared lock must be held.
    """
    if verification.folder is not None and verification.ok:
        return False
    return _put(repository, verification.set_name, _fields(verification, tool))


def _fields(verification: Verification, tool: str) -> dict[str, Any]:
    folders = sorted({item.folder for damage in verification.damages for item in damage.affected if item.folder})
    fields = {"ok": verification.ok, "scope": "data", "bytes": verification.logical_bytes, "tool": tool}
    return fields if verification.ok else {**fields, "folders": folders}


def mark_checked(repository: Repository, check: DataCheck, tool: str) -> CheckReport:
    """Note beside every set that is known to be whole, or damaged, that it is; the report with their names.

    Where nothing can be written, nothing is noted. A shared lock must be held.
    """
    sizes = {item.name: item.logical_bytes for item in check.report.sets}
    fields: dict[str, dict[str, Any]] = {}
    for name in check.whole:
        since = utc_datetime(check.since_ns).replace(microsecond=0)
        fields[name] = {"ok": True, "scope": "data", "bytes": sizes[name], "tool": tool, "reading_began": since}
    return replace(check.report, marked=_put_all(repository, {**fields, **_damaged(repository, check.report, tool)}))


def mark_damaged(repository: Repository, report: CheckReport, tool: str) -> CheckReport:
    """Note beside every damaged set that it is, after a check of the structure alone; else as `mark_checked`."""
    return replace(report, marked=_put_all(repository, _damaged(repository, report, tool)))


def _damaged(repository: Repository, report: CheckReport, tool: str) -> dict[str, dict[str, Any]]:
    """The fields of a mark for every damaged set that does not say so already."""
    scope = "structure" if report.data is None else "data"
    fields = {}
    for name in sorted(report.damaged_sets):
        folders = sorted({item.folder for item in report.affected if item.set_name == name and item.folder})
        if _newest_says(repository, name, folders):
            continue  # a check every night would fill the disk with marks
        fields[name] = {"ok": False, "scope": scope, "tool": tool, "folders": folders}
    return fields


def _newest_says(repository: Repository, name: str, folders: list[str]) -> bool:
    marks = [mark for mark in read_marks(repository.backend, name)[0] if mark.kind == "verification"]
    return bool(marks) and marks[-1].fields.get("ok") is False and marks[-1].fields.get("folders") == folders


def _put_all(repository: Repository, fields: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(name for name in sorted(fields) if _put(repository, name, fields[name]))


def _put(repository: Repository, name: str, fields: Mapping[str, Any]) -> bool:
    try:
        put_mark(repository.backend, name, "verification", repository.clock.now_ns(), fields)
    except StorageFailed:
        return False  # a repository that is only read, or a full disk: what was found stands in the report
    return True
