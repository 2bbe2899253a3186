"""Putting a plan together out of what was read of the restore point and the canister; pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from quri_console.backup.bill import snapshot_bytes, storage_cycles_per_day
from quri_console.backup.canister_facts import facts_of_live
from quri_console.backup.compare import compare_facts
from quri_console.backup.comparison import Comparison, Side
from quri_console.clock import utc_datetime
from quri_console.effects.lockdown import Lockdown
from quri_console.effects.settings import named as named_settings
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.types import SettingsChange
from quri_console.restore import preflight, words
from quri_console.restore.bill import (
    LOAD_STEP,
    SAFETY_STEP,
    Balance,
    Charge,
    balances,
    charges_of_restore,
    most_added_bytes,
)
from quri_console.restore.durations import durations
from quri_console.restore.look import Looked
from quri_console.restore.low_memory_hook import hook_status_holds
from quri_console.restore.plan import NewestCopy, RestorePlan, Step
from quri_console.restore.preflight_facts import Facts
from quri_console.restore.settings_back import settings_back
from quri_console.restore.source_copy import SourceCopy
from quri_console.restore.wish import RestoreWish

_STOPPED_STEPS = ("stop", SAFETY_STEP, LOAD_STEP, "settings")


@dataclass(frozen=True, slots=True)
class Around:
    """What else a plan has to know: the other canister of a cross load, who works here, and this machine."""

    holder: str | None
    lockdown: Lockdown | None
    free_bytes: int | None
    source_subnet: Principal | None
    source_controllers: tuple[Principal, ...] | None
    newest: NewestCopy | None


@dataclass(frozen=True, slots=True)
class _Weighed:
    """What the restore costs, in the order of its steps."""

    safety: bool
    settings: SettingsChange | None
    charges: tuple[Charge, ...]
    balances: tuple[Balance, ...]


def made_plan(
    wish: RestoreWish, copy: SourceCopy, looked: Looked, around: Around, *, sender: Principal, root_key_hash: bytes
) -> RestorePlan:
    status = looked.status
    comparison = _compared(wish, copy, looked)
    weighed = _weigh(wish, copy, looked)
    timing = durations(
        running=status.status == "running",
        seconds_per_call=looked.seconds_per_call,
        upload=copy.upload,
        moved_bytes=copy.source.state_bytes + (snapshot_bytes(status) if weighed.safety else 0),
    )
    hook_sent = copy.source.kind == "snapshot" or hook_status_holds(copy.metadata, status.settings)
    plan = RestorePlan(
        network=wish.network,
        production=wish.production,
        root_key_hash=root_key_hash,
        canister=wish.canister,
        name=wish.name,
        made_at_ns=looked.at_ns,
        source=copy.source,
        live=looked.live(),
        differences=words.differences(comparison, settings=_names(weighed.settings)),
        not_coming_back=_not_coming_back(comparison, looked, copy, weighed, hook_sent=hook_sent),
        steps=tuple(Step(c.step, c.cycles, c.step in _STOPPED_STEPS) for c in weighed.charges),
        balances=weighed.balances,
        storage_cycles_per_day=storage_cycles_per_day(status, snapshot_bytes(status)) if weighed.safety else 0,
        downtime_seconds=timing.downtime_seconds,
        duration_seconds=timing.duration_seconds,
        checks=(),
        safety_snapshot=weighed.safety,
        send_hook_status=hook_sent,
        stop_timeout_seconds=wish.stop_timeout_seconds,
        health_checks=wish.health_checks,
        not_compared=words.not_compared(comparison, production=wish.production, newest=around.newest),
        settings=weighed.settings,
        start_after=_start_after(wish),
        read_back=wish.read_back,
        from_other_network=wish.from_other_network,
        max_cycles=wish.max_cycles,
        subnet=looked.subnet,
        newest_copy=around.newest,
        warnings=_warnings(wish, copy, weighed),
        offers=words.timer_offers(
            wish.name,
            _set_with_module(wish, copy, around.newest),
            has_timer_code=copy.has_timer_code,
            timer=copy.metadata.global_timer,
            sets_timer=copy.sets_timer,
        ),
        downtime_high_seconds=timing.downtime_high_seconds,
        duration_high_seconds=timing.duration_high_seconds,
        max_downtime_seconds=wish.max_downtime_seconds,
        no_safety_reason=wish.no_safety_reason,
    )
    return replace(plan, checks=preflight.checks(_facts(plan, copy, looked, around, weighed, sender, wish)))


def _set_with_module(wish: RestoreWish, copy: SourceCopy, newest: NewestCopy | None) -> str:
    """The backup of this canister that holds the module that the restore brings; empty where none is known."""
    if wish.owner is not None:
        return ""
    if copy.source.kind == "backup":
        return copy.source.label.partition("/")[0]
    return newest.label.partition("/")[0] if newest is not None and newest.same_module else ""


def _compared(wish: RestoreWish, copy: SourceCopy, looked: Looked) -> Comparison:
    live = Side("live", f"live:{wish.name}", wish.name, wish.canister, utc_datetime(looked.at_ns))
    return compare_facts(copy.side.facts, facts_of_live(live, looked.status, interface=looked.interface))


def _weigh(wish: RestoreWish, copy: SourceCopy, looked: Looked) -> _Weighed:
    status = looked.status
    safety = status.module_hash is not None and not wish.no_safety_reason
    change = None
    if wish.with_settings and copy.settings is not None:
        change = settings_back(copy.settings, status.settings)
    charges = charges_of_restore(
        status,
        copy.source.state_bytes,
        None if copy.source.kind == "snapshot" else copy.upload,
        safety=safety,
        settings=change is not None,
        starts=_starts(wish, status.status),
    )
    return _Weighed(safety, change, tuple(charges), balances(status, charges))


def _start_after(wish: RestoreWish) -> bool | None:
    """None: as it is now. A clone is left stopped unless the operator says so."""
    return False if wish.start_after is None and wish.owner is not None else wish.start_after


def _starts(wish: RestoreWish, status: str) -> bool:
    after = _start_after(wish)
    return status == "running" if after is None else after


def _names(change: SettingsChange | None) -> tuple[str, ...]:
    return () if change is None else named_settings(change)


def _not_coming_back(
    comparison: Comparison, looked: Looked, copy: SourceCopy, weighed: _Weighed, *, hook_sent: bool
) -> tuple[str, ...]:
    return words.not_coming_back(
        comparison,
        looked.status,
        age_ns=max(looked.at_ns - copy.source.taken_at_ns, 0),
        timer=copy.metadata.global_timer,
        hook_sent=hook_sent,
        sets_timer=copy.sets_timer,
        settings_back=weighed.settings is not None,
    )


def _warnings(wish: RestoreWish, copy: SourceCopy, weighed: _Weighed) -> tuple[str, ...]:
    found = []
    if copy.group is not None and wish.owner is None and not wish.with_group:
        others = copy.group_members(wish.canister)
        if others:
            found.append(words.lost_in_group(wish.name, copy.group.name, others))
    if wish.owner is not None:
        found.append(words.becomes_a_clone(wish.name, wish.source_name, start=bool(wish.start_after)))
    if wish.no_safety_reason and not weighed.safety:
        found.append("There is no safety snapshot, as asked: this restore cannot be rolled back.")
    return tuple(found)


def _facts(
    plan: RestorePlan,
    copy: SourceCopy,
    looked: Looked,
    around: Around,
    weighed: _Weighed,
    sender: Principal,
    wish: RestoreWish,
) -> Facts:
    return Facts(
        sender=sender,
        status=looked.status,
        snapshots=len(looked.snapshots),
        balances=weighed.balances,
        backup_root_key_hash=copy.root_key_hash,
        root_key_hash=plan.root_key_hash,
        backup_label=plan.source.label,
        globals_known=None not in copy.metadata.globals,
        lock_holder=around.holder,
        on_chain=plan.source.kind == "snapshot",
        safety=weighed.safety,
        from_other_network=wish.from_other_network,
        most_added_bytes=most_added_bytes(weighed.charges),
        cycles=plan.cycles,
        max_cycles=wish.max_cycles,
        downtime_high_seconds=plan.downtime_high_seconds,
        max_downtime_seconds=wish.max_downtime_seconds,
        free_bytes=around.free_bytes,
        ahead_seconds=looked.ahead_seconds,
        lockdown=around.lockdown,
        subnet=looked.subnet,
        source_subnet=around.source_subnet,
        source_controllers=around.source_controllers,
        settings=weighed.settings,
        settings_wanted=wish.with_settings,
        settings_known=copy.settings is not None,
    )
