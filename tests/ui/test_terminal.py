"""The whole demo in a real terminal multiplexer: keys in, screen out, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.consoles import FLEET
from tests.support.keyboard import confirm, to_the_plan
from tests.support.tmux import TmuxSession

pytestmark = [pytest.mark.tmux, pytest.mark.timeout(240)]

SIZES = [(80, 24), (200, 50)]
TARGET = "local/rune-engine"


@contextmanager
def demo(folder: Path, size: tuple[int, int] = (80, 24), **environment: str) -> Iterator[TmuxSession]:
    """`quri-console demo` with its table painted; its temporary files lie in `folder`."""
    here = {"TMPDIR": str(folder), "COLORTERM": "truecolor", "PYTHONPATH": str(Path.cwd()), **environment}
    argv = [sys.executable, "-m", "quri_console", "demo"]
    with TmuxSession(folder / "tmux", argv, columns=size[0], rows=size[1], environment=here) as session:
        session.wait_for(*FLEET, "running", "polled every")
        yield session


def left_behind(folder: Path) -> list[str]:
    """Processes that still work in `folder`, and demo folders in it."""
    found = [str(path) for path in folder.glob("quri-demo-*")]
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:  # it has ended meanwhile
                continue
            if f"{folder}/quri-demo-" in command:
                found.append(command)
    return found


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "200x50"])
def test_back_up_and_restore_by_keyboard(tmp_path: Path, size: tuple[int, int]) -> None:
    with demo(tmp_path, size) as session:
        screen = session.wait_for("b Backup", "r Restore", "q Quit")
        assert all(len(line) <= size[0] for line in screen.splitlines())
        session.press("b")
        session.wait_for(f"Type {TARGET} and press Enter to back up")
        session.type(TARGET)
        session.press("Enter")
        session.wait_for("Done: Backup", "Esc leads back")
        session.press("Escape")
        session.wait_for(*FLEET)
        plan = to_the_plan(session)
        assert "whatever was written in" in plan
        assert "checks    all" in plan
        session.press("PageDown")
        session.wait_for("Steps")
        confirm(session, TARGET, reason="practice")
        session.wait_for("Done: rune-engine was restored from", "To undo it: quri-console rollback")
        session.press("Escape")
        session.wait_for(*FLEET)
        session.press("?")
        session.wait_for("Keys", "whole state into the")
        session.press("Escape")
        session.wait_for(*FLEET)
        session.press("q")
        assert session.wait_for_exit() == 0
    assert left_behind(tmp_path) == []


def test_resizing_keeps_the_table_and_the_detail(tmp_path: Path) -> None:
    with demo(tmp_path, (200, 50)) as session:
        session.wait_for("Memory", "24 h")
        session.resize(80, 24)
        screen = session.wait_for(*FLEET, "Backup", "q Quit")
        while "Memory " in screen:
            screen = session.wait_for(*FLEET, "Backup", "q Quit")
        assert len(screen.splitlines()) <= 24
        session.resize(200, 50)
        session.wait_for("Memory", "24 h")


def test_q_ends_the_console_within_a_second(tmp_path: Path) -> None:
    with demo(tmp_path) as session:
        session.press("q")
        started = time.monotonic()
        # the alternate screen is left as soon as the console has ended; the local network's end comes after it
        while "rune-engine" in session.screen():
            assert time.monotonic() - started < 1.5, session.screen()
            time.sleep(0.02)
        assert session.wait_for_exit() == 0
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("signum", [signal.SIGHUP, signal.SIGTERM], ids=lambda signum: signum.name)
def test_a_lost_terminal_ends_it_cleanly(tmp_path: Path, signum: signal.Signals) -> None:
    with demo(tmp_path) as session:
        os.kill(session.process_id, signum)
        assert session.wait_for_exit() == 0
        assert "\x1b" not in session.screen()
    assert left_behind(tmp_path) == []


def test_no_color_means_no_colour_sequence_at_all(tmp_path: Path) -> None:
    with demo(tmp_path, NO_COLOR="1") as session:
        assert session.colours() == []
        session.press("b")
        session.wait_for(f"Type {TARGET}")
        assert session.colours() == []


def test_where_colours_are_wanted_the_same_look_finds_them(tmp_path: Path) -> None:
    with demo(tmp_path) as session:
        assert session.colours() != []


def test_a_pipe_is_told_what_to_use_instead(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "quri_console", "demo"]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "quri-console status" in done.stderr
