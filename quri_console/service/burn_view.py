"""How fast each canister burns cycles, how long they last, and how sure that is; needs no network."""

from __future__ import annotations

from dataclasses import fields

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.config import CanisterConfig
from quri_console.history import History, Sample
from quri_console.monitor.anomaly import find_anomaly
from quri_console.monitor.burn import estimate_burn, runway
from quri_console.monitor.burn_causes import BurnByCause, split_by_cause
from quri_console.monitor.burn_report import CanisterBurn
from quri_console.monitor.forecast import forecast_runway
from quri_console.monitor.top_ups import find_top_ups
from quri_console.monitor.windows import segments_of_both
from quri_console.service.session import Session
from quri_console.units import DAY_SECONDS, HOUR_SECONDS

PAST_SECONDS = 180 * DAY_SECONDS
TOP_UP_SECONDS = 14 * DAY_SECONDS
CAUSE_SECONDS = 7 * DAY_SECONDS
CHANGE_SECONDS = 3 * DAY_SECONDS
"""A module or controllers changed within this widens a forecast."""


async def fleet_burn(session: Session, canisters: tuple[str, ...] = ()) -> tuple[CanisterBurn, ...]:
    """The burn of these canisters (names or ids), of all of the fleet when none is named.

    Raises UsageError, HistoryUnusable.
    """
    targets = [session.config.canister(name) for name in canisters] or session.config.canisters
    network, now_ns = session.network.name, session.clock.now_ns()
    async with await History.open(session.config.paths.history) as history:
        await history.rollups.update(network, now_ns)
        readings = await history.newest_readings(network, now_ns)
        return tuple([await _burn(history, network, target, readings.get(target.id), now_ns) for target in targets])


async def _burn(
    history: History, network: str, target: CanisterConfig, reading: Sample | None, now_ns: int
) -> CanisterBurn:
    since_ns = now_ns - PAST_SECONDS * NANOSECONDS_PER_SECOND
    buckets = await history.rollups.buckets(network, target.id, HOUR_SECONDS, since_ns, now_ns)
    from_ns = buckets[-1].last_ns if buckets else since_ns
    samples = await history.samples(network, target.id, from_ns)
    raw = [(sample.at_ns, sample.cycles) for sample in samples if sample.cycles is not None and sample.at_ns <= now_ns]
    segments = segments_of_both(buckets, raw)
    idle = reading.idle_burn_per_day if reading is not None else None
    cycles = reading.cycles if reading is not None else None
    limit = reading.freezing_limit if reading is not None else None
    estimate = estimate_burn(segments, now_ns=now_ns, idle_burn_per_day=idle)
    events = await history.events.of(network, target.id, now_ns - CHANGE_SECONDS * NANOSECONDS_PER_SECOND, now_ns)
    changed = any(event.kind in ("module-changed", "controllers-changed") for event in events)
    anomaly = find_anomaly(segments, now_ns=now_ns, idle_burn_per_day=idle, events=events)
    top_up_since_ns = now_ns - TOP_UP_SECONDS * NANOSECONDS_PER_SECOND
    return CanisterBurn(
        name=target.name,
        canister_id=target.id,
        cycles=cycles,
        freezing_limit=limit,
        idle_burn_per_day=idle,
        estimate=estimate,
        runway=runway(cycles, limit, estimate),
        forecast=forecast_runway(
            segments, now_ns=now_ns, cycles=cycles, freezing_limit=limit, idle_burn_per_day=idle, changed=changed
        ),
        top_ups=tuple(
            found for found in find_top_ups(segments, idle_burn_per_day=idle) if found.at_ns >= top_up_since_ns
        ),
        anomaly=anomaly.text if anomaly is not None else "",
        causes=await _causes(history, network, target.id, now_ns),
    )


async def _causes(history: History, network: str, canister_id: str, now_ns: int) -> BurnByCause | None:
    counters = await history.causes.of(network, canister_id, now_ns - CAUSE_SECONDS * NANOSECONDS_PER_SECOND)
    if not counters:
        return None
    from quri_console.ic.management.types import CyclesConsumed

    known = {field.name for field in fields(CyclesConsumed)}
    return split_by_cause(
        (at_ns, CyclesConsumed(**{cause: amount for cause, amount in found.items() if cause in known}))
        for at_ns, found in counters
    )
