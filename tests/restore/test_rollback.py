"""Undoing a restore: all its canisters get the state back that they had, or none does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.clock import SystemClock
from quri_console.effects.gate import Permit
from quri_console.effects.journal import Journal
from quri_console.effects.perform import Effects
from quri_console.effects.replay import safety_snapshots
from quri_console.errors import RefusedBySafetyRule
from quri_console.ic.management.read import list_canister_snapshots
from quri_console.ic.management.types import SettingsChange
from quri_console.restore.rollback import RollbackMember, RollbackPlan, plan_rollback, roll_back, safety_snapshot_of
from quri_console.restore.settings_step import settings_before
from quri_console.restore.swap import RestoreFailed
from tests.support.pairs import Pair, pair


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Pair]:
    async with pair(tmp_path) as opened:
        yield opened


@pytest.fixture
async def back(scene: Pair, tmp_path: Path) -> AsyncIterator[Effects]:
    """The effects of the rollback's own operation."""
    journal = Journal(tmp_path / "rollback" / "journal.jsonl")
    effects = Effects(scene.lab.agent, journal, Permit("rollback", scene.effects.permit.root_key_hash))
    yield effects
    await effects.aclose()
    journal.close()


async def _restored(scene: Pair, **changes: object) -> RollbackPlan:
    """Restore both, and plan to take it back."""
    plan = await scene.plan()
    members = tuple(replace(member, **changes) for member in plan.members)  # type: ignore[arg-type]
    await scene.restore(replace(plan, members=members))
    assert scene.states == [scene.good, scene.good]
    records = scene.effects.journal.records
    wish = RollbackPlan(
        network="local",
        name="farm",
        operation="op",
        members=tuple(
            RollbackMember(
                canister=member.canister,
                name=member.name,
                snapshot_id=safety_snapshot_of("op", records, member.canister.to_str(), member.name),
                module_hash=member.live.module_hash,
                settings=settings_before(member.settings, member.live.settings),
            )
            for member in members
        ),
        stop_timeout_seconds=20,
        production=False,
    )
    return await plan_rollback(scene.lab.agent, wish, clock=SystemClock())


async def test_all_canisters_of_a_group_get_their_states_and_settings_back(scene: Pair, back: Effects) -> None:
    before = (await scene.lab.status(scene.canisters[0])).settings
    change = SettingsChange(freezing_threshold=before.freezing_threshold + 86_400)
    plan = await _restored(scene, settings=change)
    assert [step for step in plan.steps if "settings" in step] == [
        "pig: bring the settings back",
        "hen: bring the settings back",
    ]
    report = await roll_back(plan, back, clock=SystemClock(), progress=scene.progress)
    assert scene.states == [scene.bad, scene.bad]
    assert await scene.statuses() == ["running", "running"]
    for canister in scene.canisters:
        assert (await scene.lab.status(canister)).settings == before
        present = [snapshot.id for snapshot in await list_canister_snapshots(scene.lab.agent, canister)]
        assert present == list(safety_snapshots(back.journal.records, canister=canister.to_str()))
    assert [member["name"] for member in report.result()["members"]] == ["pig", "hen"]  # type: ignore[attr-defined]


async def test_the_bill_of_a_rollback_is_what_the_network_charges(scene: Pair, back: Effects) -> None:
    plan = await _restored(scene)
    on_network = [scene.lab.net.network.subnet.get(canister.bytes) for canister in scene.canisters]
    before = sum(canister.cycles for canister in on_network)
    await roll_back(plan, back, clock=SystemClock(), progress=scene.progress)
    assert before - sum(canister.cycles for canister in on_network) == pytest.approx(plan.cycles, rel=0.1)


async def test_none_is_rolled_back_when_one_snapshot_is_gone(scene: Pair, back: Effects) -> None:
    plan = await _restored(scene)
    gone = plan.members[1]
    del scene.lab.net.network.subnet.get(gone.canister.bytes).snapshots[gone.snapshot_id]
    with pytest.raises(RefusedBySafetyRule, match="is not on chain any more"):
        await roll_back(plan, back, clock=SystemClock(), progress=scene.progress)
    assert scene.states == [scene.good, scene.good]
    assert not [record for record in back.journal.records if record.event == "intent"]


async def test_one_that_cannot_be_rolled_back_keeps_all_as_they_are(scene: Pair, back: Effects) -> None:
    plan = await _restored(scene)
    gone = plan.members[1]

    def sabotage() -> None:
        del scene.lab.net.network.subnet.get(gone.canister.bytes).snapshots[gone.snapshot_id]

    scene.progress.on["load"] = sabotage
    with pytest.raises(RestoreFailed):
        await roll_back(plan, back, clock=SystemClock(), progress=scene.progress)
    assert scene.states == [scene.good, scene.good]
    assert await scene.statuses() == ["running", "running"]


@pytest.mark.parametrize("phase", ["stop", "safety snapshot", "load", "check", "start"])
async def test_a_later_process_finishes_a_rollback(scene: Pair, back: Effects, phase: str) -> None:
    plan = await _restored(scene)

    def die() -> None:
        raise KeyboardInterrupt

    scene.progress.on[phase] = die
    with pytest.raises(KeyboardInterrupt):
        await roll_back(plan, back, clock=SystemClock(), progress=scene.progress)
    await back.aclose()  # what is left of a process that died: its guards start the canisters
    later = Effects(scene.lab.agent, Journal(back.journal.path), back.permit)
    await roll_back(plan, later, clock=SystemClock(), progress=scene.progress)
    assert scene.states == [scene.bad, scene.bad]
    assert await scene.statuses() == ["running", "running"]
    later.journal.close()
