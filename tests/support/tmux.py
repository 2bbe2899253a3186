"""A program in a real terminal multiplexer: its own server, keys in, screen out."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import pytest

_COLOUR = re.compile(r"\x1b\[(?:\d*;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:[;:]\d*)*m")

_ENDED = "Pane is dead ("
"""What tmux shows of a program that has ended: nothing comes any more."""


class TmuxSession:
    """Runs `argv` in a tmux of its own with a screen of `columns` × `rows`."""

    def __init__(
        self, socket: Path, argv: Sequence[str], *, columns: int, rows: int, environment: Mapping[str, str]
    ) -> None:
        if shutil.which("tmux") is None:
            pytest.skip("tmux is not installed")
        self._socket = socket
        assignments = [f"{name}={value}" for name, value in environment.items()]
        # remain-on-exit keeps the last screen, so that a failure can be read
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows), "sleep", "infinity")
        self._tmux("set-option", "-g", "remain-on-exit", "on")
        # a size in the environment would hide the terminal's own
        self._tmux("respawn-pane", "-k", "env", "-u", "COLUMNS", "-u", "LINES", *assignments, *argv)

    def __enter__(self) -> TmuxSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        subprocess.run(["tmux", "-S", str(self._socket), "kill-server"], check=False, capture_output=True)

    def screen(self) -> str:
        """The text on the screen now."""
        return self._tmux("capture-pane", "-p")

    def cursor_row(self) -> int:
        """The row of the terminal's cursor, counted from 0: where the field is that is being typed into."""
        return int(self._tmux("display-message", "-p", "#{cursor_y}"))

    def colours(self) -> list[str]:
        """The colour sequences that it takes to draw the screen as it is now."""
        return _COLOUR.findall(self._tmux("capture-pane", "-p", "-e"))

    @property
    def process_id(self) -> int:
        """The program's process id."""
        return int(self._tmux("display-message", "-p", "#{pane_pid}"))

    def press(self, *keys: str) -> None:
        """Send keys by their tmux names (`Enter`, `Escape`, `b`)."""
        self._tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        """Send text character by character, as typing does."""
        self._tmux("send-keys", "-l", text)

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the terminal."""
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def wait_for(self, *texts: str, seconds: float = 60) -> str:
        """The first screen that holds all of `texts`; fails with the last screen when none comes in time."""
        return self.wait_until(lambda screen: all(text in screen for text in texts), repr(texts), seconds=seconds)

    def wait_until(self, holds: Callable[[str], bool], what: str, *, seconds: float = 60) -> str:
        """The first screen of which something holds; fails with `what` and the last screen when none comes in time."""
        deadline = time.monotonic() + seconds
        while not holds(screen := self.screen()):
            if time.monotonic() > deadline or _ENDED in screen:
                pytest.fail(f"{what}: not within {seconds} s; the screen shows:\n{screen}")
            time.sleep(0.05)
        return screen

    def wait_for_exit(self, *, seconds: float = 10) -> int:
        """The program's exit status; fails when it has not ended in time."""
        deadline = time.monotonic() + seconds
        while True:
            dead, status = self._tmux("display-message", "-p", "#{pane_dead} #{pane_dead_status}").split(" ")
            if dead == "1" and status:
                return int(status)
            if dead == "1":
                # tmux 3.3 can miss the signal that its child ended, and then never asks for the status
                os.kill(int(self._tmux("display-message", "-p", "#{pid}")), signal.SIGCHLD)
            if time.monotonic() > deadline:
                pytest.fail(f"the program did not end within {seconds} s; the screen shows:\n{self.screen()}")
            time.sleep(0.05)

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", str(self._socket), *arguments], check=False, capture_output=True, text=True
        )
        if done.returncode:
            pytest.fail(f"tmux {arguments[0]}: {done.stderr.strip()}")
        return done.stdout.rstrip("\n")
