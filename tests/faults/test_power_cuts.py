"""Power cuts while keys change and sets are imported, a new backup after each, and proof that the recording convicts.

Beside test_crash_points, which judges the life of one repository: here every step makes promises, and on every disk
that a cut could leave all promises made until then are kept.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from quri_console.clock import ManualClock
from quri_console.errors import QuriError
from quri_console.repository.errors import WrongKey
from quri_console.repository.key_changes import add_way, create_encrypted, remove_way, rotate
from quri_console.repository.local import LocalBackend
from quri_console.repository.locks import acquire
from quri_console.repository.marks import put_mark, read_marks
from quri_console.repository.set_import import import_archive
from quri_console.repository.sets import SetItem
from quri_console.repository.store import REPOSITORY_FILE, Repository, Unlock, create_repository, read_facts
from quri_console.repository.unlocking import open_keys, unlock_with
from tests.support.key_holders import Holder, age_holder
from tests.support.recording_filesystem import Loss, Operation, RecordingFileSystem, write_disk_after
from tests.support.repositories import MadeRepository, SetContent, small_repository, subject, three_sets
from tests.support.unsynced import UnsyncedFileSystem

Promise = Callable[[Path], None]
"""Raises AssertionError or QuriError on a disk that does not keep it."""
HOME = "repository"
SETS = three_sets()


class Held(MadeRepository):
    """A repository that a holder of a key opens; in the clear without one."""

    holder: Holder | None = None

    @property
    def unlock(self) -> Unlock:
        return super().unlock if self.holder is None else unlock_with(self.holder.secrets)


@dataclass
class Life:
    """A recorded life: what was promised after how many operations, and until when it was meant."""

    root: Path
    files: RecordingFileSystem
    promises: dict[str, tuple[int, Promise]] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)
    always: list[Promise] = field(default_factory=list)

    @property
    def now(self) -> int:
        return len(self.files.operations)

    def promise(self, name: str, promise: Promise) -> None:
        """From now on, whatever happens."""
        self.promises[name] = (self.now, promise)

    def end(self, name: str) -> None:
        """What comes next may break a promise."""
        self.ended[name] = self.now

    def due(self, count: int) -> Iterator[tuple[str, Promise]]:
        """What must hold after so many operations."""
        for name, (since, promise) in self.promises.items():
            if since <= count <= self.ended.get(name, self.now):
                yield name, promise

    def cuts(self) -> Iterator[int]:
        """Numbers of operations after which a cut may leave something else than after one operation less."""
        turns = {0, self.now, *(since for since, _ in self.promises.values()), *self.ended.values()}
        for count in range(self.now + 1):
            if count in turns or not _is_hidden(self.files.operations[count - 1]):
                yield count

    def backend(self) -> LocalBackend:
        return LocalBackend(self.root / HOME, self.files)


def _is_hidden(operation: Operation) -> bool:
    """Whether it is about a temporary file alone, which no repository looks at."""
    return operation.target is None and operation.path.name.startswith(".")


@dataclass
class Keeper:
    """Who makes a life's sets, and reads them on any disk."""

    life: Life
    made: Held

    def open(self, backend: LocalBackend, holder: Holder | None) -> Repository:
        unlock = self.made.unlock if holder is None else unlock_with(holder.secrets)
        return Repository.open(backend, unlock=unlock, clock=ManualClock(self.made.now_ns))

    def capture(self, number: int) -> None:
        """Commit a set, and promise it."""
        name = self.written(self.life.backend(), SETS[number])
        self.made.contents[name] = SETS[number]
        self.life.promise(f"set {name}", lambda disk: self.read(disk, name, self.made.holder))

    def written(self, backend: LocalBackend, content: SetContent) -> str:
        writer = self.made.begin_set(content, self.open(backend, self.made.holder))
        writer.commit([SetItem(folder, subject(folder), {"name": folder}) for folder in content], {"tool": "test"})
        return writer.name

    def read(self, disk: Path, name: str, holder: Holder | None) -> None:
        """All of a set, as it was written."""
        self.require(self.open(LocalBackend(disk / HOME), holder), name, self.made.contents[name])

    def require(self, repository: Repository, name: str, content: SetContent) -> None:
        for folder, item in content.items():
            assert self.made.read_item(repository, name, folder) == item, f"{name}/{folder}"

    def whole(self, disk: Path) -> None:
        """Whatever is a backup is whole, and no object is other than its name or its digest says."""
        if (disk / HOME / REPOSITORY_FILE).exists():
            repository = self.open(LocalBackend(disk / HOME), self.made.holder)
            assert repository.index.problems == []
            for name in repository.set_names():
                self.require(repository, name, self.made.contents[name])

    def goes_on(self, disk: Path) -> None:
        """A new backup is taken and read back."""
        if (disk / HOME / REPOSITORY_FILE).exists():
            content = SETS[1]
            name = self.written(LocalBackend(disk / HOME, UnsyncedFileSystem()), content)
            self.require(self.open(LocalBackend(disk / HOME), self.made.holder), name, content)


