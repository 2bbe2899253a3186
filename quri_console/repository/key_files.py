"""All key files of a repository as they lie there: who can open it, and what of them is damaged. No key is needed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from quri_console.errors import CorruptionError
from quri_console.repository.backend import Backend, Entry, ObjectMissing
from quri_console.repository.errors import NewerFormat
from quri_console.repository.key_file import KEYS_FOLDER, KeyFile, Way, decode_key_file, parsed_name
from quri_console.repository.store import RepositoryFacts, read_facts

_LARGEST_BYTES = 1 << 20
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class KeyDamage:
    """An object below `keys/` that is not what it should be, and why it is not used."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """The readable files of this repository, the newest of each way first, and the objects that are none."""

    readable: tuple[KeyFile, ...]
    damage: tuple[KeyDamage, ...]
    names: tuple[str, ...]
    """Every object below `keys/`."""

    def newest(self) -> tuple[KeyFile, ...]:
        """The file of each way that counts."""
        return newest_of(self.readable)

    def names_of(self, way_id: str) -> tuple[str, ...]:
        """Every object that belongs to a way by its name, damaged ones too, the oldest first."""
        found = [(place[1], name) for name in self.names if (place := parsed_name(name)) and place[0] == way_id]
        return tuple(name for _, name in sorted(found))


@dataclass(frozen=True, slots=True)
class ListedWay:
    """A way in; `complete` unless a rotation that was interrupted has not reached it. `generation` counts its files."""

    way: Way
    generation: int
    complete: bool
    masters: int = 1
    """How many master keys its file holds; each rotation adds one."""


@dataclass(frozen=True, slots=True)
class WaysListed:
    """Who can open a repository, as its files say; only whoever has a key can tell that a holder of one wrote them."""

    ways: tuple[ListedWay, ...]
    damage: tuple[KeyDamage, ...]
    masters: int = 0
    """How many master keys there are in all. When each was made is in no key file."""

    @property
    def unfinished_rotation(self) -> bool:
        """Whether a rotation was interrupted; the keys before it are in use until it is finished."""
        return not all(listed.complete for listed in self.ways)


def read_key_files(backend: Backend, repository_id: str) -> KeyFiles:
    """Every key file; one that goes away meanwhile has a successor, so that all are looked at again.

    Raises StorageFailed.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return _read_all(backend, repository_id)
        except ObjectMissing:
            continue
    return _read_all(backend, repository_id)


def _read_all(backend: Backend, repository_id: str) -> KeyFiles:
    readable: list[KeyFile] = []
    damage: list[KeyDamage] = []
    entries = tuple(backend.list(KEYS_FOLDER))
    for entry in entries:
        try:
            file = _read(backend, entry)
        except ObjectMissing:
            raise
        except (CorruptionError, NewerFormat) as error:
            damage.append(KeyDamage(entry.name, error.why or error.what))
            continue
        if file.repository_id == repository_id:
            readable.append(file)
        else:
            damage.append(KeyDamage(entry.name, f"It opens another repository, {file.repository_id[:8]}."))
    readable.sort(key=lambda file: (file.way.created_at, file.way.id, -file.generation))
    return KeyFiles(tuple(readable), tuple(damage), tuple(entry.name for entry in entries))


def _read(backend: Backend, entry: Entry) -> KeyFile:
    if parsed_name(entry.name) is None:
        raise CorruptionError(f"{entry.name} is no key file", why="No key file has such a name.")
    if entry.size > _LARGEST_BYTES:
        raise CorruptionError(f"{entry.name} is too large", why=f"It has {entry.size} bytes.")
    return decode_key_file(backend.get(entry.name), entry.name)


def newest_of(files: Iterable[KeyFile]) -> tuple[KeyFile, ...]:
    """The file of each way with the highest generation, in the order of the ways."""
    newest: dict[str, KeyFile] = {}
    for file in files:
        if file.way.id not in newest or newest[file.way.id].generation < file.generation:
            newest[file.way.id] = file
    return tuple(newest.values())


def list_ways(backend: Backend, facts: RepositoryFacts) -> WaysListed:
    """Who can open the repository, oldest way first, and which key files are damaged. Raises StorageFailed."""
    files = read_key_files(backend, facts.id)
    newest = files.newest()
    everything = {identifier for file in newest for identifier in file.masters}
    ways = tuple(
        ListedWay(file.way, file.generation, everything <= set(file.masters), len(file.masters)) for file in newest
    )
    return WaysListed(ways, files.damage, len(everything))


def check_key_files(backend: Backend) -> tuple[KeyDamage, ...]:
    """What is wrong with the key files, object by object; nothing in the clear. Raises as `read_facts`."""
    facts = read_facts(backend)
    if facts.encryption == "none":
        return ()
    files = read_key_files(backend, facts.id)
    if not files.readable and not files.damage:
        return (KeyDamage(KEYS_FOLDER, "There is no key file: nobody can open this repository."),)
    return files.damage
