"""Whole evenings with the console, by keyboard only, on a real network, in real terminals."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from itertools import count, pairwise
from pathlib import Path
from typing import Any, TypeVar

import pytest

from quri_console.ic.encoding import candid
from quri_console.ic.encoding.candid import Types
from quri_console.ic.management.read import canister_status
from quri_console.ic.rejection import Rejected
from quri_console.localnet.canister import RunState
from quri_console.localnet.faults import Delay, DropBefore, FaultRule
from quri_console.localnet.orders import Orders
from quri_console.units import TRILLION
from tests.support.consoles import FLEET
from tests.support.damaged_canister import CANISTER, NAME, Scene, damaged_canister
from tests.support.keyboard import confirm, open_view, to_the_plan
from tests.support.operator_command import Operator, operator_on_fleet
from tests.support.pty_console import PtyConsole
from tests.support.terminals import settle
from tests.support.tmux import TmuxSession

pytestmark = [pytest.mark.tmux, pytest.mark.timeout(240)]

T = TypeVar("T")

TARGET = f"local/{NAME}"
SIZES = [(80, 24), (200, 50)]
NUMBERS = count(1)
"""A tmux that ends may still hold its socket when the next one begins."""


@contextmanager
def console(operator: Operator, size: tuple[int, int] = (80, 24)) -> Iterator[TmuxSession]:
    """The console in tmux with its fleet painted."""
    argv = [sys.executable, "-m", "quri_console", "--config", str(operator.config)]
    here = {"COLORTERM": "truecolor", "PYTHONPATH": str(Path.cwd())}
    socket = operator.folder / f"tmux-{next(NUMBERS)}"
    with TmuxSession(socket, argv, columns=size[0], rows=size[1], environment=here) as session:
        session.wait_for(*FLEET, "running", "polled every")
        yield session


async def typing(work: Callable[[], None]) -> None:
    """Type in a thread: the network of the test lives in this one."""
    await asyncio.to_thread(work)


def fits(screen: str, size: tuple[int, int]) -> bool:
    lines = screen.splitlines()
    return len(lines) <= size[1] and all(len(line) <= size[0] for line in lines)


async def test_watch_a_canister_run_out_bring_it_back_and_restore_it(tmp_path: Path) -> None:
    async with damaged_canister(tmp_path, time_scale=TIME_SCALE) as scene:
        scene.operator.edit('interval = "5s"', 'interval = "1s"')
        config = scene.operator.config
        config.write_text(f'{config.read_text()}\n[alerts]\nwait = "1s"\n')
        scene.on_network.cycles = 5 * TRILLION
        draining = Draining(scene, asyncio.get_running_loop())

        def evening() -> None:
            with console(scene.operator) as session:
                session.wait_for("5 T", f"{NAME}  pkrpq", "healthy")
                _watch_it_run_out(session, draining)
                _acknowledge(session)
                _top_up(session)
                assert draining.serves()
                session.press("b")
                confirm(session, TARGET)
                session.wait_for("Done: Backup", "Esc leads back")
                session.press("Escape")
                session.wait_for(*FLEET)
                _compare(session)
                open_view(session, "1", *FLEET)
                session.press("g")
                session.wait_for(f"{NAME}  pkrpq")
                _restore(session)
                open_view(session, "5", "restore", "done", "top-up")
                session.press("q")
                assert session.wait_for_exit() == 0

        await typing(evening)
        assert await scene.digest() == scene.good
        assert scene.on_network.run_state is RunState.RUNNING
        assert scene.on_network.cycles > 3 * TRILLION
        reports = list((tmp_path / "console" / "state" / "reports").iterdir())
        assert [path.suffix for path in reports] == [".md"]
        assert "INC-7" in reports[0].read_text()


TIME_SCALE = 30
"""What holds the canister costs 5 B cycles a day then, which is 30 d of freezing limit in 154 B."""


class Draining:
    """The canister's cycles run out: the network burns them, by orders of the thread that types."""

    def __init__(self, scene: Scene, loop: asyncio.AbstractEventLoop) -> None:
        self._scene = scene
        self._loop = loop

    def leave(self, days: int, *, of_limit: float = 1.0) -> None:
        """Burn all but what lasts so many days above that part of the freezing limit."""
        self._do(self._leave(days, of_limit))

    def serves(self) -> bool:
        """Whether the network executes an update of the canister."""
        return self._do(self._serves())

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _leave(self, days: int, of_limit: float) -> None:
        status = await canister_status(self._scene.agent, CANISTER)
        left = int(status.freezing_limit_cycles * of_limit) + days * status.idle_cycles_burned_per_day
        net = self._scene.operator.net
        Orders(net.network, net.faults).obey({"order": "burn", "canister": CANISTER.to_str(), "leave": left})

    async def _serves(self) -> bool:
        try:
            await self._scene.agent.update(CANISTER, "settle", candid.encode([Types.Nat, Types.Nat64], [0, 21]))
        except Rejected as rejected:
            if rejected.error_code != "IC0207":  # out of cycles
                raise
            return False
        return True


