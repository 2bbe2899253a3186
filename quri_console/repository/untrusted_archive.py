"""Unpacking an archive that comes from elsewhere into a fresh private folder, or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from quri_console.repository.admission import DEFAULT_LIMITS, Admission, ArchiveLimits, RefusedImport, TreeFile
from quri_console.repository.files import (
    create_private,
    make_private_directory,
    open_regular,
    storage_errors,
    write_all,
)
from quri_console.repository.tar_entries import TarReader
from quri_console.repository.unpacking import UnpackedStream, packing_of
from quri_console.repository.untrusted_tree import walk_tree

__all__ = [
    "DEFAULT_LIMITS",
    "ArchiveLimits",
    "ExtractedTree",
    "RefusedImport",
    "TreeFile",
    "extract_archive",
    "walk_tree",
]


@dataclass(frozen=True, slots=True)
class ExtractedTree:
    """The folder that an archive was unpacked into, and every file in it, sorted by path."""

    path: Path
    files: tuple[TreeFile, ...]

    @property
    def total_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


def extract_archive(path: Path, target: Path, *, limits: ArchiveLimits = DEFAULT_LIMITS) -> ExtractedTree:
    """Unpack a `.tar`, `.tar.gz`, `.tgz` or `.tar.zst` into the new folder `target`, whose parent must exist.

    Folders get mode 0700 and files 0600, whatever the archive says; times and owners are not taken over, and
    nothing is fsynced: the tree is material to import from. Only plain files and folders are accepted, in one
    archive that ends where the file ends. On any failure `target` is removed.

    Raises UsageError for another kind of file, RefusedImport naming the entry, CorruptionError when `path` is
    missing or no plain file, StorageFailed (also when `target` exists) and DiskFull.
    """
    packing = packing_of(path)
    descriptor = open_regular(path)
    try:
        with storage_errors(f"unpack {path.name}", target):
            make_private_directory(target)
            try:
                allowed = limits.unpacked_limit(os.fstat(descriptor).st_size)
                stream = UnpackedStream(descriptor, packing, origin=str(path), limit_bytes=allowed)
                files = sorted(_written_files(stream, str(path), target, limits), key=lambda file: file.path)
            except BaseException:
                shutil.rmtree(target, ignore_errors=True)
                raise
    finally:
        os.close(descriptor)
    return ExtractedTree(target, tuple(files))


def _written_files(stream: UnpackedStream, origin: str, target: Path, limits: ArchiveLimits) -> Iterator[TreeFile]:
    admission = Admission(origin, limits)
    archive = TarReader(stream, origin)
    made = {PurePosixPath()}
    for entry in archive.entries():
        if entry.is_folder and entry.name == ".":
            continue
        # `tar -C folder -c .` writes every name so
        name = entry.name.removeprefix("./")
        if entry.is_folder:
            _make_folders(target, admission.folder(name), made)
            continue
        relative = admission.file(name, entry.size_bytes)
        _make_folders(target, relative.parent, made)
        _write(target / relative, archive.content())
        yield TreeFile(relative, entry.size_bytes)


def _make_folders(target: Path, folder: PurePosixPath, made: set[PurePosixPath]) -> None:
    """Make `folder` below `target` and what is missing above it; `made` are those that are there."""
    for path in (*reversed(folder.parents), folder):
        if path not in made:
            make_private_directory(target / path)
            made.add(path)


def _write(path: Path, blocks: Iterator[memoryview]) -> None:
    descriptor = create_private(path)
    try:
        offset = 0
        for block in blocks:
            write_all(descriptor, block, offset)
            offset += len(block)
    finally:
        os.close(descriptor)
