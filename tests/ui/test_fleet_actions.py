"""What can be done with a canister of the Fleet view: each key opens the right page about the right canister."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.screen import Screen
from textual.widgets import Input, Static

from quri_console.errors import RefusedBySafetyRule
from quri_console.render.actions import FLEET as FLEET_VIEW
from quri_console.render.actions import actions_of
from quri_console.ui.app import QuriApp
from quri_console.ui.screens.compare import CompareScreen
from quri_console.ui.screens.logs import LogsScreen
from quri_console.ui.screens.question import Question
from quri_console.ui.screens.remedy import RemedyScreen
from quri_console.ui.screens.view import ViewScreen
from quri_console.ui.widgets.typed_confirmation import TypedConfirmation
from tests.support.consoles import FLEET, console_without_network
from tests.support.fleets import NOW_NS
from tests.ui.test_fleet_screen import FOUR, fleet_of, plain, show


def prepared(**changes: Any) -> Any:
    """The fleet with its second canister changed."""
    first, second, *rest = FOUR.canisters
    return fleet_of(first, replace(second, **changes), *rest)


async def opened(pilot: Any, key: str) -> Screen[Any]:
    """The screen that a key opens on the second canister."""
    await pilot.press("j", key)
    await pilot.pause()
    screen: Screen[Any] = pilot.app.screen
    return screen


@pytest.mark.parametrize(
    ("key", "changes", "kind", "target"),
    [
        ("u", {"status": "stopped"}, RemedyScreen, lambda screen: screen.target == "local/registry"),
        ("x", {}, RemedyScreen, lambda screen: screen.target == "local/registry" and screen.verb == "Stop"),
        (
            "d",
            {"last_backup_at_ns": NOW_NS},
            CompareScreen,
            lambda screen: screen._sides[0] == "latest/registry",
        ),
        ("l", {}, LogsScreen, lambda screen: "Log of registry on local" in plain(screen.query_one("#title", Static))),
        ("h", {}, ViewScreen, lambda screen: screen.VIEW == "cycles" and screen.quri.selected_id == FLEET["registry"]),
        ("a", {}, ViewScreen, lambda screen: screen.VIEW == "alerts"),
    ],
    ids=["start", "stop", "compare", "logs", "chart", "alerts"],
)
async def test_each_key_opens_its_page_about_the_selected_canister(
    tmp_path: Path, key: str, changes: dict[str, Any], kind: type[Screen[Any]], target: Callable[[Any], bool]
) -> None:
    async with QuriApp(console_without_network(tmp_path)).run_test(size=(80, 24)) as pilot:
        await show(pilot, prepared(stale=False, **changes))
        screen = await opened(pilot, key)
        assert isinstance(screen, kind)
        assert target(screen)


@pytest.mark.parametrize(
    ("key", "changes", "why"),
    [
        ("u", {"status": "running"}, "Start is not possible: it is running already."),
        ("x", {"status": "stopped"}, "Stop is not possible: it is stopped already."),
        ("d", {"last_backup_at_ns": None}, "Compare is not possible: this canister has no backup yet."),
    ],
)
async def test_a_key_that_makes_no_sense_now_says_why(
    tmp_path: Path, key: str, changes: dict[str, Any], why: str
) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await show(pilot, prepared(**changes))
        assert await opened(pilot, key) is screen
        assert app.notices.all[-1].message == why


@pytest.mark.parametrize("key", ["u", "x", "t", "b"])
async def test_a_read_only_console_changes_nothing(tmp_path: Path, key: str) -> None:
    app = QuriApp(console_without_network(tmp_path, read_only=True))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await show(pilot, prepared())
        assert await opened(pilot, key) is screen
        assert "read-only" in app.notices.all[-1].message


async def test_without_a_selection_every_key_about_a_canister_says_so(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await show(pilot, fleet_of())
        about_one = [entry for entry in actions_of(FLEET_VIEW) if entry.disabled(screen.action_context()) is not None]
        assert len(about_one) >= 10
        for entry in about_one:
            await pilot.press(entry.key)
            await pilot.pause()
            assert app.screen is screen
            assert app.notices.all[-1].message.endswith("no canister is selected.")


async def test_topping_up_asks_for_an_amount_and_shows_the_plan_of_it(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, prepared())
        question = await opened(pilot, "t")
        assert isinstance(question, Question)
        question.query_one(Input).value = "1.5T"
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, RemedyScreen)
        assert (app.screen.target, app.screen._amount) == ("local/registry", 1_500_000_000_000)


@pytest.mark.parametrize("typed", ["", "0", "much", "-1T", "\x1b[2J"])
async def test_what_is_no_amount_pays_nothing(tmp_path: Path, typed: str) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await show(pilot, prepared())
        question = await opened(pilot, "t")
        question.query_one(Input).value = typed
        await pilot.press("enter")
        await pilot.pause()
        assert app.screen is screen
        assert "amount" in app.notices.all[-1].message
        assert "\x1b" not in app.notices.all[-1].message


async def test_escape_from_the_question_pays_nothing(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await show(pilot, prepared())
        await opened(pilot, "t")
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen is screen


async def test_the_id_is_copied_and_it_is_said_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, prepared())
        await opened(pilot, "y")
        assert app.notices.all[-1].message.startswith(FLEET["registry"])
        assert (app.console_door.config.paths.state / "copied.txt").read_text() == FLEET["registry"]


async def test_on_a_production_network_stopping_wants_force_and_the_name(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path, production=True))
    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, prepared())
        screen = await opened(pilot, "x")
        assert isinstance(screen, RemedyScreen)
        assert screen.expected == "--force local/registry"
        assert "PRODUCTION" in plain(screen.query_one("#title", Static))


async def test_what_is_typed_for_several_names_them_in_the_order_of_the_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = QuriApp(console_without_network(tmp_path))
    started: list[tuple[tuple[str, ...], str]] = []

    async def plan(canisters: tuple[str, ...], *, mode: str) -> Any:
        assert mode == "stop"
        parts = [SimpleNamespace(target=SimpleNamespace(name=name), problem=None) for name in reversed(canisters)]
        return SimpleNamespace(canisters=parts)

    async def start(canisters: tuple[str, ...], *, confirmation: str, force: bool, reason: str | None) -> Any:
        started.append((canisters, confirmation))
        raise RefusedBySafetyRule("not in a test")

    monkeypatch.setattr("quri_console.ui.screens.backup.backup_plan_lines", lambda plan, titled: ())
    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, prepared())
        monkeypatch.setattr(app.console_door, "plan_backup", plan)
        monkeypatch.setattr(app.console_door, "start_backup", start)
        await pilot.press("space", "space", "b")
        await pilot.pause()
        field = app.screen.query_one(TypedConfirmation)
        while not field.display:
            await pilot.pause(0.01)
        await pilot.press(*"local/registry,rune-engine", "enter")
        while not started:
            await pilot.pause(0.01)
        assert started == [(("registry", "rune-engine"), "local/registry,rune-engine")]
