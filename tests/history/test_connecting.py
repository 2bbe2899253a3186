"""Opening a history that nobody waits for any more: a console that was closed as soon as it was opened."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from quri_console.history import History
from quri_console.history.database import HistoryUnusable


class SlowDisk:
    """`sqlite3.connect` on a disk that answers when the test lets it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.answers = threading.Event(), threading.Event()
        self.opened: list[sqlite3.Connection] = []
        self._connect = sqlite3.connect
        monkeypatch.setattr(sqlite3, "connect", self._slowly)

    def _slowly(self, path: Path, **options: float | None) -> sqlite3.Connection:
        self.begun.set()
        assert self.answers.wait(30)
        connection = self._connect(path, **options, check_same_thread=False)  # type: ignore[call-overload]
        self.opened.append(connection)
        return self.opened[-1]


def test_no_thread_answers_a_loop_that_was_closed_while_a_history_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = SlowDisk(monkeypatch)
    before = set(threading.enumerate())

    async def closed_at_once() -> None:
        opening = asyncio.create_task(History.open(tmp_path / "h.sqlite"))
        await asyncio.to_thread(disk.begun.wait, 30)
        opening.cancel()
        for _ in range(20):
            await asyncio.sleep(0)
        assert not opening.done(), "the disk has still to answer"
        disk.answers.set()
        with pytest.raises(asyncio.CancelledError):
            await opening

    try:
        asyncio.run(closed_at_once())
    finally:
        disk.answers.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(30)
    (connection,) = disk.opened
    with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
        connection.execute("SELECT 1")


def test_a_history_that_cannot_be_opened_ends_a_closed_console_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = SlowDisk(monkeypatch)
    path = tmp_path / "h.sqlite"

    async def closed_at_once() -> None:
        opening = asyncio.create_task(History.open(path))
        await asyncio.to_thread(disk.begun.wait, 30)
        path.unlink()
        path.mkdir()
        opening.cancel()
        disk.answers.set()
        with pytest.raises(asyncio.CancelledError):
            await opening

    asyncio.run(closed_at_once())
    assert disk.opened == []


async def test_an_opening_that_failed_leaves_nobody_who_still_has_to_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    awaited: list[asyncio.Future[object]] = []
    make = loop.create_future

    def recorded() -> asyncio.Future[object]:
        awaited.append(make())
        return awaited[-1]

    monkeypatch.setattr(loop, "create_future", recorded)
    with pytest.raises(HistoryUnusable):
        await History.open(tmp_path)
    assert awaited
    assert all(future.done() for future in awaited)
