"""Which process this is, so that no later one is taken for it, and whether a process named so has ended."""

from __future__ import annotations

import hashlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_MACHINE_ID = Path("/etc/machine-id")
_STATE, _STARTED = 0, 19
"""Fields of /proc/PID/stat, counted from the one after the command name."""


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """One process among all that ever ran anywhere. Texts are empty and ticks 0 where the system does not tell.

    `machine` is a digest of /etc/machine-id, which is not meant to leave the machine; `started_ticks` counts from
    the boot that `boot_id` names.
    """

    host: str
    machine: str
    boot_id: str
    pid_namespace: str
    pid: int
    started_ticks: int


def this_process() -> ProcessIdentity:
    """The process that asks."""
    pid = os.getpid()
    return ProcessIdentity(
        host=socket.gethostname(),
        machine=_machine(),
        boot_id=_text_of(_BOOT_ID),
        pid_namespace=_pid_namespace(),
        pid=pid,
        started_ticks=_started_ticks(pid) or 0,
    )


def has_ended(process: ProcessIdentity, here: ProcessIdentity) -> bool:
    """Whether `process` is certainly gone, as seen from `here`, a process that runs now.

    False whenever it cannot be told: it ran on another machine or in another container, or the system does not say.
    """
    # two machines may share a name ("localhost"): a boot id tells of a restart only on one and the same machine
    if (process.host, process.machine) != (here.host, here.machine) or not (process.boot_id and here.boot_id):
        return False
    if process.boot_id != here.boot_id:
        return True
    if process.pid_namespace != here.pid_namespace:
        return False  # its process id means nothing here
    return _is_gone(process.pid, process.started_ticks)


def _is_gone(pid: int, started_ticks: int) -> bool:
    found = _started_ticks(pid)
    if found is not None:
        return found != started_ticks
    return not _answers(pid)


def _started_ticks(pid: int) -> int | None:
    """When the process started; None when there is none, it has ended unreaped, or the system does not tell."""
    try:
        # the command name may contain spaces and brackets, so count fields after its end
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[_STATE] in ("Z", "X") else int(fields[_STARTED])


def _answers(pid: int) -> bool:
    """Whether there is such a process although /proc does not show it, as when it hides other users' processes."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return False  # ours and not shown: it has ended and waits to be reaped


def _machine() -> str:
    text = _text_of(_MACHINE_ID)
    return hashlib.sha256(b"quri-console machine " + text.encode()).hexdigest()[:16] if text else ""


def _pid_namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _text_of(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
