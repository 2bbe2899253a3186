"""Sentences and differences of the smaller remedies; the same on the screen, in a report and in an outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from quri_console.backup.canister_facts import setting_value
from quri_console.effects.settings import differing
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.types import CanisterSettings, SettingsChange
from quri_console.image.candid_interface import UnusableInterface, compare_interfaces
from quri_console.restore.plan import Difference
from quri_console.units import format_bytes, format_cycles, format_duration

NAMED_METHODS = 5
_UNITS: Mapping[str, Callable[[int], str]] = {
    "compute_allocation": lambda percent: f"{percent} %",
    "memory_allocation": format_bytes,
    "wasm_memory_limit": format_bytes,
    "wasm_memory_threshold": format_bytes,
    "log_memory_limit": format_bytes,
    "freezing_threshold": format_duration,
    "reserved_cycles_limit": format_cycles,
    "minimum_incoming_canister_call_cycles": format_cycles,
}
NOTHING = "–"


def setting_differences(change: SettingsChange, present: CanisterSettings) -> tuple[Difference, ...]:
    """What a change puts in force (backup) against what is in force (live)."""
    return tuple(_setting_differences(change, present))


def _setting_differences(change: SettingsChange, present: CanisterSettings) -> Iterator[Difference]:
    for name in differing(change, present):
        wanted, found = getattr(change, name), getattr(present, name)
        if name == "controllers":
            yield from _controllers(wanted, found)
        else:
            yield Difference(name.replace("_", " "), _told(name, wanted), _told(name, found), True)


def _controllers(wanted: tuple[Principal, ...], found: tuple[Principal, ...]) -> Iterator[Difference]:
    for principal in wanted:
        if principal not in found:
            yield Difference("controller", principal.to_str(), NOTHING, True)
    for principal in found:
        if principal not in wanted:
            yield Difference("controller", NOTHING, principal.to_str(), True)


def _told(name: str, value: object) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, int):
        return _UNITS.get(name, str)(value)
    told = setting_value(value)
    return ", ".join(str(item) for item in told) or "none" if isinstance(told, tuple) else str(told)


def module_difference(backup: bytes, live: bytes | None) -> Difference:
    """The modules of both sides by their hashes."""
    return Difference("module", _hash(backup), _hash(live), True)


def _hash(digest: bytes | None) -> str:
    return "none" if not digest else f"{digest.hex()[:16]}…"


def interface_sentences(live: str | None, backup: str | None) -> tuple[str, ...]:
    """What changes for clients of the live interface when the backup's module takes its place. Untrusted names."""
    try:
        changes = compare_interfaces(live, backup)
    except UnusableInterface as error:
        return (f"The interfaces were not compared: {error.what}.",)
    if not changes.is_known:
        return ("The interfaces were not compared: a side publishes none.",)
    if not changes.differs:
        return ("Its interface stays the same.",)
    parts = [
        _methods("methods go", [method.name for method in changes.removed]),
        _methods("methods come", [method.name for method in changes.added]),
        _methods("methods change", [method.name for method in changes.changed]),
    ]
    broken = "clients of the present interface BREAK" if changes.compatible is False else "present clients go on"
    verdict = "whether present clients go on cannot be told" if changes.compatible is None else broken
    return (f"Its interface changes ({verdict}): {'; '.join(filter(None, parts))}.",)


def _methods(what: str, names: list[str]) -> str:
    if not names:
        return ""
    more = ", …" if len(names) > NAMED_METHODS else ""
    return f"{len(names)} {what} ({', '.join(names[:NAMED_METHODS])}{more})"
