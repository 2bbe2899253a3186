"""Whole evenings with the console, by keyboard only, on a real network, in real terminals."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from quri_console.localnet.canister import RunState
from quri_console.localnet.faults import Delay, DropBefore, FaultRule
from tests.support.consoles import FLEET
from tests.support.damaged_canister import NAME, Scene, damaged_canister
from tests.support.keyboard import confirm, open_view, to_the_plan
from tests.support.operator_command import Operator, operator_on_fleet
from tests.support.pty_console import PtyConsole
from tests.support.terminals import settle
from tests.support.tmux import TmuxSession

pytestmark = [pytest.mark.tmux, pytest.mark.timeout(240)]

TARGET = f"local/{NAME}"
SIZES = [(80, 24), (200, 50)]


@contextmanager
def console(operator: Operator, size: tuple[int, int] = (80, 24)) -> Iterator[TmuxSession]:
    """The console in tmux with its fleet painted."""
    argv = [sys.executable, "-m", "quri_console", "--config", str(operator.config)]
    here = {"COLORTERM": "truecolor", "PYTHONPATH": str(Path.cwd())}
    socket = operator.folder / f"tmux-{size[0]}"
    with TmuxSession(socket, argv, columns=size[0], rows=size[1], environment=here) as session:
        session.wait_for(*FLEET, "running", "polled every")
        yield session


async def typing(work: Callable[[], None]) -> None:
    """Type in a thread: the network of the test lives in this one."""
    await asyncio.to_thread(work)


def fits(screen: str, size: tuple[int, int]) -> bool:
    lines = screen.splitlines()
    return len(lines) <= size[1] and all(len(line) <= size[0] for line in lines)


async def test_watch_back_up_compare_acknowledge_and_restore(tmp_path: Path) -> None:
    async with damaged_canister(tmp_path) as scene:

        def evening() -> None:
            with console(scene.operator) as session:
                session.press("b")
                confirm(session, TARGET)
                session.wait_for("Done: Backup", "Esc leads back")
                session.press("Escape")
                session.wait_for(*FLEET)
                _compare(session)
                _acknowledge(session)
                open_view(session, "1", *FLEET)
                # the canister of the alert is the selected one now
                session.press("g")
                session.wait_for(f"{NAME}  pkrpq")
                _restore(session)
                open_view(session, "5", "restore", "done")
                session.press("q")
                assert session.wait_for_exit() == 0

        await typing(evening)
        assert await scene.digest() == scene.good
        assert scene.on_network.run_state is RunState.RUNNING
        reports = list((tmp_path / "console" / "state" / "reports").iterdir())
        assert [path.suffix for path in reports] == [".md"]
        assert "INC-7" in reports[0].read_text()


def _compare(session: TmuxSession) -> None:
    open_view(session, "3", "whole", NAME)
    session.press("d")
    session.wait_for("Compare", "Interface", "not compared")
    session.press("Escape")
    session.wait_for("whole", NAME)


def _acknowledge(session: TmuxSession) -> None:
    open_view(session, "4", "cycles-low")
    session.press("G")
    session.wait_for("cycles-low  warning")
    session.press("a")
    session.wait_for("Acknowledge cycles-low", "Note")
    session.type("I look after it")
    session.wait_for("I look after it")
    session.press("Enter")
    # as slowly as people type: which field has the cursor cannot be read off a screen's text
    time.sleep(0.5)
    session.press("Enter")
    session.wait_for("Acknowledged.")


def _restore(session: TmuxSession) -> None:
    session.press("r")
    session.wait_for("least destructive first", "what was written since is lost")
    session.press("G", "Enter")
    session.wait_for("From which restore point", "never verified")
    # the newest copy is of the damage; the last line is the oldest copy
    session.press("G", "Enter")
    session.wait_for("Why? Enter goes on", "way back")
    confirm(session, TARGET, reason="INC-7")
    session.wait_for(f"Done: {NAME} was restored from", "To undo it: quri-console rollback")
    session.press("w")
    session.wait_for("Report:")
    session.press("Escape")
    session.wait_for(*FLEET)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "200x50"])
async def test_every_view_opens_and_fits(tmp_path: Path, size: tuple[int, int]) -> None:
    async with operator_on_fleet(tmp_path) as operator:

        def look() -> None:
            with console(operator, size) as session:
                for key, text in (
                    ("2", "Burn/day"),
                    ("3", "stored"),
                    ("4", "Rule"),
                    ("5", "Operation"),
                    ("1", "Seen"),
                ):
                    screen = open_view(session, key, text, "Quit")
                    assert fits(screen, size), screen
                    assert "Traceback" not in screen
                screen = open_view(session, "?", "Keys")
                assert fits(screen, size), screen
                session.press("Escape")
                session.wait_for(*FLEET)
                session.press(":")
                session.type("go regis")
                session.wait_for("registry")
                session.press("Escape", "Escape")
                session.wait_for(*FLEET)

        await typing(look)


@pytest.mark.parametrize("end", [signal.SIGHUP, signal.SIGTERM], ids=lambda signum: signum.name)
async def test_a_restore_outlives_the_console_that_began_it(tmp_path: Path, end: signal.Signals) -> None:
    async with damaged_canister(tmp_path) as scene:
        rule = scene.operator.net.faults.add(
            FaultRule(Delay(1.5), route="call", method="upload_canister_snapshot_data")
        )

        def begin() -> None:
            with console(scene.operator) as session:
                to_the_plan(session)
                confirm(session, TARGET, reason="INC-8")
                _wait_until(lambda: rule.applied > 0)
                os.kill(session.process_id, end)
                assert session.wait_for_exit() == 0

        await typing(begin)
        await _ended_well(scene)

        def come_back() -> None:
            with console(scene.operator, (100, 30)) as session:
                open_view(session, "5", "restore", "done", "INC-8")

        await typing(come_back)


async def _ended_well(scene: Scene) -> None:
    outcome = await asyncio.wait_for(scene.console.follow("latest").wait(), 60)
    assert outcome.ok, outcome
    assert await scene.digest() == scene.good
    assert scene.on_network.run_state is RunState.RUNNING


def _wait_until(holds: Callable[[], bool], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.mark.parametrize("seconds", [5, pytest.param(60, marks=pytest.mark.sweep)])
async def test_a_stalled_terminal_misses_no_poll(tmp_path: Path, seconds: int) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        operator.edit('interval = "5s"', 'interval = "1s"')

        def stall() -> tuple[list[float], str]:
            with PtyConsole(["--config", str(operator.config)], columns=200, rows=60) as pty:
                pty.wait_for(*FLEET, "running")
                settle(pty, quiet=0.3)
                pty.stall()
                began = time.time()
                for key in "12345?" * 40:
                    pty.press(key)
                time.sleep(seconds)
                times = polled_at(operator, since=began)
                pty.go_on()
                pty.press("\x1b1")
                return times, pty.wait_for(*FLEET, "polled every")

        times, screen = await asyncio.to_thread(stall)
        assert len(times) >= seconds - 1, times
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert max(gaps) < 2.0, times
        assert "Traceback" not in screen


def polled_at(operator: Operator, *, since: float) -> list[float]:
    """When a canister was asked, in seconds, by the history itself."""
    path = operator.folder / "console" / "state" / "history.sqlite"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT DISTINCT at_ns FROM samples WHERE at_ns > ? AND canister = (SELECT min(canister) FROM samples) "
            "ORDER BY at_ns",
            (int(since * 1e9),),
        )
        return [at_ns / 1e9 for (at_ns,) in rows]


async def test_a_network_that_goes_and_comes_back_is_said_and_nothing_ends(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        operator.edit('interval = "5s"', 'interval = "1s"')

        def cut() -> None:
            with console(operator) as session:
                operator.net.faults.add(FaultRule(DropBefore(), count=None))
                screen = session.wait_for("NO ANSWER from the network", "next try at", *FLEET)
                assert "running" in screen  # what was known stays, and is shown as old
                for key in "2345":
                    open_view(session, key, "NO ANSWER", "Quit")
                open_view(session, "1", *FLEET)
                operator.net.faults.clear()
                session.press("p")
                deadline = time.monotonic() + 30
                while "NO ANSWER" in session.screen():
                    assert time.monotonic() < deadline, session.screen()
                    time.sleep(0.1)
                assert re.search(r"polled every 1 ?s", session.screen())
                session.press("q")
                assert session.wait_for_exit() == 0

        await typing(cut)
