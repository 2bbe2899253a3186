from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from quri_console.clock import SystemClock
from quri_console.config.model import HealthCheck
from quri_console.effects.calls import TAKE_SNAPSHOT
from quri_console.effects.gate import Permit
from quri_console.effects.journal import Journal
from quri_console.effects.perform import Effects
from quri_console.effects.replay import left_stopped, snapshots_made
from quri_console.effects.stop import StopTimedOut
from quri_console.errors import RefusedBySafetyRule
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management import change
from quri_console.ic.management.read import list_canister_snapshots
from quri_console.ic.management.types import SettingsChange
from quri_console.ic.prepared import perform
from quri_console.progress import NoProgress
from quri_console.restore.plan import PlanNotFeasible, read_plan, write_plan
from quri_console.restore.remedy_checks import Surroundings
from quri_console.restore.remedy_execute import RemedyReport, RemedyWork
from quri_console.restore.remedy_module import plan_module
from quri_console.restore.remedy_plan import RemedyPlan, require_possible
from quri_console.restore.remedy_planning import RemedyWish, plan_start, plan_stop
from quri_console.restore.remedy_settings import plan_settings, plan_settings_undone
from quri_console.restore.remedy_source import read_module
from quri_console.restore.swap_target import RestoreFailed
from tests.support.guinea_pig import Laboratory, laboratory, module
from tests.support.lost_replies import crashed

NAME = "pig"
OTHER = module("1.5")


@dataclass
class Scene:
    """A backed-up canister whose module is another one by now."""

    lab: Laboratory
    canister: Principal

    def wish(self, **changes: int) -> RemedyWish:
        return RemedyWish("local", False, self.canister, NAME, health_checks=(HealthCheck("health"),), **changes)

    @property
    def around(self) -> Surroundings:
        return Surroundings(SystemClock(), None, None)

    async def module_plan(self) -> RemedyPlan:
        return await plan_module(self.lab.agent, self.wish(), self.around, self.lab.store(), "latest")

    async def carry_out(self, plan: RemedyPlan, effects: Effects | None = None) -> RemedyReport:
        require_possible(plan)
        work = RemedyWork(plan, effects or self.lab.effects, NoProgress(), lambda: read_module(self.lab.stored()))
        return await work.run()

    async def snapshots(self) -> list[bytes]:
        return [snapshot.id for snapshot in await list_canister_snapshots(self.lab.agent, self.canister)]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with laboratory(tmp_path) as lab:
        canister = await lab.create()
        await lab.back_up((canister, NAME))
        await perform(lab.agent, change.install_code(canister, "upgrade", OTHER))
        lab.effects = Effects(
            lab.agent,
            Journal(tmp_path / "remedy" / "journal.jsonl"),
            Permit("module", lab.effects.permit.root_key_hash),
        )
        try:
            yield Scene(lab, canister)
        finally:
            for guard in lab.effects._guards.values():
                await guard.disarm()  # of a process that died here, which would try to start the canister for minutes
            lab.effects.journal.close()


async def test_a_module_is_put_back_with_a_way_back_and_the_canister_runs(scene: Scene) -> None:
    report = await scene.carry_out(await scene.module_plan())
    status = await scene.lab.status(scene.canister)
    assert status.module_hash == scene.lab.stored().module_hash
    assert status.status == "running"
    assert report.fields["health"] == "`health` answered, though not in Candid"
    assert [identifier.hex() for identifier in await scene.snapshots()] == [report.fields["safety_snapshot"]]


async def test_one_that_was_stopped_stays_stopped(scene: Scene) -> None:
    await perform(scene.lab.agent, change.stop_canister(scene.canister))
    await scene.carry_out(await scene.module_plan())
    status = await scene.lab.status(scene.canister)
    assert status.module_hash == scene.lab.stored().module_hash
    assert status.status == "stopped"


