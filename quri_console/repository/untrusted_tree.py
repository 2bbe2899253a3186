"""Looking through a folder that comes from elsewhere without following, opening or changing anything in it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from quri_console.repository.admission import DEFAULT_LIMITS, PLAIN_ONLY, Admission, ArchiveLimits, TreeFile
from quri_console.repository.files import require_directory, storage_errors

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_KINDS = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def walk_tree(path: Path, *, limits: ArchiveLimits = DEFAULT_LIMITS) -> tuple[TreeFile, ...]:
    """Every file below the folder `path`, sorted by path; the ratio of `limits` means nothing here.

    Raises RefusedImport for anything that is no plain file or folder, for a file with a second hard link (what is
    written there would change a file elsewhere, or the other way round), for a name or a size beyond the rules;
    CorruptionError when `path` is missing or a link; StorageFailed.
    """
    require_directory(path)
    admission = Admission(str(path), limits)
    with storage_errors(f"look through {path.name}", path):
        descriptor = os.open(path, _FOLDER_FLAGS)
        try:
            files = list(_files_below(descriptor, "", admission))
        finally:
            os.close(descriptor)
    return tuple(sorted(files, key=lambda file: file.path))


def _files_below(folder: int, prefix: str, admission: Admission) -> Iterator[TreeFile]:
    with os.scandir(folder) as entries:
        for entry in entries:
            name = prefix + entry.name
            found = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                admission.folder(name)
                yield from _files_in_folder(folder, entry.name, f"{name}/", admission)
            else:
                yield _plain_file(name, found, admission)


def _files_in_folder(parent: int, name: str, prefix: str, admission: Admission) -> Iterator[TreeFile]:
    descriptor = os.open(name, _FOLDER_FLAGS, dir_fd=parent)
    try:
        yield from _files_below(descriptor, prefix, admission)
    finally:
        os.close(descriptor)


def _plain_file(name: str, found: os.stat_result, admission: Admission) -> TreeFile:
    if not stat.S_ISREG(found.st_mode):
        kind = next((text for test, text in _KINDS if test(found.st_mode)), "no plain file")
        raise admission.refusal(name, f"It is {kind}; only plain files and folders are accepted.", PLAIN_ONLY)
    if found.st_nlink != 1:
        raise admission.refusal(name, "It is a hard link: the same file has another name elsewhere.", PLAIN_ONLY)
    return TreeFile(admission.file(name, found.st_size), found.st_size)
