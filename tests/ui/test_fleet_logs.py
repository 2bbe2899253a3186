"""The log of a canister, followed; leaving the page ends that at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from quri_console.errors import NotAuthorised
from quri_console.ic.management.types import LogRecord
from quri_console.ui.app import QuriApp
from quri_console.ui.screens.fleet import FleetScreen
from quri_console.ui.screens.logs import LogsScreen
from quri_console.ui.widgets.line_table import LineTable
from quri_console.ui.widgets.lines_view import LinesView
from tests.support.consoles import console_without_network
from tests.support.fleets import NOW_NS, SECOND
from tests.ui.test_fleet_screen import FOUR, plain, show


class Logs:
    """Lines that a test gives; `failure` is raised after them, otherwise it waits without end."""

    def __init__(self, *lines: bytes, failure: Exception | None = None) -> None:
        self.lines = list(lines)
        self.failure = failure
        self.asked: list[tuple[str, bool]] = []
        self.ended = False

    async def __call__(self, canister: str, *, follow: bool = False) -> AsyncIterator[LogRecord]:
        self.asked.append((canister, follow))
        given = 0
        try:
            while True:
                for line in self.lines[given:]:
                    yield LogRecord(given, NOW_NS + given * SECOND, line)
                    given += 1
                if self.failure is not None:
                    raise self.failure
                await asyncio.sleep(0.01)
        finally:
            self.ended = True


async def logs_of(pilot: Pilot[Any], logs: Logs, monkeypatch: pytest.MonkeyPatch) -> LogsScreen:
    """The page of the first canister's log."""
    await show(pilot, FOUR)
    monkeypatch.setattr(pilot.app.console_door, "canister_logs", logs)  # type: ignore[attr-defined]
    await pilot.press("l")
    await pilot.pause()
    assert isinstance(pilot.app.screen, LogsScreen)
    return pilot.app.screen


def log_text(screen: LogsScreen) -> str:
    table = screen.query_one(LineTable)
    return "\n".join(table.render_line(y).text for y in range(table.size.height))


async def until(pilot: Pilot[Any], screen: LogsScreen, text: str) -> None:
    """Wait until this stands on the page, however it is broken into lines."""
    while text not in " ".join((log_text(screen) + " " + plain(screen.query_one("#said", LinesView))).split()):
        await pilot.pause(0.01)


async def test_lines_are_followed_as_they_come_and_the_cursor_goes_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with QuriApp(console_without_network(tmp_path)).run_test(size=(80, 24)) as pilot:
        logs = Logs(b"one", b"two")
        screen = await logs_of(pilot, logs, monkeypatch)
        await until(pilot, screen, "two")
        assert logs.asked == [("rune-engine", True)]
        table = screen.query_one(LineTable)
        while table.cursor_key != "1":
            await pilot.pause(0.01)
        logs.lines += [b"line %d" % number for number in range(100)]
        await until(pilot, screen, "line 99")
        assert table.cursor_key == "101"
        # one who reads is left where he is
        await pilot.press("g")
        logs.lines.append(b"later")
        await until(pilot, screen, "103 lines")
        assert table.cursor_key == "0"
        await pilot.press("f")
        await until(pilot, screen, "later")
        assert table.cursor_key == "102"


async def test_leaving_ends_it_within_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        logs = Logs(b"one")
        screen = await logs_of(pilot, logs, monkeypatch)
        await until(pilot, screen, "one")
        follower = screen._follower
        assert follower is not None
        left = time.monotonic()
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, FleetScreen)
        while follower.running:
            assert time.monotonic() - left < 1.0
            await pilot.pause(0.01)
        assert logs.ended


async def test_one_that_waits_for_a_silent_network_ends_within_a_second_too(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(60, 15)) as pilot:
        await show(pilot, FOUR)
        await pilot.press("l")
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, LogsScreen)
        follower = screen._follower
        assert follower is not None
        left = time.monotonic()
        await pilot.press("escape")
        while follower.running:
            assert time.monotonic() - left < 1.0
            await pilot.pause(0.01)


async def test_why_it_is_not_followed_is_said_and_r_asks_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with QuriApp(console_without_network(tmp_path)).run_test(size=(80, 24)) as pilot:
        logs = Logs(b"one", failure=NotAuthorised("it may not be read\x1b", why="not a controller", next_step="Ask."))
        screen = await logs_of(pilot, logs, monkeypatch)
        await until(pilot, screen, "Not followed: it may not be read\\e. not a controller Ask.")
        assert "one" in log_text(screen)
        logs.failure = None
        await pilot.press("r")
        await until(pilot, screen, "1 lines, followed")
        assert len(logs.asked) == 2


async def test_a_bug_is_shown_and_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with QuriApp(console_without_network(tmp_path)).run_test(size=(80, 24)) as pilot:
        screen = await logs_of(pilot, Logs(failure=ValueError("oops")), monkeypatch)
        await until(pilot, screen, "quri-console itself failed: ValueError")


async def test_searching_shows_the_lines_that_have_it_and_escape_ends_first_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await logs_of(pilot, Logs(b"heap is full", b"fine", b"HEAP again"), monkeypatch)
        await until(pilot, screen, "HEAP again")
        await pilot.press("slash", *"heap", "enter")
        await pilot.pause()
        assert [row.key for row in screen.query_one(LineTable).rows] == ["0", "2"]
        assert "2 have heap" in plain(screen.query_one("#said", LinesView))
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen is screen
        assert len(screen.query_one(LineTable).rows) == 3
        assert screen.query_one("#search", Input).value == ""
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, FleetScreen)


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (200, 50)])
async def test_what_a_canister_writes_is_harmless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    evil = "\x1b]52;c;cm0gLXJm\x07\u202e[bold]x[/]\r\n日本𝕏".encode() + b"\xff" + b"y" * 5_000_000
    async with QuriApp(console_without_network(tmp_path)).run_test(size=size) as pilot:
        screen = await logs_of(pilot, Logs(evil), monkeypatch)
        await until(pilot, screen, "\\e]52;c;")
        await pilot.pause()
        shown = log_text(screen) + plain(screen.query_one("#whole", LinesView))
        assert "[bold]x[/]\\r\\n" in shown
        assert not any(character in shown for character in "\x1b\x07\u202e\r")
        table = screen.query_one(LineTable)
        assert table.size.height >= 3
        assert all(table.render_line(y).cell_length == table.size.width for y in range(table.size.height))


async def test_the_log_is_copied_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await logs_of(pilot, Logs(), monkeypatch)
        await pilot.press("c")
        await pilot.pause()
        assert "nothing to copy" in app.notices.all[-1].message
        await pilot.press("escape")
        await pilot.pause()
        screen = await logs_of(pilot, Logs(b"\x1bone"), monkeypatch)
        await until(pilot, screen, "one")
        await pilot.press("c")
        await pilot.pause()
        assert (app.console_door.config.paths.state / "copied.txt").read_text().endswith("\\eone")