def a_life(folder: Path, recorder: type[RecordingFileSystem], holder: Holder | None = None) -> Keeper:
    """An empty folder that is on the disk, where everything is recorded from now on."""
    (folder / HOME).mkdir(parents=True, mode=0o700)
    life = Life(folder, recorder(folder))
    life.files.operations += [Operation("make_directory", Path(HOME)), Operation("sync_directory", Path())]
    made = Held(folder / HOME, holder is not None)
    made.holder = holder
    keeper = Keeper(life, made)
    life.always += [keeper.whole, keeper.goes_on]
    return keeper


def plain_life(folder: Path, recorder: type[RecordingFileSystem]) -> Keeper:
    """Two sets in the clear that share chunks, and a pin."""
    keeper = a_life(folder, recorder)
    create_repository(keeper.life.backend(), clock=ManualClock(keeper.made.now_ns), randomness=keeper.made.randomness)
    keeper.capture(0)
    keeper.capture(1)
    name = keeper.made.names[0]
    put_mark(keeper.life.backend(), name, "pin", keeper.made.now_ns, {"reason": "the audit"})
    keeper.life.promise("pin", lambda disk: _require_pin(LocalBackend(disk / HOME), name))
    return keeper


def _require_pin(backend: LocalBackend, name: str) -> None:
    marks, unreadable = read_marks(backend, name)
    assert [mark.kind for mark in marks] == ["pin"]
    assert unreadable == ()


def key_life(folder: Path, recorder: type[RecordingFileSystem]) -> Keeper:
    """An encrypted repository whose keys are added, rotated and removed between its sets."""
    alice, sam = age_holder("alice"), age_holder("sam")
    keeper = a_life(folder, recorder, alice)
    life, clock = keeper.life, ManualClock(keeper.made.now_ns)
    create_encrypted(life.backend(), [alice.way], clock)
    facts = read_facts(life.backend())
    life.promise("alice", lambda disk: _require_way_in(disk, alice))
    keeper.capture(0)
    add_way(life.backend(), facts, alice.secrets, sam.way, clock)
    life.promise("sam", lambda disk: _require_way_in(disk, sam))
    first = keeper.made.names[0]
    life.promise("sam reads", lambda disk: keeper.read(disk, first, sam))
    keeper.capture(1)
    with acquire(life.backend(), "exclusive", "rotate", clock) as lock:
        rotate(life.backend(), facts, alice.secrets, lock)
    life.promise("rotated", lambda disk: _require_masters(disk, alice, 2))
    keeper.capture(2)
    newest = keeper.made.names[2]
    life.promise("sam reads what is newer", lambda disk: keeper.read(disk, newest, sam))
    for name in ("sam", "sam reads", "sam reads what is newer"):
        life.end(name)
    with acquire(life.backend(), "exclusive", "remove", clock) as lock:
        remove_way(life.backend(), facts, alice.secrets, "sam", lock)
    life.promise("sam is out", lambda disk: _require_no_way_in(disk, sam))
    return keeper


