"""Sentences about restores; the same on the screen, in a report and in an outcome."""

from __future__ import annotations

from collections.abc import Collection

from quri_console.backup.comparison import NO_MODULE, ChangedMembers, Comparison, Pair
from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.types import CanisterStatus
from quri_console.restore.plan import Difference, NewestCopy, NotCompared, Offer
from quri_console.units import format_bytes, format_cycles, format_duration

UNKNOWN = "–"
_SIZES = (
    ("module size", "module_bytes"),
    ("heap", "heap_bytes"),
    ("stable memory", "stable_bytes"),
    ("chunk store", "chunk_store_bytes"),
)


def differences(comparison: Comparison, *, settings: Collection[str] = ()) -> tuple[Difference, ...]:
    """What differs between backup and live canister, in words; equal facts are left out.

    `settings` are the names of those that the restore brings back, too.
    """
    found = [*_module(comparison), *_interface(comparison), *_sizes(comparison), *_settings(comparison, settings)]
    found.append(Difference("cycles", _cycles(comparison.cycles.left), _cycles(comparison.cycles.right), False))
    return tuple(found)


def _cycles(cycles: int | None) -> str:
    return UNKNOWN if cycles is None else format_cycles(cycles)


def _module(comparison: Comparison) -> list[Difference]:
    if not comparison.module_hash.differs:
        return []
    pair = comparison.module_hash
    return [Difference("module", _hash(pair.left), _hash(pair.right), True)]


def _interface(comparison: Comparison) -> list[Difference]:
    """Methods that the restore brings back or takes away; those with another type by their names alone."""
    changes = comparison.interface
    if not changes.is_known or not comparison.module_hash.differs:
        return []
    gone = [Difference("method", UNKNOWN, method.name, True) for method in changes.added]
    back = [Difference("method", method.name, UNKNOWN, True) for method in changes.removed]
    other = [
        Difference(f"method {method.name}", "its type then", f"another type{_breaks(method.compatible)}", True)
        for method in changes.changed
    ]
    return [*back, *gone, *other]


def _breaks(compatible: bool | None) -> str:
    return ", not compatible" if compatible is False else ""


def _hash(digest: bytes | None) -> str:
    if digest is None:
        return UNKNOWN
    return "none" if digest == NO_MODULE else f"{digest.hex()[:16]}…"


def _sizes(comparison: Comparison) -> list[Difference]:
    pairs: list[tuple[str, Pair[int]]] = [(name, getattr(comparison, field)) for name, field in _SIZES]
    return [Difference(name, _size(pair.left), _size(pair.right), True) for name, pair in pairs if pair.differs]


def _size(size: int | None) -> str:
    return UNKNOWN if size is None else format_bytes(size)


def _settings(comparison: Comparison, restored: Collection[str]) -> list[Difference]:
    found = [
        Difference(s.name.replace("_", " "), _setting(s.left), _setting(s.right), s.name in restored)
        for s in comparison.settings or ()
    ]
    controllers, back = comparison.controllers or ChangedMembers(), "controllers" in restored
    added = (Difference("controller", UNKNOWN, p.to_str(), back) for p in controllers.added)
    removed = (Difference("controller", p.to_str(), UNKNOWN, back) for p in controllers.removed)
    return [*found, *added, *removed]


def _setting(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value) or "none"
    return UNKNOWN if value is None else str(value)


def not_compared(
    comparison: Comparison, *, production: bool, newest: NewestCopy | None = None
) -> tuple[NotCompared, ...]:
    """What the difference of a plan does not cover; empty when it covers all.

    `newest`: the copy of ours whose memory was compared instead of the live one.
    """
    missing = comparison.not_compared()
    found = []
    if "heap" in missing or "stable memory" in missing:
        instead = newest is not None and not newest.is_source
        found.append(_memory_not_compared(comparison, production=production, instead=instead))
    absent = [part for part in ("settings", "controllers") if part in missing]
    if absent:
        names = " and ".join(absent).capitalize()
        found.append(NotCompared(f"{names}: the {comparison.left.origin} holds none. They stay as they are now."))
    return tuple(found)


