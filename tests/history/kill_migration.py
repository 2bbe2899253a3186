"""A process that migrates a database and is killed at each statement in turn, one child per statement.

Usage: python -m tests.history.kill_migration FOLDER. Each child works on FOLDER/<number>.sqlite, which must be there;
prints how many children were killed before one came through.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from itertools import count
from pathlib import Path
from typing import Any

import quri_console.history.integrity  # noqa: F401 - loaded before the fork
from quri_console.history import History
from tests.support.stored_histories import stored_database


async def migrate_until(path: Path, statements: int) -> None:
    """Open the history; SQLite's tracing kills this process at that statement."""
    connect = sqlite3.connect
    seen = count(1)

    def trace(_statement: str) -> None:
        if next(seen) == statements:
            os.kill(os.getpid(), signal.SIGKILL)

    def traced_connect(database: Path, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(database, **options)
        if database == path:
            connection.set_trace_callback(trace)
        return connection

    sqlite3.connect = traced_connect  # type: ignore[assignment]
    async with await History.open(path):
        pass


def main() -> None:
    folder = Path(sys.argv[1])
    for number in count(1):
        path = stored_database(folder / f"{number}.sqlite", 1)
        child = os.fork()
        if child == 0:
            asyncio.run(migrate_until(path, number))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            print(number - 1, os.waitstatus_to_exitcode(status))
            return


if __name__ == "__main__":
    main()
