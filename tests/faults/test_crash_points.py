"""A power cut after any file operation: what was acknowledged is there bit for bit, what was not harms nothing."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from quri_console.clock import ManualClock, utc_datetime
from quri_console.repository.archive import PackSizes, write_archive
from quri_console.repository.archive_reading import open_archive
from quri_console.repository.check import check_repository
from quri_console.repository.errors import RepositoryMissing
from quri_console.repository.local import LocalBackend
from quri_console.repository.locks import acquire
from quri_console.repository.marks import put_mark
from quri_console.repository.prune import plan_prune
from quri_console.repository.prune_execute import execute_prune
from quri_console.repository.repair_index import repair_index
from quri_console.repository.sets import SetItem
from quri_console.repository.store import Repository, create_repository
from quri_console.repository.trash import forget
from tests.support.recording_filesystem import Loss, Operation, RecordingFileSystem, write_disk_after
from tests.support.repositories import MadeRepository, subject, three_sets

REPOSITORY, ARCHIVE = "repository", "sealed.tar.zst"
LOSSES: tuple[Loss, ...] = ("nothing", "everything", "something")


@dataclass
class Step:
    """One operation of an operator: the file operations it took, and the sets that it leaves."""

    name: str
    begin: int
    end: int
    before: frozenset[str]
    after: frozenset[str]


@dataclass
class Life:
    """A recorded life of a repository."""

    made: MadeRepository
    files: RecordingFileSystem
    steps: list[Step] = field(default_factory=list)
    present: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()

    def open(self) -> Repository:
        backend = LocalBackend(self.made.path, self.files)
        return Repository.open(backend, unlock=self.made.unlock, clock=ManualClock(self.made.now_ns))

    def do(self, name: str, work: Callable[[], None], *, gone: frozenset[str] = frozenset()) -> None:
        """Record a step; new sets are those that `made` learnt of meanwhile."""
        begin, before = len(self.files.operations), self.present
        work()
        self.gone |= gone
        self.present = (frozenset(self.made.contents) | before) - self.gone
        self.steps.append(Step(name, begin, len(self.files.operations), before, self.present))

    def capture(self, number: int) -> None:
        content = three_sets()[number]
        writer = self.made.begin_set(content, self.open())
        writer.commit([SetItem(folder, subject(folder), {"name": folder}) for folder in content], {"tool": "test"})
        self.made.contents[writer.name] = content

    def forget_and_prune(self, name: str) -> None:
        repository = self.open()
        now = utc_datetime(self.made.now_ns)
        with acquire(repository.backend, "exclusive", "prune", repository.clock) as lock:
            forget(repository, [name], by="test", reason="test", now=now)
            plan = plan_prune(repository, now=now, grace=timedelta(0), repack_share=0.1)
            assert not plan.refusals
            execute_prune(repository, plan, lock)

    def repair(self) -> None:
        repository = self.open()
        for entry in list(repository.backend.list("index")):
            (self.made.path / entry.name).write_bytes(b"damaged")
        repair_index(repository)

    def archive(self) -> None:
        repository = self.open()
        path = self.files.root / ARCHIVE
        write_archive(repository, self.made.names[-1], path, filesystem=self.files, sizes=PackSizes(1024, 4096))


def recorded_life(folder: Path, *, encrypted: bool) -> Life:
    """Everything that writes, one after the other."""
    folder.mkdir()
    made = MadeRepository(folder / REPOSITORY, encrypted)
    made.path.mkdir(mode=0o700)
    life = Life(made, RecordingFileSystem(folder))
    life.files.operations.append(Operation("make_directory", Path(REPOSITORY)))
    life.files.operations.append(Operation("sync_directory", Path()))
    encryption = "aes-256-gcm" if encrypted else "none"
    backend = LocalBackend(made.path, life.files)
    clock = ManualClock(made.now_ns)
    life.do(
        "create",
        lambda: create_repository(backend, clock=clock, randomness=made.randomness, encryption=encryption) and None,
    )  # type: ignore[func-returns-value]
    for number in range(3):
        life.do(f"capture {number}", lambda number=number: life.capture(number))  # type: ignore[misc]
    first = made.names[0]
    life.do("mark", lambda: put_mark(backend, made.names[1], "pin", made.now_ns, {"reason": "test"}) and None)  # type: ignore[func-returns-value]
    life.do("archive", life.archive)
    life.do("prune", lambda: life.forget_and_prune(first), gone=frozenset({first}))
    life.do("repair index", life.repair)
    return life


def _at(life: Life, count: int) -> Step:
    return next(step for step in life.steps if count <= step.end)


def _judge(life: Life, count: int, disk: Path) -> None:
    """What must hold on a disk that was cut off after `count` operations."""
    # the next boot knows that whoever held a lock is gone; here it is this very process
    shutil.rmtree(disk / REPOSITORY / "locks", ignore_errors=True)
    step = _at(life, count)
    done = count == step.end
    try:
        repository = life.made.open(disk / REPOSITORY)
    except RepositoryMissing:
        assert step.name == "create", f"the repository is gone in {step.name}"
        assert not done
        return
    listed = set(repository.set_names())
    assert (step.after if done else step.before & step.after) <= listed, f"a set is gone in {step.name}"
    for name in listed:
        for folder, item in life.made.contents[name].items():
            assert life.made.read_item(repository, name, folder) == item, f"{name}/{folder} in {step.name}"
    # this repository's key is the test's own: it has no key files, which a check is right to say
    damages = [damage for damage in check_repository(repository).damages if damage.kind != "key"]
    assert damages == [], step.name
    sealed = disk / ARCHIVE
    assert sealed.exists() or "archive" not in _done_before(life, count)
    if sealed.exists():
        with open_archive(sealed, disk / "cache", unlock=life.made.unlock) as opened:
            assert len(opened.set_names()) == 1


def _done_before(life: Life, count: int) -> set[str]:
    return {step.name for step in life.steps if step.end <= count}


def _goes_on(life: Life, disk: Path) -> None:
    """After the crash a new backup is taken and read back."""
    after = MadeRepository(disk / REPOSITORY, life.made.encrypted, contents=dict(life.made.contents))
    name = after.add_set(three_sets()[1])
    assert after.read_item(after.open(), name, "alpha") == three_sets()[1]["alpha"]


def _cuts(life: Life, stride: int) -> Iterator[tuple[int, Loss]]:
    for count in range(0, len(life.files.operations) + 1, stride):
        for loss in LOSSES:
            yield count, loss


def _sweep(tmp_path: Path, *, encrypted: bool, stride: int, seeds: int) -> None:
    life = recorded_life(tmp_path / "life", encrypted=encrypted)
    for number, (count, loss) in enumerate(_cuts(life, stride)):
        for seed in range(seeds if loss == "something" else 1):
            disk = tmp_path / f"disk-{number}-{seed}"
            write_disk_after(life.files.operations[:count], loss, random.Random(number * 31 + seed), disk)
            _judge(life, count, disk)
            if number % 11 == 0 and count > life.steps[0].end:
                _goes_on(life, disk)
            shutil.rmtree(disk)


@pytest.mark.parametrize("encrypted", [False, True], ids=["clear", "encrypted"])
def test_a_power_cut_after_any_operation_loses_nothing_that_was_acknowledged(tmp_path: Path, encrypted: bool) -> None:
    _sweep(tmp_path, encrypted=encrypted, stride=3, seeds=1)


@pytest.mark.sweep
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("encrypted", [False, True], ids=["clear", "encrypted"])
def test_a_power_cut_after_every_single_operation_and_every_loss(tmp_path: Path, encrypted: bool) -> None:
    _sweep(tmp_path, encrypted=encrypted, stride=1, seeds=6)
