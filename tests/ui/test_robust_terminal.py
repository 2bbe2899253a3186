"""The console on terminals that go, stall, are small, poor, or without UTF-8."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.support.consoles import FLEET, closed_port, write_config
from tests.support.pty_console import COLOUR, PtyConsole

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def config(tmp_path: Path) -> str:
    return str(write_config(tmp_path, url=f"http://127.0.0.1:{closed_port()}"))


VIEW_KEYS = "12345"


def opened(console: PtyConsole) -> PtyConsole:
    """With its fleet painted."""
    console.wait_for(*FLEET, "Quit")
    return console


EVERYWHERE = {
    "1": "Seen",
    "2": "Forecasts right",
    "3": "Nothing is stored yet",
    "4": "Rule",
    "5": "No operations yet",
    "?": "Esc Close",
    ":": "an action, a view",
    "n": "Nothing was said yet",
    "T": "those of the terminal",
    "/": "letters, /pattern/",
    "l": "Log of rune-engine",
    "t": "how many cycles",
    "x": "Stop rune-engine",
}
"""Each view and each thing that can lie over one, by its key, and what is seen of it then."""


@pytest.mark.parametrize("key", EVERYWHERE)
@pytest.mark.parametrize("signum", [signal.SIGHUP, signal.SIGTERM], ids=lambda signum: signum.name)
def test_a_signal_ends_it_within_a_second_wherever_one_is(config: str, key: str, signum: signal.Signals) -> None:
    with PtyConsole(["--config", config]) as console:
        opened(console).press(key)
        console.wait_for(EVERYWHERE[key])
        os.kill(console.process.pid, signum)
        assert console.seconds_to_end() < 1.5
        screen = console.wait_until_ended()
        assert console.process.returncode == 0, screen
        assert console.received.endswith((b"\x1b[?1004l", b"\x1b[?25h"))
        assert "Traceback" not in screen


def test_a_terminal_that_is_gone_ends_it_even_where_hang_ups_are_ignored(config: str) -> None:
    with PtyConsole(["--config", config], ignoring=[signal.SIGHUP]) as console:
        opened(console).hang_up()
        assert console.seconds_to_end() < 1.5


def test_the_end_of_the_input_ends_it(config: str) -> None:
    with PtyConsole(["--config", config]) as console:
        opened(console)
        # on a terminal in raw mode no key is an end of input: its other side has to go
        console.hang_up()
        assert console.seconds_to_end() < 1.5


@pytest.mark.parametrize("signum", [signal.SIGHUP, signal.SIGTERM], ids=lambda signum: signum.name)
def test_a_stalled_terminal_does_not_hold_up_the_end(config: str, signum: signal.Signals) -> None:
    with PtyConsole(["--config", config], columns=200, rows=60) as console:
        opened(console).stall()
        for key in VIEW_KEYS * 20:
            console.press(key)
        time.sleep(1.0)  # until the terminal's buffer is full and the console waits for it
        os.kill(console.process.pid, signum)
        assert console.seconds_to_end() < 2.0
        assert console.process.returncode == 0


def test_quitting_restores_a_terminal_that_reads(config: str) -> None:
    with PtyConsole(["--config", config]) as console:
        opened(console).press("q")
        assert console.seconds_to_end() < 1.5
        console.wait_until_ended()
        assert b"\x1b[?1049l" in console.received


def test_a_call_under_way_in_a_thread_does_not_hold_up_the_end(config: str, tmp_path: Path) -> None:
    program = tmp_path / "slow.py"
    program.write_text(
        "import asyncio, sys, time\n"
        "from quri_console.ui import status\n"
        "async def slow(console):\n"
        "    await asyncio.to_thread(time.sleep, 30)\n"
        "status.console_status = slow\n"
        "from quri_console.cli.main import main\n"
        "main()\n"
    )
    import sys

    with PtyConsole(["--config", config], argv=[sys.executable, str(program)]) as console:
        opened(console)
        console.press("q")
        assert console.seconds_to_end() < 2.0


def test_too_small_says_so_and_goes_by_itself(config: str) -> None:
    with PtyConsole(["--config", config], columns=50, rows=12) as console:
        console.wait_for("Too small: 50×12", "60×15", "q to quit")
        console.resize(59, 30)
        console.wait_for("Too small: 59×30")
        console.resize(80, 24)
        opened(console)
        assert "Too small" not in console.screen()
        console.resize(40, 10)
        console.wait_for("Too small: 40×10")
        console.press("q")
        assert console.seconds_to_end() < 1.5


@pytest.mark.parametrize("environment", [{"LANG": "C"}, {"LANG": ""}, {"LC_ALL": "POSIX"}], ids=str)
def test_without_utf8_every_byte_is_ascii_in_every_view(config: str, environment: dict[str, str]) -> None:
    with PtyConsole(["--config", config], environment=environment) as console:
        opened(console)
        for key in VIEW_KEYS + "?":
            console.press(key)
            time.sleep(0.4)
        console.wait_for("Keys")
        assert console.received.isascii()


def test_ascii_can_be_asked_for_and_refused(config: str) -> None:
    with PtyConsole(["--config", config, "--ascii"]) as console:
        opened(console)
        assert console.received.isascii()
    with PtyConsole(["--config", config, "--no-ascii"], environment={"LANG": "C"}) as console:
        opened(console)
        assert not console.received.isascii()


def test_no_color_means_not_one_colour_sequence_in_any_view(config: str) -> None:
    with PtyConsole(["--config", config], environment={"NO_COLOR": "1"}, rows=30, columns=120) as console:
        opened(console)
        for key in VIEW_KEYS + "?":
            console.press(key)
            time.sleep(0.4)
        console.wait_for("Keys")
        console.press("\x1b")
        time.sleep(0.4)
        console.press("T")
        console.wait_for("quri-ansi-dark", "those of the terminal")
        assert COLOUR.findall(console.received) == []


def test_where_colours_are_wanted_they_are_sent(config: str) -> None:
    with PtyConsole(["--config", config]) as console:
        assert COLOUR.findall(opened(console).received) != []


def test_the_mouse_is_left_to_the_terminal_unless_asked_for(config: str) -> None:
    with PtyConsole(["--config", config]) as console:
        opened(console)
        assert not any(f"\x1b[?{mode}h".encode() in console.received for mode in (1000, 1002, 1003))
        console.press("M")
        console.wait_for("Clicks and the wheel work here now")
        assert b"\x1b[?1000h" in console.received
        console.press("M")
        console.wait_for("The mouse is the terminal's again")
        assert b"\x1b[?1000l" in console.received
    with PtyConsole(["--config", config, "--mouse"]) as console:
        opened(console)
        assert b"\x1b[?1000h" in console.received
        assert b"\x1b[?1003h" not in console.received


def test_a_crash_is_told_in_words(config: str, tmp_path: Path) -> None:
    program = tmp_path / "crash.py"
    program.write_text(
        "from quri_console.ui.screens.fleet import FleetScreen\n"
        "def fail(self, fleet):\n"
        "    raise ZeroDivisionError('of all things')\n"
        "FleetScreen.show_fleet = fail\n"
        "from quri_console.cli.main import main\n"
        "main()\n"
    )
    import sys

    with PtyConsole(["--config", config], argv=[sys.executable, str(program)]) as console:
        screen = console.wait_until_ended()
        assert console.process.returncode == 1
        assert "quri-console itself failed: ZeroDivisionError" in screen
        assert "Traceback" not in screen
