"""What charts are given of a history, and where exports go."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from quri_console.clock import ManualClock
from quri_console.console import Console
from quri_console.errors import QuriError, UsageError
from quri_console.history import History, Sample
from tests.support.consoles import closed_port, write_config
from tests.support.cycle_histories import (
    BITCOIN,
    DAY,
    HOUR,
    MINUTE,
    PER_HOUR,
    REGISTRY,
    RUNE,
    SECOND,
    UNSEEN_HOURS,
    write_months,
)

NOW_NS = 1_764_001_800 * SECOND


def console_at(folder: Path) -> Console:
    config = write_config(folder, url=f"http://127.0.0.1:{closed_port()}")
    return Console.open(config_path=config, clock=ManualClock(NOW_NS))


async def test_balances_burn_and_events_of_a_month(tmp_path: Path) -> None:
    console = console_at(tmp_path)
    await write_months(console.config.paths.history, NOW_NS)
    rune, registry = await console.cycles_charts(
        (RUNE, "registry"), since_ns=NOW_NS - 30 * DAY, until_ns=NOW_NS + 1, points=120
    )
    assert (rune.name, registry.canister_id) == ("rune-engine", REGISTRY)
    assert rune.slot_seconds == 86_400
    assert 90 <= len(rune.balances) <= 120
    assert max(later.at_ns - earlier.at_ns for earlier, later in pairwise(rune.balances)) > rune.gap_ns
    assert {event.kind for event in rune.events} == {"topped-up", "module-changed"}
    whole = [slot for slot in rune.burnt if slot.seconds == 86_400.0]
    assert {slot.burnt for slot in whole} == {32 * PER_HOUR}
    assert registry.balances[-1].cycles > 10**37
    assert (rune.warning_cycles, rune.critical_cycles) == (10**12, 10**11)


async def test_burn_of_a_day_is_by_the_hour_and_has_the_hour_under_way(tmp_path: Path) -> None:
    console = console_at(tmp_path)
    await write_months(console.config.paths.history, NOW_NS)
    async with await History.open(console.config.paths.history) as history:
        late = [Sample(BITCOIN, NOW_NS - n * MINUTE, origin="query", cycles=10**12 + n * 10**6) for n in range(180)]
        await history.add_samples("local", late)
    (found,) = await console.cycles_charts((BITCOIN,), since_ns=NOW_NS - DAY, until_ns=NOW_NS + 1, points=100)
    assert found.slot_seconds == 3600
    assert [slot.start_ns % HOUR for slot in found.burnt] == [0] * len(found.burnt)
    assert found.burnt[-1].start_ns == NOW_NS - NOW_NS % HOUR
    assert {round(slot.burnt / slot.seconds * 60) for slot in found.burnt} == {10**6}
    # a look an hour apart is not a gap where that is how often somebody looks
    assert found.gap_ns >= 3 * MINUTE


async def test_looks_that_are_hours_apart_are_no_gaps(tmp_path: Path) -> None:
    console = console_at(tmp_path)
    await write_months(console.config.paths.history, NOW_NS)
    (found,) = await console.cycles_charts((RUNE,), since_ns=NOW_NS - DAY, until_ns=NOW_NS + 1, points=136)
    assert len(found.balances) == 25
    assert found.gap_ns == 3 * HOUR
    assert min(UNSEEN_HOURS) > 24


@pytest.mark.parametrize("points", [1, 0])
async def test_an_empty_history_gives_empty_charts(tmp_path: Path, points: int) -> None:
    console = console_at(tmp_path)
    console.config.paths.history.parent.mkdir(parents=True)
    (found,) = await console.cycles_charts((RUNE,), since_ns=NOW_NS - DAY, until_ns=NOW_NS, points=points)
    assert (found.balances, found.burnt, found.events) == ((), (), ())


async def test_what_came_after_the_window_is_not_in_it(tmp_path: Path) -> None:
    console = console_at(tmp_path)
    await write_months(console.config.paths.history, NOW_NS)
    until_ns = NOW_NS - 10 * DAY
    (found,) = await console.cycles_charts((RUNE,), since_ns=NOW_NS - 12 * DAY, until_ns=until_ns, points=50)
    assert found.balances[-1].at_ns < until_ns
    assert found.burnt[-1].start_ns < until_ns


async def test_a_canister_that_nobody_configured_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        await console_at(tmp_path).cycles_charts(("nobody",), since_ns=0, until_ns=NOW_NS, points=10)


def test_exports_go_into_their_folder_or_where_was_said_and_overwrite_nothing(tmp_path: Path) -> None:
    console = console_at(tmp_path)
    saved = console.save_export(Path("a.csv"), "x\n")
    assert saved == console.config.paths.state / "exports" / "a.csv"
    assert (saved.read_text(), saved.stat().st_mode & 0o777) == ("x\n", 0o600)
    with pytest.raises(UsageError, match="is there already"):
        console.save_export(Path("a.csv"), "y\n")
    assert console.save_export(tmp_path / "b.csv", "z\n") == tmp_path / "b.csv"
    with pytest.raises(QuriError):
        console.save_export(tmp_path / "missing" / "c.csv", "z\n")
    assert saved.read_text() == "x\n"
