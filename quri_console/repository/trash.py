"""Sets that were forgotten: hidden from every list, whole until `prune` removes them, and brought back by an undo.

`trash/sets/<set>.toml` says by whom, when and why; it is the last of a set that prune takes away, so that a set half
removed is never taken for one that somebody is still making.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from quri_console.errors import CorruptionError, RefusedBySafetyRule
from quri_console.repository.backend import Backend, ObjectMissing
from quri_console.repository.sealed import seal, unseal
from quri_console.repository.sets import is_set_name, manifest_object, set_names, typed

if TYPE_CHECKING:
    from quri_console.repository.store import Repository

TRASH_FOLDER = "trash"
TRASHED_SETS_FOLDER = f"{TRASH_FOLDER}/sets"
_SUFFIX = ".toml"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """That a set was forgotten. `damaged` when it could be only because it was damaged and named by the operator."""

    set_name: str
    at: datetime
    by: str
    reason: str
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class Trash:
    """Every forgotten set by name, and the sets whose mark cannot be read: they count as not forgotten."""

    sets: dict[str, Forgotten]
    unreadable: tuple[str, ...]


def trash_object(name: str) -> str:
    """The object that says that a set is forgotten."""
    return f"{TRASHED_SETS_FOLDER}/{name}{_SUFFIX}"


def decode_forgotten(data: bytes, origin: str) -> Forgotten:
    """The mark in sealed TOML. Raises CorruptionError naming `origin`."""
    document = unseal(data, origin)
    try:
        name = typed(document, "set", str)
        if trash_object(name) != origin:
            raise ValueError(f"it is that of {name!r}")
        at = typed(document, "at", datetime).astimezone(UTC)
        by, reason = typed(document, "by", str), typed(document, "reason", str)
        return Forgotten(name, at, by, reason, typed(document, "damaged", bool))
    except (KeyError, ValueError) as error:
        raise CorruptionError(f"{origin} is not a mark of a forgotten backup", why=str(error)) from error


def read_trash(backend: Backend) -> Trash:
    """What was forgotten and not yet removed. Raises StorageFailed."""
    sets: dict[str, Forgotten] = {}
    unreadable = []
    for entry in backend.list(TRASHED_SETS_FOLDER):
        name = entry.name.removeprefix(f"{TRASHED_SETS_FOLDER}/").removesuffix(_SUFFIX)
        if not is_set_name(name) or entry.name != trash_object(name):
            continue
        try:
            sets[name] = decode_forgotten(backend.get(entry.name), entry.name)
        except ObjectMissing:
            continue  # brought back meanwhile
        except CorruptionError:
            unreadable.append(name)
    return Trash(sets, tuple(unreadable))


def remaining_set_names(backend: Backend) -> tuple[str, ...]:
    """The committed sets that nobody forgot, oldest first: what lists show and `latest` means."""
    forgotten = read_trash(backend).sets
    return tuple(name for name in set_names(backend)[0] if name not in forgotten)


def put_forgotten(backend: Backend, forgotten: Forgotten) -> Forgotten:
    """Mark a set as forgotten; one that is marked already keeps its mark, which is returned."""
    name = trash_object(forgotten.set_name)
    fields = {"at": forgotten.at, "by": forgotten.by, "reason": forgotten.reason, "damaged": forgotten.damaged}
    data = seal({"set": forgotten.set_name, **fields})
    if backend.put_if_absent(name, data):
        return forgotten
    try:
        return decode_forgotten(backend.get(name), name)
    except CorruptionError:
        backend.put(name, data)
        return forgotten


def forget(
    repository: Repository, names: Sequence[str], *, by: str, reason: str, now: datetime, by_policy: bool = False
) -> tuple[Forgotten, ...]:
    """Hide sets, all of them or none; `unforget` brings each back until prune removes it. An exclusive lock is held.

    A damaged set may be forgotten although it is the last of its subject, but not `by_policy`.
    Raises RefusedBySafetyRule, UsageError for a name that no set has, NewerFormat, WrongKey, StorageFailed.
    """
    from quri_console.repository.removal_rules import refuse_removal

    damaged = refuse_removal(repository, names, now=now, by_policy=by_policy)
    at = now.astimezone(UTC).replace(microsecond=0)
    marks = (Forgotten(name, at, by, reason, name in damaged) for name in dict.fromkeys(names))
    return tuple(put_forgotten(repository.backend, mark) for mark in marks)


def unforget(repository: Repository, names: Sequence[str]) -> tuple[str, ...]:
    """Bring forgotten sets back, all of them or none; the names that had been forgotten. An exclusive lock is held.

    Raises RefusedBySafetyRule when prune has begun to remove one.
    """
    backend = repository.backend
    gone = [name for name in names if backend.head(manifest_object(name)) is None]
    if gone:
        raise RefusedBySafetyRule(
            f"Backup {gone[0]} cannot be brought back",
            why="`prune` has removed it, or there never was one of this name.",
            next_step="`quri-console list` shows the backups that are left.",
        )
    marked = [name for name in dict.fromkeys(names) if backend.head(trash_object(name)) is not None]
    for name in marked:
        backend.delete(trash_object(name))
    return tuple(marked)
