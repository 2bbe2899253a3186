"""Single facts of a comparison as text: settings in their units, sizes, hashes, times. Text from outside is escaped."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from quri_console.backup.comparison import NO_MODULE
from quri_console.render.escape import escape
from quri_console.render.zone import datetime_text, moment_text
from quri_console.units import format_bytes, format_cycles, format_duration

if TYPE_CHECKING:
    from datetime import datetime

    from quri_console.backup.comparison import Pair, SettingValue, Side

UNKNOWN = "–"
_HASH_CHARACTERS = 16
_DATA_BYTES = 16
_LATEST_YEAR_NS = 4_102_444_800_000_000_000  # 2100: later times are numbers that mean something else


def percent(count: int) -> str:
    """A share of a hundred, `5 %`."""
    return f"{count} %"


_SETTING_UNITS: dict[str, Callable[[int], str]] = {
    "compute_allocation": percent,
    "memory_allocation": format_bytes,
    "freezing_threshold": format_duration,
    "reserved_cycles_limit": format_cycles,
    "minimum_incoming_canister_call_cycles": format_cycles,
    "log_memory_limit": format_bytes,
    "wasm_memory_limit": format_bytes,
    "wasm_memory_threshold": format_bytes,
}


def setting_texts(name: str, left: SettingValue, right: SettingValue) -> tuple[str, str]:
    """Both values of a setting that differs."""
    if isinstance(left, int) and isinstance(right, int):
        return number_texts(left, right, _SETTING_UNITS.get(name, str))
    return _text(left), _text(right)


def _text(value: SettingValue) -> str:
    return escape(", ".join(value) or "none") if isinstance(value, tuple) else escape(str(value))


def number_texts(left: int, right: int, formatted: Callable[[int], str]) -> tuple[str, str]:
    """Two different numbers in words, exact where the rounded words would be the same."""
    texts = formatted(left), formatted(right)
    return texts if texts[0] != texts[1] else (f"{left:,}", f"{right:,}")


def known_texts(pair: Pair[int], formatted: Callable[[int], str]) -> tuple[str, str]:
    """Both sides of a pair, whatever each knows."""
    if pair.left is None or pair.right is None or pair.left == pair.right:
        return _or_unknown(pair.left, formatted), _or_unknown(pair.right, formatted)
    return number_texts(pair.left, pair.right, formatted)


def _or_unknown(value: int | None, formatted: Callable[[int], str]) -> str:
    return UNKNOWN if value is None else formatted(value)


def hash_text(digest: bytes | None) -> str:
    """The beginning of a module's hash."""
    if digest is None:
        return UNKNOWN
    return "no module" if digest == NO_MODULE else f"{digest.hex()[:_HASH_CHARACTERS]}…"


def data_text(data: bytes | None) -> str:
    """The beginning of some bytes in hex."""
    if data is None:
        return UNKNOWN
    return f"{data[:_DATA_BYTES].hex() or 'empty'}{'…' if len(data) > _DATA_BYTES else ''}"


def timer_text(timer: str | int | None) -> str:
    """When the global timer fires."""
    if timer is None:
        return UNKNOWN
    if isinstance(timer, str):
        return "not set" if timer == "inactive" else escape(timer)
    return moment_text(timer) if 0 <= timer < _LATEST_YEAR_NS else f"{timer} ns"


def side_text(side: Side) -> str:
    """A side as the operator named it, and how old it is."""
    verb = "read" if side.origin == "live" else "taken"
    return f"{escape(side.label)}, {verb} {time_text(side.taken_at)}"


def time_text(moment: datetime | None) -> str:
    """A moment with its zone."""
    return "at an unknown time" if moment is None else datetime_text(moment)
