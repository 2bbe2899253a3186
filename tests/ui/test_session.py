"""What the console remembers, and what it says while configuration, themes and history go bad under it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from quri_console.console import Console
from quri_console.effects.lockdown import Lockdown, put_lockdown
from quri_console.render.spans import plain
from quri_console.ui.app import QuriApp
from quri_console.ui.messages import FleetChanged
from quri_console.ui.options import Manner
from quri_console.ui.screens.fleet import FleetScreen
from quri_console.ui.screens.themes import ThemesScreen
from quri_console.ui.screens.too_small import TooSmallScreen
from quri_console.ui.screens.view import ViewScreen
from quri_console.ui.session_state import FILE_NAME, SessionState
from quri_console.ui.status import ConsoleStatus
from quri_console.ui.widgets.key_bar import KeyBar
from quri_console.ui.widgets.line_table import LineTable
from quri_console.ui.widgets.status_bar import StatusBar
from tests.support.consoles import FLEET, console_without_network
from tests.ui.test_fleet_screen import FOUR, show

PATIENCE = 400


def bar(app: QuriApp) -> str:
    return "\n".join(plain(line) for line in app.screen.query_one(StatusBar)._shown)


async def until(pilot: Pilot[int], app: QuriApp, words: str) -> str:
    """The first notice that holds these words."""
    for _ in range(PATIENCE):
        for notice in app.notices.all:
            if words in notice.message:
                return notice.message
        await pilot.pause(0.02)
    pytest.fail(f"{words!r} was not said; only {[notice.message for notice in app.notices.all]}")


# what is remembered


async def test_view_and_canister_are_there_again(tmp_path: Path) -> None:
    first = QuriApp(console_without_network(tmp_path))
    async with first.run_test(size=(80, 24)) as pilot:
        await show(pilot, FOUR)
        await pilot.press("down", "down", "4")
        await pilot.pause()
    second = QuriApp(console_without_network(tmp_path))
    async with second.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert isinstance(second.screen, ViewScreen)
        assert second.screen.VIEW == "alerts"
        assert second.selected_id == FLEET["bitcoin-integration"]
    third = QuriApp(console_without_network(tmp_path), manner=Manner(view="fleet"), selected_id=FLEET["registry"])
    async with third.run_test(size=(80, 24)) as pilot:
        await show(pilot, FOUR)
        assert third.screen.query_one(LineTable).cursor_key == FLEET["registry"]


def test_views_keep_values_of_their_own_for_each_network(tmp_path: Path) -> None:
    state = SessionState.load(tmp_path / "state", "ic")
    state.put("fleet", "sort", "cycles")
    state.put("fleet", "descending", True)
    state.remember("fleet", "abc")
    state.save()
    path = tmp_path / "state" / FILE_NAME
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    again = SessionState.load(tmp_path / "state", "ic")
    assert (again.get("fleet", "sort"), again.get("fleet", "descending")) == ("cycles", True)
    assert (again.view, again.selected_id, again.get("cycles", "range")) == ("fleet", "abc", None)
    other = SessionState.load(tmp_path / "state", "local")
    assert other.get("fleet", "sort") is None
    other.put("fleet", "sort", "x" * 10_000)
    other.save()
    assert SessionState.load(tmp_path / "state", "ic").get("fleet", "sort") == "cycles"
    assert path.stat().st_size < 2_000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"format": 1}',
        b'{"format": 1, "networks": {"local": 1}}',
        b'{"format": 1, "networks": {"local": {"": 1}}}',
        b'{"format": 1, "networks": {"local": {"": {"view": ["fleet"]}}}}',
        b'{"format": 2, "networks": {}}',
        b"\xff\xfe",
        b"[" * 100_000,
        b" " * ((1 << 20) + 1),
    ],
    ids=[
        "empty",
        "cut",
        "array",
        "no networks",
        "no table",
        "no entries",
        "a list",
        "newer",
        "binary",
        "deep",
        "large",
    ],
)
async def test_a_damaged_memory_is_told_and_then_replaced(tmp_path: Path, content: bytes) -> None:
    console = console_without_network(tmp_path)
    path = console.config.paths.state / FILE_NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    app = QuriApp(console)
    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, FOUR)
        assert any("starts afresh" in notice.message for notice in app.notices.all)
    assert json.loads(path.read_text())["format"] == 1


async def test_a_folder_that_refuses_is_nobodys_business(tmp_path: Path) -> None:
    console = console_without_network(tmp_path)
    (console.config.paths.state / FILE_NAME).mkdir(parents=True)
    app = QuriApp(console)
    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, FOUR)
        assert isinstance(app.screen, FleetScreen)


async def test_a_canister_that_left_the_configuration_is_not_chosen(tmp_path: Path) -> None:
    console = console_without_network(tmp_path)
    state = SessionState.load(console.config.paths.state, console.network.name)
    state.remember("no such view", "ryjl3-tyaaa-aaaaa-aaaba-cai")
    state.save()
    app = QuriApp(console)
    assert app.selected_id is None
    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, FOUR)


# badges


async def test_paused_lockdown_and_alerts_stand_in_the_bar(tmp_path: Path) -> None:
    console = console_without_network(tmp_path)
    app = QuriApp(console)
    async with app.run_test(size=(100, 30)) as pilot:
        await show(pilot, FOUR)
        assert not any(word in bar(app) for word in ("PAUSED", "LOCKDOWN"))
        await pilot.press("z")
        assert " PAUSED " in bar(app)
        await pilot.press("z")
        assert " PAUSED " not in bar(app)
        put_lockdown(console.config.paths.state, Lockdown("a leak", 0, "me@here"))
        app.look_up_status()
        for _ in range(PATIENCE):
            if app.status.lockdown:
                break
            await pilot.pause(0.02)
        assert " LOCKDOWN " in bar(app)
        await pilot.press("b")
        assert "lockdown is on" in app.notices.all[-1].message
        app.status = ConsoleStatus(firing=3)
        app.redraw_views()
        assert "3 alerts" in bar(app)


async def test_a_cut_network_has_a_line_of_its_own_that_goes_again(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path, production=True))
    silent = tuple(replace(view, answering=False) for view in FOUR.canisters)
    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, FOUR)
        status = app.screen.query_one(StatusBar)
        assert status.size.height == 1
        app.post_message(FleetChanged(replace(FOUR, canisters=silent, next_round_ns=FOUR.taken_at_ns)))
        await pilot.pause()
        await pilot.pause()
        assert status.size.height == 2
        assert "NO ANSWER from the network" in bar(app)
        assert "next try at" in bar(app)
        assert " PRODUCTION " in bar(app)
        app.post_message(FleetChanged(FOUR))
        await pilot.pause()
        await pilot.pause()
        assert status.size.height == 1


async def test_the_narrowest_bar_of_keys_still_says_palette_help_and_quit(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(60, 15)) as pilot:
        await show(pilot, FOUR)
        keys = str(app.screen.query_one(KeyBar).render())
        assert keys.endswith(" 1-5 Views  : Palette  ? Help  q Quit ")
        assert keys.startswith(" b Backup ")
        assert len(keys) <= 60


# sizes, themes, slow links


async def test_too_small_covers_and_uncovers(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await show(pilot, FOUR)
        await pilot.press("question_mark")
        covered = app.screen
        await pilot.resize_terminal(59, 24)
        await pilot.pause(0.05)
        assert isinstance(app.screen, TooSmallScreen)
        await pilot.press("escape", "z", "4")
        assert isinstance(app.screen, TooSmallScreen)
        assert not app.paused
        await pilot.resize_terminal(80, 24)
        await pilot.pause(0.05)
        assert app.screen is covered
        await pilot.press("escape")
        assert app.screen is screen


async def test_a_theme_is_tried_kept_or_left(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path), manner=Manner(theme="quri-dark"))
    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, FOUR)
        await pilot.press("T")
        await pilot.pause()
        assert isinstance(app.screen, ThemesScreen)
        await pilot.press("down")
        await pilot.pause()
        tried = app.theme
        assert tried != "quri-dark"
        await pilot.press("escape")
        await pilot.pause()
        assert app.theme == "quri-dark"
        await pilot.press("T")
        await pilot.pause()
        await pilot.press("down", "enter")
        await pilot.pause()
        assert app.theme == tried
        assert f'theme = "{tried}"' in app.notices.all[-1].message


async def test_without_colours_only_themes_without_any_can_be_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = QuriApp(console_without_network(tmp_path), manner=Manner(theme="quri-light"))
    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, FOUR)
        assert app.theme == "quri-ansi-dark"
        assert any("NO_COLOR is set" in notice.message for notice in app.notices.all)
        assert {theme.name for theme in app.shelf.themes} == {"quri-ansi-dark", "quri-ansi-light"}


async def test_all_that_is_wrong_with_themes_is_one_message(tmp_path: Path) -> None:
    folder = tmp_path / "themes of mine"
    folder.mkdir()
    (folder / "a.toml").write_text('name = "a"\nprimary = "nonsense"\n')
    (folder / "b.toml").write_text("name = ")
    app = QuriApp(console_without_network(tmp_path), manner=Manner(theme="mine", theme_dir=folder))
    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, FOUR)
        (said,) = [notice.message for notice in app.notices.all if notice.title == "Themes"]
        assert all(words in said for words in ("a.toml: ", "b.toml: ", "there is no theme 'mine'", "quri-light"))
        assert app.theme == "quri-dark"
        (folder / "a.toml").write_text('name = "mine"\nprimary = "#ff0000"\n')
        (folder / "b.toml").unlink()
        app._look_around()
        await pilot.pause()
        assert "mine" in app.available_themes


async def test_a_theme_folder_that_goes_away_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "a.toml").write_text('name = "mine"\nprimary = "#ff0000"\n')
    app = QuriApp(console_without_network(tmp_path), manner=Manner(theme="mine", theme_dir=folder))
    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, FOUR)
        (folder / "a.toml").unlink()
        folder.rmdir()
        app._look_around()
        await pilot.pause()
        assert app.theme == "mine"
        assert any("is no folder" in notice.message for notice in app.notices.all)


async def test_a_slow_link_gets_the_newest_picture_seldom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quri_console.ui.app.SLOW_LINK_SECONDS", 0.2)
    app = QuriApp(console_without_network(tmp_path), manner=Manner(low_bandwidth=True))
    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, FOUR)
        pictures = [replace(FOUR, notice=f"picture {number}") for number in range(3)]
        shown: list[str] = []
        monkeypatch.setattr(app, "redraw_views", lambda: shown.append(app.fleet.notice if app.fleet else ""))
        for picture in pictures:
            app.post_message(FleetChanged(picture))
            await pilot.pause()
        for _ in range(PATIENCE):
            if app.fleet is pictures[-1]:
                break
            await pilot.pause(0.02)
        assert app.fleet is pictures[-1]
        assert "picture 0" not in shown[1:]
        assert len(shown) < 3


# bad input while it runs


async def test_a_configuration_that_breaks_is_told_and_the_old_one_goes_on(tmp_path: Path) -> None:
    console = console_without_network(tmp_path)
    path = console.config.path
    good = path.read_text()
    app = QuriApp(console)
    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, FOUR)
        path.write_text(good + "\n[monitor]\nintervall = 3\n")
        app._look_around()
        said = await until(pilot, app, "cannot be used now")
        assert "intervall is not known" in said
        assert app.console_door.config is console.config
        path.write_text(good)
        app._look_around()
        await until(pilot, app, "can be used again")
        path.unlink()
        app._look_around()
        await until(pilot, app, "cannot be read")
        assert isinstance(app.screen, FleetScreen)


@pytest.mark.parametrize("kind", ["folder", "garbage", "forbidden"])
async def test_a_history_that_cannot_be_read_is_told_and_the_console_opens(tmp_path: Path, kind: str) -> None:
    console = console_without_network(tmp_path)
    history = console.config.paths.history
    history.parent.mkdir(parents=True)
    if kind == "folder":
        history.mkdir()
    else:
        history.write_bytes(b"SQLite format 3\0" + b"garbage " * 2000)
    if kind == "forbidden":
        history.chmod(0)
    app = QuriApp(console)
    async with app.run_test(size=(120, 30)) as pilot:
        for _ in range(PATIENCE):
            if app.fleet is not None and app.fleet.notice:
                break
            await pilot.pause(0.02)
        assert app.fleet is not None
        assert "history" in app.fleet.notice
        await pilot.pause()
        assert "history" in bar(app)


async def test_enormous_and_hostile_text_is_cut_and_harmless(tmp_path: Path) -> None:
    monstrous = "\x1b]52;c;ZXZpbA==\x07\u202e\u200b𝕏" + "x" * 10_000_000
    first = replace(FOUR.canisters[0], error=monstrous, stale=True)
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, replace(FOUR, canisters=(first, *FOUR.canisters[1:]), notice=monstrous))
        text = bar(app)
        assert len(text) < 2_000
        assert "\\e]52" in text
        assert not any(character in text for character in "\x1b\x07\u202e\u200b")


async def test_a_network_that_turns_out_to_be_mainnet_is_badged(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, replace(FOUR, production=True))
        assert " PRODUCTION " in bar(app)


def test_the_door_is_the_one_that_was_given(tmp_path: Path) -> None:
    console = console_without_network(tmp_path)
    assert isinstance(console, Console)
    assert QuriApp(console).console_door is console