def _require_way_in(disk: Path, holder: Holder) -> None:
    backend = LocalBackend(disk / HOME)
    open_keys(backend, read_facts(backend), holder.secrets)


def _require_no_way_in(disk: Path, holder: Holder) -> None:
    with pytest.raises(WrongKey):
        _require_way_in(disk, holder)


def _require_masters(disk: Path, holder: Holder, count: int) -> None:
    backend = LocalBackend(disk / HOME)
    assert len(open_keys(backend, read_facts(backend), holder.secrets).keyring.masters) == count


def import_life(folder: Path, recorder: type[RecordingFileSystem]) -> Keeper:
    """Sets of another repository, one of them pinned there, that come over beside one that was there."""
    other = small_repository(folder.with_name("other"), seed=b"other")
    put_mark(other.backend(), other.names[0], "pin", other.now_ns, {"reason": "the audit"})
    keeper = a_life(folder, recorder)
    create_repository(keeper.life.backend(), clock=ManualClock(keeper.made.now_ns))
    keeper.capture(2)
    for name in other.names[:2]:
        known = set(keeper.made.contents)
        target = keeper.open(keeper.life.backend(), None)
        made = _expected_name(name, known)
        keeper.made.contents[made] = other.contents[name]
        assert import_archive(other.open(), target, name).name == made
        keeper.life.promise(f"import {made}", lambda disk, made=made: keeper.read(disk, made, None))  # type: ignore[misc]
    pinned = _expected_name(other.names[0], {other.names[0]})
    keeper.life.always.append(lambda disk: _require_pinned_if_there(LocalBackend(disk / HOME), pinned))
    # the fresh backup after a crash takes the next hour's name
    keeper.made.contents.setdefault("20250124T050000Z", {})
    return keeper


def _expected_name(name: str, taken: set[str]) -> str:
    return name if name not in taken else f"{name[:-3]}{int(name[-3:-1]) + 1:02d}Z"


def _require_pinned_if_there(backend: LocalBackend, name: str) -> None:
    if backend.head(f"backups/{name}/MANIFEST.toml") is not None:
        _require_pin(backend, name)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where the disks are made: in memory where the system offers that, because there are many, and no power is cut."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path) as name:
        yield Path(name)


LIVES = {"plain": plain_life, "keys": key_life, "import": import_life}


def _visible(disk: Path) -> tuple[tuple[str, bytes], ...]:
    """What a repository looks at: all but temporary files."""
    paths = sorted(path for path in disk.rglob("*") if path.is_file() and not path.name.startswith("."))
    return tuple((str(path.relative_to(disk)), hashlib.sha256(path.read_bytes()).digest()) for path in paths)


def _cut(operations: Sequence[Operation], loss: Loss | str, seed: int, disk: Path) -> None:
    """A disk; `contents`: every name is there, and what was not fsynced is empty."""
    if loss == "contents":
        folders = {operation.path for operation in operations if operation.name == "make_directory"}
        operations = [*operations, *(Operation("sync_directory", folder) for folder in (Path(), *sorted(folders)))]
        loss = "everything"
    write_disk_after(list(operations), loss, random.Random(seed), disk)  # type: ignore[arg-type]


def sweep(keeper: Keeper, folder: Path, *, seeds: int) -> int:
    """Judge every disk that a cut after any operation could leave, as far as `seeds` go; how many different ones."""
    life, known = keeper.life, set()
    losses = ["nothing", "contents", "everything", *["something"] * seeds]
    for count in life.cuts():
        due = tuple(life.due(count))
        for number, loss in enumerate(losses):
            disk = folder / "disk"
            _cut(life.files.operations[:count], loss, count * len(losses) + number, disk)
            # the next boot knows that whoever held a lock is gone; here it is this very process
            shutil.rmtree(disk / HOME / "locks", ignore_errors=True)
            key = (_visible(disk), tuple(name for name, _ in due))
            if key not in known:
                known.add(key)
                for _, promise in due:
                    promise(disk)
                for promise in life.always:
                    promise(disk)
            shutil.rmtree(disk)
    return len(known)


