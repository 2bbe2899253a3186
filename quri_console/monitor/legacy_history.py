"""Reads the `cycles_history.json` that the monitor-cycles script wrote; pure.

With jq the script wrote one JSON array of records; without it `[]` on the first line and then one record a line,
which is no JSON as a whole, with nothing where the balance of a failed call should be. Killed halfway, it left half a
record. Whatever is a record by itself is read, wherever it stands; everything else is told with its line.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from quri_console.clock import NANOSECONDS_PER_SECOND

# The network counts cycles in 128 bits
MAX_CYCLES = (1 << 128) - 1

_NO_BALANCE = re.compile(r'("cycles"\s*:)(\s*)(?=[,}])')
_BETWEEN = re.compile(r"[^{]*")
_NOTHING = re.compile(r"[\s,\[\]\ufeff]*")
_NEXT_RECORD = re.compile(r'\{\s*"(?:timestamp|network)"\s*:|(?<=\n)\s*\{')
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class LegacySample:
    """One canister's balance in cycles at a time (nanoseconds since 1970), by the script's name of it."""

    name: str
    network: str
    at_ns: int
    cycles: int
    line: int


@dataclass(frozen=True, slots=True)
class Unread:
    """What could not be read, why, and in which line it begins. The text may hold anything the file holds."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class LegacyHistory:
    """Everything readable in the order of the file, and everything else."""

    samples: tuple[LegacySample, ...]
    unread: tuple[Unread, ...]


def read_legacy_history(text: str) -> LegacyHistory:
    """Every balance that the file holds in either form; nothing in it can make this fail."""
    samples: list[LegacySample] = []
    unread: list[Unread] = []
    for line, found in _records(text):
        entries = _entries(found, line) if isinstance(found, dict) else (Unread(line, found),)
        for entry in entries:
            (samples if isinstance(entry, LegacySample) else unread).append(entry)  # type: ignore[arg-type]
    return LegacyHistory(tuple(samples), tuple(unread))


def _records(text: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Every object at the top or in an array there with its line, and in words what is none."""
    whole = _NO_BALANCE.sub(r"\1null\2", text)
    line_starts = [0, *(match.end() for match in re.finditer("\n", whole))]

    def line(place: int) -> int:
        return bisect_right(line_starts, place)

    place = 0
    decoder = json.JSONDecoder()
    while place < len(whole):
        between = _BETWEEN.match(whole, place)
        assert between is not None
        junk = _NOTHING.match(whole, place, between.end())
        assert junk is not None
        if junk.end() < between.end():
            yield line(junk.end()), f"not understood: {_short(between.group()[junk.end() - place :])}"
        place = between.end()
        if place == len(whole):
            return
        try:
            record, place = decoder.raw_decode(whole, place)
        except (ValueError, RecursionError):
            yield line(place), f"not a whole record: {_short(whole[place : place + 2 * _SHOWN])}"
            following = _NEXT_RECORD.search(whole, place + 1)
            place = following.start() if following else len(whole)
        else:
            yield line(between.end()), record


def _entries(record: dict[str, Any], line: int) -> Iterator[LegacySample | Unread]:
    at_ns, network, canisters = _time(record.get("timestamp")), record.get("network"), record.get("canisters")
    if at_ns is None:
        yield Unread(line, f"no time with a zone: {_short(record.get('timestamp'))}")
        return
    if not isinstance(network, str) or not isinstance(canisters, list):
        yield Unread(line, "a record without a network or without canisters")
        return
    for canister in canisters:
        name = canister.get("name") if isinstance(canister, dict) else None
        if not isinstance(name, str):
            yield Unread(line, f"a canister without a name: {_short(canister)}")
            continue
        cycles = _cycles(canister.get("cycles"))
        if cycles is None:
            status = _short(canister.get("status"))
            yield Unread(line, f"{_short(name)}: no balance ({_short(canister.get('cycles'))}, status {status})")
        else:
            yield LegacySample(name, network, at_ns, cycles, line)


def _time(value: object) -> int | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return round(moment.timestamp()) * NANOSECONDS_PER_SECOND if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _cycles(value: object) -> int | None:
    # jq 1.5 writes large numbers as 4.92e+11
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and re.fullmatch(r"[0-9][0-9_]{0,60}", value):
        value = int(value.replace("_", ""))
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_CYCLES:
        return None
    return value


def _short(value: object) -> str:
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value)
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
