"""A canister's history as it is shown and exported: samples, or hours and days added up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Resolution = Literal["auto", "raw", "hour", "day"]


@dataclass(frozen=True, slots=True)
class HistoryPoint:
    """One sample, or one hour or day.

    Cycles are those at its end; `burnt` within it, over `burn_seconds` (intervals with a top-up are left out), both
    None for a single sample. `lowest` and `highest` are balances. None means not known.
    """

    at_ns: int
    cycles: int | None
    lowest: int | None
    highest: int | None
    burnt: int | None
    burn_seconds: float | None
    top_up_cycles: int
    memory_bytes: int | None
    samples: int
    status: str = ""
    origin: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """Something that happened to the canister."""

    at_ns: int
    kind: str
    before: str
    after: str
    cycles: int | None


@dataclass(frozen=True, slots=True)
class CanisterHistory:
    """What is known of a canister since a moment, oldest first."""

    name: str
    canister_id: str
    network: str
    resolution: Literal["raw", "hour", "day"]
    since_ns: int
    points: tuple[HistoryPoint, ...]
    events: tuple[HistoryEvent, ...]
