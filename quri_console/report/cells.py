"""What the tables of a report are made of: sections, and values as texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from quri_console.units import format_cycles, format_duration

UNKNOWN = "–"


@dataclass(frozen=True, slots=True)
class Section:
    """One table; `empty` is said where it has no rows. Cells are untrusted texts; `levels` colour rows."""

    key: str
    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str
    levels: tuple[str, ...] = ()
    """A word for each row: ok, warning, critical, unknown, or empty."""


def cells(section: Section) -> Iterator[Sequence[str]]:
    """Headings and rows."""
    yield section.headings
    yield from section.rows


def time_cell(at: datetime | None) -> str:
    """A moment to the minute."""
    return UNKNOWN if at is None else f"{at:%Y-%m-%d %H:%M}"


def span_cell(seconds: float | None) -> str:
    """A duration in its two largest units."""
    return UNKNOWN if seconds is None else format_duration(seconds)


def exact_cell(seconds: float | None) -> str:
    """A measured time."""
    return UNKNOWN if seconds is None else f"{seconds:.1f} s" if seconds < 60 else format_duration(seconds)


def cycles_cell(cycles: int | None) -> str:
    """Cycles with three digits."""
    return UNKNOWN if cycles is None else format_cycles(cycles)


def about(text: str) -> str:
    """An estimate, said to be one."""
    return text if text == UNKNOWN else f"≈ {text}"