def _watch_it_run_out(session: TmuxSession, draining: Draining) -> None:
    """What the engineer sees of it, step by step: the runway shrinks, alerts come and get worse, it freezes."""
    runways = [_runway_days(session.screen())]
    for days, told in (
        (200, ()),
        (20, ("less than 30 d (warning)", "are below 1 T (warning)", "alert firing")),
        (3, ("less than 7 d (critical)", "1 critical", "alert firing")),
    ):
        draining.leave(days)
        shown = session.wait_until(
            lambda screen, days=days, told=told: (  # type: ignore[misc]
                days - 1 <= _runway_days(screen) <= days and all(text in screen for text in told)
            ),
            f"a runway of {days} days and {told}",
        )
        runways.append(_runway_days(shown))
        assert draining.serves()
    assert runways == sorted(runways, reverse=True)
    draining.leave(0, of_limit=0.9)
    session.wait_for("FROZEN", "are below the freezing limit", "it serves no")
    assert not draining.serves()


def _runway_days(screen: str) -> float:
    """The runway of the canister in the fleet's table; -1 where none is shown."""
    found = re.search(rf"^ ?{NAME} .*≈(\d+)([smhdy]) ", screen, re.MULTILINE)
    units = {"s": 1 / 86_400, "m": 1 / 1440, "h": 1 / 24, "d": 1, "y": 365}
    return -1 if found is None else int(found[1]) * units[found[2]]


def _top_up(session: TmuxSession) -> None:
    open_view(session, "1", *FLEET, "FROZEN")
    session.press("t")
    session.wait_for(f"Top up {NAME} on local: how many cycles?")
    session.type("4T")
    session.press("Enter")
    session.wait_for("It is frozen now", "4 T cycles go from the cycles ledger", "Why? Enter goes on")
    confirm(session, TARGET, reason="INC-6")
    session.wait_for(f"Done: {NAME} was topped up with 4 T cycles")
    session.press("Escape")
    session.wait_until(lambda screen: "healthy" in screen and "FROZEN" not in screen, "the canister is healthy again")


def _compare(session: TmuxSession) -> None:
    open_view(session, "3", "whole", NAME)
    session.press("d")
    session.wait_for("Compare", "Interface", "not compared")
    session.press("Escape")
    session.wait_for("whole", NAME)


def _acknowledge(session: TmuxSession) -> None:
    open_view(session, "4", "frozen", "runway-short", "cycles-low")
    session.press("G")
    session.wait_for(f"{NAME}: cycles-low  warning")
    session.press("a")
    session.wait_for("Acknowledge cycles-low", "Note")
    session.type("I look after it")
    session.wait_for("I look after it")
    row = session.cursor_row()
    session.press("Enter")
    session.wait_until(lambda _: session.cursor_row() != row, "the next field has the cursor")
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


async def test_a_lost_terminal_on_any_page_of_the_wizard_changes_nothing(tmp_path: Path) -> None:
    async with damaged_canister(tmp_path) as scene:
        operations = len(scene.console.operations())
        snapshots = scene.on_network.snapshots_made

        def try_every_page() -> None:
            for page in ("remedies", "restore point", "plan", "name", "half a name"):
                with console(scene.operator) as session:
                    _walk_to(session, page)
                    os.kill(session.process_id, signal.SIGHUP)
                    assert session.wait_for_exit() == 0, page

        await typing(try_every_page)
        assert len(scene.console.operations()) == operations
        assert scene.on_network.snapshots_made == snapshots
        assert scene.on_network.run_state is RunState.RUNNING
        assert await scene.digest() == scene.bad


def _walk_to(session: TmuxSession, page: str) -> None:
    session.press("r")
    session.wait_for("least destructive first", "what was written since is lost")
    if page == "remedies":
        return
    session.press("G", "Enter")
    session.wait_for("From which restore point", "never verified")
    if page == "restore point":
        return
    session.press("Enter")
    session.wait_for("Why? Enter goes on")
    if page == "plan":
        return
    session.type("INC-1")
    session.press("Enter")
    session.wait_for(f"Type {TARGET} and press Enter")
    if page == "half a name":
        session.type(TARGET[:-3])
        session.wait_for(TARGET[:-3])


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
                # the help may lie over the view; a key right behind Esc would be taken for Alt and that key
                settle(pty, quiet=0.3)
                pty.press("\x1b")
                settle(pty, quiet=0.3)
                pty.press("1")
                return times, pty.wait_for(*FLEET, "polled every")

        times, screen = await asyncio.to_thread(stall)
        longest = max(later - earlier for earlier, later in pairwise(times))
        print(f"stalled for {seconds} s: {len(times)} rounds of one a second, {longest:.2f} s between two at most")
        # rounds drift on a busy machine, so that a minute has 58 of them; a missed one would be a gap of 2 s
        assert longest < 2.0, times
        assert len(times) >= seconds * 0.9 - 1, times
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
