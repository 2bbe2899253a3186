"""Runner processes of operations, found from outside as an accident would."""

from __future__ import annotations

import os
import signal
from pathlib import Path


def kill_runner(directory: Path) -> None:
    """SIGKILL to the process that works on the operation in `directory`, and to no other."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if str(directory).encode() in arguments:
                os.kill(int(entry.name), signal.SIGKILL)


def kill_runner_and_guard(directory: Path) -> None:
    """SIGKILL to the process that works on the operation in `directory`, and first to its start guard, as a power cut.

    What the runner had stopped stays so: nobody is left to start it.
    """
    runner = next(number for number, arguments in _processes() if str(directory).encode() in arguments)
    for number, arguments in _processes():
        if b"quri_console.effects.start_guard" in arguments and _parent(number) == runner:
            os.kill(number, signal.SIGKILL)
    os.kill(runner, signal.SIGKILL)


def _processes() -> list[tuple[int, list[bytes]]]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.append((int(entry.name), (entry / "cmdline").read_bytes().split(b"\0")))
            except OSError:
                continue
    return found


def _parent(number: int) -> int:
    try:
        return int(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
