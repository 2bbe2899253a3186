"""The history keeps every digit, survives other processes, and refuses what it cannot understand."""

import asyncio
import multiprocessing
import sqlite3
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quri_console.history import History, Sample
from quri_console.history.database import HistoryUnusable
from quri_console.history.migrations import MIGRATIONS, HistoryTooNew

RUNE, REGISTRY = "pkrpq-5qaaa-aaaah-aroda-cai", "pnqje-qiaaa-aaaah-arodq-cai"
SECOND = 1_000_000_000


def sample(at_ns: int, cycles: int | None, canister_id: str = RUNE) -> Sample:
    return Sample(canister_id, at_ns, origin="query", status="running", cycles=cycles, settings='{"controllers":[]}')


FAILED = Sample(RUNE, 30 * SECOND, error_kind="unreachable", error="no answer")

amounts = st.none() | st.integers(min_value=0, max_value=1 << 130)
texts = st.none() | st.text(max_size=20)
samples = st.builds(
    Sample,
    canister_id=st.just(RUNE),
    at_ns=st.integers(min_value=0, max_value=(1 << 63) - 1),
    origin=st.sampled_from(["query", "update", "public", "blackhole", "imported", ""]),
    status=st.sampled_from(["running", "stopping", "stopped", None]),
    cycles=amounts,
    reserved_cycles=amounts,
    idle_burn_per_day=amounts,
    freezing_limit=amounts,
    memory_bytes=st.none() | st.integers(min_value=0, max_value=1 << 48),
    module_hash=st.none() | st.binary(min_size=32, max_size=32),
    settings=texts.filter(lambda text: text is None or "\x00" not in text),
    latency_ms=st.none() | st.floats(min_value=0, max_value=1e6),
    snapshots=st.none() | st.integers(min_value=0, max_value=10),
    chunk_store_bytes=st.none() | st.integers(min_value=0, max_value=1 << 40),
    clock_skew_seconds=st.none() | st.floats(min_value=-1e6, max_value=1e6),
    error_kind=st.sampled_from([None, "unreachable", "not authorised"]),
    error=texts.filter(lambda text: text is None or "\x00" not in text),
)


@given(st.lists(samples, max_size=5, unique_by=lambda sample: sample.at_ns))
@settings(max_examples=25, deadline=None)
async def test_samples_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, written: list[Sample]) -> None:
    async with await History.open(tmp_path_factory.mktemp("history") / "history.sqlite") as history:
        await history.add_samples("ic", written)
        assert await history.samples("ic", RUNE) == tuple(sorted(written, key=lambda sample: sample.at_ns))


async def test_newest_attempt_reading_and_answer_differ(tmp_path: Path) -> None:
    public = Sample(RUNE, 20 * SECOND, origin="public", error_kind="not authorised", error="not a controller")
    reading = sample(10 * SECOND, 5)
    async with await History.open(tmp_path / "h.sqlite") as history:
        await history.add_samples("ic", [FAILED, public, reading, sample(5 * SECOND, 6)])
        assert await history.newest_samples("ic") == {RUNE: FAILED}
        assert await history.newest_answers("ic") == {RUNE: public}
        assert await history.newest_readings("ic") == {RUNE: reading}


async def test_networks_are_kept_apart(tmp_path: Path) -> None:
    async with await History.open(tmp_path / "h.sqlite") as history:
        await history.add_samples("ic", [sample(1, 1)])
        await history.add_samples("local", [sample(1, 2)])
        newest = await history.newest_samples("local")
        assert newest[RUNE].cycles == 2


async def test_cycles_series_holds_only_balances_since_then(tmp_path: Path) -> None:
    big = 10**38
    async with await History.open(tmp_path / "h.sqlite") as history:
        await history.add_samples("ic", [sample(3, big), sample(1, 7), sample(2, 6), FAILED, sample(4, 9, REGISTRY)])
        assert await history.cycles_series("ic", 2) == {RUNE: ((2, 6), (3, big)), REGISTRY: ((4, 9),)}


async def test_a_repeated_sample_is_not_doubled(tmp_path: Path) -> None:
    async with await History.open(tmp_path / "h.sqlite") as history:
        await history.add_samples("ic", [sample(1, 1)])
        await history.add_samples("ic", [sample(1, 1)])
        assert len(await history.samples("ic", RUNE)) == 1


async def test_files_are_private(tmp_path: Path) -> None:
    path = tmp_path / "state" / "history.sqlite"
    async with await History.open(path) as history:
        await history.add_samples("ic", [sample(1, 1)])
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert modes
    assert set(modes.values()) == {0o600}


async def test_another_connections_write_is_noticed(tmp_path: Path) -> None:
    async with await History.open(tmp_path / "h.sqlite") as ours, await History.open(tmp_path / "h.sqlite") as theirs:
        before = await ours.data_version()
        await ours.add_samples("ic", [sample(1, 1)])
        assert await ours.data_version() == before
        await theirs.add_samples("ic", [sample(2, 1)])
        assert await ours.data_version() != before


async def test_a_newer_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    async with await History.open(path):
        pass
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    content = path.read_bytes()
    with pytest.raises(HistoryTooNew, match="newer"):
        await History.open(path)
    assert path.read_bytes() == content


async def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    path.write_bytes(b"not a database at all, but long enough to be looked at" * 50)
    with pytest.raises(HistoryUnusable) as caught:
        await History.open(path)
    assert "damaged" in caught.value.next_step


async def test_an_unusable_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HistoryUnusable) as caught:
        await History.open(tmp_path / "file" / "h.sqlite")
    assert "permissions" in caught.value.next_step


async def test_opening_at_the_same_time_migrates_once(tmp_path: Path) -> None:
    histories = await asyncio.gather(*(History.open(tmp_path / "h.sqlite") for _ in range(8)))
    for number, history in enumerate(histories):
        await history.add_samples("ic", [sample(number, number)])
    assert len(await histories[0].samples("ic", RUNE)) == 8
    for history in histories:
        await history.close()


async def test_opening_waits_for_whoever_reads_a_database_that_has_no_log_yet(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("CREATE TABLE another (one)")
    other.execute("BEGIN")
    other.execute("SELECT * FROM another").fetchall()
    opening = asyncio.create_task(History.open(path))
    done, _ = await asyncio.wait({opening}, timeout=0.1)
    assert not done
    other.close()
    await (await opening).close()


async def test_a_cancelled_write_leaves_no_transaction_behind(tmp_path: Path) -> None:
    async with await History.open(tmp_path / "h.sqlite") as history:
        for steps in range(12):
            task = asyncio.create_task(history.add_samples("ic", [sample(steps, steps)]))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await history.add_samples("ic", [sample(100, 100)])
        assert (await history.samples("ic", RUNE))[-1].cycles == 100


def _write_many(path: Path, worker: int) -> None:
    async def write() -> None:
        async with await History.open(path) as history:
            for number in range(50):
                await history.add_samples("ic", [sample(worker * 1000 + number, number)])

    asyncio.run(write())


async def test_processes_share_the_file(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write_many, args=(path, worker)) for worker in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        await asyncio.to_thread(worker.join)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    async with await History.open(path) as history:
        assert len(await history.samples("ic", RUNE)) == 150
