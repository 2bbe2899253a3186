"""What an operator may name to be compared: BACKUP[/CANISTER], a path, live[:CANISTER], snapshot:[CANISTER/]ID."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from quri_console.backup.browse import LATEST, LIVE, is_operation_id
from quri_console.errors import UsageError
from quri_console.homes import spelt_out

_SNAPSHOT_PREFIX = "snapshot:"
# what a set's name may begin with; a folder that is called so is named `./20250124`
_SET_PREFIX = re.compile(r"[0-9]{1,8}(T[0-9]{0,6}Z?)?")
_SNAPSHOT_ID = re.compile(r"[0-9a-f]{2,128}")
_GRAMMAR = (
    "A side is BACKUP/CANISTER or BACKUP (a name from `quri-console list`, its beginning, or `latest`), a path to an "
    "archive, a snapshot directory or a legacy backup, live:CANISTER or live, snapshot:CANISTER/ID or snapshot:ID."
)


@dataclass(frozen=True, slots=True)
class BackupSide:
    """A set of the repository by its name, the beginning of it, or `latest`; `canister` None is all of it."""

    backup: str
    canister: str | None = None


@dataclass(frozen=True, slots=True)
class PathSide:
    """Something on disk; its last part may be a canister in it."""

    path: Path


@dataclass(frozen=True, slots=True)
class LiveSide:
    """A canister as it is now; `canister` None is the one, or are those, of the other side."""

    canister: str | None = None


@dataclass(frozen=True, slots=True)
class SnapshotSide:
    """A snapshot on chain by its id in hex or the beginning of it; `canister` None is that of the other side."""

    snapshot_id: str
    canister: str | None = None


SideName: TypeAlias = BackupSide | PathSide | LiveSide | SnapshotSide


def parse_side(text: str) -> SideName:
    """What a side's name means, without looking whether it is there. Raises UsageError."""
    if text == LIVE:
        return LiveSide()
    if text.startswith((f"{LIVE}:", f"{LIVE}/")):
        return LiveSide(_canister(text, text.removeprefix(LIVE)[1:]))
    if text.startswith(_SNAPSHOT_PREFIX):
        return _snapshot(text)
    backup, separator, canister = text.partition("/")
    # an operation's id is looked for as a backup, because that search says what it is
    if backup == LATEST or _SET_PREFIX.fullmatch(backup) or is_operation_id(backup):
        return BackupSide(backup, _canister(text, canister) if separator else None)
    if not text:
        raise _not_a_side(text)
    return PathSide(spelt_out(text))


def two_sides(words: Sequence[str]) -> tuple[str, str]:
    """The names of two sides out of the words of a command line, where BACKUP CANISTER stands for BACKUP/CANISTER.

    Raises UsageError.
    """
    match tuple(words):
        case (left, right):
            return left, right
        case (first, second, third) if _takes_canister(second) or not _takes_canister(first):
            return first, _with_canister(second, third)
        case (first, second, third):
            return _with_canister(first, second), third
        case (first, second, third, fourth):
            return _with_canister(first, second), _with_canister(third, fourth)
    raise UsageError(f"Two sides are compared, and {len(words)} names were given", next_step=_GRAMMAR)


def _takes_canister(text: str) -> bool:
    """Whether the name of a canister may stand behind this."""
    side = parse_side(text)
    return isinstance(side, BackupSide | LiveSide) and side.canister is None


def _with_canister(side: str, canister: str) -> str:
    if not _takes_canister(side):
        raise UsageError(f"{canister!r} cannot stand behind {side!r}", next_step=_GRAMMAR)
    return f"{side}/{canister}"


def _snapshot(text: str) -> SnapshotSide:
    canister, separator, identifier = text.removeprefix(_SNAPSHOT_PREFIX).rpartition("/")
    if not _SNAPSHOT_ID.fullmatch(identifier.lower()):
        raise _not_a_side(text)
    return SnapshotSide(identifier.lower(), _canister(text, canister) if separator else None)


def _canister(text: str, name: str) -> str:
    if not name:
        raise _not_a_side(text)
    return name


def _not_a_side(text: str) -> UsageError:
    return UsageError(f"{text!r} names nothing that can be compared", next_step=_GRAMMAR)
