"""Packs that are marked for deletion: needed by no remaining set when they were marked, deleted a grace later.

`trash/packs/<utc>.toml` lists the packs that were marked at one time. A pack that is needed again is taken out of its
list; nothing but prune changes these files, under the exclusive lock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.errors import CorruptionError
from quri_console.repository.backend import Backend, ObjectMissing
from quri_console.repository.sealed import seal, unseal
from quri_console.repository.sets import set_name, typed
from quri_console.repository.trash import TRASH_FOLDER

TRASHED_PACKS_FOLDER = f"{TRASH_FOLDER}/packs"


@dataclass(frozen=True, slots=True)
class PackList:
    """One file of `trash/packs`: packs that were marked at one time."""

    object_name: str
    at: datetime
    packs: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class PackMarks:
    """Every readable list, and the objects that cannot be read: what they name counts as not marked."""

    lists: tuple[PackList, ...]
    unreadable: tuple[str, ...] = ()

    def marked_at(self) -> dict[bytes, datetime]:
        """When each pack was marked; the later time, when two lists name it."""
        times: dict[bytes, datetime] = {}
        for marked in self.lists:
            for pack in marked.packs:
                times[pack] = max(times.get(pack, marked.at), marked.at)
        return times


def _decoded(data: bytes, origin: str) -> PackList:
    document = unseal(data, origin)
    try:
        packs = tuple(bytes.fromhex(_text(item)) for item in typed(document, "packs", list))
        if any(len(pack) != 32 for pack in packs):
            raise ValueError("a pack's name is too short or too long")
        return PackList(origin, typed(document, "at", datetime).astimezone(UTC), packs)
    except (KeyError, ValueError) as error:
        raise CorruptionError(f"{origin} is not a list of marked packs", why=str(error)) from error


def _text(item: Any) -> str:
    if not isinstance(item, str):
        raise ValueError(f"a pack is a {type(item).__name__}")
    return item


def read_pack_marks(backend: Backend) -> PackMarks:
    """All marks of packs. Raises StorageFailed."""
    lists, unreadable = [], []
    for entry in backend.list(TRASHED_PACKS_FOLDER):
        try:
            lists.append(_decoded(backend.get(entry.name), entry.name))
        except ObjectMissing:
            continue  # prune has just emptied it
        except CorruptionError:
            unreadable.append(entry.name)
    return PackMarks(tuple(lists), tuple(unreadable))


def marked_packs(backend: Backend) -> frozenset[bytes]:
    """The packs that chunks are looked for in last, because they may go."""
    return frozenset(read_pack_marks(backend).marked_at())


def put_pack_marks(backend: Backend, packs: Iterable[bytes], now: datetime) -> PackList:
    """Mark packs now; another list of the same second stays as it is."""
    moment = now.astimezone(UTC).replace(microsecond=0)
    ids = tuple(sorted(packs))
    data = seal({"at": moment, "packs": [pack.hex() for pack in ids]})
    free = moment
    while True:
        name = f"{TRASHED_PACKS_FOLDER}/{set_name(int(free.timestamp()) * NANOSECONDS_PER_SECOND)}.toml"
        if backend.put_if_absent(name, data):
            return PackList(name, moment, ids)
        free += timedelta(seconds=1)


def drop_pack_marks(backend: Backend, packs: Collection[bytes]) -> None:
    """Take packs out of every list that names them, because they are needed again or gone."""
    for marked in read_pack_marks(backend).lists:
        left = tuple(pack for pack in marked.packs if pack not in packs)
        if len(left) == len(marked.packs):
            continue
        if left:
            backend.put(marked.object_name, seal({"at": marked.at, "packs": [pack.hex() for pack in left]}))
        else:
            backend.delete(marked.object_name)
