"""A backup that hangs: its schedule ends it at the deadline, and with the command the operation that it follows."""

from __future__ import annotations

import asyncio
from pathlib import Path

from quri_console.clock import ManualClock, SystemClock
from quri_console.config import load_config
from quri_console.history import History
from quri_console.ic.encoding.principal import parse_principal
from quri_console.localnet.canister import RunState
from quri_console.localnet.faults import Delay, FaultRule
from quri_console.service.following import operations
from quri_console.service.schedules import run_schedule
from quri_console.service.session import Session
from tests.support.operator_command import operator_on_fleet

SCHEDULE = """
[channels.ops]
kind = "generic"
url_env = "OPS"
[schedules.nightly]
job = "backup"
cron = "0 2 * * *"
canisters = ["registry"]
deadline = "1h"
"""


async def test_at_the_deadline_the_operation_is_aborted_too_and_its_canister_runs_as_before(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        operator.config.write_text(operator.config.read_text() + SCHEDULE)
        config = load_config(operator.config)
        clock = ManualClock(SystemClock().now_ns())
        session = Session(config, config.networks[0], clock=clock)
        hanging = operator.net.faults.add(FaultRule(Delay(8), method="read_canister_snapshot_data", count=None))
        running = asyncio.create_task(run_schedule(session, "nightly"))
        async with asyncio.timeout(120):
            while not hanging.applied:
                assert not running.done(), await running
                await asyncio.sleep(0.05)
            await clock.advance(3_599)
            assert not running.done()
            await clock.advance(1)
            run = await running
            assert run is not None
            assert (run.outcome, run.exit_code) == ("failed", None)
            assert "was not over after 1 h (deadline) and was ended" in run.note
            while operations(session)[-1].state == "running":  # noqa: ASYNC110 - another process ends it
                await asyncio.sleep(0.1)
        (operation,) = operations(session)
        assert operation.state == "aborted"
        assert operator.backups() == ()
        registry = operator.net.network.subnet.get(parse_principal(config.canister("registry").id).bytes)
        assert registry.run_state is RunState.RUNNING
        assert registry.snapshots == {}
        async with await History.open(config.paths.history) as history:
            (message,) = await history.outbox.newest(5)
        assert "Schedule nightly (backup) on local failed" in message.document
        hanging.count = 0
        assert (await operator("schedule", "run", "nightly")).code == 0
        assert len(operator.backups()) == 1
