"""Restoring from snapshots that lie on chain: the canister's own, and those of another canister of the subnet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.clock import SystemClock
from quri_console.effects.replay import attempts, left_stopped
from quri_console.errors import RefusedBySafetyRule
from quri_console.ic.management import change, snapshot_change
from quri_console.ic.management.read import list_canister_snapshots
from quri_console.ic.management.types import Snapshot
from quri_console.ic.prepared import perform
from quri_console.ic.rejection import Rejected
from quri_console.localnet.faults import Delay, FaultRule
from quri_console.progress import NoProgress
from quri_console.restore.execute import execute, execute_all
from quri_console.restore.plan import RestorePlan
from quri_console.restore.planning import plan_restore
from quri_console.restore.swap import RestoreFailed
from quri_console.restore.wish import RestoreWish
from tests.support.guinea_pig import module
from tests.support.incidents import NAME, Incident, incident, state_of


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Incident]:
    async with incident(tmp_path) as opened:
        yield opened


async def _good_snapshot(scene: Incident) -> Snapshot:
    """A snapshot of the good state on chain, and the bad one in its place again."""
    await perform(scene.lab.agent, change.install_code(scene.canister, "reinstall", module("nan:0x600001")))
    assert scene.state == scene.good
    snapshot = await perform(scene.lab.agent, snapshot_change.take_canister_snapshot(scene.canister))
    await perform(scene.lab.agent, change.install_code(scene.canister, "reinstall", module("1.5")))
    assert scene.state == scene.bad
    return snapshot


async def _plan(scene: Incident, **wanted: object) -> RestorePlan:
    wish = RestoreWish(
        network="local", production=False, canister=scene.canister, name=NAME, source="latest", stop_timeout_seconds=20
    )
    wish = replace(wish, **wanted)  # type: ignore[arg-type]
    return await plan_restore(
        scene.lab.agent,
        wish,
        repository=scene.lab.store(),
        locks=scene.lab.folder / "locks",
        clock=SystemClock(),
        progress=NoProgress(),
    )


async def _execute(scene: Incident, plan: RestorePlan) -> None:
    await execute_all(plan, scene.effects, None, progress=scene.progress)


async def test_nothing_is_uploaded_and_the_operators_snapshot_stays(scene: Incident) -> None:
    snapshot = await _good_snapshot(scene)
    plan = await _plan(scene, source=f"snapshot:{snapshot.id.hex()}")
    report = await execute(plan, scene.effects, None, clock=SystemClock(), progress=scene.progress)
    assert scene.state == scene.good
    assert (report.status, report.sent_bytes, report.notes) == ("running", 0, ())
    assert not {"upload metadata", "upload slice"} & set(scene.effects_done())
    present = [item.id for item in await list_canister_snapshots(scene.lab.agent, scene.canister)]
    assert present == [snapshot.id, report.safety_snapshot]


async def test_the_canister_is_down_for_nine_answers_one_after_the_other(scene: Incident) -> None:
    snapshot = await _good_snapshot(scene)
    plan = await _plan(scene, source=f"snapshot:{snapshot.id.hex()}")
    send, calls = scene.lab.agent.send, []

    async def listed(call, **options):  # type: ignore[no-untyped-def]  # the agent's own signature
        calls.append(call.method)
        return await send(call, **options)

    scene.lab.agent.send = listed  # type: ignore[method-assign]
    scene.lab.net.faults.add(FaultRule(Delay(0.2), route="call", count=None))
    report = await execute(plan, scene.effects, None, clock=SystemClock(), progress=scene.progress)
    look = ["canister_status", "list_canister_snapshots"]
    down = calls[calls.index("stop_canister") : calls.index("start_canister") + 1]
    assert down == [
        "stop_canister",
        *look,
        "take_canister_snapshot",
        "read_canister_snapshot_metadata",
        *look,
        "load_canister_snapshot",
        *look,
        "take_canister_snapshot",
        "read_canister_snapshot_metadata",
        "start_canister",
    ]
    assert 9 * 0.2 <= report.downtime_seconds < len(down) * 0.2 + 1


async def test_without_a_free_slot_for_the_check_it_is_said(scene: Incident) -> None:
    snapshot = await _good_snapshot(scene)
    for _ in range(8):
        await perform(scene.lab.agent, snapshot_change.take_canister_snapshot(scene.canister))
    plan = await _plan(scene, source=f"snapshot:{snapshot.id.hex()}")
    report = await execute(plan, scene.effects, None, clock=SystemClock(), progress=scene.progress)
    assert scene.state == scene.good
    assert any("has no free snapshot slot" in note for note in report.notes)


async def test_a_snapshot_that_is_gone_is_refused_before_any_effect(scene: Incident) -> None:
    snapshot = await _good_snapshot(scene)
    plan = await _plan(scene, source=f"snapshot:{snapshot.id.hex()}")
    await perform(scene.lab.agent, snapshot_change.delete_canister_snapshot(scene.canister, snapshot.id))
    with pytest.raises(RefusedBySafetyRule, match="is not on chain any more"):
        await _execute(scene, plan)
    assert scene.effects_done() == []
    assert scene.state == scene.bad


async def _clone_plan(scene: Incident, snapshot: Snapshot, **wanted: object) -> tuple[RestorePlan, Incident]:
    other = await scene.lab.create(code=module("2.5"))
    plan = await _plan(
        scene,
        canister=other,
        name="clone",
        owner=scene.canister,
        owner_name=NAME,
        source=f"snapshot:{snapshot.id.hex()}",
        **wanted,
    )
    return plan, replace(scene, canister=other)


async def test_another_canisters_snapshot_makes_a_clone_that_is_left_stopped(scene: Incident) -> None:
    snapshot = await _good_snapshot(scene)
    plan, clone = await _clone_plan(scene, snapshot, start_after=False)
    await _execute(scene, replace(plan, start_after=False))
    assert clone.state == scene.good
    assert (await scene.lab.status(clone.canister)).status == "stopped"
    # nobody takes it for one that was forgotten
    assert left_stopped(scene.effects.journal.records) == ()
    assert scene.state == scene.bad
    assert (await scene.lab.status(scene.canister)).status == "running"


async def test_a_clone_runs_when_that_was_asked_for(scene: Incident) -> None:
    snapshot = await _good_snapshot(scene)
    plan, clone = await _clone_plan(scene, snapshot, start_after=True)
    await perform(scene.lab.agent, change.stop_canister(clone.canister))
    plan = replace(plan, live=replace(plan.live, status="stopped"))
    await _execute(scene, plan)
    assert clone.state == scene.good
    assert (await scene.lab.status(clone.canister)).status == "running"


async def test_a_clone_from_the_repository_is_uploaded_to_the_clone(scene: Incident) -> None:
    other = await scene.lab.create(code=module("2.5"))
    plan = await _plan(scene, canister=other, name="clone", owner=scene.canister, owner_name=NAME)
    await execute(plan, scene.effects, scene.lab.store(), clock=SystemClock(), progress=scene.progress)
    assert state_of(scene.lab.net.network.subnet.get(other.bytes)) == scene.good
    assert {attempt.canister for attempt in attempts(scene.effects.journal.records)} == {other.to_str()}
    assert scene.state == scene.bad


async def test_a_network_that_wants_to_be_asked_later_leaves_the_old_state_running(scene: Incident) -> None:
    snapshot = await _good_snapshot(scene)
    plan, clone = await _clone_plan(scene, snapshot)
    send = scene.lab.agent.send
    before = clone.state

    async def not_yet(call, **options):  # type: ignore[no-untyped-def]  # the agent's own signature
        if call.method == "load_canister_snapshot":
            raise Rejected("load", reject_code=4, error_code="IC0406", message="retry later", certified=True)
        return await send(call, **options)

    scene.lab.agent.send = not_yet  # type: ignore[method-assign]
    with pytest.raises(RestoreFailed, match="another canister's snapshot") as failure:
        await _execute(scene, plan)
    assert "Wait about 10 minutes, then go on: quri-console operations resume" in failure.value.next_step
    assert clone.state == before
    assert (await scene.lab.status(clone.canister)).status == "running"
    scene.lab.agent.send = send  # type: ignore[method-assign]
    await _execute(scene, plan)  # what `operations resume` does
    assert clone.state == scene.good