@pytest.mark.parametrize("kind", LIVES)
def test_every_promise_is_kept_after_a_power_cut_at_any_operation_and_work_goes_on(folder: Path, kind: str) -> None:
    keeper = LIVES[kind](folder / "life", RecordingFileSystem)
    assert sweep(keeper, folder, seeds=1) > 20


@pytest.mark.sweep
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("kind", LIVES)
def test_every_promise_is_kept_whatever_part_of_the_unsynced_is_lost(folder: Path, kind: str) -> None:
    sweep(LIVES[kind](folder / "life", RecordingFileSystem), folder, seeds=40)


class ForgetsFiles(RecordingFileSystem):
    """A writer that never fsyncs what it wrote."""

    def sync_file(self, path: Path) -> None:
        pass


class ForgetsFolders(RecordingFileSystem):
    """A writer that never fsyncs a folder below the first level."""

    folders: tuple[str, ...] = ()

    def sync_directory(self, path: Path) -> None:
        if path.relative_to(self.root / HOME).parts[:1] != self.folders:
            super().sync_directory(path)


class ForgetsPacks(ForgetsFolders):
    folders = ("packs",)


class ForgetsSets(ForgetsFolders):
    folders = ("backups",)


class ForgetsMarks(ForgetsFolders):
    folders = ("marks",)


class NamesBeforeSyncing(RecordingFileSystem):
    """A writer that gives a file its name and fsyncs it only then."""

    def sync_file(self, path: Path) -> None:
        self._unsynced = path

    def rename(self, source: Path, target: Path) -> None:
        super().rename(source, target)
        super().sync_file(target)

    def link(self, source: Path, target: Path) -> None:
        super().link(source, target)
        super().sync_file(target)


@pytest.mark.parametrize(
    "recorder",
    [ForgetsFiles, ForgetsPacks, ForgetsSets, ForgetsMarks, NamesBeforeSyncing],
    ids=lambda kind: kind.__name__,
)
def test_a_writer_that_forgets_to_sync_is_found(folder: Path, recorder: type[RecordingFileSystem]) -> None:
    keeper = plain_life(folder / "life", recorder)
    with pytest.raises((AssertionError, QuriError)):
        sweep(keeper, folder, seeds=1)


def test_what_a_killed_writer_left_unsynced_is_on_disk_before_another_builds_on_it(folder: Path) -> None:
    """Killed between naming a pack and syncing its folder; then a backup that finds the chunks there; then the cut."""
    source = small_repository(folder / "source")
    name = source.names[0]
    create_repository(LocalBackend(folder / HOME, UnsyncedFileSystem()), clock=ManualClock(source.now_ns))
    files = RecordingFileSystem(folder)
    target = Repository.open(LocalBackend(folder / HOME, files))
    import_archive(source.open(), target, name)
    created = [
        Operation("make_directory", Path(HOME)),
        Operation("create", Path(HOME, REPOSITORY_FILE), data=(folder / HOME / REPOSITORY_FILE).read_bytes()),
        Operation("sync_file", Path(HOME, REPOSITORY_FILE)),
        *(Operation("sync_directory", path) for path in (Path(), Path(HOME))),
    ]
    named = [number for number, operation in enumerate(files.operations, 1) if operation.name == "link"]
    for count in range(named[0], len(files.operations)):
        before = [*created, *files.operations[:count]]
        write_disk_after(before, "nothing", random.Random(0), folder / "killed")
        later = RecordingFileSystem(folder / "killed")
        second = Repository.open(LocalBackend(folder / "killed" / HOME, later))
        made = import_archive(source.open(), second, name).name
        write_disk_after([*before, *later.operations], "everything", random.Random(0), folder / "disk")
        found = Repository.open(folder / "disk" / HOME)
        for item, content in source.contents[name].items():
            assert source.read_item(found, made, item) == content
        shutil.rmtree(folder / "killed")
        shutil.rmtree(folder / "disk")
