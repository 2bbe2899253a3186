"""The team's backups from before this tool: directories `YYYYMMDD_HHMMSS/` of the bash scripts, or their archives.

They are only ever read. What is half-filled or unreadable in one is said in the backup's notes and in its canisters'
errors; the rest of it stays usable.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from quri_console.backup.legacy_canister import LegacyCanister, read_canister
from quri_console.backup.legacy_status import UnreadableLegacy
from quri_console.backup.legacy_texts import canister_file, fits_some_zone, local_time, parse_manifest
from quri_console.repository.files import open_regular, read_small, storage_errors
from quri_console.repository.untrusted_archive import ArchiveLimits, TreeFile, extract_archive, walk_tree

MANIFEST_NAME = "MANIFEST.txt"
ARCHIVE_SUFFIX = ".tar.gz"
LEGACY_LIMITS = ArchiveLimits(
    max_files=2_000,
    max_total_bytes=1 << 30,
    max_file_bytes=256 << 20,
    max_depth=4,
    # text of a mostly empty memory shrinks to a thousandth; the total is what keeps a bomb small here
    ratio_floor_bytes=256 << 20,
)
_MANIFEST_LIMIT_BYTES = 1 << 20
_BLOCK_BYTES = 1 << 20
_NAMED_STRANGERS = 5


@dataclass(frozen=True, slots=True)
class LegacyBackup:
    """One run of the scripts. `path` is the directory or archive that it was read from.

    `taken_at` is UTC, from the manifest; None when that does not say. `local_time_text` is the time in the name,
    in an unknown zone: that of the machine which ran the scripts (empty when the name is no time).
    """

    name: str
    path: Path
    taken_at: datetime | None
    local_time_text: str
    network: str | None
    canisters: tuple[LegacyCanister, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpenLegacy:
    """A legacy backup whose files can be read now; those of an archive lie in a folder that goes when it is closed."""

    backup: LegacyBackup
    folder: Path

    def blocks(self, file: TreeFile) -> Iterator[bytes]:
        """The bytes of one file of a canister, a block at a time. Raises CorruptionError, StorageFailed."""
        path = self.folder / file.path
        descriptor = open_regular(path)
        try:
            with storage_errors(f"read {path.name}", path):
                while block := os.read(descriptor, _BLOCK_BYTES):
                    yield block
        finally:
            os.close(descriptor)


def find_legacy(folder: Path) -> tuple[Path, ...]:
    """The legacy directories and archives directly in `folder`, newest name first; raises StorageFailed.

    A run that has both a directory and an archive counts once, as the directory: the script packs first and
    deletes then, so whenever both are there the archive may be half written. Links are left out.
    """
    with storage_errors(f"look for legacy backups in {folder}", folder), os.scandir(folder) as entries:
        found: dict[str, Path] = {}
        for entry in entries:
            is_folder = entry.is_dir(follow_symlinks=False)
            if not is_folder and not (entry.name.endswith(ARCHIVE_SUFFIX) and entry.is_file(follow_symlinks=False)):
                continue
            stamp = entry.name if is_folder else entry.name.removesuffix(ARCHIVE_SUFFIX)
            if local_time(stamp) is not None and (is_folder or stamp not in found):
                found[stamp] = folder / entry.name
    return tuple(found[stamp] for stamp in sorted(found, reverse=True))


def read_legacy(path: Path, *, scratch: Path | None = None) -> LegacyBackup:
    """What a legacy directory or archive says; for a large export use `open_legacy`. Raises as that does."""
    with open_legacy(path, scratch=scratch) as opened:
        return opened.backup


@contextmanager
def open_legacy(path: Path, *, scratch: Path | None = None) -> Iterator[OpenLegacy]:
    """Read a legacy directory or `.tar.gz`, and keep its files readable while the block runs.

    An archive is unpacked into a private folder below `scratch` (the system's folder for temporary files when it
    is None), which is removed afterwards. Raises RefusedImport for what is hostile in it, UnreadableLegacy when
    it is no backup of the scripts, CorruptionError when it is missing or a link, StorageFailed.
    """
    if not path.name.endswith(ARCHIVE_SUFFIX):
        name = path.absolute().name
        yield OpenLegacy(_read_folder(path, path, name, _notes_on_twin(path.absolute().parent, name)), path)
        return
    with storage_errors(f"unpack {path.name}", path):
        temporary = tempfile.TemporaryDirectory(prefix="quri-console-legacy-", dir=scratch)
    with temporary as private:
        name = path.name.removesuffix(ARCHIVE_SUFFIX)
        tree = extract_archive(path, Path(private) / "unpacked", limits=LEGACY_LIMITS)
        folder, notes = _folder_in_archive(path, tree.path, name)
        yield OpenLegacy(_read_folder(folder, path, name, notes), folder)


def _notes_on_twin(parent: Path, name: str) -> list[str]:
    archive = parent / f"{name}{ARCHIVE_SUFFIX}"
    try:
        both = stat.S_ISREG(archive.lstat().st_mode)
    except OSError:
        both = False
    return [f"{archive.name} lies beside it: compressing was cut off, and the directory is used."] if both else []


def _folder_in_archive(path: Path, root: Path, name: str) -> tuple[Path, list[str]]:
    """The folder in an unpacked archive that holds the backup, with a note when it has another name."""
    with storage_errors(f"look through {path.name}", root):
        entries = list(os.scandir(root))
        folders = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    if name in folders:
        beside = _notes_on_strangers(sorted(entry.name for entry in entries if entry.name != name))
        return root / name, list(beside)
    if not folders:
        return root, [f"The archive holds no folder {name}; its files are read from its top."]
    if len(folders) == 1:
        return root / folders[0], [f"The archive holds the folder {folders[0]} instead of {name}."]
    raise UnreadableLegacy(
        f"{path} is not an archive of one legacy backup",
        why=f"It holds {len(folders)} folders, and none is called {name}.",
        next_step="Unpack it elsewhere and name the folder that is meant.",
    )


def _read_folder(folder: Path, path: Path, name: str, notes: list[str]) -> LegacyBackup:
    files = walk_tree(folder, limits=LEGACY_LIMITS)
    by_canister: dict[str, dict[str, TreeFile]] = {}
    strangers = []
    for file in files:
        kind = canister_file(str(file.path))
        if kind is not None:
            by_canister.setdefault(kind[0], {})[kind[1]] = file
        elif str(file.path) != MANIFEST_NAME:
            strangers.append(str(file.path))
    has_manifest = any(str(file.path) == MANIFEST_NAME for file in files)
    if not has_manifest and not by_canister:
        raise UnreadableLegacy(
            f"{path} is not a legacy backup",
            why=f"It holds neither {MANIFEST_NAME} nor a canister's files.",
            next_step="Give a directory YYYYMMDD_HHMMSS of backup-canisters.sh, or its .tar.gz.",
        )
    text = read_small(folder / MANIFEST_NAME, _MANIFEST_LIMIT_BYTES).decode(errors="replace") if has_manifest else ""
    manifest = parse_manifest(text)
    notes = [*notes, *manifest.notes, *_notes_on_strangers(strangers)]
    if not has_manifest:
        notes.append(f"It has no {MANIFEST_NAME}: the run that made it did not come to its end.")
    ids = dict(manifest.ids)
    canisters = []
    for canister in dict.fromkeys((*ids, *sorted(by_canister))):
        read, said = read_canister(folder, canister, ids.get(canister), by_canister.get(canister, {}))
        canisters.append(read)
        notes.extend(said)
    local = local_time(name)
    notes.extend(_notes_on_time(local, manifest.taken_at))
    return LegacyBackup(
        name=name,
        path=path,
        taken_at=manifest.taken_at,
        local_time_text="" if local is None else f"{local:%Y-%m-%d %H:%M:%S}",
        network=manifest.network,
        canisters=tuple(canisters),
        notes=tuple(notes),
    )


def _notes_on_strangers(names: list[str]) -> Iterable[str]:
    if names:
        more = f" and {len(names) - _NAMED_STRANGERS} more" if len(names) > _NAMED_STRANGERS else ""
        yield f"Left aside, because the scripts write no such file: {', '.join(names[:_NAMED_STRANGERS])}{more}."


def _notes_on_time(local: datetime | None, utc: datetime | None) -> Iterable[str]:
    if local is None:
        yield "Its name is no time, so somebody renamed it."
    elif utc is not None and not fits_some_zone(local, utc):
        yield "The time in its name and the manifest's date are farther apart than any time zone explains."
