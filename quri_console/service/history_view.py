"""Reads a canister's history for people and programs; needs no network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.history import History, Sample
from quri_console.monitor.series import CanisterHistory, HistoryEvent, HistoryPoint, Resolution
from quri_console.service.session import Session
from quri_console.units import DAY_SECONDS, HOUR_SECONDS

if TYPE_CHECKING:
    from quri_console.history.events import Event
    from quri_console.history.rollups import Bucket

BUCKET_SECONDS: dict[Resolution, int] = {"hour": HOUR_SECONDS, "day": DAY_SECONDS}
RAW_SECONDS = 2 * DAY_SECONDS
HOURLY_SECONDS = 60 * DAY_SECONDS
"""With resolution `auto` days are shown of what is longer than this."""


async def canister_history(
    session: Session, canister: str, *, since_seconds: float, resolution: Resolution = "auto"
) -> CanisterHistory:
    """What is known of a canister of the last `since_seconds`. Raises UsageError, HistoryUnusable."""
    target = session.config.canister(canister)
    network = session.network.name
    now_ns = session.clock.now_ns()
    since_ns = max(now_ns - round(since_seconds * NANOSECONDS_PER_SECOND), 0)
    chosen = _chosen(resolution, since_seconds)
    async with await History.open(session.config.paths.history) as history:
        points = await _points(history, network, target.id, since_ns, now_ns, chosen)
        events = await history.events.of(network, target.id, since_ns, now_ns)
    return CanisterHistory(
        target.name, target.id, network, chosen, since_ns, points, tuple(_event(event) for event in events)
    )


def _chosen(resolution: Resolution, since_seconds: float) -> Literal["raw", "hour", "day"]:
    if resolution != "auto":
        return resolution
    if since_seconds <= RAW_SECONDS:
        return "raw"
    return "hour" if since_seconds <= HOURLY_SECONDS else "day"


async def _points(
    history: History, network: str, canister_id: str, since_ns: int, now_ns: int, resolution: Resolution
) -> tuple[HistoryPoint, ...]:
    if resolution == "raw":
        samples = await history.samples(network, canister_id, since_ns)
        return tuple(_of_sample(sample) for sample in samples if sample.at_ns <= now_ns)
    # what is not added up yet is added up now, so that the newest hours are not missing
    await history.rollups.update(network, now_ns)
    seconds = BUCKET_SECONDS[resolution]
    buckets = await history.rollups.buckets(network, canister_id, seconds, since_ns, now_ns)
    return tuple(_of_bucket(bucket) for bucket in buckets)


def _of_sample(sample: Sample) -> HistoryPoint:
    return HistoryPoint(
        at_ns=sample.at_ns,
        cycles=sample.cycles,
        lowest=sample.cycles,
        highest=sample.cycles,
        burnt=None,
        burn_seconds=None,
        top_up_cycles=0,
        memory_bytes=sample.memory_bytes,
        samples=1,
        status=sample.status or "",
        origin=sample.origin,
        error=sample.error or "",
    )


def _of_bucket(bucket: Bucket) -> HistoryPoint:
    return HistoryPoint(
        at_ns=bucket.start_ns,
        cycles=bucket.last_cycles,
        lowest=bucket.min_cycles,
        highest=bucket.max_cycles,
        burnt=bucket.burnt,
        burn_seconds=bucket.burn_ns / NANOSECONDS_PER_SECOND,
        top_up_cycles=bucket.top_up_cycles,
        memory_bytes=bucket.memory_bytes,
        samples=bucket.samples,
    )


def _event(event: Event) -> HistoryEvent:
    return HistoryEvent(event.at_ns, event.kind, event.before or "", event.after or "", event.cycles)
