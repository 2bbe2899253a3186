"""What the console draws into: a terminal that may stop reading, or be gone, without taking the console with it."""

from __future__ import annotations

import errno
import os
import select
import threading
import time
from typing import IO

SLICE_SECONDS = 0.05
GRACE_SECONDS = 0.3
"""How long a terminal that takes nothing may hold up the end."""
LONGEST_SECONDS = 0.6
"""How long one that is slow may, with what is a picture and not the way out of it."""
SHORT_BYTES = 200
_BLOCKING_BYTES = 256
"""What a terminal takes without blocking when it says that it takes something."""


class TerminalFile:
    """Writes text to a terminal; once `leave` was called, or the terminal is gone, nothing waits for it any more.

    A terminal that is suspended (a sleeping laptop, Ctrl-S, a full SSH window) takes no bytes. A plain write to it
    cannot be interrupted, so this one waits in slices, and only until somebody wants to leave.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._own = _reopened(file.fileno())
        self._descriptor = file.fileno() if self._own is None else self._own
        self._left_at: float | None = None
        self._progress_at = 0.0
        self._gone = threading.Event()

    @property
    def gone(self) -> bool:
        """Whether the terminal is no longer there."""
        return self._gone.is_set()

    def fileno(self) -> int:
        """The descriptor of the file that this stands for."""
        return self._file.fileno()

    def isatty(self) -> bool:
        """As the file's."""
        return self._file.isatty()

    def leave(self) -> None:
        """From now on wait only for a terminal that takes something; from any thread and from a signal's handler."""
        if self._left_at is None:
            self._left_at = time.monotonic()

    def flush(self) -> None:
        """Nothing is kept back."""

    def write(self, text: str) -> int:
        """Write all of it, unless the terminal is gone or does not read and somebody wants to leave."""
        data = memoryview(text.encode("utf-8", errors="backslashreplace"))
        short = len(data) <= SHORT_BYTES
        while data and not self._gone.is_set():
            given_up = self._given_up(short)
            if self._writable(0 if given_up else SLICE_SECONDS) and not (given_up and not short):
                data = data[self._write(data) :]
            elif given_up:
                break
        return len(text)

    def _given_up(self, short: bool) -> bool:
        """Whether nothing more is waited for: the terminal takes nothing, or too slowly for a whole picture."""
        if self._left_at is None:
            return False
        now = time.monotonic()
        stuck = now - max(self._left_at, self._progress_at) >= GRACE_SECONDS
        return stuck or (not short and now - self._left_at >= LONGEST_SECONDS)

    def close(self) -> None:
        """Give back what was opened; the file itself stays open."""
        if self._own is not None:
            os.close(self._own)
            self._own, self._descriptor = None, self._file.fileno()

    def _writable(self, seconds: float) -> bool:
        return bool(select.select([], [self._descriptor], [], seconds)[1])

    def _write(self, data: memoryview) -> int:
        try:
            written = os.write(self._descriptor, data if self._own is not None else data[:_BLOCKING_BYTES])
            self._progress_at = time.monotonic()
            return written
        except BlockingIOError:
            return 0
        except OSError as error:
            if error.errno != errno.EINTR:
                self._gone.set()
            return 0


def _reopened(descriptor: int) -> int | None:
    """The terminal opened anew without blocking: on the descriptor given to us that would hold for the shell, too."""
    try:
        return os.open(os.ttyname(descriptor), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None
