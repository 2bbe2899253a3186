"""The rollups that the history keeps are what the estimators take them for."""

from pathlib import Path

from quri_console.history import History, Sample
from quri_console.monitor.burn import estimate_burn
from quri_console.monitor.windows import HOUR_NS, segments_of_buckets, segments_of_series
from tests.benchmarks.burn_estimators import live, roll_up

CANISTER = "pkrpq-5qaaa-aaaah-aroda-cai"


async def test_the_rollups_of_the_history_are_such_buckets(tmp_path: Path) -> None:
    life = live("steady", 3, days=3, samples_per_hour=4)
    written = [
        Sample(CANISTER, at_ns, origin="query", status="running", cycles=cycles) for at_ns, cycles in life.series
    ]
    async with await History.open(tmp_path / "history.sqlite") as history:
        await history.add_samples("ic", written)
        await history.rollups.update("ic", life.now_ns + HOUR_NS)
        buckets = await history.rollups.buckets("ic", CANISTER, 3600)
    assert segments_of_buckets(buckets) == segments_of_buckets(roll_up(life.series))
    rolled = estimate_burn(segments_of_buckets(buckets), now_ns=life.now_ns)
    assert rolled == estimate_burn(segments_of_series(life.series), now_ns=life.now_ns)
