"""A backup's seconds of stop wake nobody; a stop by somebody else, or one that nobody ends, does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.effects.journal import JOURNAL_NAME, Journal
from quri_console.effects.operation_files import OperationFiles
from quri_console.monitor.fleet import Finding, Health
from quri_console.service.own_stops import stopped_by_operation, without_own_stops
from tests.support.clocks import ManualClock
from tests.support.damaged_canister import NAME, damaged_canister
from tests.support.fleets import HEALTHY

CANISTER = HEALTHY.canister_id
SECOND = NANOSECONDS_PER_SECOND
OPERATION = "20250124T020000Z-backup-1f3a"


async def operation(operations: Path, *, before: str = "running", ended: bool = True) -> ManualClock:
    """Stopped at 10 s, started (if at all) at 20 s."""
    clock = ManualClock()
    folder = operations / OPERATION
    journal = Journal(folder / JOURNAL_NAME, clock=clock)
    began = clock.now_ns()
    journal.append("status before", canister=CANISTER, status=before)
    await clock.advance(10)
    stop = journal.append("intent", effect="stop", canister=CANISTER, request={})
    journal.append("outcome", intent=stop.sequence, outcome="done")
    if ended:
        await clock.advance(9)
        start = journal.append("intent", effect="start", canister=CANISTER, request={})
        await clock.advance(1)
        journal.append("outcome", intent=start.sequence, outcome="done")
    journal.close()
    assert clock.now_ns() == began + (20 if ended else 10) * SECOND
    return clock


def at(clock: ManualClock, seconds: float, *, of: float) -> int:
    return clock.now_ns() + round((seconds - of) * SECOND)


async def test_only_the_seconds_between_its_stop_and_its_start_are_its_own(tmp_path: Path) -> None:
    clock = await operation(tmp_path)
    told = {
        second: stopped_by_operation(tmp_path, CANISTER, at(clock, second, of=20)) for second in (9, 10, 15, 20, 21)
    }
    assert told == {9: False, 10: True, 15: True, 20: True, 21: False}
    assert not stopped_by_operation(tmp_path, "another", at(clock, 15, of=20))
    assert not stopped_by_operation(tmp_path / "none", CANISTER, 0)


async def test_one_that_was_stopped_before_stays_stopped(tmp_path: Path) -> None:
    clock = await operation(tmp_path, before="stopped")
    assert not stopped_by_operation(tmp_path, CANISTER, at(clock, 15, of=20))


async def test_a_stop_whose_process_is_gone_is_trouble(tmp_path: Path) -> None:
    clock = await operation(tmp_path, ended=False)
    moment = at(clock, 12, of=10)
    assert not stopped_by_operation(tmp_path, CANISTER, moment)
    lock = OperationFiles(tmp_path / OPERATION).lock_runner()
    assert lock is not None
    assert stopped_by_operation(tmp_path, CANISTER, moment)


async def test_other_findings_stay(tmp_path: Path) -> None:
    clock = await operation(tmp_path)
    findings = (Finding("stopped", "critical", "stopped"), Finding("cycles-low", "warning", "low"))
    view = replace(HEALTHY, health=Health("critical", findings), sampled_at_ns=at(clock, 15, of=20))
    assert without_own_stops(view, tmp_path) == Health("warning", findings[1:])
    later = replace(view, sampled_at_ns=at(clock, 30, of=20))
    assert without_own_stops(later, tmp_path) == view.health


async def test_a_real_backup_leaves_its_window(tmp_path: Path) -> None:
    async with damaged_canister(tmp_path) as scene:
        operations = scene.console.config.paths.operations
        handle = scene.console.follow("latest")
        stop = next(record for record in handle.journal() if record.fields.get("effect") == "stop")
        canister = scene.console.config.canister(NAME).id
        assert stopped_by_operation(operations, canister, stop.at_ns)
        assert not stopped_by_operation(operations, canister, stop.at_ns - SECOND)
