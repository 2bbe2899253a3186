"""Locks as objects of the repository, so that they work wherever it lies: shared to read and write, exclusive to
delete.

Whoever wants one writes it first and looks at the others afterwards, so that of two that exclude each other at least
one sees the other. A lock is refreshed while it is held; it is stale after 30 minutes without that, or at once when
its process on this machine is gone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Literal, Self, cast

from quri_console.clock import Clock, utc_datetime
from quri_console.errors import CorruptionError, LockedError, QuriError
from quri_console.repository.backend import Backend, Entry, ObjectMissing
from quri_console.repository.files import StorageFailed
from quri_console.repository.process_identity import ProcessIdentity, is_surely_gone, this_process
from quri_console.repository.sealed import seal, unseal
from quri_console.repository.sets import typed

LOCKS_FOLDER = "locks"
STALE_AFTER = timedelta(minutes=30)
REFRESH_EVERY = timedelta(minutes=5)
_RETRY_EVERY = timedelta(minutes=1)
_PAUSE_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.0)
LockKind = Literal["shared", "exclusive"]


class RepositoryLocked(LockedError):
    """Somebody holds the repository in a way that excludes this."""


class LockLost(QuriError):
    """Our lock was removed while we held it."""


@dataclass(frozen=True, slots=True)
class LockInfo:
    """A lock as it lies there; `holder` says what it is held for. `damage` where it cannot be read."""

    name: str
    kind: LockKind
    holder: str
    process: ProcessIdentity | None
    created_at: datetime | None
    refreshed_at: datetime | None
    damage: str = ""

    @property
    def words(self) -> str:
        """Who holds it since when, for people."""
        if self.process is None or self.created_at is None or self.refreshed_at is None:
            return f"the lock {self.name} cannot be read"
        return (
            f"{self.holder} on {self.process.host} (process {self.process.pid}) holds it since "
            f"{self.created_at:%Y-%m-%d %H:%M:%S} UTC, last seen {self.refreshed_at:%H:%M:%S} UTC"
        )

    def is_stale(self, now: datetime) -> bool:
        """Whether its holder is gone; a time ahead of ours proves nothing, because a clock may have been set back."""
        if self.process is None or self.refreshed_at is None:
            return False
        return is_surely_gone(self.process) or now - self.refreshed_at > STALE_AFTER

    def excludes(self, kind: LockKind) -> bool:
        """Whether a lock of this kind cannot be held beside it."""
        return kind == "exclusive" or (self.kind == "exclusive" and not self.damage)


def _encode(lock: LockInfo) -> bytes:
    assert lock.process is not None
    return seal(
        {
            "kind": lock.kind,
            "holder": lock.holder,
            "process": asdict(lock.process),
            "created_at": lock.created_at,
            "refreshed_at": lock.refreshed_at,
        }
    )


def _decode(name: str, data: bytes) -> LockInfo:
    document = unseal(data, name)
    try:
        kind = typed(document, "kind", str)
        if kind not in ("shared", "exclusive"):
            raise ValueError(f"kind {kind!r}")
        process = typed(document, "process", dict)
        return LockInfo(
            name=name,
            kind=cast(LockKind, kind),
            holder=typed(document, "holder", str),
            process=ProcessIdentity(
                typed(process, "host", str),
                typed(process, "boot", str),
                typed(process, "pid", int),
                typed(process, "started", int),
                str(process.get("pid_namespace", "")),
                str(process.get("machine", "")),
            ),
            created_at=typed(document, "created_at", datetime).astimezone(UTC),
            refreshed_at=typed(document, "refreshed_at", datetime).astimezone(UTC),
        )
    except (KeyError, ValueError) as error:
        raise CorruptionError(f"{name} is not a lock", why=str(error)) from error


def list_locks(backend: Backend) -> tuple[LockInfo, ...]:
    """Every lock, damaged ones too; one that goes away meanwhile is left out. Raises StorageFailed."""
    return tuple(lock for _, lock in _stored(backend))


def _stored(backend: Backend) -> Iterator[tuple[Entry, LockInfo]]:
    # A file system may leave out a file that is replaced while its folder is read, and a refresh replaces; nobody
    # refreshes twice within one look, so a lock that is held throughout is in one of two lists.
    entries = {entry.name: entry for _ in range(2) for entry in backend.list(LOCKS_FOLDER)}
    for name, entry in sorted(entries.items()):
        try:
            yield entry, _decode(name, backend.get(name))
        except ObjectMissing:
            continue
        except CorruptionError as error:
            yield entry, LockInfo(name, "exclusive", "", None, None, None, damage=str(error))


def remove_stale_locks(backend: Backend, clock: Clock, *, damaged_too: bool = False) -> tuple[LockInfo, ...]:
    """Delete the locks whose holders are gone (and unreadable ones, when asked for); those that were deleted."""
    now = utc_datetime(clock.now_ns())
    removed = []
    for entry, lock in _stored(backend):
        if not (lock.is_stale(now) or (damaged_too and lock.damage)):
            continue
        present = backend.head(lock.name)
        # one that was refreshed since it was listed has a living holder
        if present is not None and present.version == entry.version:
            backend.delete(lock.name)
            removed.append(lock)
    return tuple(removed)


@dataclass(frozen=True, slots=True)
class _Mark:
    """A moment on both clocks of a machine, which differ when it slept or its time was set."""

    wall: datetime
    monotonic: float

    @classmethod
    def of(cls, clock: Clock) -> Self:
        return cls(utc_datetime(clock.now_ns()), clock.monotonic())

    def age(self, clock: Clock) -> timedelta:
        """How long ago it may have been at most."""
        now = _Mark.of(clock)
        return max(abs(now.wall - self.wall), timedelta(seconds=now.monotonic - self.monotonic))


class RepositoryLock:
    """A lock that is held; released at the end of a `with` block."""

    def __init__(self, backend: Backend, clock: Clock, info: LockInfo | None, removed: tuple[LockInfo, ...]) -> None:
        self._backend = backend
        self._clock = clock
        self.info = info
        """None for reading where nothing can be written, and so nothing be deleted by others through this place."""
        self.removed = removed
        """Stale locks that were removed on the way."""
        self._refreshed = self._tried = _Mark.of(clock)

    def __enter__(self) -> RepositoryLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.release()
        except StorageFailed:
            # what went wrong inside is what the operator must read; the lock ends with this process
            if error is None:
                raise

    def refresh(self) -> None:
        """Say that we are still here. Raises LockLost when somebody took us for gone, StorageFailed."""
        if self.info is None:
            return
        self._tried = _Mark.of(self._clock)
        name, late = self.info.name, self._refreshed.age(self._clock) > STALE_AFTER
        if self._backend.head(name) is None:
            raise _lost(self.info)
        renewed = replace(self.info, refreshed_at=self._tried.wall)
        self._backend.put(name, _encode(renewed))
        # so late, another may have deleted it between looking and storing, and have gone on
        if late and any(lock.name != name and lock.excludes(renewed.kind) for lock in list_locks(self._backend)):
            self._backend.delete(name)
            raise _lost(self.info)
        self.info, self._refreshed = renewed, self._tried

    def refresh_if_due(self) -> None:
        """`refresh` every five minutes; to be called as often as convenient.

        A place that fails is tried again each minute, and StorageFailed is raised only when others may soon take the
        lock for stale: a full disk must not end the deletion that makes room. Raises LockLost.
        """
        every = REFRESH_EVERY if self._tried is self._refreshed else _RETRY_EVERY
        if self.info is None or self._tried.age(self._clock) < every:
            return
        try:
            self.refresh()
        except StorageFailed:
            if self._refreshed.age(self._clock) >= STALE_AFTER - REFRESH_EVERY:
                raise

    def release(self) -> None:
        """Let go of it."""
        if self.info is not None:
            self._backend.delete(self.info.name)
            self.info = None


def _lost(lock: LockInfo) -> LockLost:
    return LockLost(
        f"the lock of {lock.holder} was removed by somebody else",
        why="This process was silent for more than 30 minutes, or `repair locks` was run.",
        next_step="Run it again.",
    )


def acquire(
    backend: Backend,
    kind: LockKind,
    holder: str,
    clock: Clock,
    *,
    wait_seconds: float = 0.0,
    optional: bool = False,
    randomness: Callable[[int], bytes] = os.urandom,
    sleep: Callable[[float], None] = time.sleep,
) -> RepositoryLock:
    """A lock held for `holder` ("backup 2025…"), after at most `wait_seconds` of others holding it.

    `optional`: where nothing can be written, a lock that does nothing. Raises RepositoryLocked naming who holds it,
    StorageFailed, DiskFull.
    """
    deadline = clock.monotonic() + wait_seconds
    removed: tuple[LockInfo, ...] = ()
    attempt = 0
    while True:
        # a little patience without --wait, too: two that meet by accident would otherwise both give up
        patience = _PAUSE_SECONDS[min(attempt, len(_PAUSE_SECONDS) - 1)] * (0.5 + randomness(1)[0] / 256)
        try:
            found = _try(backend, kind, holder, clock, randomness)
        except StorageFailed:
            if optional:
                return RepositoryLock(backend, clock, None, removed)
            raise
        removed = (*removed, *found.removed)
        if found.held is not None:
            return RepositoryLock(backend, clock, found.held, removed)
        attempt += 1
        if attempt >= 3 and clock.monotonic() + patience > deadline:
            raise RepositoryLocked(
                f"the repository {backend.location} is in use",
                why="; ".join(lock.words for lock in found.conflicts),
                next_step="Wait for it with --wait 10m, or let it end. Locks of processes that are gone go away by "
                "themselves; one that cannot be read is removed by `quri-console repair locks`.",
            )
        sleep(patience)


@dataclass(frozen=True, slots=True)
class _Tried:
    held: LockInfo | None
    conflicts: tuple[LockInfo, ...]
    removed: tuple[LockInfo, ...]


def _try(backend: Backend, kind: LockKind, holder: str, clock: Clock, randomness: Callable[[int], bytes]) -> _Tried:
    now = utc_datetime(clock.now_ns())
    name = f"{LOCKS_FOLDER}/{randomness(16).hex()}.toml"
    own = LockInfo(name, kind, holder, this_process(), now, now)
    if not backend.put_if_absent(name, _encode(own)):
        return _Tried(None, (), ())
    try:
        removed = remove_stale_locks(backend, clock)
        conflicts = tuple(lock for lock in list_locks(backend) if lock.name != name and lock.excludes(kind))
    except BaseException:
        backend.delete(name)
        raise
    if conflicts:
        backend.delete(name)
        return _Tried(None, conflicts, removed)
    return _Tried(own, (), removed)
