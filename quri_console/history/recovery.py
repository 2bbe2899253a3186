"""A damaged database is set aside, and a new one takes over what can still be read."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from quri_console.clock import Clock
from quri_console.history.database import History
from quri_console.history.failures import HistoryDamaged, failing
from quri_console.history.integrity import faults_of, stamp, sync
from quri_console.history.migrations import require_known, statements_from
from quri_console.history.salvage import Salvage, carry_over

_SQLITE_MAGIC = b"SQLite format 3\x00"


@dataclass(frozen=True, slots=True)
class Recovered:
    """What became of a damaged database: how many rows of which table were carried over or were unusable.

    Of the tables in `unreadable` some rows could not even be counted. `set_aside` is the damaged file.
    """

    set_aside: Path
    problem: str
    carried_over: Mapping[str, int]
    lost: Mapping[str, int]
    unreadable: tuple[str, ...]

    @property
    def notice(self) -> str:
        """One sentence for the operator; where the damaged file is stands before what is missing."""
        kept = ", ".join(f"{count:,} {table}" for table, count in self.carried_over.items() if count)
        gone = f"; not all of {', '.join(self.unreadable)} could be read" if kept and self.unreadable else ""
        return (
            f"the history was damaged ({self.problem}) and is set aside as {self.set_aside}: "
            f"a new one was started with {kept or 'nothing'}{gone}"
        )


async def open_history(path: Path, clock: Clock) -> tuple[History, Recovered | None]:
    """Open the history, and recover it first when it is damaged.

    Raises HistoryUnusable, HistoryTooNew.
    """
    try:
        return await History.open(path, clock=clock), None
    except HistoryDamaged:
        recovered = await recover(path, clock)
        return await History.open(path, clock=clock), recovered


async def recover(path: Path, clock: Clock) -> Recovered | None:
    """Set a damaged database aside and start a new one; None when it is not damaged (any more).

    To be called without a connection of one's own. Whoever has the old file open gets HistoryReplaced from the
    next write on. Raises HistoryUnusable, HistoryTooNew.
    """
    with failing(path):
        return await asyncio.to_thread(_recover, path, clock.now_ns())


def _recover(path: Path, now_ns: int) -> Recovered | None:
    with _alone(path):
        problems = faults_of(path)
        if not problems:
            return None
        _require_known(path)
        aside = path.with_name(f"{path.name}.damaged-{stamp(now_ns)}")
        fresh = path.with_name(f"{path.name}.new")
        _copy_aside(path, aside)
        _remove(fresh)
        salvage = _build(fresh, aside)
        # the old write-ahead log first: a new database must never meet it
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        fresh.replace(path)
        sync(path.parent)
        return Recovered(aside, problems[0], salvage.carried_over, salvage.lost, salvage.unreadable)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Of several processes that find the damage only one recovers; the others wait and find it done."""
    descriptor = os.open(path.with_name(f"{path.name}.recovery-lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _require_known(path: Path) -> None:
    """A newer program's database is its own to recover."""
    with path.open("rb") as file:
        head = file.read(100)
    if head.startswith(_SQLITE_MAGIC) and len(head) == 100:
        require_known(int.from_bytes(head[60:64], "big"), path)


def _copy_aside(path: Path, aside: Path) -> None:
    """Give the damaged files a second name; the first stays until the new database is complete."""
    for suffix in ("", "-wal"):
        source, target = path.with_name(path.name + suffix), aside.with_name(aside.name + suffix)
        if not source.exists():
            continue
        target.unlink(missing_ok=True)
        try:
            os.link(source, target)
        except OSError:
            # not every file system has links
            shutil.copyfile(source, target)
            target.chmod(0o600)


def _build(fresh: Path, aside: Path) -> Salvage:
    os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    with closing(sqlite3.connect(fresh, isolation_level=None)) as target:
        target.execute("PRAGMA foreign_keys = ON")
        target.execute("PRAGMA synchronous = FULL")
        target.execute("BEGIN IMMEDIATE")
        for statement in statements_from(0):
            target.execute(statement)
        salvage = carry_over(aside, target)
        target.execute("COMMIT")
    return salvage


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
