"""Pictures of the main views, as SVG, at three sizes and in three ways of colouring; made by one Python.

`.venv/bin/python -m pytest tests/ui/test_snapshots.py --snapshot-update` makes them anew; look at each one before it is
kept.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from quri_console.backup.closer_look import BackupLook
from quri_console.backup.summaries import RepositorySummary
from quri_console.clock import ManualClock
from quri_console.config import load_config
from quri_console.console import Console
from quri_console.effects.operation_summary import OperationSummary
from quri_console.history.alerts import AlertRow
from quri_console.monitor.fleet import CanisterView, Finding, FleetStatus, Health
from quri_console.restore.remedies import Proposal, Remedy
from quri_console.service.activity import OperationSteps
from quri_console.service.alerting import AlertsView
from quri_console.service.pictures import first_picture
from quri_console.service.session import Session
from quri_console.ui.app import QuriApp
from quri_console.ui.messages import FleetChanged
from quri_console.ui.options import Manner
from quri_console.ui.screens.fleet import FleetScreen
from quri_console.ui.screens.wizard import WizardPage
from quri_console.ui.widgets.chart import ChartView
from quri_console.ui.widgets.line_table import LineTable
from quri_console.ui.widgets.lines_view import LinesView
from quri_console.ui.widgets.page_view import PageView
from tests.render.test_operation_list import DONE
from tests.support import shelf_of_backups
from tests.support.consoles import FLEET, write_config
from tests.support.cycle_histories import write_months
from tests.support.fleets import HEALTHY, NOW_NS, SECOND

BASELINE_PYTHON = (3, 11)
pytestmark = pytest.mark.skipif(
    sys.version_info[:2] != BASELINE_PYTHON, reason="the pictures are made by one Python, the oldest that is supported"
)

SIZES = [(80, 24), (120, 40), (200, 50)]
RUNE, REGISTRY, BITCOIN, IDENTITY = FLEET.values()
FROZEN_SOON = Finding("runway-short", "critical", "frozen in 6 h", "6 h", "1 d")
NO_BACKUP = Finding("backup-overdue", "warning", "no backup", "never", "1 d")


def views() -> tuple[CanisterView, ...]:
    """One of each: healthy, about to freeze, without a backup, stopped and not answering."""
    return (
        HEALTHY,
        replace(
            HEALTHY,
            name="registry",
            canister_id=REGISTRY,
            cycles=231_000_000_000,
            burn_per_day=72_000_000_000.0,
            runway_seconds=6 * 3600.0,
            health=Health("critical", (FROZEN_SOON,)),
            alert="firing",
        ),
        replace(
            HEALTHY,
            name="bitcoin-integration",
            canister_id=BITCOIN,
            last_backup_at_ns=None,
            health=Health("warning", (NO_BACKUP,)),
            alert="pending",
        ),
        replace(
            HEALTHY,
            name="identity-manager",
            canister_id=IDENTITY,
            status="stopped",
            sampled_at_ns=NOW_NS - 900 * SECOND,
            stale=True,
            answering=False,
            error="the request timed out",
            health=Health("critical", (Finding("stopped", "critical", "it is stopped"),)),
        ),
    )


class Service:
    """Nothing changes while a picture is taken."""

    def poll_now(self) -> None:
        """There is nobody to ask."""

    def stop(self) -> None:
        """There is nothing to end."""


class StillConsole(Console):
    """Answers the same at every time."""

    def start_service(self, publish: Callable[[FleetStatus], None]) -> Service:
        return Service()

    async def alerts(self, *, since_seconds: float) -> AlertsView:
        document = '{"text": "frozen in 6 h", "value": "6 h", "threshold": "1 d"}'
        rows = (
            AlertRow(REGISTRY, "runway-short", "firing", "critical", NOW_NS - 1800 * SECOND, document),
            AlertRow(BITCOIN, "backup-overdue", "pending", "warning", NOW_NS - 40 * SECOND, document),
        )
        return AlertsView(rows, (), (), {canister_id: name for name, canister_id in FLEET.items()})

    async def all_operations(self) -> tuple[OperationSummary, ...]:
        return (DONE, replace(DONE, id="20250615T120000Z-backup-0001", kind="backup", safety_snapshots=()))

    def repository_summary(self) -> RepositorySummary:
        return shelf_of_backups.summary() if shelf_of_backups.PLACE.exists() else super().repository_summary()

    def look_into(self, name: str) -> BackupLook:
        return shelf_of_backups.look(name)

    async def operation_steps(self, operation_id: str) -> OperationSteps:
        return OperationSteps(DONE, (), ())

    async def remedies(self, canister: str) -> Proposal:
        top_up = Remedy("top-up", "it freezes in 6 h", "quri-console topup registry 2T", 2 * 10**12, recommended=True)
        backup = Remedy("backup", "its data is wrong", "quri-console restore registry", 18_800_000_000)
        return Proposal(
            "local", REGISTRY, "registry", NOW_NS, "running", "registry is frozen in 6 h.", (top_up, backup)
        )


def still_console(folder: Path) -> Console:
    config = load_config(write_config(folder, url="http://127.0.0.1:9"))
    return StillConsole(Session(config, config.network(None), read_only=False, clock=ManualClock(NOW_NS)))


async def until(pilot: Pilot[Any], holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await pilot.pause(0.02)
    await pilot.pause()


async def with_fleet(pilot: Pilot[Any], fleet: FleetStatus | None = None) -> QuriApp:
    app = pilot.app
    assert isinstance(app, QuriApp)
    app.post_message(FleetChanged(fleet or FleetStatus("local", False, NOW_NS, 60.0, views())))
    await until(pilot, lambda: app.fleet is not None)
    await app.workers.wait_for_complete()
    await until(pilot, lambda: bool(app.screen.query_one(LineTable).rows) and not being_read(app))
    return app


def being_read(app: QuriApp) -> bool:
    """Whether something on the screen is still to come; the Fleet view reads once the cursor has rested."""
    if isinstance(app.screen, FleetScreen) and app.screen._facts is None:
        return True
    return any("being read" in str(view.render()) for view in app.screen.query(LinesView))


async def wizard(pilot: Pilot[Any]) -> None:
    app = await with_fleet(pilot)
    await pilot.press("r")
    await until(pilot, lambda: isinstance(app.screen, WizardPage) and bool(app.screen.query_one(LineTable).rows))


async def chart(pilot: Pilot[Any]) -> None:
    """Of what the history has, so that chart and table tell the same."""
    assert isinstance(pilot.app, QuriApp)
    app = await with_fleet(pilot, await first_picture(pilot.app.console_door.session))
    await until(pilot, lambda: bool(app.screen.query_one(ChartView).picture.lines))
    await app.workers.wait_for_complete()
    await pilot.pause()


async def keys(pilot: Pilot[Any]) -> None:
    await with_fleet(pilot)
    await pilot.press("question_mark")
    await pilot.pause()


async def backups(pilot: Pilot[Any]) -> None:
    """The newest set is open, and the parts of its canister."""
    app = await with_fleet(pilot)
    table = app.screen.query_one(LineTable)
    await pilot.press("enter", "down", "enter")
    await until(pilot, lambda: any(row.key.endswith("/stable memory") for row in table.rows))
    await app.workers.wait_for_complete()
    await until(pilot, lambda: "measured bill" in str(app.screen.query_one("#chosen", LinesView).render()))


async def runbook(pilot: Pilot[Any]) -> None:
    """The page that fits what is wrong with the selected canister, with a command chosen."""
    app = await with_fleet(pilot)
    await pilot.press("K")
    await until(pilot, lambda: bool(app.screen.query(PageView)) and bool(app.screen.query_one(PageView).picture.stops))
    await app.workers.wait_for_complete()
    await pilot.press("tab", "tab")
    await pilot.pause()


Prepare = Callable[[Pilot[Any]], Awaitable[object]]
PAGES: dict[str, tuple[str, Prepare]] = {
    "fleet": ("fleet", with_fleet),
    "cycles": ("cycles", chart),
    "backups": ("backups", backups),
    "alerts": ("alerts", with_fleet),
    "activity": ("activity", with_fleet),
    "wizard": ("fleet", wizard),
    "help": ("fleet", keys),
    "runbook": ("fleet", runbook),
}
IN_EVERY_COLOURING = ("fleet", "wizard", "backups")
AT_ONE_SIZE = ("runbook",)
COLOURINGS = {"dark": "quri-dark", "ansi": "quri-ansi-dark", "none": None}
CASES = [
    pytest.param(page, size, colouring, id=f"{page}-{size[0]}x{size[1]}-{colouring}")
    for page in PAGES
    for size in SIZES
    for colouring in COLOURINGS
    if (colouring == "dark" or page in IN_EVERY_COLOURING) and (size == SIZES[0] or page not in AT_ONE_SIZE)
]


@pytest.mark.parametrize(("page", "size", "colouring"), CASES)
def test_the_page_looks_as_it_did(
    page: str,
    size: tuple[int, int],
    colouring: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    snap_compare: Callable[..., bool],
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    if colouring == "none":
        monkeypatch.setenv("NO_COLOR", "1")
    console = still_console(tmp_path)
    asyncio.run(write_months(console.config.paths.history, NOW_NS))
    if page == "backups":
        monkeypatch.chdir(tmp_path)
        shelf_of_backups.stock()
    view, prepare = PAGES[page]
    manner = Manner(theme=COLOURINGS[colouring], view=view)
    app = QuriApp(console, manner=manner, selected_id=REGISTRY if page in ("wizard", "runbook") else RUNE)
    assert snap_compare(app, terminal_size=size, run_before=prepare)
