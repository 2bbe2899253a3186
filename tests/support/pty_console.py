"""A program in a pseudo-terminal whose every byte is kept: for what no multiplexer shows."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import pyte
import pytest

COLOUR = re.compile(rb"\x1b\[(?:\d*[;:])*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:[;:]\d*)*m")
# pyte 0.8 prints what follows the private marks that it does not know
_PRIVATE = re.compile(rb"\x1b\[[<>=?][0-9;]*\$?[a-zA-Z]")
SILENT = ("NO_COLOR", "COLUMNS", "LINES", "TMUX", "SSH_CONNECTION", "SSH_TTY", "LC_ALL", "LC_CTYPE", "LANG")


class PtyConsole:
    """`quri-console ARGUMENTS` on a terminal of its own."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        columns: int = 80,
        rows: int = 24,
        environment: Mapping[str, str] | None = None,
        ignoring: Sequence[signal.Signals] = (),
        argv: Sequence[str] = (sys.executable, "-m", "quri_console"),
        folder: Path | None = None,
    ) -> None:
        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        given = {name: value for name, value in os.environ.items() if name not in SILENT}
        given |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
        given |= {"PYTHONPATH": str(Path.cwd()), **(environment or {})}

        def prepare() -> None:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            for signum in ignoring:
                signal.signal(signum, signal.SIG_IGN)

        self.process = subprocess.Popen(
            [*argv, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=given,
            cwd=folder,
            preexec_fn=prepare,  # noqa: PLW1509 - nothing else runs in this process's threads that matters
        )
        os.close(slave)
        self._reading = threading.Event()
        self._reading.set()
        self._received = bytearray()
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._fed = 0
        self._closed = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> PtyConsole:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.hang_up()

    @property
    def received(self) -> bytes:
        """Every byte that the program wrote."""
        return bytes(self._received)

    def screen(self) -> str:
        """The text on the screen now."""
        data = bytes(self._received[self._fed :])
        self._fed += len(data)
        self._stream.feed(_PRIVATE.sub(b"", data))
        return "\n".join(line.rstrip() for line in self._screen.display)

    def wait_for(self, *texts: str, seconds: float = 30) -> str:
        """The first screen that holds all of `texts`."""
        deadline = time.monotonic() + seconds
        while True:
            screen = self.screen()
            if all(text in screen for text in texts):
                return screen
            if time.monotonic() > deadline or (self.process.poll() is not None and not self._reader.is_alive()):
                pytest.fail(f"{texts!r} did not appear; the screen shows:\n{screen}")
            time.sleep(0.02)

    def press(self, text: str) -> None:
        """Send keys as a terminal does."""
        os.write(self.master, text.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the terminal."""
        self._screen.resize(rows, columns)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def stall(self) -> None:
        """Read nothing from now on, as a terminal does whose link is stuck."""
        self._reading.clear()

    def go_on(self) -> None:
        """Read again."""
        self._reading.set()

    def hang_up(self) -> None:
        """Close the terminal, as a lost connection does."""
        self._closed = True
        self._reading.set()
        self._reader.join(2)
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def seconds_to_end(self, *, at_most: float = 10) -> float:
        """How long it takes the program to end from now on."""
        started = time.monotonic()
        try:
            self.process.wait(at_most)
        except subprocess.TimeoutExpired:
            pytest.fail(f"the program did not end within {at_most} s; the screen shows:\n{self.screen()}")
        return time.monotonic() - started

    def wait_until_ended(self) -> str:
        """The last screen."""
        self.seconds_to_end()
        self._reader.join(2)
        return self.screen()

    def _read(self) -> None:
        while not self._closed:
            if not self._reading.wait(0.1):
                continue
            if not select.select([self.master], [], [], 0.05)[0]:
                continue
            with suppress(BlockingIOError):
                try:
                    data = os.read(self.master, 1 << 16)
                except OSError:
                    return
                if not data:
                    return
                self._received += data
