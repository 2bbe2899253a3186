"""Canister settings: defaults, limits and the checks of `update_settings` (spec: IC method update_settings)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from quri_console.localnet.messages import ErrorCode, Rejection
from quri_console.units import GIB, KIB, MIB

MAX_CONTROLLERS = 10
MAX_VIEWERS = 10
MAX_ENVIRONMENT_VARIABLES = 20
MAX_ENVIRONMENT_TEXT_BYTES = 128
MAX_MEMORY_BYTES = 2**48
MAX_FREEZING_THRESHOLD_SECONDS = 2**64 - 1
MAX_LOG_MEMORY_BYTES = 2 * MIB
MAX_CYCLES = 2**128 - 1

VisibilityKind = Literal["controllers", "public", "allowed_viewers"]


@dataclass(frozen=True, slots=True)
class Visibility:
    """Who besides the controllers may read: nobody, everybody, or the listed viewers."""

    kind: VisibilityKind = "controllers"
    viewers: tuple[bytes, ...] = ()

    def admits(self, caller: bytes, controllers: Sequence[bytes]) -> bool:
        """Whether `caller` may read."""
        return self.kind == "public" or caller in controllers or caller in self.viewers


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one canister with the network's defaults."""

    controllers: tuple[bytes, ...] = ()
    compute_allocation: int = 0
    memory_allocation: int = 0
    freezing_threshold: int = 2_592_000
    reserved_cycles_limit: int = 5 * 10**12
    minimum_incoming_canister_call_cycles: int = 0
    log_visibility: Visibility = field(default_factory=Visibility)
    log_memory_limit: int = 4 * KIB
    snapshot_visibility: Visibility = field(default_factory=Visibility)
    status_visibility: Visibility = field(default_factory=Visibility)
    wasm_memory_limit: int = 3 * GIB
    wasm_memory_threshold: int = 0
    environment_variables: tuple[tuple[str, str], ...] = ()


def principal_bytes(value: Any) -> bytes:
    """Raw bytes of a decoded Candid principal."""
    return bytes(getattr(value, "bytes", value))


def updated(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """`settings` with the given ones replaced; raises Rejection as the network does (IC0408, IC0504, IC0406).

    `changes` is a decoded Candid `canister_settings`: every field `[]` or `[value]`.
    """
    given = {name: value[0] for name, value in changes.items() if value}
    return replace(settings, **{name: _READERS[name](name, value) for name, value in given.items() if name in _READERS})


def as_candid(settings: Settings) -> dict[str, Any]:
    """The decoded form of `definite_canister_settings`."""
    record: dict[str, Any] = {name: getattr(settings, name) for name in _NUMBERS}
    record["controllers"] = list(settings.controllers)
    for name in ("log_visibility", "snapshot_visibility", "status_visibility"):
        visibility: Visibility = getattr(settings, name)
        record[name] = {visibility.kind: list(visibility.viewers) if visibility.kind == "allowed_viewers" else None}
    record["environment_variables"] = [{"name": name, "value": value} for name, value in settings.environment_variables]
    return record


def _number(low: int, high: int) -> Callable[[str, Any], int]:
    def read(name: str, value: Any) -> int:
        if not low <= int(value) <= high:
            words = name.replace("_", " ")
            raise Rejection(
                ErrorCode.CANISTER_CONTRACT_VIOLATION,
                f"Could not validate the settings: {words} must be in [{low}, {high}], got {value}",
            )
        return int(value)

    return read


def _principals(limit: int) -> Callable[[str, Any], tuple[bytes, ...]]:
    def read(name: str, value: Any) -> tuple[bytes, ...]:
        if len(value) > limit:
            raise Rejection(
                ErrorCode.INVALID_MANAGEMENT_PAYLOAD,
                f"Error decoding candid: {name}: the number of elements exceeds maximum allowed {limit}: {len(value)}",
            )
        return tuple(dict.fromkeys(principal_bytes(principal) for principal in value))

    return read


def _visibility(name: str, value: Any) -> Visibility:
    kind = next(iter(value))
    viewers = _principals(MAX_VIEWERS)(name, value[kind]) if kind == "allowed_viewers" else ()
    return Visibility(kind, viewers)


def _log_memory_limit(_name: str, value: Any) -> int:
    if int(value) > MAX_LOG_MEMORY_BYTES:
        raise Rejection(
            ErrorCode.CANISTER_REJECTED_MESSAGE,
            f"The canister log memory limit {value} is too high. It must be at most {MAX_LOG_MEMORY_BYTES}.",
        )
    return int(value)


def _environment(_name: str, value: Any) -> tuple[tuple[str, str], ...]:
    if len(value) > MAX_ENVIRONMENT_VARIABLES:
        raise Rejection(
            ErrorCode.INVALID_MANAGEMENT_PAYLOAD,
            f"Too many environment variables: {len(value)} (max: {MAX_ENVIRONMENT_VARIABLES})",
        )
    for variable in value:
        for part, text in (("name", variable["name"]), ("value", variable["value"])):
            if len(text.encode()) > MAX_ENVIRONMENT_TEXT_BYTES:
                raise Rejection(
                    ErrorCode.INVALID_MANAGEMENT_PAYLOAD,
                    f'Environment variable {part} "{text}" exceeds the maximum allowed length of '
                    f"{MAX_ENVIRONMENT_TEXT_BYTES}.",
                )
    return tuple((variable["name"], variable["value"]) for variable in value)


_NUMBERS: dict[str, Callable[[str, Any], int]] = {
    "compute_allocation": _number(0, 100),
    "memory_allocation": _number(0, MAX_MEMORY_BYTES),
    "freezing_threshold": _number(0, MAX_FREEZING_THRESHOLD_SECONDS),
    "reserved_cycles_limit": _number(0, MAX_CYCLES),
    "minimum_incoming_canister_call_cycles": _number(0, MAX_CYCLES),
    "log_memory_limit": _log_memory_limit,
    "wasm_memory_limit": _number(0, MAX_MEMORY_BYTES),
    "wasm_memory_threshold": _number(0, MAX_MEMORY_BYTES),
}
_READERS: dict[str, Callable[[str, Any], Any]] = {
    **_NUMBERS,
    "controllers": _principals(MAX_CONTROLLERS),
    "log_visibility": _visibility,
    "snapshot_visibility": _visibility,
    "status_visibility": _visibility,
    "environment_variables": _environment,
}
