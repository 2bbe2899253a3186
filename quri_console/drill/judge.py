"""The verdict of a drill, out of what the canisters answer: everything must be as it was before, or better."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from quri_console.config import Thresholds
from quri_console.drill.incidents import NAME
from quri_console.drill.sight import Sight
from quri_console.units import DAY_SECONDS, format_cycles, format_duration


@dataclass(frozen=True, slots=True)
class Before:
    """The fleet as it was a moment before the incident, and the digest of the data that the backup has."""

    sights: Mapping[str, Sight]
    backed_up_digest: int
    thresholds: Thresholds


def unmet(before: Before, now: Mapping[str, Sight], *, newcomers: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """What is still wrong with the fleet, in words; nothing when all is well.

    `newcomers` are controllers that there may be now and were not before.
    """
    return tuple(
        f"{name}: {words}"
        for name, sight in before.sights.items()
        for words in _wrong(before, sight, now[name], newcomers)
    )


def written_entries(before: Before) -> int:
    """How many entries were made after the backup."""
    return len(before.sights[NAME].entries or ())


def lost_entries(before: Before, now: Mapping[str, Sight]) -> int | None:
    """How many of the entries made after the backup are gone; None where the canister does not answer."""
    present = now[NAME].entries
    return None if present is None else len((before.sights[NAME].entries or frozenset()) - present)


def _wrong(before: Before, was: Sight, now: Sight, newcomers: frozenset[str]) -> Iterator[str]:
    if now.status is None:
        yield now.problem
        return
    if now.status != "running":
        yield f"it is {now.status}"
    if now.module_hash is None:
        yield "it has no code"
    elif now.module_hash != was.module_hash:
        yield "it runs another module than before"
    yield from _access(was, now, newcomers)
    yield from _balance(before.thresholds, now)
    if now.status == "running" and now.module_hash is not None:
        yield from _data(before, was, now)


def _access(was: Sight, now: Sight, newcomers: frozenset[str]) -> Iterator[str]:
    strangers = now.controllers - was.controllers - newcomers
    if strangers:
        yield f"{', '.join(sorted(strangers))} is a controller and was none"
    missing = was.controllers - now.controllers
    if missing and not newcomers:
        yield f"{', '.join(sorted(missing))} was a controller and is none"


def _balance(thresholds: Thresholds, now: Sight) -> Iterator[str]:
    if now.cycles < now.freezing_limit:
        yield f"it is frozen: {format_cycles(now.cycles)} are below its limit of {format_cycles(now.freezing_limit)}"
    elif now.cycles < thresholds.warning_cycles:
        yield f"it has only {format_cycles(now.cycles)}, and {format_cycles(thresholds.warning_cycles)} are a warning"
    elif now.idle_burn_per_day:
        runway = (now.cycles - now.freezing_limit) / now.idle_burn_per_day * DAY_SECONDS
        if runway < thresholds.warning_runway_seconds:
            yield f"its cycles last only {format_duration(runway)}"


def _data(before: Before, was: Sight, now: Sight) -> Iterator[str]:
    if now.problem:
        yield now.problem
    elif not now.healthy:
        yield "its health query says that it is not well"
    elif was.digest is not None and now.digest not in (was.digest, before.backed_up_digest):
        yield "its data is neither that of before nor that of the backup"
