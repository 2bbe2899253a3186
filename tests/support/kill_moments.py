"""Accidents of the processes of an operation: SIGKILL of the command, of its runner, of all of them at once."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Family:
    """The processes of one operation, as the machine shows them."""

    runners: tuple[int, ...]
    guards: tuple[int, ...]

    def kill(self, *, guards: bool = False) -> None:
        """SIGKILL; with the guards nobody is left to act, as when the machine is rebooted."""
        # held still first, so that neither a new guard nor a last word comes between
        for process in self.runners:
            _signal(process, signal.SIGSTOP)
        if guards:
            for process in (*self.guards, *_children(self.runners)):
                _signal(process, signal.SIGKILL)
        for process in self.runners:
            _signal(process, signal.SIGKILL)


def family_of(directory: Path) -> Family:
    """The runner that works on the operation in `directory`, and its start guards."""
    runners = tuple(process for process in _processes() if str(directory).encode() in _arguments(process))
    return Family(runners, _children(runners))


def _children(parents: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(process for process in _processes() if _parent(process) in parents)


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _arguments(process: int) -> list[bytes]:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def _parent(process: int) -> int:
    try:
        # the name of the program may hold anything, so fields are counted from its closing bracket
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


def _signal(process: int, number: signal.Signals) -> None:
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return  # it had ended by itself
