"""Histories with months of balances in them, for charts."""

from __future__ import annotations

from pathlib import Path

from quri_console.history import History, Sample
from tests.support.consoles import FLEET

SECOND = 1_000_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
RUNE, REGISTRY, BITCOIN, IDENTITY = FLEET.values()
PER_HOUR = 40_000_000_000
TOP_UP = 30_000_000_000_000
UNSEEN_HOURS = range(100, 140)
"""Hours before the end in which nobody looked."""


async def write_months(path: Path, now_ns: int, *, days: int = 60, network: str = "local") -> None:
    """A balance each hour of the rune engine, a large one of the registry, and a module that changed a day ago.

    The rune engine burns 40 B an hour and twice as much at night, and is topped up every twentieth day.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    samples, cycles = [], 20_000_000_000_000
    first_ns = now_ns - days * DAY
    for hour in range(days * 24 + 1):
        cycles -= PER_HOUR * (2 if hour % 24 < 8 else 1)
        cycles += TOP_UP if hour % 480 == 100 else 0
        if days * 24 - hour in UNSEEN_HOURS:
            continue
        module = bytes([1 if hour < (days - 1) * 24 else 2]) * 32
        samples.append(_sample(RUNE, first_ns + hour * HOUR, cycles, module))
        samples.append(_sample(REGISTRY, first_ns + hour * HOUR, 10**38 - hour * 10**34, b"\x07" * 32))
    async with await History.open(path) as history:
        await history.add_samples(network, samples)
        await history.rollups.update(network, now_ns)


def _sample(canister: str, at_ns: int, cycles: int, module: bytes) -> Sample:
    return Sample(
        canister,
        at_ns,
        origin="query",
        cycles=cycles,
        status="running",
        module_hash=module,
        idle_burn_per_day=7_000_000_000,
        freezing_limit=213_000_000_000,
        memory_bytes=70_000_000,
    )
