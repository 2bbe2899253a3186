"""Backup and restore from the console on the real embedded network, carried out by real runner processes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, Static

from quri_console.console import Console
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.candid import Types, decode, encode
from quri_console.ic.encoding.principal import parse_principal
from quri_console.ic.management import change
from quri_console.service.connect import connect
from quri_console.ui.app import QuriApp
from quri_console.ui.screens.backup import BackupScreen
from quri_console.ui.screens.confirmation import ConfirmedOperation
from quri_console.ui.screens.fleet import FleetScreen
from quri_console.ui.screens.operation import OperationScreen
from quri_console.ui.screens.present_state import PresentStateScreen
from quri_console.ui.screens.restore import RestoreScreen
from quri_console.ui.screens.wizard import PointsPage, RemediesPage
from quri_console.ui.widgets.line_table import LineTable
from quri_console.ui.widgets.operation_view import OperationView
from quri_console.ui.widgets.typed_confirmation import TypedConfirmation
from tests.support.operator_command import Operator, operator_on_fleet

CANISTER = "rune-engine"
TARGET = f"local/{CANISTER}"
NANOSECONDS = 10**9


class Desk:
    """An operator before an open console; the canister itself is asked past the console."""

    def __init__(self, pilot: Pilot[int], console: Console) -> None:
        self.pilot = pilot
        self.console = console
        self.canister = parse_principal(console.config.canister(CANISTER).id)

    @property
    def app(self) -> QuriApp:
        assert isinstance(self.pilot.app, QuriApp)
        return self.pilot.app

    @property
    def page(self) -> ConfirmedOperation:
        assert isinstance(self.app.screen, ConfirmedOperation)
        return self.app.screen

    def text(self, selector: str) -> str:
        return str(self.page.query_one(selector, Static).render())

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                await self.pilot.pause(0.02)

    async def open(self, key: str) -> None:
        """Open a page and wait for its plan."""
        await self.until(lambda: self.app.fleet is not None)
        await self.pilot.press(key)
        await self.until(lambda: "Working out" not in self.text("#plan"))

    async def open_restore(self) -> None:
        """Through the wizard to the plan of the newest backup, and past the question why."""
        await self.until(lambda: self.app.fleet is not None)
        await self.pilot.press("r")
        await self.until(lambda: isinstance(self.app.screen, RemediesPage) and bool(self.table.rows))
        self.table.select("backup")
        await self.pilot.press("enter")
        await self.until(lambda: isinstance(self.app.screen, PointsPage) and bool(self.table.rows))
        await self.pilot.press("enter")
        await self.until(lambda: isinstance(self.app.screen, RestoreScreen))
        await self.until(lambda: "Working out" not in self.text("#plan"))
        if self.page.query_one("#reason", Input).display:
            await self.type("INC-42")
            await self.until(lambda: self.page.query_one(TypedConfirmation).has_focus)

    @property
    def table(self) -> LineTable:
        return self.app.screen.query_one(LineTable)

    async def type(self, text: str) -> None:
        names = {" ": "space", "-": "minus", "/": "slash"}
        await self.pilot.press(*(names.get(character, character) for character in text), "enter")

    async def finish(self) -> str:
        await self.until(lambda: "Esc leads back" in self.text("#prompt"))
        return self.text("#operation")

    async def back_up(self) -> None:
        handle = await self.console.start_backup([CANISTER], confirmation=TARGET, force=True)
        (await handle.wait()).raise_failure()
        self.app.poll_now()
        await self.until(
            lambda: (
                isinstance(self.app.screen, FleetScreen)
                and self.app.screen.selected is not None
                and self.app.screen.selected.last_backup_at_ns is not None
            )
        )

    async def agent(self) -> Agent:
        return await connect(self.console.network, self.console.config.require_identity("operate"), self.console.clock)

    async def damage(self) -> None:
        async with await self.agent() as agent:
            await agent.update(self.canister, "corrupt", encode([Types.Nat], [3]))

    async def digest(self) -> int:
        async with await self.agent() as agent:
            return int(decode(await agent.query(self.canister, "digest", encode([], [])), [Types.Nat64])[0])

    async def fill_snapshot_slots(self) -> None:
        async with await self.agent() as agent:
            # with the one that the backup left there
            for _ in range(8):
                await change.perform(agent, change.take_canister_snapshot(self.canister))


@asynccontextmanager
async def desk(folder: Path, *, production: bool = False, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Desk]:
    async with operator_on_fleet(folder) as operator:
        if production:
            be_production(operator)
        console = Console.open(config_path=operator.config)
        async with QuriApp(console).run_test(size=size) as pilot:
            yield Desk(pilot, console)


def be_production(operator: Operator) -> None:
    operator.edit("production = false", "production = true")


async def test_a_backup_shows_its_plan_takes_the_right_name_only_and_runs_to_its_end(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.open("b")
        assert isinstance(at.page, BackupScreen)
        assert "take a snapshot" in at.text("#plan")
        assert f"Type {TARGET} and press Enter to back up" in at.text("#prompt")
        await at.type("local/registry")
        assert not at.page.started
        assert f"nothing was done. Type {TARGET}" in at.text("#prompt")
        assert not at.app._notifications  # it would cover what has to be typed
        at.page.query_one(TypedConfirmation).value = ""
        await at.type(TARGET)
        shown = await at.finish()
        for phase in ("stop", "snapshot", "start", "download", "verify"):
            assert f"• {phase} {CANISTER}" in shown
        (summary,) = at.console.operations()
        assert summary.state == "done"
        backup = at.console.backups()[0].name
        assert f"Done: Backup {backup} holds {CANISTER}" in shown
        await at.pilot.press("escape")
        assert isinstance(at.app.screen, FleetScreen)


async def test_damage_by_a_real_call_is_undone_by_a_restore(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        healthy = await at.digest()
        await at.until(lambda: at.app.fleet is not None)
        await at.back_up()
        await at.damage()
        assert await at.digest() != healthy
        await at.open_restore()
        plan = at.text("#plan")
        assert plan.index("old, taken") < plan.index("whatever was written in") < plan.index("Difference")
        assert re.search(r"checks    all \d+ passed", plan)
        await at.type(TARGET)
        shown = await at.finish()
        assert f"Done: {CANISTER} was restored from" in shown
        assert "To undo it: quri-console rollback" in shown
        assert "It is running now." in shown
        assert await at.digest() == healthy
        assert at.console.operations()[0].reason == "INC-42"
        await at.pilot.press("w")
        await at.until(lambda: any("Report: " in notice.message for notice in at.app.notices.all))
        (report,) = (at.console.config.paths.state / "reports").glob("*-restore-*.md")
        written = report.read_text()
        assert "- reason: INC-42" in written
        assert "rune-engine has the state of snapshot " in written
        assert "Restore rune-engine on local" in written
        assert report.stat().st_mode & 0o777 == 0o600


async def test_what_is_pasted_is_refused(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.open("b")
        field = at.page.query_one(TypedConfirmation)
        at.app.copy_to_clipboard(TARGET)
        field.post_message(events.Paste(TARGET))
        await at.pilot.press("ctrl+v")
        await at.pilot.pause()
        assert field.value == ""
        assert any("pasting is refused" in note.message for note in at.app._notifications)
        await at.pilot.press("enter")
        assert not at.page.started


async def test_leaving_the_page_leaves_the_operation_running_and_its_end_is_told(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.open("b")
        await at.type(TARGET)
        await at.until(lambda: at.page.query_one(OperationView).handle is not None)
        handle = at.page.query_one(OperationView).handle
        assert handle is not None
        await at.pilot.press("escape")
        assert isinstance(at.app.screen, FleetScreen)
        assert (await handle.wait()).ok
        await at.until(lambda: any(f"holds {CANISTER}" in note.message for note in at.app._notifications))


async def test_a_failed_check_blocks_and_says_why_first(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.until(lambda: at.app.fleet is not None)
        await at.back_up()
        await at.fill_snapshot_slots()
        await at.open_restore()
        assert isinstance(at.page, RestoreScreen)
        plan = at.text("#plan")
        assert plan.index("FAILED") < plan.index("snapshot slots: 9 of 10 used") < plan.index("Steps")
        assert "cannot be started" in at.text("#prompt")
        assert not at.page.query_one(TypedConfirmation).display
        await at.pilot.press("enter")
        assert [summary.kind for summary in at.console.operations()] == ["backup"]


@pytest.mark.parametrize("key", ["b", "r"])
async def test_production_needs_force_and_the_name(tmp_path: Path, key: str) -> None:
    async with desk(tmp_path, production=True) as at:
        await at.until(lambda: at.app.fleet is not None)
        await at.back_up()
        await (at.open(key) if key == "b" else at.open_restore())
        assert "PRODUCTION" in at.text("#title")
        await at.type(TARGET)
        assert not at.page.started
        at.page.query_one(TypedConfirmation).value = ""
        await at.type(f"--force {TARGET}")
        if key == "r":
            await at.until(lambda: "Nothing is stopped yet" in at.text("#operation"))
            await at.pilot.press("g")
        assert "Done: " in await at.finish()


async def test_a_copy_of_the_present_state_lets_the_plan_compare_the_pages_of_memory(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.until(lambda: at.app.fleet is not None)
        await at.back_up()
        await at.damage()
        await at.open_restore()
        before = at.page
        assert "Memory: only its sizes" in at.text("#plan")
        await at.pilot.press("ctrl+t")
        await at.until(lambda: isinstance(at.app.screen, PresentStateScreen) and "Type " in at.text("#prompt"))
        await at.type(TARGET)
        await at.finish()
        await at.pilot.press("escape")
        await at.until(lambda: at.app.screen is before and "Why?" in at.text("#prompt"))
        assert "pages" in at.text("#plan")
        assert "Memory: only its sizes" not in at.text("#plan")


async def test_a_canister_without_a_backup_has_remedies_too_and_where_none_helps_that_is_said(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.until(lambda: at.app.selected is not None)
        await at.pilot.press("r")
        await at.until(lambda: isinstance(at.app.screen, RemediesPage) and "Looking" not in at.table.empty)
        assert "Nothing helps from here" in at.table.empty
        said = at.app.screen.query_one("#meaning", Static)
        await at.until(lambda: "No backup could be looked at" in str(said.render()))


async def test_a_restore_that_waits_is_gone_on_with_by_whoever_comes_back_to_it(tmp_path: Path) -> None:
    async with desk(tmp_path, production=True) as at:
        await at.until(lambda: at.app.fleet is not None)
        await at.back_up()
        await at.open_restore()
        await at.type(f"--force {TARGET}")
        await at.until(lambda: "Nothing is stopped yet" in at.text("#operation"))
        await at.pilot.press("escape", "5")
        await at.until(lambda: len(at.table.rows) == 2)
        await at.pilot.press("enter")
        page = at.app.screen
        assert isinstance(page, OperationScreen)
        view = page.query_one(OperationView)
        await at.until(lambda: "Nothing is stopped yet" in str(view.render()))
        await at.pilot.press("g")
        keys = page.query_one("#keys", Static)
        await at.until(lambda: "B rolls it back; w writes the report" in str(keys.render()))
        assert "Done: " in str(view.render())


async def test_a_network_that_is_gone_is_an_answer_and_not_a_wait(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.until(lambda: at.app.fleet is not None)
        at.console.config.require_identity("backup").pem.unlink()
        await at.open("b")
        assert "Next:" in at.text("#plan")
        assert "Nothing was done" in at.text("#prompt")
