"""How many bytes a console sends for something, how soon, and what its process takes."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.pty_console import PtyConsole

QUIET_SECONDS = 0.5


@dataclass(frozen=True)
class Reaction:
    """What came of something: bytes, and milliseconds until the first of them (None: there was none)."""

    data: bytes
    first_ms: float | None

    @property
    def size(self) -> int:
        return len(self.data)


def settle(console: PtyConsole, *, quiet: float = QUIET_SECONDS, limit: float = 20) -> None:
    """Wait until the console has written nothing for a while."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        before = len(console.received)
        time.sleep(quiet)
        if len(console.received) == before:
            return
    raise AssertionError(f"the console still writes after {limit} s:\n{console.screen()}")


def reaction(console: PtyConsole, act: Callable[[], object], *, seconds: float | None = None) -> Reaction:
    """What the console writes after `act`: until it is quiet again, or for exactly that long."""
    before = len(console.received)
    started = newest = time.monotonic()
    act()
    first_ms, seen = None, before
    while True:
        now, size = time.monotonic(), len(console.received)
        if size != seen:
            seen, newest = size, now
            first_ms = first_ms if first_ms is not None else (now - started) * 1000
        if (seconds is None and now - newest > QUIET_SECONDS) or (seconds is not None and now - started > seconds):
            return Reaction(console.received[before:], first_ms)
        time.sleep(0.0005)


def megabytes_of(pid: int) -> float:
    """The proportional memory of a process."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1000


def cpu_seconds_of(pid: int) -> float:
    """Processor seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
