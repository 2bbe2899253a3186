"""Canisters that belong together: each step for all of them before the next, all restored or none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.effects.calls import UPLOAD_METADATA
from quri_console.effects.journal import Journal
from quri_console.effects.perform import Effects
from quri_console.effects.replay import left_stopped, safety_snapshots, snapshots_made
from quri_console.effects.stop import StopTimedOut
from quri_console.ic.management.read import list_canister_snapshots
from quri_console.restore.swap import OLD_STATE, RestoreFailed
from tests.support.pairs import Pair, pair


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Pair]:
    async with pair(tmp_path) as opened:
        yield opened


async def test_each_step_is_done_for_all_members_before_the_next(scene: Pair) -> None:
    report = await scene.restore(await scene.plan())
    assert scene.states == [scene.good, scene.good]
    assert await scene.statuses() == ["running", "running"]
    kinds = ("upload metadata", "stop", "load snapshot", "start")
    steps = scene.order(*kinds)
    assert [kind for kind, _ in steps] == [kind for kind in kinds for _ in range(2)]
    assert [name for kind, name in steps if kind == "start"] == ["pig", "hen"]
    result = report.result()
    assert [member["name"] for member in result["members"]] == ["pig", "hen"]  # type: ignore[attr-defined]
    for canister in scene.canisters:
        present = [snapshot.id for snapshot in await list_canister_snapshots(scene.lab.agent, canister)]
        assert present == list(safety_snapshots(scene.effects.journal.records, canister=canister.to_str()))


async def test_all_have_their_old_state_when_one_cannot_be_loaded(scene: Pair) -> None:
    plan = await scene.plan()

    def sabotage() -> None:
        second = scene.canisters[1]
        uploaded = snapshots_made(scene.effects.journal.records, UPLOAD_METADATA, canister=second.to_str())[-1]
        del scene.lab.net.network.subnet.get(second.bytes).snapshots[uploaded]

    scene.progress.on["load"] = sabotage
    with pytest.raises(RestoreFailed, match="pig and hen were not restored") as failure:
        await scene.restore(plan)
    assert scene.states == [scene.bad, scene.bad]
    assert await scene.statuses() == ["running", "running"]
    assert failure.value.result["state"] == OLD_STATE
    assert "pig has its old state and is running as before" in failure.value.why
    assert left_stopped(scene.effects.journal.records) == ()


async def test_one_that_does_not_stop_leaves_all_running_and_unchanged(scene: Pair) -> None:
    await scene.lab.occupy(scene.canisters[1])
    plan = await scene.plan()
    hurried = tuple(replace(member, stop_timeout_seconds=1) for member in plan.members)
    with pytest.raises(StopTimedOut):
        await scene.restore(replace(plan, members=hurried))
    assert scene.states == [scene.bad, scene.bad]
    assert await scene.statuses() == ["running", "running"]
    assert scene.order("load snapshot", "take snapshot") == []


async def test_a_later_process_finishes_the_way_back_that_an_earlier_one_began(scene: Pair) -> None:
    plan = await scene.plan()

    def sabotage() -> None:
        second = scene.canisters[1]
        uploaded = snapshots_made(scene.effects.journal.records, UPLOAD_METADATA, canister=second.to_str())[-1]
        del scene.lab.net.network.subnet.get(second.bytes).snapshots[uploaded]

    def die() -> None:
        raise KeyboardInterrupt

    scene.progress.on["load"] = sabotage
    scene.progress.on["undo"] = die
    with pytest.raises(KeyboardInterrupt):
        await scene.restore(plan)
    assert scene.states == [scene.good, scene.bad]
    await scene.effects.aclose()  # what is left of a process that died: its guards start the canisters
    later = Effects(scene.lab.agent, Journal(scene.effects.journal.path), scene.effects.permit)
    with pytest.raises(RestoreFailed, match="were not restored") as failure:
        await scene.restore(plan, later)
    assert scene.states == [scene.bad, scene.bad]
    assert await scene.statuses() == ["running", "running"]
    assert failure.value.result["state"] == OLD_STATE
    later.journal.close()
