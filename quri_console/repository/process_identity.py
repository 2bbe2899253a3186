"""Which process this is, so that no later one is taken for it, and whether another one still lives."""

from __future__ import annotations

import hashlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_MACHINE_ID = Path("/etc/machine-id")


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process of a machine: `started` in clock ticks after that machine's boot, 0 where it cannot be told.

    `pid` counts within `pid_namespace` only. `machine` is a digest of /etc/machine-id, which must not leave the
    machine. Both are empty where the system does not tell.
    """

    host: str
    boot: str
    pid: int
    started: int
    pid_namespace: str = ""
    machine: str = ""


def this_process() -> ProcessIdentity:
    """The process that asks."""
    started = start_ticks(os.getpid()) or 0
    return ProcessIdentity(socket.gethostname(), boot_id(), os.getpid(), started, pid_namespace(), machine())


def machine() -> str:
    """What tells this machine from another of the same name; empty where it does not say."""
    try:
        text = _MACHINE_ID.read_text().strip()
    except OSError:
        return ""
    return hashlib.sha256(b"quri-console machine " + text.encode()).hexdigest()[:16] if text else ""


def pid_namespace() -> str:
    """Where process ids of this process mean something; containers have their own."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


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
    """Whether a process of this machine has ended; False for one that cannot be told.

    Such is one of another machine, also when that bears the same name, or of another container.
    """
    if process.host != socket.gethostname() or not process.boot:
        return False
    if process.machine and machine() not in ("", process.machine):
        return False
    here = boot_id()
    if here and process.boot != here:
        return True
    # without its start, a process that /proc never showed could not be told from one that ended
    if process.pid_namespace != pid_namespace() or not process.started:
        return False
    started = start_ticks(process.pid)
    if started is None:
        return not _is_hidden(process.pid)
    return started not in (0, process.started)


def _is_hidden(pid: int) -> bool:
    """Whether there is such a process of another user, which /proc may not show (mounted with `hidepid`)."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        pass
    return False
