"""Somebody else works on the canister from another host: what the journal does not explain stops the run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from quri_console.errors import ExitCode
from quri_console.ic.management import change, snapshot_change
from quri_console.ic.management.read import list_canister_snapshots
from quri_console.ic.management.types import SettingsChange
from quri_console.ic.prepared import perform
from quri_console.restore.drift import ChangedByOthers
from quri_console.restore.swap import OLD_STATE, RestoreFailed
from tests.support.guinea_pig import module
from tests.support.incidents import Incident, incident


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Incident]:
    async with incident(tmp_path) as opened:
        yield opened


def _when(scene: Incident, method: str, meddle: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """Let somebody meddle right before the first call of a method goes out."""
    send, waiting = scene.lab.agent.send, [meddle]

    async def meddled(call, **options):  # type: ignore[no-untyped-def]  # the agent's own signature
        if call.method == method and waiting:
            await waiting.pop()()
        return await send(call, **options)

    scene.lab.agent.send = meddled  # type: ignore[method-assign]


async def _left_alone(scene: Incident, why: str) -> None:
    """The restore refuses, nothing was replaced, it runs as before, and none of our uploads is left."""
    with pytest.raises(RestoreFailed) as failure:
        await scene.restore()
    assert isinstance(failure.value.__cause__, ChangedByOthers)
    assert failure.value.exit_code == ExitCode.REFUSED
    assert why in failure.value.why
    assert "Find out who works on it" in failure.value.next_step
    assert failure.value.result["state"] == OLD_STATE
    assert scene.effects.status_before(scene.canister) == "running"
    assert (await scene.lab.status(scene.canister)).status == "running"
    assert "load snapshot" not in scene.effects_done()


async def test_a_snapshot_of_somebody_else_stops_the_run_before_the_safety_snapshot(scene: Incident) -> None:
    _when(
        scene, "stop_canister", lambda: perform(scene.lab.agent, snapshot_change.take_canister_snapshot(scene.canister))
    )
    await _left_alone(scene, "which this operation did not make")
    assert "take snapshot" not in scene.effects_done()
    assert len(await list_canister_snapshots(scene.lab.agent, scene.canister)) == 1
    assert scene.state == scene.bad


async def test_another_module_stops_the_run(scene: Incident) -> None:
    install = change.install_code(scene.canister, "reinstall", module("2.5"))
    _when(scene, "stop_canister", lambda: perform(scene.lab.agent, install))
    await _left_alone(scene, "it has another module")
    assert scene.state not in (scene.good, scene.bad)


async def test_other_controllers_stop_the_run(scene: Incident) -> None:
    controllers = (scene.lab.agent.identity.sender, scene.canister)
    settings = change.update_settings(scene.canister, SettingsChange(controllers=controllers))
    _when(scene, "take_canister_snapshot", lambda: perform(scene.lab.agent, settings))
    await _left_alone(scene, "it has other controllers")
    assert scene.state == scene.bad


async def test_a_start_by_somebody_else_stops_the_run_before_the_load(scene: Incident) -> None:
    _when(scene, "take_canister_snapshot", lambda: perform(scene.lab.agent, change.start_canister(scene.canister)))
    await _left_alone(scene, "it is running, although this operation had stopped it")
    assert scene.state == scene.bad


async def test_a_deleted_snapshot_stops_the_run(scene: Incident) -> None:
    theirs = await perform(scene.lab.agent, snapshot_change.take_canister_snapshot(scene.canister))
    delete = snapshot_change.delete_canister_snapshot(scene.canister, theirs.id)
    _when(scene, "take_canister_snapshot", lambda: perform(scene.lab.agent, delete))
    await _left_alone(scene, f"snapshot {theirs.id.hex()} was deleted")


async def test_a_snapshot_that_was_there_at_the_first_look_is_no_reason_to_stop(scene: Incident) -> None:
    plan = await scene.plan()
    await perform(scene.lab.agent, snapshot_change.take_canister_snapshot(scene.canister))
    await scene.restore(plan)
    assert scene.state == scene.good


async def test_a_safety_snapshot_that_contradicts_the_status_is_kept_and_nothing_is_replaced(scene: Incident) -> None:
    scene.progress.on["load"] = lambda: None
    taken = scene.lab.net.network.subnet.get(scene.canister.bytes).snapshots

    async def tamper() -> None:
        newest = list(taken.values())[-1]
        newest.wasm_memory = newest.wasm_memory[: len(newest.wasm_memory) // 2]
        await asyncio.sleep(0)

    plan = await scene.plan()
    send, seen = scene.lab.agent.send, []

    async def tampered(call, **options):  # type: ignore[no-untyped-def]  # the agent's own signature
        reply = await send(call, **options)
        if call.method == "take_canister_snapshot" and not seen:
            seen.append(call)
            await tamper()
        return reply

    scene.lab.agent.send = tampered  # type: ignore[method-assign]
    with pytest.raises(RestoreFailed, match="is not what the canister showed") as failure:
        await scene.restore(plan)
    assert failure.value.exit_code == ExitCode.REFUSED
    assert "heap" in failure.value.why
    assert "make and read a new plan" in failure.value.next_step
    assert scene.state == scene.bad
    assert (await scene.lab.status(scene.canister)).status == "running"
    assert failure.value.result["safety_snapshot"] is not None
