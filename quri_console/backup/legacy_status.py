"""The text of `dfx canister status`, of any age, as values; and as our own record of a status where it tells enough."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

from quri_console.errors import CorruptionError
from quri_console.ic.encoding.principal import InvalidPrincipal, Principal, parse_principal
from quri_console.ic.management.types import (
    CanisterSettings,
    CanisterStatus,
    QueryStatistics,
    RunState,
    Visibility,
)

ABSURD_NUMBER = 10**30
"""No balance, size or time on the network comes near it."""
_NUMBER = re.compile(r"(?:nat\()?([0-9][0-9_,]*)\)?(?: ?(?:bytes?|%|seconds?|cycles?))?", re.IGNORECASE)
_ABSURD_DIGITS = 60
_HASH = re.compile(r"(?:0x)?([0-9a-f]{64})", re.IGNORECASE)
_SUBJECT = re.compile(r"Canister status call result for (\S{1,200}?)\.?", re.IGNORECASE)
_UNIT_IN_LABEL = re.compile(r" \((?:bytes|cycles|seconds)\)$")
_NOT_SET = ("none", "not set")
_VIEWERS_PREFIX = "allowed viewers"
_Value = TypeVar("_Value")


class UnreadableLegacy(CorruptionError):
    """A file of a legacy backup says something that cannot be true, or is not what its name says."""


@dataclass(frozen=True, slots=True)
class LegacyStatus:
    """What the lines of a status said; None where there was no such line or its value was not understood.

    Memory in bytes, cycles in cycles, `compute_allocation` in percent, `freezing_threshold` in seconds.
    `installed` is False when the text says that there is no module. `unreadable` holds the labels whose value
    was not understood; `subject` is the name or id in the first line.
    """

    subject: str | None = None
    status: RunState | None = None
    controllers: tuple[Principal, ...] | None = None
    memory_allocation: int | None = None
    compute_allocation: int | None = None
    freezing_threshold: int | None = None
    idle_cycles_burned_per_day: int | None = None
    memory_bytes: int | None = None
    cycles: int | None = None
    reserved_cycles: int | None = None
    reserved_cycles_limit: int | None = None
    wasm_memory_limit: int | None = None
    wasm_memory_threshold: int | None = None
    module_hash: bytes | None = None
    installed: bool | None = None
    number_of_queries: int | None = None
    instructions_spent_in_queries: int | None = None
    query_request_bytes: int | None = None
    query_response_bytes: int | None = None
    log_visibility: Visibility | None = None
    unreadable: tuple[str, ...] = ()

    @property
    def tells_something(self) -> bool:
        """Whether the text was a status at all, and not an error that stood in its place."""
        return (self.status, self.cycles, self.memory_bytes) != (None, None, None)


class _Unreadable(ValueError):
    """A value that its label does not explain."""


def _number(text: str) -> int | None:
    if text.lower() in _NOT_SET:
        return None
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise _Unreadable
    digits = match[1].replace("_", "").replace(",", "")
    # int() of very many digits is slow, and refused by Python itself beyond 4,300
    if len(digits) > _ABSURD_DIGITS or int(digits) > ABSURD_NUMBER:
        raise OverflowError
    return int(digits)


def _run_state(text: str) -> RunState:
    if text.lower() not in ("running", "stopping", "stopped"):
        raise _Unreadable
    return cast(RunState, text.lower())


def _principals(text: str) -> tuple[Principal, ...]:
    try:
        return tuple(parse_principal(word) for word in text.replace(",", " ").split())
    except InvalidPrincipal as error:
        raise _Unreadable from error


def _module_hash(text: str) -> bytes:
    """The hash; empty when the text says that there is no module."""
    if text.lower() in _NOT_SET:
        return b""
    match = _HASH.fullmatch(text)
    if match is None:
        raise _Unreadable
    return bytes.fromhex(match[1])


def _visibility(text: str) -> Visibility:
    kind = text.lower()
    if kind == "controllers":
        return Visibility("controllers")
    if kind == "public":
        return Visibility("public")
    viewers = _principals(text[len(_VIEWERS_PREFIX) :].lstrip(": ")) if kind.startswith(_VIEWERS_PREFIX) else ()
    if not viewers:
        raise _Unreadable
    return Visibility("allowed_viewers", viewers)


_LABELS: dict[str, tuple[str, Callable[[str], object]]] = {
    "status": ("status", _run_state),
    "controller": ("controllers", _principals),
    "controllers": ("controllers", _principals),
    "memory allocation": ("memory_allocation", _number),
    "compute allocation": ("compute_allocation", _number),
    "freezing threshold": ("freezing_threshold", _number),
    "idle cycles burned per day": ("idle_cycles_burned_per_day", _number),
    "memory size": ("memory_bytes", _number),
    "balance": ("cycles", _number),
    "reserved": ("reserved_cycles", _number),
    "reserved cycles limit": ("reserved_cycles_limit", _number),
    "wasm memory limit": ("wasm_memory_limit", _number),
    "wasm memory threshold": ("wasm_memory_threshold", _number),
    "module hash": ("module_hash", _module_hash),
    "number of queries": ("number_of_queries", _number),
    "instructions spent in queries": ("instructions_spent_in_queries", _number),
    "total query request payload size": ("query_request_bytes", _number),
    "total query response payload size": ("query_response_bytes", _number),
    # some dfx spell it so
    "total query request paylod size": ("query_request_bytes", _number),
    "log visibility": ("log_visibility", _visibility),
}


def parse_status(text: str, origin: str) -> LegacyStatus:
    """Every line of `text` with a known label; all others are skipped.

    Raises UnreadableLegacy naming `origin` when a number is absurd or when two lines contradict each other.
    """
    found: dict[str, object] = {}
    unreadable: list[str] = []
    for line in text.split("\n"):
        label, separator, value = line.strip().partition(":")
        if not separator:
            if match := _SUBJECT.fullmatch(label):
                found.setdefault("subject", match[1])
            continue
        label = _UNIT_IN_LABEL.sub("", label.lower())
        if label not in _LABELS:
            continue
        name, read = _LABELS[label]
        try:
            content = read(value.strip())
        except _Unreadable:
            unreadable.append(label)
            continue
        except OverflowError as error:
            raise _absurd(origin, label) from error
        if found.setdefault(name, content) != content:
            raise _contradiction(origin, label)
    return _status(found, tuple(dict.fromkeys(unreadable)))


def _status(found: dict[str, object], unreadable: tuple[str, ...]) -> LegacyStatus:
    module_hash = cast("bytes | None", found.pop("module_hash", None))
    return LegacyStatus(
        **found,  # type: ignore[arg-type]  # each reader gives the type of the field that its label names
        module_hash=module_hash or None,
        installed=None if module_hash is None else bool(module_hash),
        unreadable=unreadable,
    )


def _absurd(origin: str, label: str) -> UnreadableLegacy:
    return UnreadableLegacy(
        f"{origin} is not a status that a canister can have",
        why=f"The number after `{label}` is larger than 10^30.",
        next_step="Use another backup; this file was changed after it was written.",
    )


def _contradiction(origin: str, label: str) -> UnreadableLegacy:
    return UnreadableLegacy(
        f"{origin} is not the status of one canister",
        why=f"Two lines give different values for `{label}`.",
        next_step="Use another backup; this file was changed after it was written.",
    )


_NEEDED = {
    "cycles": "balance",
    "memory_bytes": "memory size",
    "status": "status",
    "controllers": "controllers",
    "memory_allocation": "memory allocation",
    "compute_allocation": "compute allocation",
    "freezing_threshold": "freezing threshold",
    "idle_cycles_burned_per_day": "idle cycles burned per day",
    "installed": "module hash",
}


def missing_labels(status: LegacyStatus) -> tuple[str, ...]:
    """The labels without which `as_canister_status` would have to invent a number."""
    return tuple(label for field, label in _NEEDED.items() if getattr(status, field) is None)


def as_canister_status(status: LegacyStatus) -> CanisterStatus | None:
    """The same as our own record, or None when `missing_labels` are: a missing number is not zero."""
    if missing_labels(status):
        return None
    settings = CanisterSettings(
        controllers=_known(status.controllers),
        compute_allocation=_known(status.compute_allocation),
        memory_allocation=_known(status.memory_allocation),
        freezing_threshold=_known(status.freezing_threshold),
        reserved_cycles_limit=status.reserved_cycles_limit,
        log_visibility=status.log_visibility,
        wasm_memory_limit=status.wasm_memory_limit,
        wasm_memory_threshold=status.wasm_memory_threshold,
    )
    return CanisterStatus(
        status=_known(status.status),
        cycles=_known(status.cycles),
        idle_cycles_burned_per_day=_known(status.idle_cycles_burned_per_day),
        memory_bytes=_known(status.memory_bytes),
        settings=settings,
        module_hash=status.module_hash,
        reserved_cycles=status.reserved_cycles,
        query_statistics=_query_statistics(status),
    )


def _known(value: _Value | None) -> _Value:
    assert value is not None  # missing_labels looked
    return value


def _query_statistics(status: LegacyStatus) -> QueryStatistics | None:
    counts = (
        status.number_of_queries,
        status.instructions_spent_in_queries,
        status.query_request_bytes,
        status.query_response_bytes,
    )
    known = [count for count in counts if count is not None]
    return QueryStatistics(*known) if len(known) == len(counts) else None