async def test_a_module_that_the_network_refuses_leaves_the_old_one_running_and_no_snapshot(scene: Scene) -> None:
    plan = await scene.module_plan()
    work = RemedyWork(plan, scene.lab.effects, NoProgress(), lambda: b"\0asm\x01\0\0\0\xff\xff")
    with pytest.raises(RestoreFailed, match="its old module and state and is running as before") as failure:
        await work.run()
    assert failure.value.result["state"] == "its old module and state"
    assert (await scene.lab.status(scene.canister)).status == "running"
    assert await scene.snapshots() == []


async def test_a_module_that_was_deployed_since_the_plan_is_not_replaced_unseen(scene: Scene) -> None:
    plan = await scene.module_plan()
    await perform(scene.lab.agent, change.install_code(scene.canister, "upgrade", module("2.5")))
    with pytest.raises(RefusedBySafetyRule, match="has changed since the plan was made"):
        await scene.carry_out(plan)
    assert scene.lab.effects.journal.records == ()


@pytest.mark.parametrize(
    ("method", "executed"),
    [("take_canister_snapshot", True), ("install_code", True), ("start_canister", True), ("start_canister", False)],
)
async def test_a_process_that_dies_in_between_is_gone_on_with(scene: Scene, method: str, executed: bool) -> None:
    plan = await scene.module_plan()
    later = await crashed(scene.lab, method, lambda: scene.carry_out(plan), executed=executed)
    report = await scene.carry_out(plan, later)
    status = await scene.lab.status(scene.canister)
    assert status.module_hash == scene.lab.stored().module_hash
    assert status.status == "running"
    safety = snapshots_made(later.journal.records, TAKE_SNAPSHOT)
    assert report.fields["safety_snapshot"] in {identifier.hex() for identifier in safety}
    assert left_stopped(later.journal.records) == ()
    await later.aclose()
    later.journal.close()


async def test_a_stop_that_takes_too_long_is_taken_back(scene: Scene) -> None:
    plan = await plan_stop(scene.lab.agent, scene.wish(stop_timeout_seconds=1), scene.around)
    await scene.lab.occupy(scene.canister)
    with pytest.raises(StopTimedOut):
        await scene.carry_out(plan)
    assert (await scene.lab.status(scene.canister)).status == "running"


async def test_a_stop_that_was_wanted_is_not_taken_for_left_behind(scene: Scene) -> None:
    await scene.carry_out(await plan_stop(scene.lab.agent, scene.wish(), scene.around))
    assert left_stopped(scene.lab.effects.journal.records) == ()
    await scene.lab.effects.aclose()
    assert (await scene.lab.status(scene.canister)).status == "stopped"


async def test_a_plan_is_the_same_after_it_was_written_down(scene: Scene, tmp_path: Path) -> None:
    plans = [
        await scene.module_plan(),
        await plan_start(scene.lab.agent, scene.wish(), scene.around),
        await plan_settings(scene.lab.agent, scene.wish(), scene.around, scene.lab.store(), "latest"),
    ]
    for plan in plans:
        write_plan(tmp_path, plan)
        again = read_plan(tmp_path, RemedyPlan)
        assert again == plan
        assert again.hash == plan.hash


async def test_settings_that_would_lock_this_identity_out_are_refused(scene: Scene) -> None:
    stranger = Principal(b"\x07" * 10 + b"\x02")
    plan = await plan_settings(scene.lab.agent, scene.wish(), scene.around, scene.lab.store(), "latest")
    with pytest.raises(PlanNotFeasible, match="0 differ"):
        require_possible(plan)
    before = SettingsChange(controllers=(stranger,))
    locked_out = await plan_settings_undone(
        scene.lab.agent, scene.wish(), scene.around, replace(plan, settings_before=before), "op"
    )
    assert locked_out.settings == before
    with pytest.raises(PlanNotFeasible, match="who would lose the canister"):
        require_possible(locked_out)
