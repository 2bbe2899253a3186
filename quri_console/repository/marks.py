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
    verification, `verdict`, `with_state` and `canisters` of a rehearsal."""

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


Rehearsal = Literal["passed", "partly passed", "failed", "not rehearsable"]
"""What the rehearsals of a set come to: `partly passed` where some of it was not rehearsed, or could not be."""


@dataclass(frozen=True, slots=True)
class RehearsedItem:
    """The newest rehearsal of one item of a set; `identifier` and `name` are the marker's own, `reason` untrusted."""

    identifier: str
    name: str
    verdict: str
    """`passed`, `failed` or `not rehearsable`."""
    reason: str
    at: datetime


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
    """When some of it was last rehearsed, whatever came of it."""
    rehearsal: Rehearsal | None = None
    rehearsed: tuple[RehearsedItem, ...] = ()

    def rehearsal_of(self, identifier: str) -> RehearsedItem | None:
        """The newest rehearsal of one item, which a mark calls so."""
        return next((item for item in self.rehearsed if item.identifier == identifier), None)


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
    rehearsals = [mark for mark in marks if mark.kind == "rehearsal"]
    rehearsed = _rehearsed(rehearsals)
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
        rehearsed_at=rehearsals[-1].at if rehearsals else None,
        rehearsal=_rehearsal(rehearsals, rehearsed),
        rehearsed=rehearsed,
    )


def _rehearsed(marks: list[Mark]) -> tuple[RehearsedItem, ...]:
    """The newest of each item, in the order of their first."""
    newest: dict[str, RehearsedItem] = {}
    for mark in marks:
        tables = mark.fields.get("canisters")
        for table in tables if isinstance(tables, list) else ():
            if isinstance(table, dict):
                identifier, name, verdict, reason = (
                    str(table.get(key, "")) for key in ("id", "name", "verdict", "reason")
                )
                newest[identifier] = RehearsedItem(identifier, name, verdict, reason, mark.at)
    return tuple(newest.values())


def _rehearsal(marks: list[Mark], items: tuple[RehearsedItem, ...]) -> Rehearsal | None:
    verdicts = {item.verdict for item in items}
    if "failed" in verdicts or (marks and marks[-1].fields.get("verdict") == "failed"):
        return "failed"
    if "passed" not in verdicts:
        return "not rehearsable" if verdicts else None
    expected = marks[-1].fields.get("with_state")
    whole = verdicts == {"passed"} and isinstance(expected, int) and len(items) >= expected
    return "passed" if whole else "partly passed"


def _newest(marks: tuple[Mark, ...], *kinds: MarkKind) -> Mark | None:
    return next((mark for mark in reversed(marks) if mark.kind in kinds), None)
