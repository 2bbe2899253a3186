"""Checking a repository without reading its packs: every small object, and that all that is needed is there."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable

from quri_console.errors import CorruptionError, QuriError
from quri_console.progress import NoProgress, Progress
from quri_console.repository.backend import Backend
from quri_console.repository.check_findings import Findings
from quri_console.repository.check_other import note_other_objects
from quri_console.repository.check_report import CheckReport
from quri_console.repository.check_sets import SetCheck
from quri_console.repository.damage_reach import BadFrames, Reach, cut_frames, lost_chunks, reach_of
from quri_console.repository.errors import NewerFormat
from quri_console.repository.index import INDEX_FOLDER, PACKS_FOLDER, Index, decode_fragment, is_fragment_name, pack_id
from quri_console.repository.key_file import KEYS_FOLDER, parsed_name
from quri_console.repository.key_files import check_key_files
from quri_console.repository.locks import list_locks
from quri_console.repository.pack_check import is_damage
from quri_console.repository.pack_marks import read_pack_marks
from quri_console.repository.sets import SetManifest, set_names
from quri_console.repository.store import REPOSITORY_FILE, Repository, read_facts
from quri_console.repository.trash import read_trash, trash_object

_FROM_A_COPY = "Bring it back from a copy of the repository; without one it cannot be made anew."
REPAIR_INDEX = "`quri-console repair index` makes the index anew from the packs; nothing is lost."
REPAIR_PACKS = (
    "Run `quri-console repair packs` before the next backup: it saves what can be read, and lets a new backup "
    "store anew what is lost."
)


def check_structure(repository: Repository, progress: Progress | None = None) -> CheckReport:
    """Read every object but the packs and compare it with its digest; every chunk that is named must be in a pack.

    Damage is collected, never raised. Raises StorageFailed when the repository may not be read, NewerFormat when its
    index is of a newer version.
    """
    return _Structure(repository, progress or NoProgress()).run()


class _Structure:
    """One check under way."""

    def __init__(self, repository: Repository, progress: Progress) -> None:
        self._repository = repository
        self._backend: Backend = repository.backend
        self._progress = progress
        self._found = Findings()

    def run(self) -> CheckReport:
        """All parts of it."""
        found = self._found
        if self._repository_file():
            self._key_files()
        self._open_vault()
        # in this order: a backup that is committed meanwhile may name chunks that the index did not know yet
        names = set_names(self._backend)
        named = self._fragments()
        sizes = self._pack_sizes()
        index = self._index(named - sizes.keys())
        manifests = SetCheck(self._repository, index, found, self._progress).run(*names)
        self._packs(index, sizes, manifests)
        self._locks()
        self._trash()
        note_other_objects(self._backend, manifests, found)
        return CheckReport(
            repository_id=self._repository.id,
            damages=tuple(found.damages),
            notes=tuple(found.notes),
            sets=tuple(found.sets),
            packs=len(sizes),
            pack_bytes=sum(sizes.values()),
            files=found.files,
            key_problem=found.key_problem,
        )

    def _repository_file(self) -> bool:
        """Check `repository.toml`; whether it is as it was when the repository was opened."""
        try:
            if read_facts(self._backend) == self._repository.facts:
                return True
            why = "It was replaced meanwhile."
        except QuriError as error:
            why = error.why or error.what
        self._found.damage("repository", REPOSITORY_FILE, why, _FROM_A_COPY)
        return False

    def _key_files(self) -> None:
        step = "Use another way in, remove this one, and add it anew: `quri-console key --help`."
        try:
            damage = check_key_files(self._backend)
        except QuriError as error:
            self._found.failure("key", KEYS_FOLDER, error, step)
            return
        for item in damage:
            if item.name == KEYS_FOLDER or parsed_name(item.name) is not None:  # any other is not ours
                self._found.damage("key", item.name, item.why, step)

    def _open_vault(self) -> None:
        try:
            _ = self._repository.vault
        except QuriError as error:
            self._found.key_problem = error

    def _pack_sizes(self) -> dict[bytes, int]:
        found = ((pack_id(entry.name), entry.size) for entry in self._backend.list(PACKS_FOLDER))
        return {identifier: size for identifier, size in found if identifier is not None}

    def _fragments(self) -> set[bytes]:
        """The packs that the index names, after every fragment was looked at for itself."""
        names = [entry.name for entry in self._backend.list(INDEX_FOLDER) if is_fragment_name(entry.name)]
        return {pack for name in names for pack in self._fragment(name)}

    def _index(self, gone: set[bytes]) -> Index:
        """The index as readers see it."""
        self._repository.forget_index()
        if gone:
            text = f"It names {len(gone)} packs that are gone; what needs them is named as damaged, if anything does."
            self._found.note("index", INDEX_FOLDER, text)
        try:
            index = self._repository.index
        except QuriError as error:
            if not is_damage(error):
                raise
            return Index()
        for problem in index.problems:
            if problem.name.startswith(f"{PACKS_FOLDER}/"):
                self._found.damage("pack", problem.name, problem.why, REPAIR_PACKS)
        if index.unindexed:
            text = f"It does not name {len(index.unindexed)} packs, which were found all the same."
            self._found.note("index", INDEX_FOLDER, f"{text} `quri-console repair index` adds them.")
        return index

    def _fragment(self, name: str) -> set[bytes]:
        """The packs that a fragment names."""
        try:
            data = self._backend.get(name)
            packs = {pack.id for pack in decode_fragment(data, name)}
        except (QuriError, struct.error) as error:
            failure = error if isinstance(error, QuriError) else CorruptionError(f"{name} is damaged", why=str(error))
            if isinstance(failure, NewerFormat):
                raise
            self._found.failure("index", name, failure, REPAIR_INDEX)
            return set()
        if name != f"{INDEX_FOLDER}/{hashlib.sha256(data).hexdigest()}":
            text = "It is whole, but has not the name that it was stored under. `quri-console repair index` tidies up."
            self._found.note("index", name, text)
        return packs

    def _packs(self, index: Index, sizes: dict[bytes, int], manifests: Iterable[SetManifest]) -> None:
        """Compare the sizes of packs with the index, which tells what is lost of those that were cut off."""
        wrong = [pack for pack in index.packs.values() if sizes.get(pack.id, pack.size) != pack.size]
        bad: BadFrames = {pack.id: cut_frames(pack, sizes[pack.id]) for pack in wrong}
        reaches = reach_of(self._repository, manifests, lost_chunks(index, bad))
        for pack in wrong:
            why = f"It has {sizes[pack.id]} bytes instead of {pack.size}."
            reach = reaches.get(pack.id, Reach())
            self._found.damage("pack", pack.name, why, REPAIR_PACKS, sorted(reach.affected), sorted(reach.chunks))

    def _locks(self) -> None:
        for lock in list_locks(self._backend):
            if lock.damage:
                step = "`quri-console repair locks` removes it; do so when nobody else uses the repository."
                self._found.damage("lock", lock.name, lock.damage, step)

    def _trash(self) -> None:
        step = "`quri-console forget` marks the backup anew; until then it counts as not forgotten."
        for name in read_trash(self._backend).unreadable:
            why = "It does not end with the SHA-256 of what stands before, or is not what it should be."
            self._found.damage("trash", trash_object(name), why, step)
        for name in read_pack_marks(self._backend).unreadable:
            why = "It is not a list of marked packs as it was written; what it names counts as not marked."
            self._found.damage("trash", name, why, "`quri-console prune` removes it.")
