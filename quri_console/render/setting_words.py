"""One setting of a canister in words, in its unit. What came from outside is not escaped here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from quri_console.units import format_bytes, format_cycles, format_duration

if TYPE_CHECKING:
    from quri_console.ic.management.types import EnvironmentVariable, Visibility

_UNITS: dict[str, Callable[[int], str]] = {
    "compute_allocation": lambda percent: f"{percent} %",
    "memory_allocation": format_bytes,
    "freezing_threshold": format_duration,
    "reserved_cycles_limit": format_cycles,
    "minimum_incoming_canister_call_cycles": format_cycles,
    "log_memory_limit": format_bytes,
    "wasm_memory_limit": format_bytes,
    "wasm_memory_threshold": format_bytes,
}
_DEFAULTS: dict[str, int] = {
    "compute_allocation": 0,
    "memory_allocation": 0,
    "freezing_threshold": 30 * 86_400,
    "reserved_cycles_limit": 5 * 10**12,
    "minimum_incoming_canister_call_cycles": 0,
    "log_memory_limit": 4 << 10,
    "wasm_memory_limit": 3 << 30,
    "wasm_memory_threshold": 0,
}
"""What the network gives a canister whose controllers asked for nothing else."""


def is_default_setting(name: str, value: int | Visibility | tuple[EnvironmentVariable, ...]) -> bool:
    """Whether the setting called `name` has the value that the network gives a canister unasked."""
    if isinstance(value, int):
        return _DEFAULTS.get(name) == value
    if isinstance(value, tuple):
        return not value
    return value.kind == "controllers"


def setting_words(name: str, value: int | Visibility | tuple[EnvironmentVariable, ...]) -> str:
    """The value of the setting called `name` as `CanisterSettings` has it."""
    if isinstance(value, int):
        return _UNITS.get(name, str)(value)
    if isinstance(value, tuple):
        return ", ".join(f"{one.name}={one.value}" for one in value) or "none"
    viewers = ", ".join(viewer.to_str() for viewer in value.viewers)
    return f"{value.kind.replace('_', ' ')} {viewers}".rstrip()
