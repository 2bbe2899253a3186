"""The options of `quri-console` without a command, on the command line and in a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import invoke
from tests.support.consoles import FLEET, closed_port, write_config
from tests.support.pty_console import PtyConsole


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path, url=f"http://127.0.0.1:{closed_port()}")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--view", "fleets"], ["'fleets' is not one of", "'fleet', 'cycles', 'backups', 'alerts', 'activity'"]),
        (["--theme-dir", "/nowhere"], ["Directory '/nowhere' does not exist"]),
        (["--asci"], ["No such option", "--ascii"]),
    ],
)
def test_wrong_options_say_what_is_allowed(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]
) -> None:
    finished = invoke(capsys, *arguments)
    assert finished.code == 2
    assert all(word in " ".join(finished.errors.split()) for word in words)


@pytest.mark.parametrize(
    ("option", "named"),
    [
        (["--view", "alerts"], "--view"),
        (["--canister", "x"], "--canister"),
        (["--theme", "x"], "--theme"),
        (["--low-bandwidth"], "--low-bandwidth"),
        (["--no-ascii"], "--ascii"),
        (["--mouse"], "--mouse"),
        (["--local"], "--utc/--local"),
    ],
)
def test_options_of_the_console_are_refused_before_other_commands(
    capsys: pytest.CaptureFixture[str], config: Path, option: list[str], named: str
) -> None:
    finished = invoke(capsys, "--config", config, *option, "status")
    assert finished.code == 2
    assert f"{named} is for the console" in finished.errors


def test_monitor_is_still_recognised_behind_them(capsys: pytest.CaptureFixture[str], config: Path) -> None:
    assert invoke(capsys, "--config", config, "--view", "alerts", "monitor").code == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--canister", "rune-engin"], ["has no canister 'rune-engin'", "Did you mean 'rune-engine'?"]),
        (["--theme", "quri-dim"], ["there is no theme 'quri-dim'", "quri-light", "quri-contrast"]),
        (["--network", "ic"], ["has no network 'ic'", "local"]),
    ],
)
def test_names_that_nothing_has_are_usage_errors(config: Path, arguments: list[str], words: list[str]) -> None:
    with PtyConsole(["--config", str(config), *arguments], columns=120) as console:
        screen = " ".join(console.wait_until_ended().split())
        assert console.process.returncode == 2
        assert all(word in screen for word in words)
        assert "Traceback" not in screen


def test_it_opens_where_it_is_told_to(config: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "mine.toml").write_text('name = "mine"\nprimary = "#123456"\nbackground = "#010203"\n')
    arguments = ["--config", str(config), "--canister", "registry", "--view", "fleet", "--theme", "mine"]
    arguments += ["--theme-dir", str(folder), "--read-only", "--local", "--low-bandwidth"]
    with PtyConsole(arguments, columns=120, environment={"TZ": "Asia/Kolkata"}) as console:
        screen = console.wait_for(*FLEET, "READ-ONLY", "UTC+05:30", f"registry  {FLEET['registry']}")
        assert "rune-engine  " + FLEET["rune-engine"] not in screen
        assert b"48;2;1;2;3" in console.received
    with PtyConsole(["--config", str(config), "--view", "alerts"]) as console:
        console.wait_for("Ack", "Silence")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("[ui]\nmuose = true\n", ["ui.muose is not known", "Did you mean 'mouse'?"]),
        ("[ui\n", ["not TOML"]),
        ("\0", ["not TOML"]),
    ],
)
def test_a_broken_configuration_opens_nothing(config: Path, line: str, words: list[str]) -> None:
    config.write_text(config.read_text() + line)
    # wide, because the path of a test's folder is long and would be broken anywhere
    with PtyConsole(["--config", str(config)], columns=240) as console:
        screen = " ".join(console.wait_until_ended().split())
        assert console.process.returncode == 2
        assert all(word in screen for word in words)
        assert "Traceback" not in screen
        assert b"\x1b[?1049h" not in console.received


def test_a_theme_of_the_configuration_that_is_gone_is_told_and_another_used(config: Path) -> None:
    config.write_text(config.read_text() + '[ui]\ntheme = "gone"\ntheme_dir = "nowhere"\n')
    with PtyConsole(["--config", str(config)], columns=120, rows=40) as console:
        # single words, because the corner that says it is narrow
        console.wait_for("folder", "'gone'", "quri-light")
        console.wait_for(*FLEET)
