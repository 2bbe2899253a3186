"""What the history costs: writing samples, a year's chart, and the size of a year of a hundred canisters.

Usage: python -m tests.benchmarks.history_numbers [FOLDER]. Budgets: 20,000 samples/s written (rounds of 100 or
an import); 50 ms for the chart of one canister's year of samples each minute; 2 GB for a year of 100 canisters, of
which two days are really written, and the rest is reckoned from what a sample and a bucket take.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from quri_console.history import History, Sample
from quri_console.ic.encoding.principal import Principal

SECOND = 1_000_000_000
MINUTE, DAY = 60 * SECOND, 86_400 * SECOND
START = 1_750_032_000 * SECOND
NETWORK = "ic"
CANISTERS = tuple(Principal(number.to_bytes(8, "big") + b"\x01\x01").to_str() for number in range(100))
SETTINGS = json.dumps(
    {"controllers": [CANISTERS[0], CANISTERS[1]], "freezing_threshold": 2_592_000, "wasm_memory_limit": 3 << 30}
)
ROUNDS = 2 * 1440
BUDGET_BYTES = 2 * 10**9


def sample(canister: int, minute: int) -> Sample:
    """Everything that a status tells; topped up every tenth day."""
    return Sample(
        canister_id=CANISTERS[canister],
        at_ns=START + minute * MINUTE + canister * 1_000_003,
        origin="query",
        status="running",
        cycles=5 * 10**12 - minute * 1_234_567 + minute // 14_400 * 10**11,
        reserved_cycles=0,
        idle_burn_per_day=7_114_022_219,
        freezing_limit=213_420_666_570,
        memory_bytes=72_770_912 + minute,
        heap_bytes=6_553_600,
        stable_bytes=65_536_000,
        snapshot_bytes=0,
        module_hash=bytes(range(32)),
        settings=SETTINGS,
        latency_ms=123.456 + minute % 7,
        snapshots=1,
        chunk_store_bytes=0,
    )


async def write(history: History, batches: Sequence[Sequence[Sample]]) -> float:
    """Samples a second, each batch in a transaction of its own."""
    started = time.perf_counter()
    for batch in batches:
        await history.add_samples(NETWORK, batch)
    return sum(map(len, batches)) / (time.perf_counter() - started)


async def timed(call: Callable[[], object], times: int = 9) -> tuple[float, object]:
    """The median of several calls in milliseconds, and what the last one gave."""
    spent = []
    result: object = None
    for _ in range(times):
        started = time.perf_counter()
        result = await call()  # type: ignore[misc]
        spent.append((time.perf_counter() - started) * 1000)
    return sorted(spent)[times // 2], result


def size(path: Path) -> int:
    """Bytes of the database and its write-ahead log."""
    return sum(found.stat().st_size for found in path.parent.glob(f"{path.name}*"))


def line(what: str, figure: str, budget: str, within: bool) -> None:
    print(f"{what:<62}{figure:>16}   budget {budget:<12}{'ok' if within else 'OVER'}", flush=True)


async def fleet(path: Path) -> None:
    """100 canisters: rounds, one import, the size of a year."""
    async with await History.open(path) as history:
        rounds = [[sample(canister, minute) for canister in range(100)] for minute in range(ROUNDS)]
        rate = await write(history, rounds)
        line("samples written per second, rounds of 100", f"{rate:,.0f}", "20,000", rate >= 20_000)
        imported = [[sample(canister, ROUNDS + minute) for canister in range(100) for minute in range(60)]]
        rate = await write(history, imported)
        line("samples written per second, 6,000 at once", f"{rate:,.0f}", "20,000", rate >= 20_000)
        started = time.perf_counter()
        buckets = await history.rollups.update(NETWORK, START + ROUNDS * MINUTE)
        spent = time.perf_counter() - started
        print(f"  {ROUNDS * 100:,} samples rolled up into {buckets:,} buckets in {spent:.1f} s", flush=True)
        newest, found = await timed(lambda: history.newest_samples(NETWORK))
        print(f"  newest samples of {len(found)} canisters: {newest:.1f} ms", flush=True)  # type: ignore[arg-type]
        pages = await history.retention._access.rows("SELECT name, SUM(pgsize) FROM dbstat GROUP BY name", ())
        taken = {row[0]: row[1] for row in pages}
        count = (await history.retention._access.rows("SELECT COUNT(*) FROM samples", ()))[0][0]
    per_sample, per_bucket = taken["samples"] / count, taken["rollups"] / buckets
    year = 100 * (14 * 1440 * per_sample + (90 * 24 + 365) * per_bucket)
    print(f"  written: {size(path):,} bytes; {per_sample:.0f} bytes a sample, {per_bucket:.0f} a bucket", flush=True)
    line("a year of 100 canisters, reckoned, bytes", f"{year:,.0f}", f"{BUDGET_BYTES:,}", year <= BUDGET_BYTES)


async def one_year(path: Path) -> None:
    """One canister each minute for a year, rolled up and pruned each week as a running watch does."""
    worst = 0.0
    async with await History.open(path) as history:
        for first in range(0, 365 * 1440, 7 * 1440):
            minutes = range(first, min(first + 7 * 1440, 365 * 1440))
            await write(history, [[sample(0, minute) for minute in minutes]])
            now_ns = START + (minutes[-1] + 1) * MINUTE
            started = time.perf_counter()
            await history.rollups.update(NETWORK, now_ns)
            await history.retention.prune(NETWORK, now_ns)
            worst = max(worst, time.perf_counter() - started)
        print(f"  a week rolled up and pruned: {worst * 1000:.0f} ms at worst; file {size(path):,} bytes", flush=True)
        for points in (120, 1000):
            spent, columns = await timed(lambda points=points: history.chart(NETWORK, CANISTERS[0], START, points))
            line(f"a year's chart in {len(columns)} of {points} columns, ms", f"{spent:.1f}", "50", spent <= 50)  # type: ignore[arg-type]
        week_ns = START + 358 * DAY
        spent, columns = await timed(lambda: history.chart(NETWORK, CANISTERS[0], week_ns, 1000))
        print(f"  a week's chart in {len(columns)} columns of 10 minutes: {spent:.1f} ms", flush=True)  # type: ignore[arg-type]
        spent, pieces = await timed(lambda: history.burn_series(NETWORK, CANISTERS[0], START))
        print(f"  a year's burn series in {len(pieces)} pieces: {spent:.1f} ms", flush=True)  # type: ignore[arg-type]


async def opening(path: Path) -> None:
    """Opening must stay quick however much is in it."""

    async def opened() -> None:
        async with await History.open(path):
            pass

    spent, _ = await timed(opened)
    print(f"  opening and closing a database of {size(path):,} bytes: {spent:.1f} ms", flush=True)


async def main(folder: Path) -> None:
    await fleet(folder / "fleet.sqlite")
    await opening(folder / "fleet.sqlite")
    await one_year(folder / "year.sqlite")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(main(Path(sys.argv[1])))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            asyncio.run(main(Path(temporary)))
