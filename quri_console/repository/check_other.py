"""What lies in a repository's folder and belongs to no backup: foreign, left over, or put aside."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from quri_console.repository.backend import Backend
from quri_console.repository.check_findings import Findings
from quri_console.repository.files import storage_errors
from quri_console.repository.index import INDEX_FOLDER, PACKS_FOLDER, is_fragment_name, pack_id
from quri_console.repository.key_file import KEYS_FOLDER, parsed_name
from quri_console.repository.leftovers import notes_of_committed, temporary_files
from quri_console.repository.local import LocalBackend
from quri_console.repository.locks import LOCKS_FOLDER
from quri_console.repository.marks import MARKS_FOLDER
from quri_console.repository.sets import BACKUPS_FOLDER, BEGUN_NAME, UNFINISHED_FOLDER, SetManifest, is_set_name
from quri_console.repository.store import REPOSITORY_FILE
from quri_console.repository.trash import TRASH_FOLDER

QUARANTINE_FOLDER = f"{TRASH_FOLDER}/quarantine"
_FOLDERS = (BACKUPS_FOLDER, INDEX_FOLDER, KEYS_FOLDER, LOCKS_FOLDER, MARKS_FOLDER, PACKS_FOLDER, TRASH_FOLDER)
_MARK = re.compile(rf"{MARKS_FOLDER}/[^/]+/[0-9]{{8}}T[0-9]{{6}}Z-[a-z]+\.toml")
_TRASH = re.compile(rf"{TRASH_FOLDER}/((sets|packs)/[^/]+\.toml|quarantine/.+)")


def note_other_objects(backend: Backend, manifests: Iterable[SetManifest], found: Findings) -> None:
    """Note foreign files, left-over temporary files and notes, and what is in quarantine. Raises StorageFailed."""
    listed = {manifest.name: {file.path for file in manifest.files} for manifest in manifests}
    leftovers = {item.path for item in temporary_files(backend, datetime.max.replace(tzinfo=UTC))}
    rules = _rules(listed)
    for name in _names(backend):
        if name in leftovers:
            found.note("leftover", name, "A temporary file: of a writer that runs, or left by one that was killed.")
        elif not rules.get(name.split("/")[0], _is_ours)(name):
            found.note("foreign", name, "It is not ours, and nobody reads it.")
    for note in notes_of_committed(backend, listed):
        found.note("leftover", note.path, "A note that only an unfinished backup needs; `prune` removes it.")
    quarantined = sum(1 for _ in backend.list(QUARANTINE_FOLDER))
    if quarantined:
        text = (
            f"Damaged objects that `repair` put away: {quarantined}. Delete them when nobody needs to look into them."
        )
        found.note("trash", QUARANTINE_FOLDER, text)


def _rules(listed: dict[str, set[str]]) -> dict[str, Callable[[str], bool]]:
    """What is ours in each folder."""
    return {
        BACKUPS_FOLDER: lambda name: _is_of_a_set(name, listed),
        INDEX_FOLDER: is_fragment_name,
        KEYS_FOLDER: lambda name: parsed_name(name) is not None,
        LOCKS_FOLDER: lambda name: name.count("/") == 1 and name.endswith(".toml"),
        MARKS_FOLDER: lambda name: _MARK.fullmatch(name) is not None,
        PACKS_FOLDER: lambda name: pack_id(name) is not None,
        TRASH_FOLDER: lambda name: _TRASH.fullmatch(name) is not None,
    }


def _is_ours(name: str) -> bool:
    """Of a file that lies in none of our folders."""
    return name == REPOSITORY_FILE


def _is_of_a_set(name: str, listed: dict[str, set[str]]) -> bool:
    _, set_name, *rest = name.split("/")
    if not rest or not is_set_name(set_name):
        return False
    if set_name not in listed or rest[0] == UNFINISHED_FOLDER:
        return True  # unfinished, or its manifest cannot tell
    return "/".join(rest) in (listed[set_name] | {BEGUN_NAME, "MANIFEST.toml"})


def _names(backend: Backend) -> Iterator[str]:
    """Every file, what is no plain file and what begins with a dot included, as far as the place can tell."""
    if isinstance(backend, LocalBackend):
        with storage_errors("list the repository", backend.root):
            yield from sorted(_walk(backend.root, ""))
        return
    for folder in _FOLDERS:
        yield from (entry.name for entry in backend.list(folder))


def _walk(folder: Path, prefix: str) -> Iterator[str]:
    try:
        items = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for item in items:
        if item.is_dir(follow_symlinks=False):
            yield from _walk(Path(item.path), f"{prefix}{item.name}/")
        else:
            yield f"{prefix}{item.name}"
