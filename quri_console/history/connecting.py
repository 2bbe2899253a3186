"""How a connection to the database file comes about, and that nothing is left of one that failed or is not wanted."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import aiosqlite

from quri_console.folders import make_private_folders
from quri_console.history.migrations import BUSY_TIMEOUT_SECONDS

LOCK_RETRY_SECONDS = 0.02
ROWS_AT_A_TIME = 64
"""aiosqlite's own."""


class _Connection(aiosqlite.Connection):
    """One that tells when its thread has answered for the last time, after an opening that failed as well."""

    ended: asyncio.Future[None] | None = None

    def stop(self) -> asyncio.Future[None] | None:
        self.ended = super().stop()
        return self.ended


async def connect(path: Path) -> aiosqlite.Connection:
    """A connection without transactions of Python's own; whoever is cancelled meanwhile gets none, and none is left.

    Raises OSError, sqlite3.Error.
    """
    _create_private(path)
    opening = asyncio.ensure_future(_opened(path))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        # aiosqlite would leave the opening to its thread, which then answers a loop that is closed by now
        with suppress(sqlite3.Error):
            await (await opening).close()
        raise


async def _opened(path: Path) -> aiosqlite.Connection:
    open_now = partial(sqlite3.connect, path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None)
    connection = _Connection(open_now, ROWS_AT_A_TIME)
    try:
        return await connection
    except sqlite3.Error:
        # aiosqlite lets its thread end whenever it likes, and the thread then answers a loop that may be closed
        if connection.ended is not None:
            await connection.ended
        raise


async def use_write_ahead_log(connection: aiosqlite.Connection) -> None:
    """Switch a new database over, patiently: SQLite waits for no lock here, and others may be opening it as well."""
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            await connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            await asyncio.sleep(LOCK_RETRY_SECONDS)
        else:
            return


def _create_private(path: Path) -> None:
    make_private_folders(path.parent)
    # SQLite gives its -wal and -shm files the mode of the database. A file that is there must not be opened here:
    # closing it would drop every lock that other connections of this process hold on it (POSIX), and then another
    # process takes itself for the last one and deletes the write-ahead log under them.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
