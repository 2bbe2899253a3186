"""Opening the archive of a backup set: unpacked like a stranger's, looked through, read like any repository."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quri_console.clock import Clock
from quri_console.repository.admission import ArchiveLimits, RefusedImport
from quri_console.repository.archive import ARCHIVE_LIMITS
from quri_console.repository.index import INDEX_FOLDER, pack_id
from quri_console.repository.key_file import KEYS_FOLDER
from quri_console.repository.local import LocalBackend
from quri_console.repository.marks import MARKS_FOLDER
from quri_console.repository.read_only import ReadOnlyFileSystem
from quri_console.repository.scratch import scratch_folder
from quri_console.repository.sets import BACKUPS_FOLDER, BEGUN_NAME, MANIFEST_NAME, SetManifest, is_set_name, set_folder
from quri_console.repository.store import REPOSITORY_FILE, Repository, Unlock, no_key
from quri_console.repository.untrusted_archive import extract_archive

ARCHIVES_FOLDER = "archives"
"""Below the cache: what is unpacked at the moment."""
_MANIFEST = re.compile(rf"{BACKUPS_FOLDER}/([^/]+)/{re.escape(MANIFEST_NAME)}")
_FRAGMENT = re.compile(rf"{INDEX_FOLDER}/[0-9a-f]{{64}}")


@contextmanager
def open_archive(
    path: Path,
    cache_folder: Path,
    *,
    unlock: Unlock = no_key,
    clock: Clock | None = None,
    limits: ArchiveLimits = ARCHIVE_LIMITS,
) -> Iterator[Repository]:
    """The repository in miniature inside an archive, for reading, for the length of a `with` block.

    It lies unpacked in a private folder below the cache meanwhile, which needs about as much room as the archive.
    Its single set is `set_names()[0]`. Raises RefusedImport for what `archive` does not write: another number of
    sets, foreign files, a set of another repository; CorruptionError, NewerFormat, StorageFailed, DiskFull, UsageError.
    """
    with scratch_folder(cache_folder / ARCHIVES_FOLDER) as folder:
        tree = extract_archive(path, folder / "repository", limits=limits)
        names = frozenset(str(file.path) for file in tree.files)
        set_name = _only_set(path, names)
        repository = Repository.open(_UnpackedArchive(tree.path, path), unlock=unlock, clock=clock)
        manifest = repository.manifest(set_name)
        _require_kinship(path, repository, manifest)
        _refuse_foreign(path, names, repository, manifest)
        yield repository


class _UnpackedArchive(LocalBackend):
    """The unpacked files, called by the name that the operator knows."""

    def __init__(self, root: Path, archive: Path) -> None:
        super().__init__(root, ReadOnlyFileSystem())
        self._archive = archive

    @property
    def location(self) -> str:
        return str(self._archive)


def _only_set(path: Path, names: frozenset[str]) -> str:
    if REPOSITORY_FILE not in names:
        raise _refused(path, f"It holds no {REPOSITORY_FILE}.")
    sets = [found[1] for name in names if (found := _MANIFEST.fullmatch(name)) and is_set_name(found[1])]
    if len(sets) != 1:
        raise _refused(path, f"It holds {len(sets)} backups.")
    return sets[0]


def _require_kinship(path: Path, repository: Repository, manifest: SetManifest) -> None:
    if manifest.repository_id != repository.id:
        backup, own = manifest.repository_id[:8], repository.id[:8]
        raise _refused(path, f"Its backup belongs to repository {backup}, its {REPOSITORY_FILE} to {own}.")


def _refuse_foreign(path: Path, names: frozenset[str], repository: Repository, manifest: SetManifest) -> None:
    folder = set_folder(manifest.name)
    own = {
        REPOSITORY_FILE,
        *(f"{folder}/{name}" for name in (MANIFEST_NAME, BEGUN_NAME)),
        *(f"{folder}/{file.path}" for file in manifest.files),
    }
    folders = (f"{MARKS_FOLDER}/{manifest.name}/", *([f"{KEYS_FOLDER}/"] if repository.encrypted else []))
    for name in sorted(names - own):
        if not (pack_id(name) or _FRAGMENT.fullmatch(name) or name.startswith(folders)):
            raise _refused(path, f"It holds {name}, which does not belong to it.")


def _refused(path: Path, why: str) -> RefusedImport:
    return RefusedImport(
        f"{path} is not the archive of one backup",
        why=why,
        next_step="Give the file that `quri-console archive` made; other folders and archives go through `import`.",
    )
