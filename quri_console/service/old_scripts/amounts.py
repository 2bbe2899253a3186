"""Thresholds of the old scripts: which number means what, in which unit, and the trap that they are."""

from __future__ import annotations

import re
from dataclasses import dataclass

from quri_console.config.model import Thresholds
from quri_console.errors import QuriError
from quri_console.service.old_scripts.notes import Notes, Place
from quri_console.units import BILLION, TRILLION, format_cycles, parse_cycles

OLD_CRITICAL, OLD_WARNING = TRILLION, 100 * BILLION
"""What monitor-cycles.sh took where nothing was said, in the order that it tested: critical first."""
LEAST_PLAUSIBLE = 1_000_000
_UNIT_IN_NAME = (
    (re.compile(r"(?i)_(T|TC|TRILLIONS?|T_?CYCLES)$"), TRILLION, "T"),
    (re.compile(r"(?i)_(B|BC|BILLIONS?|B_?CYCLES)$"), BILLION, "B"),
)


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of cycles, and where it stands."""

    cycles: int
    place: Place


@dataclass(frozen=True, slots=True)
class Proposed:
    """Thresholds to write; None where ours hold."""

    warning: int | None = None
    critical: int | None = None


def amount_of(name: str, value: str, place: Place, notes: Notes) -> Amount | None:
    """What a value means in cycles; None where that cannot be told, which is noted."""
    try:
        cycles = parse_cycles(re.sub(r"(?i)\s*(cycles|c)$", "", value.strip()))
    except QuriError:
        notes.add("not understood", f"{name} is no amount of cycles that can be read here", place)
        return None
    plain = re.fullmatch(r"\s*[\d_.]+\s*", value) is not None
    if plain and cycles < LEAST_PLAUSIBLE:
        for pattern, factor, unit in _UNIT_IN_NAME:
            if pattern.search(name):
                notes.add("difference", f"{name} counts in {unit} cycles by its name; it is written as that", place)
                return Amount(cycles * factor, place)
        text = f"{name} is {value.strip()} without a unit, which would be {cycles} cycles; it is not taken over"
        notes.add("decision", f"{text}: write 1T, 500B or the whole number", place)
        return None
    return Amount(cycles, place)


def proposed(critical: Amount | None, warning: Amount | None, notes: Notes, *, monitored: bool) -> Proposed:
    """What to write for thresholds, and a note on what is different about it."""
    if critical is None and warning is None and not monitored:
        return Proposed()
    low = critical.cycles if critical else OLD_CRITICAL
    high = warning.cycles if warning else OLD_WARNING
    places = tuple(amount.place for amount in (critical, warning) if amount is not None)
    _say_defaults(critical, warning, notes)
    if low < high:
        notes.add("difference", _words(low, high), *places, setting="monitor.critical")
        return Proposed(high, low)
    return _trapped(low, high, places, notes)


def _say_defaults(critical: Amount | None, warning: Amount | None, notes: Notes) -> None:
    for name, given, old in (("critical", critical, OLD_CRITICAL), ("warning", warning, OLD_WARNING)):
        if given is None:
            text = f"no {name} threshold is set, so monitor-cycles.sh took its own, {format_cycles(old)} cycles"
            notes.add("difference", text, setting=f"monitor.{name}")


def _words(critical: int, warning: int) -> str:
    usual = Thresholds()
    return (
        f"critical below {format_cycles(critical)} and warning below {format_cycles(warning)} cycles are kept; here "
        "the time left to the freezing limit counts, too: "
        f"runway_warning {usual.warning_runway_seconds / 86_400:g} d, "
        f"runway_critical {usual.critical_runway_seconds / 86_400:g} d"
    )


def _trapped(critical: int, warning: int, places: tuple[Place, ...], notes: Notes) -> Proposed:
    """The order that could never warn: said, with both ways out; nothing is exchanged in silence."""
    trap = (
        f"the old critical threshold ({format_cycles(critical)}) was not below warning ({format_cycles(warning)}), and "
        "critical was tested first: everything below it was CRITICAL, and WARNING was never reported. Here a falling "
        "balance passes warning before critical"
    )
    if critical == warning:
        chosen = Proposed(2 * critical, critical)
        text = f"{trap}: critical is kept, and warning is proposed at twice of it, {format_cycles(2 * critical)}"
    else:
        chosen = Proposed(critical, warning)
        text = (
            f"{trap}: proposed is that the two numbers were meant the other way round, warning = "
            f"{format_cycles(critical)}, critical = {format_cycles(warning)}. To be woken as before below "
            f'{format_cycles(critical)}, write critical = "{written_cycles(critical)}" and a larger warning, like '
            f'"{written_cycles(2 * critical)}"'
        )
    notes.add("decision", text, *places, setting="monitor.critical")
    return chosen


def written_cycles(cycles: int) -> str:
    """An amount as the configuration takes it, exactly: `1T`, `1.5T`, `100B`, or all its digits."""
    for size, unit in ((TRILLION, "T"), (BILLION, "B"), (10**6, "M")):
        if cycles >= size and cycles % (size // 1000) == 0:
            whole, rest = divmod(cycles, size)
            fraction = f"{rest * 1000 // size:03}".rstrip("0")
            return f"{whole}{'.' + fraction if fraction else ''}{unit}"
    return str(cycles)
