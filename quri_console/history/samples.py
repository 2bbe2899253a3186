"""One look at one canister, and how it is written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal

Origin = Literal["query", "update", "public", "blackhole", "imported", ""]
RunStatus = Literal["running", "stopping", "stopped"]
ErrorKind = Literal["unreachable", "not authorised", "not found", "untrusted", "rejected"]

SQLITE_MAX_INTEGER = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Sample:
    """What one attempt to read a canister's status gave.

    `at_ns` is when the answer (or failure) arrived. Cycles are exact whatever their size. A value
    that the origin does not tell is None. `settings` is a canonical JSON document of what is
    rarely changed (controllers, limits); it is stored once per distinct content. `snapshots` is the
    number of snapshots on chain; `clock_skew_seconds` how far this machine's clock was ahead of the
    network's (negative: behind). A sample of origin "imported" was read from another tool's file
    and tells a balance only.
    """

    canister_id: str
    at_ns: int
    origin: Origin = ""
    status: RunStatus | None = None
    cycles: int | None = None
    reserved_cycles: int | None = None
    idle_burn_per_day: int | None = None
    freezing_limit: int | None = None
    memory_bytes: int | None = None
    heap_bytes: int | None = None
    stable_bytes: int | None = None
    snapshot_bytes: int | None = None
    module_hash: bytes | None = None
    settings: str | None = None
    latency_ms: float | None = None
    error_kind: ErrorKind | None = None
    error: str | None = None
    snapshots: int | None = None
    chunk_store_bytes: int | None = None
    clock_skew_seconds: float | None = None

    @property
    def answered(self) -> bool:
        """Whether anything at all was learnt about the canister."""
        return self.origin != ""


COLUMNS = (
    "at_ns",
    "origin",
    "status",
    "cycles",
    "reserved_cycles",
    "idle_burn_per_day",
    "freezing_limit",
    "memory_bytes",
    "heap_bytes",
    "stable_bytes",
    "snapshot_bytes",
    "module_hash",
    "latency_ms",
    "error_kind",
    "error",
    "snapshots",
    "chunk_store_bytes",
    "clock_skew_seconds",
)
_BIG = frozenset({"cycles", "reserved_cycles", "idle_burn_per_day", "freezing_limit"})
_BIG_PLACES = tuple(place for place, column in enumerate(COLUMNS) if column in _BIG)
_VALUES = attrgetter(*COLUMNS)


def to_row(sample: Sample) -> tuple[Any, ...]:
    """The values of COLUMNS; amounts beyond SQLite's integers become text, so that no digit is lost."""
    values = list(_VALUES(sample))
    for place in _BIG_PLACES:
        values[place] = stored(values[place])
    return tuple(values)


def from_row(canister_id: str, settings: str | None, values: Sequence[Any]) -> Sample:
    """The inverse of `to_row`."""
    fields = dict(zip(COLUMNS, values, strict=True))
    for column in _BIG:
        fields[column] = exact(fields[column])
    return Sample(canister_id=canister_id, settings=settings, **fields)


def exact(value: int | str | None) -> int | None:
    """An amount as stored, whatever its size."""
    return None if value is None else int(value)


def stored(value: int | None) -> int | str | None:
    """An amount as SQLite can hold it exactly; `exact` reads it back."""
    return str(value) if value is not None and value > SQLITE_MAX_INTEGER else value
