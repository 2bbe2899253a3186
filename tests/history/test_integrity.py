"""Damage is noticed at start and once a week, without keeping anybody waiting."""

from pathlib import Path

import pytest

from quri_console.history import History, Sample
from quri_console.history.duties import EVERYWHERE
from quri_console.history.failures import HistoryUnusable
from quri_console.history.integrity import CHECK_DUTY, check_if_due, full_check, quick_check

RUNE = "pkrpq-5qaaa-aaaah-aroda-cai"
SECOND = 1_000_000_000
DAY = 86_400 * SECOND
NOW = 1_750_032_000 * SECOND


async def filled(path: Path) -> History:
    history = await History.open(path)
    await history.add_samples("ic", [Sample(RUNE, NOW + n, origin="query", cycles=n) for n in range(2000)])
    return history


async def test_a_whole_database_has_no_faults(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    async with await filled(path):
        assert await quick_check(path) == ()
        assert await full_check(path) == ()


async def test_damage_is_told(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    await (await filled(path)).close()
    content = bytearray(path.read_bytes())
    content[-4096 * 3 :] = b"\xa5" * (4096 * 3)
    path.write_bytes(content)
    assert await quick_check(path)
    assert await full_check(path)


async def test_a_missing_file_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(HistoryUnusable):
        await quick_check(tmp_path / "h.sqlite")


async def test_the_full_check_runs_once_a_week_whoever_asks(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    async with await filled(path) as history, await History.open(path) as other:
        assert await check_if_due(history.duties, path, NOW) == ()
        assert await check_if_due(other.duties, path, NOW + 6 * DAY) is None
        assert await check_if_due(other.duties, path, NOW + 7 * DAY) == ()
        assert await check_if_due(history.duties, path, NOW + 8 * DAY) is None
        # a clock that was set back does not put it off for years
        assert await check_if_due(history.duties, path, NOW - 900 * DAY) == ()
        duty = await history.duties.get(EVERYWHERE, CHECK_DUTY)
        assert (duty.succeeded_ns, duty.failing) == (NOW - 900 * DAY, False)
