"""Sentences about restores; the same on the screen, in a report and in an outcome."""

from __future__ import annotations

from quri_console.backup.comparison import NO_MODULE, ChangedMembers, Comparison, Pair
from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.types import CanisterStatus
from quri_console.restore.plan import Difference, NotCompared
from quri_console.units import format_bytes, format_cycles, format_duration

UNKNOWN = "–"
_SIZES = (
    ("module size", "module_bytes"),
    ("heap", "heap_bytes"),
    ("stable memory", "stable_bytes"),
    ("chunk store", "chunk_store_bytes"),
)


def differences(comparison: Comparison) -> tuple[Difference, ...]:
    """What differs between backup and live canister, in words; equal facts are left out."""
    found = [*_module(comparison), *_sizes(comparison), *_settings(comparison)]
    found.append(Difference("cycles", _cycles(comparison.cycles.left), _cycles(comparison.cycles.right), False))
    return tuple(found)


def _cycles(cycles: int | None) -> str:
    return UNKNOWN if cycles is None else format_cycles(cycles)


def _module(comparison: Comparison) -> list[Difference]:
    if not comparison.module_hash.differs:
        return []
    pair = comparison.module_hash
    return [Difference("module", _hash(pair.left), _hash(pair.right), True)]


def _hash(digest: bytes | None) -> str:
    if digest is None:
        return UNKNOWN
    return "none" if digest == NO_MODULE else f"{digest.hex()[:16]}…"


def _sizes(comparison: Comparison) -> list[Difference]:
    pairs: list[tuple[str, Pair[int]]] = [(name, getattr(comparison, field)) for name, field in _SIZES]
    return [Difference(name, _size(pair.left), _size(pair.right), True) for name, pair in pairs if pair.differs]


def _size(size: int | None) -> str:
    return UNKNOWN if size is None else format_bytes(size)


def _settings(comparison: Comparison) -> list[Difference]:
    found = [
        Difference(setting.name.replace("_", " "), _setting(setting.left), _setting(setting.right), False)
        for setting in comparison.settings or ()
    ]
    controllers = comparison.controllers or ChangedMembers()
    added = (Difference("controller", UNKNOWN, p.to_str(), False) for p in controllers.added)
    removed = (Difference("controller", p.to_str(), UNKNOWN, False) for p in controllers.removed)
    return [*found, *added, *removed]


def _setting(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value) or "none"
    return UNKNOWN if value is None else str(value)


def not_compared(comparison: Comparison, *, production: bool) -> tuple[NotCompared, ...]:
    """What the difference of a plan does not cover; empty when it covers all."""
    missing = comparison.not_compared()
    found = []
    if "heap" in missing or "stable memory" in missing:
        found.append(_memory_not_compared(comparison, production=production))
    absent = [part for part in ("settings", "controllers") if part in missing]
    if absent:
        names = " and ".join(absent).capitalize()
        found.append(NotCompared(f"{names}: the backup holds none. They stay as they are now."))
    return tuple(found)


def _memory_not_compared(comparison: Comparison, *, production: bool) -> NotCompared:
    backup, name = comparison.left.label, comparison.left.name
    text = "Memory: only its sizes, not its pages, which may differ all the same."
    if production:
        # `diff` itself takes no snapshot there
        first = f"To compare them, first run quri-console backup {name} --mode hot, then:"
        return NotCompared(f"{text} {first}", f"quri-console diff {backup} latest")
    return NotCompared(f"{text} To compare them:", f"quri-console diff {backup} live --take-snapshot")


def named(name: str, canister: Principal) -> str:
    """A canister as a refusal names it: `rune-engine (pkrpq-5qaaa-aaaah-aroda-cai)`."""
    return f"{name} ({canister.to_str()})"


def not_coming_back(
    comparison: Comparison, status: CanisterStatus, *, age_ns: int, timer: object, hook_sent: bool
) -> tuple[str, ...]:
    """What a restore does not bring back, or takes away; `age_ns` is how old the backup is."""
    sentences = [
        f"Everything written since the backup: {format_duration(age_ns / NANOSECONDS_PER_SECOND)} of it.",
        f"Cycles: the balance stays what it is now ({format_cycles(status.cycles)}), less the bill.",
        "Calls in flight: calls that the canister made and that are answered after the stop are not in the backup.",
    ]
    if comparison.settings_differ:
        sentences.append("Settings and controllers: they stay as they are now, not as they were.")
    sentences.append(_timer(timer))
    if not hook_sent:
        sentences.append(
            "The low-memory hook's recorded status cannot hold with today's memory limits; it is sent as unknown."
        )
    return tuple(sentences)


def _timer(timer: object) -> str:
    if isinstance(timer, int):
        return "The global timer is set as it was; when that moment has passed, it fires as soon as the canister runs."
    if timer == "inactive":
        return "The global timer: none was set, so none will be; a timer that is set now is cleared."
    return "The global timer: the backup does not know it, so it stays as it is now."
