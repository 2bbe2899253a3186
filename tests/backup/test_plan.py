from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.backup.bill import bill_of_backup, snapshot_bytes
from quri_console.backup.capture import back_up
from quri_console.backup.plan import BackupPlan, plan_backup
from quri_console.backup.target import BackupTarget
from quri_console.clock import SystemClock
from quri_console.errors import RefusedBySafetyRule
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management import change
from quri_console.ic.management.read import list_canister_snapshots
from quri_console.ic.management.types import MemoryMetrics
from quri_console.ic.prepared import perform
from tests.support.backups import made_up_status
from tests.support.guinea_pig import Laboratory, laboratory


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Laboratory]:
    async with laboratory(tmp_path) as opened:
        yield opened


async def _plan(lab: Laboratory, *targets: tuple[Principal, str], mode: str = "stop") -> BackupPlan:
    return await plan_backup(
        lab.agent,
        tuple(BackupTarget(canister, name) for canister, name in targets),
        network="local",
        repository=lab.repository,
        mode=mode,  # type: ignore[arg-type]
        stop_timeout_seconds=60,
    )


async def test_the_bill_is_what_the_network_then_charges(lab: Laboratory) -> None:
    canister = await lab.create()
    before = await lab.status(canister)
    await back_up(lab.request((canister, "pig")), lab.effects, clock=SystemClock(), progress=lab.progress)
    charged = before.cycles - (await lab.status(canister)).cycles
    assert bill_of_backup(before).cycles == pytest.approx(charged, rel=0.02)


async def test_a_plan_names_steps_and_problems_and_changes_nothing(lab: Laboratory) -> None:
    running, stopped, empty = await lab.create(), await lab.create(), await lab.create(code=b"")
    await perform(lab.agent, change.stop_canister(stopped))
    plan = await _plan(lab, (running, "running"), (stopped, "stopped"), (empty, "empty"))
    steps = [part.steps[:3] for part in plan.canisters]
    assert steps[0] == ("stop", "take a snapshot", "start")
    assert steps[1] == ("take a snapshot", "download and verify", "write the manifest")
    assert isinstance(plan.canisters[2].problem, RefusedBySafetyRule)
    assert plan.state_bytes == sum(part.bill.snapshot_bytes for part in plan.canisters if part.bill)
    assert (await _plan(lab, (running, "running"), mode="hot")).canisters[0].steps[0] == "take a snapshot"
    assert await list_canister_snapshots(lab.agent, running) == ()
    assert not lab.repository.exists()


async def test_an_unreachable_canister_is_its_own_problem(lab: Laboratory) -> None:
    canister = await lab.create()
    nobody = Principal(bytes(7) + b"\x63\x01\x01")
    plan = await _plan(lab, (nobody, "nobody"), (canister, "pig"))
    assert [part.problem is None for part in plan.canisters] == [False, True]


def test_an_older_replica_tells_only_the_sum() -> None:
    status = made_up_status(memory_metrics=MemoryMetrics(), memory_bytes=123)
    assert snapshot_bytes(status) == 123


def test_the_freezing_limit_is_the_one_while_the_snapshot_exists() -> None:
    status = made_up_status()
    bill = bill_of_backup(status)
    assert bill.freezing_limit > status.freezing_limit_cycles
    assert bill.affordable
    poor = replace(status, cycles=bill.freezing_limit + bill.cycles - 1)
    assert not bill_of_backup(poor).affordable
    assert bill_of_backup(replace(poor, cycles=poor.cycles + 1)).affordable


def test_a_subnet_that_charges_nothing_has_no_freezing_limit() -> None:
    free = made_up_status(idle_cycles_burned_per_day=0)
    assert bill_of_backup(free).freezing_limit == 0
