"""Every version that was ever published becomes the newest, whole or not at all, and a copy of it stays."""

import asyncio
import multiprocessing
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from quri_console.clock import ManualClock
from quri_console.history import History, Sample
from quri_console.history.failures import HistoryDamaged
from quri_console.history.migrations import MIGRATIONS
from tests.support.stored_histories import STORED_VERSIONS, schema_of, stored_database

RUNE, REGISTRY = "pkrpq-5qaaa-aaaah-aroda-cai", "pnqje-qiaaa-aaaah-arodq-cai"
SECOND = 1_000_000_000
NOW = 1_750_035_720 * SECOND


def copies_of(path: Path) -> list[str]:
    return sorted(found.name for found in path.parent.glob(f"{path.name}.before-*"))


async def newest_schema(folder: Path) -> tuple[int, set[str]]:
    async with await History.open(folder / "fresh.sqlite"):
        pass
    return schema_of(folder / "fresh.sqlite")


def test_each_older_version_has_a_stored_database() -> None:
    assert tuple(range(1, len(MIGRATIONS))) == STORED_VERSIONS


@pytest.mark.parametrize("version", STORED_VERSIONS)
async def test_a_stored_database_is_brought_up_to_date_with_all_that_is_in_it(tmp_path: Path, version: int) -> None:
    path = stored_database(tmp_path / "history.sqlite", version)
    async with await History.open(path, clock=ManualClock(NOW)) as history:
        samples = await history.samples("ic", RUNE)
        assert [sample.cycles for sample in samples] == [492_000_000_000, None, 491_000_000_000]
        assert samples[0].settings == '{"controllers":["aaaaa-aa"],"freezing_threshold":2592000}'
        assert (samples[0].snapshots, samples[0].clock_skew_seconds) == (None, None)
        await history.add_samples("ic", [Sample(RUNE, NOW, origin="query", cycles=490_000_000_000, snapshots=3)])
        assert (await history.newest_readings("ic"))[RUNE].snapshots == 3
        await history.rollups.update("ic", NOW + 3600 * SECOND)
        assert sum(bucket.burnt for bucket in await history.rollups.buckets("ic", RUNE, 3600)) == 2_000_000_000
        assert (await history.newest_answers("local"))[REGISTRY].cycles == (1 << 128) - 1
    assert schema_of(path) == await newest_schema(tmp_path)


async def test_a_private_copy_of_the_older_version_stays_and_only_the_newest_two(tmp_path: Path) -> None:
    for minute in range(3):
        path = tmp_path / "history.sqlite"
        path.unlink(missing_ok=True)
        stored_database(path, 1)
        (tmp_path / "history.sqlite.before-v3-20200101T000000Z.partial").write_text("cut off")
        async with await History.open(path, clock=ManualClock(NOW + minute * 60 * SECOND)):
            pass
    names = ["history.sqlite.before-v3-20250616T010300Z", "history.sqlite.before-v3-20250616T010400Z"]
    assert copies_of(path) == names
    copy = tmp_path / names[0]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == 1
        assert connection.execute("SELECT COUNT(*) FROM samples").fetchone()[0] == 4
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


async def test_a_new_database_and_one_that_is_up_to_date_are_not_copied(tmp_path: Path) -> None:
    for _ in range(2):
        async with await History.open(tmp_path / "history.sqlite"):
            pass
    assert copies_of(tmp_path / "history.sqlite") == []


async def test_a_damaged_database_is_not_migrated(tmp_path: Path) -> None:
    path = stored_database(tmp_path / "history.sqlite", 1)
    content = bytearray(path.read_bytes())
    # the page of the samples: their cell pointers lead nowhere
    page = 4096 * next(
        number for number in range(1, len(content) // 4096) if b"unreachable" in content[number * 4096 :][:4096]
    )
    content[page + 8 : page + 16] = b"\xff" * 8
    path.write_bytes(content)
    with pytest.raises(HistoryDamaged):
        await History.open(path)
    assert schema_of(path)[0] == 1
    assert copies_of(path) == []


async def test_killed_at_any_statement_it_is_the_old_version_or_the_new_one(tmp_path: Path) -> None:
    new = await newest_schema(tmp_path)
    old = schema_of(stored_database(tmp_path / "old.sqlite", 1))
    command = [sys.executable, "-m", "tests.history.kill_migration", str(tmp_path)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True, timeout=120)
    killed, exit_code = (int(word) for word in done.stdout.split())
    assert exit_code == 0
    assert killed > len(new[1])
    found = []
    for number in range(1, killed + 1):
        path = tmp_path / f"{number}.sqlite"
        found.append(schema_of(path))
        async with await History.open(path) as history:
            assert len(await history.samples("ic", RUNE)) == 3
        assert schema_of(path) == new
    assert all(one in (old, new) for one in found)
    assert {found[0][0], found[-1][0]} == {1, len(MIGRATIONS)}


def _open(path: Path, start: object) -> None:
    async def opened() -> None:
        start.wait()  # type: ignore[attr-defined]
        async with await History.open(path) as history:
            assert len(await history.samples("ic", RUNE)) == 3

    asyncio.run(opened())


async def test_two_processes_that_migrate_at_once_do_it_once(tmp_path: Path) -> None:
    path = stored_database(tmp_path / "history.sqlite", 1)
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2)
    processes = [context.Process(target=_open, args=(path, start)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        await asyncio.to_thread(process.join)
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(copies_of(path)) == 1
    assert schema_of(path) == await newest_schema(tmp_path)