def _memory_not_compared(comparison: Comparison, *, production: bool, instead: bool) -> NotCompared:
    backup, name = comparison.left.label, comparison.right.name
    live = "live" if comparison.left.canister == comparison.right.canister else f"live:{name}"
    text = "Memory: only its sizes, not its pages, which may differ all the same."
    if instead:
        text = "Memory as it is this moment: the newest copy stands for it above."
    if production:
        # `diff` itself takes no snapshot there
        first = f"To compare them, first run quri-console backup {name} --mode hot, then:"
        return NotCompared(f"{text} {first}", f"quri-console diff {backup} latest")
    return NotCompared(f"{text} To compare them:", f"quri-console diff {backup} {live} --take-snapshot")


def named(name: str, canister: Principal) -> str:
    """A canister as a refusal names it: `rune-engine (pkrpq-5qaaa-aaaah-aroda-cai)`."""
    return f"{name} ({canister.to_str()})"


def not_coming_back(
    comparison: Comparison,
    status: CanisterStatus,
    *,
    age_ns: int,
    timer: object,
    hook_sent: bool,
    sets_timer: bool = True,
    settings_back: bool = False,
) -> tuple[str, ...]:
    """What a restore does not bring back, or takes away; `age_ns` is how old the restore point is.

    `sets_timer`: whether loading it sets the recorded timer. `settings_back`: whether settings come back, too.
    """
    sentences = [
        f"Everything written since the backup: {format_duration(age_ns / NANOSECONDS_PER_SECOND)} of it.",
        f"Cycles: the balance stays what it is now ({format_cycles(status.cycles)}), less the bill.",
        "Calls in flight: calls that the canister made and that are answered after the stop are not in the backup.",
    ]
    if comparison.settings_differ and not settings_back:
        sentences.append("Settings and controllers: they stay as they are now, not as they were.")
    sentences.append(_timer(timer, sets_timer=sets_timer))
    if not hook_sent:
        sentences.append(
            "The low-memory hook's recorded status cannot hold with today's memory limits; it is sent as unknown."
        )
    if status.module_hash is None:
        sentences.append(
            "A way back: the canister has no code now, so no safety snapshot can be taken, and none is needed."
        )
    return tuple(sentences)


def _timer(timer: object, *, sets_timer: bool) -> str:
    if timer is not None and not sets_timer:
        return "The global timer: a snapshot that was taken of a canister sets none, so it stays as it is now."
    if isinstance(timer, int):
        return "The global timer is set as it was; when that moment has passed, it fires as soon as the canister runs."
    if timer == "inactive":
        return "The global timer: none was set, so none will be; a timer that is set now is cleared."
    return "The global timer: the backup does not know it, so it stays as it is now."


def timer_offers(name: str, backup: str, *, has_timer_code: bool, timer: object, sets_timer: bool) -> tuple[Offer, ...]:
    """What brings a timer to life that the restore would leave dead: an upgrade to the same module runs its hooks.

    `backup`: the set that holds this module; empty where none is known.
    """
    if not has_timer_code:
        return ()
    if sets_timer and timer != "inactive":
        return ()  # a loaded timer fires, at once when its moment has passed
    return (
        Offer(
            "The module has code for a timer, and after this restore none may be set. If the canister sets its timers "
            "in post_upgrade, an upgrade to the same module sets them again, once the canister runs:",
            f"quri-console restore {name} --from {backup} --only module" if backup else "",
        ),
    )


def lost_in_group(name: str, group: str, members: Collection[str]) -> str:
    """The warning of a restore of one member out of a consistent group."""
    others = ", ".join(members)
    return (
        f"{name} is restored alone out of the consistent group {group}: it will disagree with {others} about "
        f"everything that happened between them since. To restore all of them together: restore {group}."
    )


def becomes_a_clone(name: str, owner: str, *, start: bool) -> str:
    """The warning of a restore into another canister."""
    left = f"It is left stopped: --start starts it, or later quri-console start {name}."
    after = "It is started afterwards, as --start says." if start else left
    return f"{name} becomes a copy of {owner}, whatever it holds now. {after}"
