"""Marks beside a sealed set: pins, holds, verifications, rehearsals. Write-once; a later one may end an earlier one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast, get_args

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.errors import CorruptionError
from quri_console.repository.backend import Backend
from quri_console.repository.sealed import seal, unseal
from quri_console.repository.sets import is_set_name, set_name, set_time, typed

MARKS_FOLDER = "marks"
MarkKind = Literal["pin", "unpin", "hold", "release", "verification", "rehearsal", "quarantine"]


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark. `fields` are those of its kind: `reason` and `expires_at` of a pin, `ok`, `scope` and `folders` of a
    verification."""

    set_name: str
    at: datetime
    kind: MarkKind
    fields: Mapping[str, Any]


def put_mark(backend: Backend, name: str, kind: MarkKind, now_ns: int, fields: Mapping[str, Any]) -> Mark:
    """Mark a set; two of one kind in one second take the next free one. Raises StorageFailed, DiskFull."""
    while True:
        moment = set_name(now_ns)
        mark = Mark(name, set_time(moment), kind, fields)
        document = {"set": name, "at": mark.at, "kind": kind, "fields": dict(fields)}
        if backend.put_if_absent(f"{MARKS_FOLDER}/{name}/{moment}-{kind}.toml", seal(document)):
            return mark
        now_ns += NANOSECONDS_PER_SECOND


def decode_mark(data: bytes, origin: str) -> Mark:
    """The mark in sealed TOML. Raises CorruptionError naming `origin`."""
    document = unseal(data, origin)
    try:
        kind, name = typed(document, "kind", str), typed(document, "set", str)
        if kind not in get_args(MarkKind) or not is_set_name(name):
            raise ValueError(f"kind {kind!r} of {name!r}")
        moment = typed(document, "at", datetime).astimezone(UTC)
        return Mark(name, moment, cast(MarkKind, kind), typed(document, "fields", dict))
    except (KeyError, ValueError) as error:
        raise CorruptionError(f"{origin} is not a mark", why=str(error)) from error


def read_marks(backend: Backend, name: str) -> tuple[tuple[Mark, ...], tuple[str, ...]]:
    """The marks of a set, oldest first, and the objects that cannot be read: they count as a hold, never as nothing."""
    marks, damaged = [], []
    for entry in backend.list(f"{MARKS_FOLDER}/{name}"):
        try:
            mark = decode_mark(backend.get(entry.name), entry.name)
            if mark.set_name != name:
                raise CorruptionError(f"{entry.name} belongs to backup {mark.set_name}", why="It was moved.")
            marks.append(mark)
        except CorruptionError:
            damaged.append(entry.name)
    return tuple(sorted(marks, key=lambda mark: mark.at)), tuple(damaged)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the marks of a set come to now."""

    pinned: bool = False
    pin_reason: str = ""
    pinned_until: datetime | None = None
    """None: for good."""
    held: bool = False
    hold_reason: str = ""
    verified_at: datetime | None = None
    """When all of it was last read and found whole."""
    damaged_at: datetime | None = None
    """When it was last found damaged, unless it was found whole since."""
    rehearsed_at: datetime | None = None


def standing(marks: tuple[Mark, ...], unreadable: tuple[str, ...], now: datetime) -> Standing:
    """Pins that have not ended, holds that were not released, and the newest verification of the whole set."""
    pin = _newest(marks, "pin", "unpin")
    hold = _newest(marks, "hold", "release")
    until = pin.fields.get("expires_at") if pin else None
    expires = until.astimezone(UTC) if isinstance(until, datetime) else None
    pinned = pin is not None and pin.kind == "pin" and (expires is None or expires > now)
    held = hold is not None and hold.kind == "hold"
    checks = [mark for mark in marks if mark.kind == "verification"]
    newest = checks[-1] if checks else None
    whole = [mark for mark in checks if mark.fields.get("ok") is True and mark.fields.get("scope") == "data"]
    rehearsals = [mark.at for mark in marks if mark.kind == "rehearsal"]
    return Standing(
        pinned=pinned,
        pin_reason=str(pin.fields.get("reason", "")) if pin is not None and pinned else "",
        pinned_until=expires if pinned else None,
        held=held or bool(unreadable),
        hold_reason=str(hold.fields.get("reason", ""))
        if hold is not None and held
        else "a mark cannot be read"
        if unreadable
        else "",
        verified_at=whole[-1].at if whole and newest is not None and newest.fields.get("ok") is True else None,
        damaged_at=newest.at if newest is not None and newest.fields.get("ok") is not True else None,
        rehearsed_at=rehearsals[-1] if rehearsals else None,
    )


def _newest(marks: tuple[Mark, ...], *kinds: MarkKind) -> Mark | None:
    return next((mark for mark in reversed(marks) if mark.kind in kinds), None)
