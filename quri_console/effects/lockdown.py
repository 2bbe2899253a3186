"""Lockdown: the switch that halts schedules and every effect, for all networks of one state folder.

It lies in a file of its own, so that it holds while nothing of ours runs. What brings a canister back that an
operation of ours stopped (start, deleting a snapshot of ours) is never held up by it: it leads nowhere further.
A file that cannot be read counts as on: a switch for emergencies must not be lost to a damaged disk.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from quri_console.effects.durable import (
    FILE_MODE,
    StateFolderUnusable,
    compact_json,
    make_private_directory,
    sync_directory,
    unusable,
    write_whole,
)
from quri_console.errors import RefusedBySafetyRule

LOCKDOWN_NAME = "lockdown.json"
LIFT = "When it is over: quri-console lockdown off --reason …"


class InLockdown(RefusedBySafetyRule):
    """Lockdown is on, so nothing that leads further is done."""


@dataclass(frozen=True, slots=True)
class Lockdown:
    """That lockdown is on, why, since when (nanoseconds since 1970, 0 when not known) and by whom (`user@host`)."""

    reason: str
    since_ns: int
    by: str


def this_operator() -> str:
    """Who works here, as the system tells: `user@host`."""
    return f"{operating_user()}@{socket.gethostname()}"


def operating_user() -> str:
    """The user of the operating system; its number where it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def read_lockdown(state_folder: Path) -> Lockdown | None:
    """The lockdown that is on; None when it is off. Never raises: what cannot be read counts as on."""
    path = state_folder / LOCKDOWN_NAME
    try:
        fields = json.loads(path.read_bytes())
        return Lockdown(str(fields["reason"]), int(fields["since_ns"]), str(fields["by"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return Lockdown(f"{path} cannot be read ({error.strerror}), which counts as on", 0, "")
    except (ValueError, KeyError, TypeError):
        return Lockdown(f"{path} is damaged, which counts as on", 0, "")


def put_lockdown(state_folder: Path, lockdown: Lockdown) -> None:
    """Turn it on, or give it a new reason.

    On a full disk an empty file stands for it: the reason is lost then, the switch is not. Raises
    StateFolderUnusable only when it is not on afterwards.
    """
    make_private_directory(state_folder)
    path = state_folder / LOCKDOWN_NAME
    try:
        write_whole(path, f"{compact_json(asdict(lockdown))}\n")
    except StateFolderUnusable:
        path.with_name(f".{path.name}.{os.getpid()}").unlink(missing_ok=True)
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, FILE_MODE))
        except OSError as error:
            raise unusable(path, error) from error


def end_lockdown(state_folder: Path) -> Lockdown | None:
    """Turn it off; the one that was on, None when none was. Raises StateFolderUnusable."""
    before = read_lockdown(state_folder)
    path = state_folder / LOCKDOWN_NAME
    try:
        path.unlink(missing_ok=True)
        if before is not None:
            sync_directory(state_folder)
    except OSError as error:
        raise unusable(path, error) from error
    return before


def require_no_lockdown(state_folder: Path, what: str) -> None:
    """Raise InLockdown while it is on; `what` says what is not done now, like `restore`."""
    lockdown = read_lockdown(state_folder)
    if lockdown is not None:
        by = f" (by {lockdown.by})" if lockdown.by else ""
        raise InLockdown(f"lockdown is on, so no {what} leads further", why=f"{lockdown.reason}{by}", next_step=LIFT)
