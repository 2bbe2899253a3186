"""Whether a canister is still as a plan found it, and in what it differs."""

from __future__ import annotations

from collections.abc import Iterable

from quri_console.effects.settings import differing
from quri_console.errors import RefusedBySafetyRule
from quri_console.ic.management.types import CanisterSettings, SettingsChange
from quri_console.restore.plan import LiveState, RestorePlan
from quri_console.restore.settings_back import CHANGEABLE
from quri_console.restore.words import named
from quri_console.units import MIB, format_bytes

_GROWTH_BYTES = 64 * MIB
_GROWTH_SHARE = 0.1
"""How far a size may have moved before the bill and the time of the plan are those of another canister."""


def moved_on(planned: LiveState, found: LiveState) -> tuple[str, ...]:
    """What differs, in words; sizes only where they moved far."""
    pairs = {
        "status": (planned.status, found.status),
        "module": (_hash(planned.module_hash), _hash(found.module_hash)),
        "controllers": (_set(p.to_str() for p in planned.controllers), _set(p.to_str() for p in found.controllers)),
        "snapshots": (_set(i.hex() for i in planned.snapshots), _set(i.hex() for i in found.snapshots)),
    }
    words = [f"{name}: {before} then, {now} now" for name, (before, now) in pairs.items() if before != now]
    sizes = {
        "heap": (planned.heap_bytes, found.heap_bytes),
        "stable memory": (planned.stable_bytes, found.stable_bytes),
    }
    words += [
        f"{name}: {format_bytes(before)} then, {format_bytes(now)} now"
        for name, (before, now) in sizes.items()
        if before is not None and now is not None and _far(before, now)
    ]
    return (*words, *_settings(planned.settings, found.settings))


def require_unmoved(plan: RestorePlan, fresh: RestorePlan) -> None:
    """Raise RefusedBySafetyRule with the difference when what the plan was made of has changed since."""
    found = [*moved_on(plan.live, fresh.live)]
    if plan.subnet != fresh.subnet:
        found.append("subnet: another")
    if (plan.source.manifest_sha256, plan.source.module_hash) != (
        fresh.source.manifest_sha256,
        fresh.source.module_hash,
    ):
        found.append(f"{plan.source.label}: not the one that was planned")
    if plan.safety_snapshot != fresh.safety_snapshot:
        found.append("the safety snapshot: whether one is taken")
    if plan.settings != fresh.settings:
        found.append("the settings to bring back: others")
    if found:
        raise RefusedBySafetyRule(
            f"{named(plan.name, plan.canister)} has moved on since the plan was made, so nothing was done",
            why="; ".join(found),
            next_step="Find out who works on it, then make and read a new plan.",
        )


def _far(before: int, now: int) -> bool:
    return abs(now - before) > max(_GROWTH_BYTES, round(_GROWTH_SHARE * before))


def _hash(digest: bytes | None) -> str:
    return "none" if digest is None else f"{digest.hex()[:16]}…"


def _set(items: Iterable[str]) -> str:
    return ", ".join(sorted(items)) or "none"


def _settings(planned: CanisterSettings | None, found: CanisterSettings | None) -> tuple[str, ...]:
    if planned is None or found is None:
        return ()
    names = tuple(name for name in CHANGEABLE if name != "controllers")
    wanted = SettingsChange(**{name: getattr(planned, name) for name in names})
    return tuple(f"{name.replace('_', ' ')}: another than planned" for name in differing(wanted, found))
