"""Reads a canister's history for people and programs; needs no network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Literal

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.config import CanisterConfig
from quri_console.history import History, Sample
from quri_console.monitor.chart_data import Balance, Burnt, CyclesChart
from quri_console.monitor.series import CanisterHistory, HistoryEvent, HistoryPoint, Resolution
from quri_console.service.session import Session
from quri_console.units import DAY_SECONDS, HOUR_SECONDS

if TYPE_CHECKING:
    from quri_console.history.events import Event
    from quri_console.history.rollups import Bucket
    from quri_console.history.series import BurnPiece, ChartColumn

BUCKET_SECONDS: dict[Resolution, int] = {"hour": HOUR_SECONDS, "day": DAY_SECONDS}
RAW_SECONDS = 2 * DAY_SECONDS
HOURLY_SECONDS = 60 * DAY_SECONDS
"""With resolution `auto` days are shown of what is longer than this."""
HOURLY_BURN_SECONDS = 8 * DAY_SECONDS
"""Burn is told by the day in charts that are longer than this."""


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


async def cycles_charts(
    session: Session, canisters: Sequence[str], *, since_ns: int, until_ns: int, points: int
) -> tuple[CyclesChart, ...]:
    """Balance (in about `points` slices), burn by hour or day and events of canisters, named or by id.

    Raises UsageError, HistoryUnusable.
    """
    targets = [session.config.canister(name) for name in canisters]
    network = session.network.name
    async with await History.open(session.config.paths.history) as history:
        await history.rollups.update(network, session.clock.now_ns())
        return tuple([await _cycles_chart(history, network, target, since_ns, until_ns, points) for target in targets])


async def _cycles_chart(
    history: History, network: str, target: CanisterConfig, since_ns: int, until_ns: int, points: int
) -> CyclesChart:
    span_ns = until_ns - since_ns
    columns = await history.chart(network, target.id, since_ns, points)
    slot_seconds = HOUR_SECONDS if span_ns <= HOURLY_BURN_SECONDS * NANOSECONDS_PER_SECOND else DAY_SECONDS
    events = await history.events.of(network, target.id, since_ns, until_ns)
    return CyclesChart(
        name=target.name,
        canister_id=target.id,
        since_ns=since_ns,
        until_ns=until_ns,
        gap_ns=max(span_ns * 5 // (2 * max(points, 1)), _gap_ns(columns, target.interval_seconds)),
        balances=tuple(
            Balance(column.last_ns, column.last_cycles, column.min_cycles, column.max_cycles)
            for column in columns
            if column.last_ns < until_ns
        ),
        slot_seconds=slot_seconds,
        burnt=await _burnt(history, network, target.id, since_ns, until_ns, slot_seconds),
        events=tuple(_event(event) for event in events),
        warning_cycles=target.thresholds.warning_cycles,
        critical_cycles=target.thresholds.critical_cycles,
    )


def _gap_ns(columns: Sequence[ChartColumn], interval_seconds: float) -> int:
    """What lies between two looks that follow each other, and no more; a cron job may look less often than `watch`."""
    usual = sorted(after.last_ns - before.last_ns for before, after in pairwise(columns))
    median = usual[len(usual) // 2] if usual else 0
    return max(3 * median, round(3 * interval_seconds * NANOSECONDS_PER_SECOND))


async def _burnt(
    history: History, network: str, canister_id: str, since_ns: int, until_ns: int, slot_seconds: int
) -> tuple[Burnt, ...]:
    """Whole hours or days from the rollups, and the one under way from its samples."""
    slot_ns = slot_seconds * NANOSECONDS_PER_SECOND
    first_ns = since_ns - since_ns % slot_ns
    buckets = await history.rollups.buckets(network, canister_id, slot_seconds, first_ns, until_ns)
    whole = tuple(
        Burnt(bucket.start_ns, bucket.burnt, bucket.burn_ns / NANOSECONDS_PER_SECOND, bucket.top_up_cycles)
        for bucket in buckets
    )
    rest_ns = whole[-1].start_ns + slot_ns if whole else first_ns
    # from a slot earlier, because the interval that reaches into this one begins there
    pieces = await history.burn_series(network, canister_id, rest_ns - slot_ns)
    return (*whole, *_slots([piece for piece in pieces if rest_ns <= piece.end_ns < until_ns], slot_ns))


def _slots(pieces: Sequence[BurnPiece], slot_ns: int) -> Iterator[Burnt]:
    for slot, group in groupby(pieces, lambda piece: piece.end_ns // slot_ns):
        own = list(group)
        yield Burnt(
            slot * slot_ns,
            sum(piece.burnt for piece in own),
            sum(piece.elapsed_ns for piece in own) / NANOSECONDS_PER_SECOND,
            sum(piece.top_up_cycles for piece in own),
        )
