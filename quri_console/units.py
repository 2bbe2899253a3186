"""Cycles, bytes and durations as people write and read them."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from quri_console.errors import UsageError

TRILLION = 10**12
BILLION = 10**9
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
WASM_PAGE_BYTES = 64 * KIB
HOUR_SECONDS: Final = 3_600
DAY_SECONDS: Final = 86_400

_CYCLES_SUFFIXES = {"": 1, "K": 10**3, "M": 10**6, "B": BILLION, "T": TRILLION}
_CYCLES_PATTERN = re.compile(r"^\s*([0-9][0-9_]*(?:\.[0-9]+)?)\s*([KMBT]?)\s*$", re.IGNORECASE)
_BYTES_PATTERN = re.compile(r"^\s*([0-9]+)\s*(B|KiB|MiB|GiB)\s*$")
_BYTES_SUFFIXES = {"B": 1, "KiB": KIB, "MiB": MIB, "GiB": GIB}
_DURATION_SUFFIXES = {"s": 1, "m": 60, "h": 3600, "d": DAY_SECONDS, "w": 7 * DAY_SECONDS}
_DURATION_PATTERN = re.compile(r"^\s*([0-9]+(?:\.[0-9]+)?)\s*([smhdw])\s*$")


def parse_cycles(text: str) -> int:
    """Cycles from `1T`, `0.5T`, `500B`, `500_000_000`; raises UsageError for anything else."""
    match = _CYCLES_PATTERN.match(text)
    if match is None:
        raise UsageError(
            f"{text!r} is not an amount of cycles",
            next_step="Write it like 1T, 0.5T, 500B or 500000000 (K, M, B, T = 10^3, 10^6, 10^9, 10^12).",
        )
    amount = Fraction(match[1].replace("_", "")) * _CYCLES_SUFFIXES[match[2].upper()]
    if amount.denominator != 1:
        raise UsageError(f"{text!r} is not a whole number of cycles", next_step="Use fewer decimal places.")
    return int(amount)


def parse_duration(text: str) -> float:
    """Seconds from `90s`, `10m`, `1.5h`, `30d`, `2w`; raises UsageError for anything else."""
    match = _DURATION_PATTERN.match(text)
    if match is None:
        raise UsageError(
            f"{text!r} is not a duration",
            next_step="Write it like 90s, 10m, 1.5h, 30d or 2w.",
        )
    return float(match[1]) * _DURATION_SUFFIXES[match[2]]


def parse_bytes(text: str) -> int:
    """Bytes from `64 KiB`, `2 MiB`; raises UsageError for anything else."""
    match = _BYTES_PATTERN.match(text)
    if match is None:
        raise UsageError(f"{text!r} is not a size", next_step="Write it like 64 KiB or 2 MiB (B, KiB, MiB, GiB).")
    return int(match[1]) * _BYTES_SUFFIXES[match[2]]


def _scaled(value: float, steps: tuple[tuple[float, str], ...], base_unit: str) -> str:
    for size, name in steps:
        # 999.95 and more would print as 1000.0 of the smaller unit
        if abs(value) >= size * 0.99995:
            scaled = value / size
            return f"{scaled:.3g} {name}" if abs(scaled) < 99.95 else f"{scaled:.0f} {name}"
    return f"{value:.0f} {base_unit}".rstrip()


def format_cycles(cycles: int) -> str:
    """Cycles with three significant digits: `492 B`, `1.2 T`, `-30 M`."""
    return _scaled(cycles, ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")), "")


def format_bytes(size: int) -> str:
    """Bytes in binary units with three significant digits: `69.4 MiB`."""
    return _scaled(size, ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")), "B")


def format_duration(seconds: float) -> str:
    """A duration in its two largest units: `14 d 3 h`, `2 m 5 s`, `0 s`."""
    if seconds < 0:
        return f"-{format_duration(-seconds)}"
    rest = int(seconds)
    parts: list[str] = []
    for size, name in ((365 * DAY_SECONDS, "y"), (DAY_SECONDS, "d"), (3600, "h"), (60, "m"), (1, "s")):
        amount, rest = divmod(rest, size)
        if amount:
            parts.append(f"{amount} {name}")
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(parts) or "0 s"
