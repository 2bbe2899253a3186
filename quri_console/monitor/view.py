"""From samples to the picture of the fleet; pure, so that every picture can be made again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.config import CanisterConfig, Config, NetworkConfig
from quri_console.history import Sample
from quri_console.history.events import Event
from quri_console.monitor.burn import estimate_burn, runway
from quri_console.monitor.fleet import AlertMark, CanisterView, FleetStatus, is_stale
from quri_console.monitor.health import Evidence, judge
from quri_console.monitor.windows import Segment, segments_of_series
from quri_console.units import DAY_SECONDS

SERIES_SECONDS = DAY_SECONDS

Series = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the history knows of one network, all by canister id.

    Newest attempts, answers and readings; the balances of a day; burn of the last weeks, where it is not given taken
    from those balances; recent events; memory (bytes) a day ago; what is unusual about the burn, in words; how many
    snapshots are on chain.
    """

    attempts: Mapping[str, Sample] = field(default_factory=dict)
    answers: Mapping[str, Sample] = field(default_factory=dict)
    readings: Mapping[str, Sample] = field(default_factory=dict)
    series: Mapping[str, Series] = field(default_factory=dict)
    segments: Mapping[str, Sequence[Segment]] = field(default_factory=dict)
    events: Mapping[str, Sequence[Event]] = field(default_factory=dict)
    memory_day_ago: Mapping[str, int] = field(default_factory=dict)
    anomalies: Mapping[str, str] = field(default_factory=dict)
    snapshots: Mapping[str, int] = field(default_factory=dict)
    not_ready: Mapping[str, str] = field(default_factory=dict)
    """Why canisters could not be restored when somebody last looked."""
    readiness: Mapping[str, tuple[bool, int]] = field(default_factory=dict)
    """Whether canisters could be restored when somebody last looked, and when that was (ns since 1970)."""
    verified: Mapping[str, int] = field(default_factory=dict)
    """When the newest copy of each was taken (ns since 1970) that was read again and found whole."""
    alerts: Mapping[str, AlertMark] = field(default_factory=dict)


def fleet_picture(
    config: Config,
    network: NetworkConfig,
    seen: Seen,
    backups: Mapping[str, int] | None,
    *,
    now_ns: int,
    notice: str = "",
) -> FleetStatus:
    """The fleet in the order of the configuration.

    `backups` is the time of each canister's newest backup in ns, None where there is no repository that could be read.
    """
    interval = config.monitor.interval_seconds
    groups = {name: group.name for group in config.groups for name in group.canisters}
    views = tuple(
        _with_marks(_view(canister, network, seen, backups, now_ns), canister, groups, seen)
        for canister in config.canisters
    )
    return FleetStatus(network.name, network.production, now_ns, interval, views, notice)


def _view(
    canister: CanisterConfig, network: NetworkConfig, seen: Seen, backups: Mapping[str, int] | None, now_ns: int
) -> CanisterView:
    attempt, answer = seen.attempts.get(canister.id), seen.answers.get(canister.id)
    reading = seen.readings.get(canister.id)
    newest = reading or answer
    at_ns = newest.at_ns if newest else None
    stale = is_stale(at_ns, now_ns, canister.interval_seconds)
    series = seen.series.get(canister.id, ())
    segments = seen.segments.get(canister.id) or segments_of_series(series)
    burn = estimate_burn(segments, now_ns=now_ns, idle_burn_per_day=reading.idle_burn_per_day if reading else None)
    left = runway(reading.cycles, reading.freezing_limit, burn) if reading else runway(None, None, None)
    last_backup_at_ns = backups.get(canister.id) if backups is not None else None
    evidence = Evidence(
        reading=reading,
        attempt=attempt,
        runway_seconds=left.to_freeze_seconds,
        age_seconds=(now_ns - at_ns) / NANOSECONDS_PER_SECOND if at_ns is not None else 0.0,
        stale=stale,
        now_ns=now_ns,
        events=seen.events.get(canister.id, ()),
        memory_day_ago=seen.memory_day_ago.get(canister.id),
        backup_expected=backups is not None,
        last_backup_at_ns=last_backup_at_ns,
        backup_age_seconds=canister.backup_age_seconds,
        anomaly=seen.anomalies.get(canister.id, ""),
        snapshots=seen.snapshots.get(canister.id),
        not_ready=seen.not_ready.get(canister.id, ""),
    )
    return CanisterView(
        name=canister.name,
        canister_id=canister.id,
        network=network.name,
        criticality=canister.criticality,
        status=reading.status if reading else None,
        cycles=reading.cycles if reading else None,
        reserved_cycles=reading.reserved_cycles if reading else None,
        idle_burn_per_day=reading.idle_burn_per_day if reading else None,
        burn_per_day=burn.expected_per_day if burn else None,
        freezing_limit=reading.freezing_limit if reading else None,
        runway_seconds=left.to_freeze_seconds,
        memory_bytes=reading.memory_bytes if reading else None,
        # the module and the controllers are public, so a younger answer may know them better
        module_hash=answer.module_hash if answer else None,
        controllers=_controllers(answer),
        sampled_at_ns=at_ns,
        attempted_at_ns=attempt.at_ns if attempt else None,
        origin=newest.origin if newest else "",
        error=attempt.error if attempt else None,
        latency_ms=newest.latency_ms if newest else None,
        stale=stale,
        health=judge(evidence, canister.thresholds),
        last_backup_at_ns=last_backup_at_ns,
        cycles_series=series,
        answering=attempt is not None and attempt.answered,
        alert_burn_per_day=burn.alert_per_day if burn else None,
        burn_is_idle_only=burn.idle_only if burn else False,
        snapshot_bytes=reading.snapshot_bytes if reading else None,
        empty_seconds=left.to_empty_seconds,
    )


def _with_marks(view: CanisterView, canister: CanisterConfig, groups: Mapping[str, str], seen: Seen) -> CanisterView:
    """The picture with what tables show beside the newest reading."""
    answer = seen.answers.get(canister.id)
    ready, ready_at_ns = seen.readiness.get(canister.id, (None, None))
    changes = (event.at_ns for event in seen.events.get(canister.id, ()) if event.kind == "module-changed")
    return replace(
        view,
        interval_seconds=canister.interval_seconds,
        group=groups.get(canister.name, ""),
        module_changed_at_ns=max(changes, default=None),
        verified_at_ns=seen.verified.get(canister.id),
        ready=ready,
        ready_at_ns=ready_at_ns,
        alert=seen.alerts.get(canister.id, ""),
        settings=answer.settings if answer else None,
    )


def _controllers(answer: Sample | None) -> tuple[str, ...]:
    if answer is None or answer.settings is None:
        return ()
    return tuple(json.loads(answer.settings)["controllers"])
