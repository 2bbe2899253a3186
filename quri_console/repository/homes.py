"""Where each repository was last written from here, so that a copy of one is not written as if it were the original.

Two folders that both grow under one id would each miss what the other holds. The note lies in the cache folder and
may be deleted at any time; without it nothing is refused.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from quri_console.errors import QuriError, RefusedBySafetyRule
from quri_console.folders import make_private_folders
from quri_console.repository.files import replace_atomically
from quri_console.repository.local import LocalBackend
from quri_console.repository.sealed import read_sealed, seal
from quri_console.repository.store import read_facts

CACHED_REPOSITORIES = "repositories"
"""Below the cache folder: what is remembered of each repository."""
_SUFFIX = ".home.toml"


def require_only_home(cache_folder: Path, repository_id: str, location: str) -> None:
    """To be called before a repository is written: refuses when another folder is known to hold the same one.

    Otherwise remembers this one. Raises RefusedBySafetyRule naming the other.
    """
    other = other_home(cache_folder, repository_id, location)
    if other is not None:
        raise RefusedBySafetyRule(
            "Two folders hold one repository, so this one is not written",
            why=f"{location} and {other} both hold repository {repository_id[:8]}, and the latter was written last.",
            next_step=f"Set `path` in [repository] to {other}; or, if it is to be used no more, move its "
            "repository.toml away. Both can still be read.",
        )
    note_home(cache_folder, repository_id, location)


def other_home(cache_folder: Path, repository_id: str, location: str) -> str | None:
    """The folder that the repository was last written in, when it is another one and still holds it; None otherwise."""
    noted = _noted_home(cache_folder, repository_id)
    if noted is None or _same_folder(noted, location):
        return None
    try:
        found = read_facts(LocalBackend(Path(noted)))
    except QuriError:
        return None
    return noted if found.id == repository_id else None


def note_home(cache_folder: Path, repository_id: str, location: str) -> None:
    """Remember that the repository was written here; without effect where the cache folder cannot be written."""
    here = str(Path(location).resolve())
    if _noted_home(cache_folder, repository_id) == here:
        return
    path = _note(cache_folder, repository_id)
    with contextlib.suppress(OSError):
        make_private_folders(path.parent)
        replace_atomically(path, seal({"id": repository_id, "location": here}))


def _noted_home(cache_folder: Path, repository_id: str) -> str | None:
    try:
        document = read_sealed(_note(cache_folder, repository_id))
    except QuriError:
        return None  # missing or damaged: nothing is known
    location = document.get("location")
    return location if isinstance(location, str) and document.get("id") == repository_id else None


def _note(cache_folder: Path, repository_id: str) -> Path:
    return cache_folder / CACHED_REPOSITORIES / f"{repository_id}{_SUFFIX}"


def _same_folder(one: str, other: str) -> bool:
    try:
        return Path(one).samefile(other)
    except OSError:
        return False
