"""What the console does not do: repaint, blink, spin, or keep the terminal while a call is in flight."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from textual.widgets import Input, LoadingIndicator

from quri_console.console import Console
from quri_console.localnet.faults import Delay, FaultRule
from quri_console.ui.app import QuriApp
from quri_console.ui.screens.confirmation import ConfirmedOperation
from quri_console.ui.screens.view import ViewScreen
from quri_console.ui.widgets.canister_detail import CanisterDetail
from quri_console.ui.widgets.fleet_table import FleetTable
from quri_console.ui.widgets.key_bar import KeyBar
from quri_console.ui.widgets.status_bar import StatusBar
from tests.support.consoles import console_without_network
from tests.support.operator_command import operator_on_fleet
from tests.ui.test_fleet_screen import FOUR, NOW_NS, show


async def test_the_same_picture_again_repaints_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ViewScreen, "now_ns", NOW_NS)
    async with QuriApp(console_without_network(tmp_path)).run_test(size=(120, 40)) as pilot:
        screen = await show(pilot, FOUR)
        screen.redraw()
        await pilot.pause()
        painted: list[str] = []
        for kind in (StatusBar, CanisterDetail, FleetTable, KeyBar):
            widget = screen.query_one(kind)
            monkeypatch.setattr(widget, "refresh", lambda *_, name=widget.id, **__: painted.append(name))
        screen.redraw()
        await pilot.pause()
        assert painted == []


async def test_quit_does_not_wait_for_calls_in_flight_and_nothing_blinks_or_spins(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        app = QuriApp(Console.open(config_path=operator.config))
        async with app.run_test(size=(80, 24)) as pilot:
            async with asyncio.timeout(60):
                while app.fleet is None:
                    await pilot.pause(0.02)
                rule = operator.net.faults.add(FaultRule(Delay(30), count=None))
                app.poll_now()
                await pilot.press("b")
                while not rule.applied:
                    await pilot.pause(0.02)
            assert isinstance(app.screen, ConfirmedOperation)
            assert not app.screen.query(LoadingIndicator)
            assert not any(field.cursor_blink for field in app.screen.query(Input))
            await pilot.press("escape")
            started = time.monotonic()
            await pilot.press("q")
        assert time.monotonic() - started < 1.5
        operator.net.faults.clear()
