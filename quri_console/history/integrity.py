"""Copies of the database before it is changed, and checks of what is in it."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import aiosqlite

from quri_console.clock import NANOSECONDS_PER_SECOND, utc_datetime
from quri_console.history.duties import EVERYWHERE, Duties
from quri_console.history.failures import failing, means_damage
from quri_console.units import DAY_SECONDS

COPIES_KEPT = 2
CHECK_SECONDS = 7 * DAY_SECONDS
CHECK_DUTY = "integrity"
FAULTS_TOLD = 20


def copy_before_migration(path: Path, version: int, now_ns: int) -> Path:
    """Copy the database beside itself (0600) before it becomes one of `version`; only the newest two are kept.

    Other processes may read and write meanwhile. Raises sqlite3.Error, OSError.
    """
    target = path.with_name(f"{path.name}.before-v{version}-{stamp(now_ns)}")
    partial = path.with_name(f"{target.name}.partial")
    for left_over in path.parent.glob(f"{path.name}.before-v*.partial"):
        left_over.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        with closing(read_only(path)) as source, closing(sqlite3.connect(partial)) as copy:
            source.backup(copy)
        sync(partial)
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync(path.parent)
    copies = sorted(path.parent.glob(f"{path.name}.before-v*"), key=lambda copy: copy.name.rsplit("-", 1)[-1])
    for old in copies[:-COPIES_KEPT]:
        old.unlink(missing_ok=True)
    return target


async def faults(connection: aiosqlite.Connection) -> tuple[str, ...]:
    """What SQLite finds wrong with the whole database, within the transaction under way."""
    try:
        rows = await connection.execute_fetchall(f"PRAGMA integrity_check({FAULTS_TOLD})")
    except sqlite3.DatabaseError as error:
        if means_damage(error):
            return (str(error),)
        raise
    return _told(rows)


async def quick_check(path: Path) -> tuple[str, ...]:
    """What is wrong with the database, at a glance: all but whether indexes fit. Empty: nothing.

    Runs in a thread on a connection of its own, so that polling goes on. Raises HistoryUnusable.
    """
    return await _check(path, f"PRAGMA quick_check({FAULTS_TOLD})")


async def full_check(path: Path) -> tuple[str, ...]:
    """What is wrong with the database, all of it. Empty: nothing. Raises HistoryUnusable."""
    return await _check(path, f"PRAGMA integrity_check({FAULTS_TOLD})")


async def check_if_due(duties: Duties, path: Path, now_ns: int) -> tuple[str, ...] | None:
    """The full check once a week, whichever process comes first; None when it is not due.

    Raises HistoryUnusable.
    """
    last = await duties.get(EVERYWHERE, CHECK_DUTY)
    ended_ns = max(last.succeeded_ns or 0, last.failed_ns or 0)
    if 0 <= now_ns - ended_ns < CHECK_SECONDS * NANOSECONDS_PER_SECOND:
        return None
    await duties.started(EVERYWHERE, CHECK_DUTY, now_ns)
    problems = await full_check(path)
    if problems:
        await duties.failed(EVERYWHERE, CHECK_DUTY, now_ns, problems[0])
    else:
        await duties.succeeded(EVERYWHERE, CHECK_DUTY, now_ns)
    return problems


def faults_of(path: Path, pragma: str = f"PRAGMA integrity_check({FAULTS_TOLD})") -> tuple[str, ...]:
    """The same for those who have a thread of their own. Raises sqlite3.Error for what is not damage."""
    try:
        with closing(read_only(path)) as connection:
            return _told(connection.execute(pragma).fetchall())
    except sqlite3.DatabaseError as error:
        if means_damage(error):
            return (str(error),)
        raise


def read_only(path: Path) -> sqlite3.Connection:
    """A connection that cannot write; another process may do so meanwhile."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)


def stamp(now_ns: int) -> str:
    """A time as it stands in the name of a file."""
    return f"{utc_datetime(now_ns):%Y%m%dT%H%M%SZ}"


def sync(path: Path) -> None:
    """Have a file or folder written to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # some file systems cannot, and lose no more for it
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def _check(path: Path, pragma: str) -> tuple[str, ...]:
    with failing(path):
        return await asyncio.to_thread(faults_of, path, pragma)


def _told(rows: object) -> tuple[str, ...]:
    assert isinstance(rows, list)
    return tuple(str(row[0]) for row in rows if row[0] != "ok")
