"""A damaged history costs what was on the damaged pages, and never the watch itself."""

import asyncio
import multiprocessing
import random
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from quri_console.clock import ManualClock
from quri_console.history import History, Sample
from quri_console.history.failures import HistoryDamaged, HistoryReplaced
from quri_console.history.integrity import faults_of
from quri_console.history.migrations import MIGRATIONS, HistoryTooNew
from quri_console.history.recovery import open_history, recover
from tests.support.stored_histories import schema_of, stored_database

RUNE, REGISTRY = "pkrpq-5qaaa-aaaah-aroda-cai", "pnqje-qiaaa-aaaah-arodq-cai"
SECOND = 1_000_000_000
NOW = 1_750_032_000 * SECOND
CLOCK = ManualClock(NOW)
PAGE = 4096
SAMPLES = 1500


async def filled(path: Path) -> None:
    """A history with something in every table."""
    async with await History.open(path) as history:
        for canister in (RUNE, REGISTRY):
            samples = [
                Sample(
                    canister,
                    NOW - n * 60 * SECOND,
                    origin="query",
                    cycles=10**12 + n,
                    module_hash=b"\x07" * 32,
                    settings='{"controllers":[]}',
                )
                for n in range(SAMPLES)
            ]
            await history.add_samples("ic", samples)
        await history.add_samples(
            "ic", [Sample(RUNE, NOW + SECOND, origin="query", cycles=1 << 80, module_hash=b"\x08" * 32)]
        )
        await history.rollups.update("ic", NOW)
        await history.duties.succeeded("ic", "poll", NOW)
        await history.leases.acquire("poll:ic", "me", now_ns=NOW, seconds=60)
    with closing(sqlite3.connect(path)) as connection:
        for key, state in (("a", "waiting"), ("b", "delivered")):
            connection.execute(
                "INSERT INTO outbox (key, channel, document, created_ns, due_ns, expires_ns, state) "
                "VALUES (?, 'c', '{}', 1, 2, 3, ?)",
                (key, state),
            )
        connection.execute("INSERT INTO alerts VALUES ('ic', ?, 'frozen', 'firing', 'critical', 1, '{}')", (RUNE,))
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def pages_with(path: Path, text: bytes) -> list[int]:
    content = path.read_bytes()
    return [
        number
        for number in range(1, len(content) // PAGE)
        # 2 and 10 begin inner and outer pages; an inner one takes all below it along
        if content[number * PAGE] != 2 and text in content[number * PAGE :][:PAGE]
    ]


def damage(path: Path, page: int, data: bytes = b"\xa5" * PAGE) -> None:
    with path.open("r+b") as file:
        file.seek(page * PAGE)
        file.write(data)


def set_aside(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if ".damaged-" in path.name and path.name.endswith("Z")]


async def test_what_is_readable_is_carried_over_and_the_damaged_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    await filled(path)
    pages = pages_with(path, b"\x07" * 32)
    for page in pages[len(pages) // 4 :: len(pages) // 4][:3]:
        damage(path, page)
    content = path.read_bytes()
    recovered = await recover(path, CLOCK)
    assert recovered is not None
    assert recovered.set_aside.name == "history.sqlite.damaged-20250616T000000Z"
    assert recovered.set_aside.read_bytes() == content
    # three pages of some 30 rows are gone, and nothing around them
    assert 2 * SAMPLES - 200 < recovered.carried_over["samples"] < 2 * SAMPLES
    assert "samples" in recovered.unreadable
    assert recovered.carried_over["outbox"] == recovered.carried_over["alerts"] == recovered.carried_over["duties"] == 1
    assert "samples" in recovered.notice
    assert str(recovered.set_aside) in recovered.notice
    async with await History.open(path) as history:
        assert (await history.newest_readings("ic"))[RUNE].cycles == 1 << 80
        assert len(await history.rollups.buckets("ic", None, 3600)) == recovered.carried_over["rollups"] - len(
            await history.rollups.buckets("ic", None, 86_400)
        )
        kinds = [event.kind for event in await history.events.of("ic", RUNE, NOW)]
        assert kinds == ["module-changed", "topped-up"]
        taken = await history.leases.acquire("poll:ic", "other", now_ns=NOW, seconds=60)
        assert taken.holder == "other"
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(recovered.set_aside.stat().st_mode) == 0o600


async def test_what_only_the_write_ahead_log_holds_is_carried_over(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    await filled(path)
    history = await History.open(path)
    await history.add_samples("ic", [Sample(RUNE, NOW + 60 * SECOND, origin="query", cycles=5)])
    page = pages_with(path, b"\x07" * 32)[3]
    damage(path, page)
    recovered = await recover(path, CLOCK)
    assert recovered is not None
    # whoever had it open is told instead of writing into the void
    with pytest.raises(HistoryReplaced):
        await history.add_samples("ic", [Sample(RUNE, NOW + 120 * SECOND, origin="query", cycles=4)])
    await history.close()
    async with await History.open(path) as fresh:
        assert (await fresh.newest_readings("ic"))[RUNE].cycles == 5


@pytest.mark.parametrize("seed", range(6))
async def test_random_damage_never_fails_and_never_invents(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    path = tmp_path / "history.sqlite"
    await filled(path)
    pages = path.stat().st_size // PAGE
    for page in chance.sample(range(0 if seed == 5 else 1, pages), pages // 10):
        damage(path, page, chance.randbytes(PAGE) if chance.random() < 0.5 else bytes(PAGE))
    history, recovered = await open_history(path, CLOCK)
    if recovered is None:
        await history.close()
        recovered = await recover(path, CLOCK)
        history = await History.open(path)
    assert recovered is not None
    async with history:
        for canister in (RUNE, REGISTRY):
            for sample in await history.samples("ic", canister, 0):
                expected = 10**12 + (NOW - sample.at_ns) // (60 * SECOND)
                assert sample.cycles in (expected, 1 << 80)
        await history.add_samples("ic", [Sample(RUNE, NOW + 60 * SECOND, origin="query", cycles=5)])
        await history.rollups.update("ic", NOW + 86_400 * SECOND)
        await history.burn_series("ic", RUNE)


@pytest.mark.parametrize("content", [b"no database at all" * 500, b"", b"SQLite format 3\x00" + bytes(10_000)])
async def test_a_foreign_file_is_set_aside_and_an_empty_one_is_a_new_history(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "history.sqlite"
    path.write_bytes(content)
    history, recovered = await open_history(path, CLOCK)
    async with history:
        assert await history.newest_samples("ic") == {}
    assert (recovered is None) == (content == b"")
    if recovered is not None:
        assert recovered.set_aside.read_bytes() == content
        assert "nothing" in recovered.notice


async def test_a_damaged_older_version_is_carried_over_into_the_newest(tmp_path: Path) -> None:
    path = stored_database(tmp_path / "history.sqlite", 1)
    damage(path, pages_with(path, b"aaaaa-aa")[0])
    with pytest.raises(HistoryDamaged):
        await History.open(path)
    history, recovered = await open_history(path, CLOCK)
    assert recovered is not None
    async with history:
        samples = await history.samples("ic", RUNE)
    assert [sample.cycles for sample in samples] == [492_000_000_000, None, 491_000_000_000]
    # its document was on the damaged page
    assert samples[0].settings is None
    assert schema_of(path)[0] == len(MIGRATIONS)


async def test_a_whole_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    await filled(path)
    before = path.read_bytes()
    assert await recover(path, CLOCK) is None
    assert path.read_bytes() == before


async def test_a_newer_version_is_not_recovered_by_an_older_program(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    await filled(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    damage(path, pages_with(path, b"\x07" * 32)[0])
    with pytest.raises(HistoryTooNew):
        await recover(path, CLOCK)
    assert set_aside(tmp_path) == []


def _recover(path: Path, start: object) -> None:
    start.wait()  # type: ignore[attr-defined]
    asyncio.run(recover(path, ManualClock(NOW)))


async def test_of_several_processes_one_recovers(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    await filled(path)
    damage(path, pages_with(path, b"\x07" * 32)[0])
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2)
    processes = [context.Process(target=_recover, args=(path, start)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        await asyncio.to_thread(process.join)
    assert [process.exitcode for process in processes] == [0, 0]
    (aside,) = set_aside(tmp_path)
    assert faults_of(aside)
