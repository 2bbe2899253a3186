from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.clock import ManualClock, SystemClock, utc_datetime
from quri_console.errors import ExitCode
from quri_console.repository import process_identity
from quri_console.repository.backend import Entry
from quri_console.repository.files import DiskFull, StorageFailed
from quri_console.repository.local import LocalBackend
from quri_console.repository.locks import (
    LockLost,
    RepositoryLock,
    RepositoryLocked,
    _encode,
    acquire,
    list_locks,
    remove_stale_locks,
)

MINUTE_NS = 60 * 10**9


@pytest.fixture
def backend(tmp_path: Path) -> LocalBackend:
    return LocalBackend(tmp_path / "repository")


def test_readers_and_writers_share(backend: LocalBackend) -> None:
    with acquire(backend, "shared", "one", SystemClock()), acquire(backend, "shared", "two", SystemClock()):
        assert sorted(lock.holder for lock in list_locks(backend)) == ["one", "two"]
    assert list_locks(backend) == ()


@pytest.mark.parametrize(("held", "wanted"), [("shared", "exclusive"), ("exclusive", "shared"), ("exclusive",) * 2])
def test_deletion_excludes_everything_and_names_who_is_in_the_way(
    backend: LocalBackend, held: str, wanted: str
) -> None:
    with (
        acquire(backend, held, "backup 42", SystemClock()),  # type: ignore[arg-type]
        pytest.raises(RepositoryLocked, match="is in use") as caught,
    ):
        acquire(backend, wanted, "prune", SystemClock(), sleep=lambda _: None)  # type: ignore[arg-type]
    assert "backup 42" in caught.value.why
    assert str(os.getpid()) in caught.value.why
    assert caught.value.exit_code is ExitCode.LOCKED
    assert list_locks(backend) == ()


def test_waiting_gets_the_lock_once_it_is_free(backend: LocalBackend) -> None:
    clock = ManualClock()
    other = acquire(backend, "shared", "backup", clock)
    pauses = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 5:
            other.release()

    with acquire(backend, "exclusive", "prune", clock, wait_seconds=60, sleep=sleep) as lock:
        assert lock.info is not None
    assert len(pauses) == 5


def test_a_lock_that_is_not_refreshed_for_half_an_hour_is_removed(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_identity.socket, "gethostname", lambda: "elsewhere")
    old = acquire(backend, "shared", "backup", ManualClock(0))
    monkeypatch.undo()
    with pytest.raises(RepositoryLocked):
        acquire(backend, "exclusive", "prune", ManualClock(30 * MINUTE_NS), sleep=lambda _: None)
    with acquire(backend, "exclusive", "prune", ManualClock(30 * MINUTE_NS + 10**9)) as lock:
        assert [removed.holder for removed in lock.removed] == ["backup"]
    with pytest.raises(LockLost):
        old.refresh()


def test_a_refreshed_lock_is_not_stale(backend: LocalBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_identity.socket, "gethostname", lambda: "elsewhere")
    clock = ManualClock(0)
    held = acquire(backend, "shared", "backup", clock)
    clock._elapsed_ns = 29 * MINUTE_NS
    held.refresh_if_due()
    monkeypatch.undo()
    assert remove_stale_locks(backend, ManualClock(58 * MINUTE_NS)) == ()


def test_a_clock_that_was_set_back_makes_no_lock_stale(backend: LocalBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_identity.socket, "gethostname", lambda: "elsewhere")
    acquire(backend, "shared", "backup", ManualClock(10**18))
    monkeypatch.undo()
    assert remove_stale_locks(backend, ManualClock(0)) == ()


def _hold(path: str) -> str:
    return (
        "import sys, time; from pathlib import Path\n"
        "from quri_console.clock import SystemClock\n"
        "from quri_console.repository.local import LocalBackend\n"
        "from quri_console.repository.locks import acquire\n"
        f"acquire(LocalBackend(Path({path!r})), 'exclusive', 'prune', SystemClock())\n"
        "print('held', flush=True); sys.stdin.read()"
    )


def test_a_killed_holder_is_forgotten_at_once(backend: LocalBackend) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _hold(str(backend.root))], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    with pytest.raises(RepositoryLocked):
        acquire(backend, "shared", "backup", SystemClock(), sleep=lambda _: None)
    child.kill()
    child.communicate()
    with acquire(backend, "shared", "backup", SystemClock()) as lock:
        assert [removed.holder for removed in lock.removed] == ["prune"]


def test_a_lock_of_an_earlier_boot_is_forgotten_at_once(backend: LocalBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_identity, "boot_id", lambda: "another boot")
    acquire(backend, "exclusive", "prune", SystemClock())
    monkeypatch.undo()
    with acquire(backend, "shared", "backup", SystemClock()) as lock:
        assert len(lock.removed) == 1


def test_a_damaged_lock_holds_up_only_deletion(backend: LocalBackend) -> None:
    backend.put("locks/0a.toml", b"nonsense")
    with acquire(backend, "shared", "backup", SystemClock()):
        pass
    with pytest.raises(RepositoryLocked) as caught:
        acquire(backend, "exclusive", "prune", SystemClock(), sleep=lambda _: None)
    assert "cannot be read" in caught.value.why
    assert "repair locks" in caught.value.next_step
    assert len(remove_stale_locks(backend, SystemClock(), damaged_too=True)) == 1


