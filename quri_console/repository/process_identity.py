"""Which process this is, so that no later one is taken for it, and whether another one still lives."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process of a machine: `started` in clock ticks after that machine's boot, 0 where it cannot be told."""

    host: str
    boot: str
    pid: int
    started: int


def this_process() -> ProcessIdentity:
    """The process that asks."""
    return ProcessIdentity(socket.gethostname(), boot_id(), os.getpid(), start_ticks(os.getpid()) or 0)


def boot_id() -> str:
    """What tells this boot of the machine from others; empty where it does not say."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def start_ticks(pid: int) -> int | None:
    """When a process started, in clock ticks after boot; None when there is no such process, 0 when it is unknown."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return 0 if not Path("/proc/self/stat").exists() else None
    except OSError:
        return 0
    # the command name may contain spaces and brackets, so count fields after its end
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else int(fields[19])


def is_surely_gone(process: ProcessIdentity) -> bool:
    """Whether a process of this machine has ended; False for one of another machine, which cannot be told."""
    if process.host != socket.gethostname() or not process.boot:
        return False
    here = boot_id()
    if here and process.boot != here:
        return True
    started = start_ticks(process.pid)
    return started is None or (started != 0 and process.started not in (0, started))