def test_reading_needs_no_lock_where_nothing_can_be_written(backend: LocalBackend, tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("nothing can be written below a file")
    with acquire(LocalBackend(place), "shared", "check", SystemClock(), optional=True) as lock:
        assert lock.info is None
        lock.refresh()


class Interrupted(LocalBackend):
    """Lets something happen in the middle: right before the next look at, or writing of, an object."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.before_head: list[Callable[[], object]] = []
        self.before_put: list[Callable[[], object]] = []

    def head(self, name: str) -> Entry | None:
        if self.before_head:
            self.before_head.pop()()
        return super().head(name)

    def put(self, name: str, data: bytes) -> None:
        if self.before_put:
            self.before_put.pop()()
        super().put(name, data)


def _held_elsewhere(backend: LocalBackend, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> RepositoryLock:
    with monkeypatch.context() as there:
        there.setattr(process_identity.socket, "gethostname", lambda: "elsewhere")
        return acquire(backend, "shared", "backup", clock)


def test_a_lock_that_is_refreshed_at_the_last_moment_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend, clock = Interrupted(tmp_path / "repository"), ManualClock(0)
    held = _held_elsewhere(backend, clock, monkeypatch)
    clock._elapsed_ns = 31 * MINUTE_NS
    backend.before_head.append(lambda: LocalBackend.put(backend, held.info.name, _renewed(held, clock)))
    assert remove_stale_locks(backend, ManualClock(31 * MINUTE_NS)) == ()


def _renewed(lock: RepositoryLock, clock: ManualClock) -> bytes:
    assert lock.info is not None
    return _encode(replace(lock.info, refreshed_at=utc_datetime(clock.now_ns())))


def test_a_holder_that_comes_back_late_does_not_go_on_beside_a_deletion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, clock = Interrupted(tmp_path / "repository"), ManualClock(0)
    held = _held_elsewhere(backend, clock, monkeypatch)
    clock._elapsed_ns = 40 * MINUTE_NS
    backend.before_put.append(lambda: acquire(backend, "exclusive", "prune", ManualClock(40 * MINUTE_NS)))
    with pytest.raises(LockLost):
        held.refresh()
    assert [lock.holder for lock in list_locks(backend)] == ["prune"]


class SleptClock(ManualClock):
    """Of a machine that was suspended: the steady clock stood still."""

    def monotonic(self) -> float:
        return 0.0


def test_a_machine_that_slept_notices_that_it_lost_the_lock(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SleptClock(0)
    held = _held_elsewhere(backend, clock, monkeypatch)
    clock._elapsed_ns = 60 * MINUTE_NS
    with acquire(backend, "exclusive", "prune", ManualClock(60 * MINUTE_NS)), pytest.raises(LockLost):
        held.refresh_if_due()


def test_a_failing_place_ends_the_work_only_when_the_lock_is_about_to_grow_stale(tmp_path: Path) -> None:
    backend, clock = Interrupted(tmp_path / "repository"), ManualClock(0)
    held = acquire(backend, "exclusive", "prune", clock)

    def full() -> None:
        raise DiskFull("The disk is full")

    for minutes in (6, 7, 24):
        backend.before_put = [full]
        clock._elapsed_ns = minutes * MINUTE_NS
        held.refresh_if_due()
        assert backend.before_put == []
    backend.before_put = [full]
    clock._elapsed_ns = 26 * MINUTE_NS
    with pytest.raises(DiskFull):
        held.refresh_if_due()


def test_the_failure_of_the_work_is_told_rather_than_that_of_the_release(tmp_path: Path) -> None:
    class Stuck(LocalBackend):
        def delete(self, name: str) -> None:
            raise StorageFailed("Could not delete")

    with pytest.raises(KeyError), acquire(Stuck(tmp_path / "repository"), "shared", "backup", SystemClock()):
        raise KeyError("the work")


@pytest.mark.parametrize("place", ["pid_namespace", "machine"])
def test_a_process_of_another_container_or_machine_of_the_same_name_is_not_taken_for_gone(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    with monkeypatch.context() as there:
        there.setattr(process_identity, place, lambda: "another")
        # no process here started then
        there.setattr(process_identity, "start_ticks", lambda pid: 1)
        acquire(backend, "shared", "backup", SystemClock())
    with pytest.raises(RepositoryLocked):
        acquire(backend, "exclusive", "prune", SystemClock(), sleep=lambda _: None)


def test_a_holder_that_proc_does_not_show_keeps_its_lock(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_identity, "start_ticks", lambda pid: None)
    held = acquire(backend, "shared", "backup", SystemClock())
    with pytest.raises(RepositoryLocked):
        acquire(backend, "exclusive", "prune", SystemClock(), sleep=lambda _: None)
    held.refresh()


def _work(root: str, exclusive: bool, rounds: int) -> None:
    """Take the lock again and again; another process inside at a wrong time ends this one with a failure."""
    backend = LocalBackend(Path(root))
    inside = Path(root).parent / "inside"
    for _ in range(rounds):
        with acquire(backend, "exclusive" if exclusive else "shared", "work", SystemClock(), wait_seconds=60):
            mine = inside / f"{'x' if exclusive else 's'}-{os.getpid()}"
            mine.touch()
            others = [path.name for path in inside.iterdir() if path != mine]
            mine.unlink()
            if (exclusive and others) or any(name.startswith("x") for name in others):
                raise SystemExit(1)


def test_processes_that_race_are_never_inside_together(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_work, args=(str(tmp_path / "repository"), number % 2 == 0, 8)) for number in range(4)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
