"""What was loaded is read back: globals and certified data always, pages where that was asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.backup.interchange import Slice
from quri_console.clock import SystemClock
from quri_console.ic.management import change
from quri_console.ic.management.read import list_canister_snapshots
from quri_console.ic.management.types import SettingsChange
from quri_console.ic.prepared import perform
from quri_console.restore.execute import execute, execute_all
from quri_console.restore.health import Unhealthy
from quri_console.restore.plan import RestorePlan
from quri_console.restore.read_back import SAMPLED_SLICES, chosen_slices
from quri_console.restore.swap import OLD_STATE, RestoreFailed
from tests.support.backups import MadeUpState
from tests.support.incidents import Incident, incident


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Incident]:
    async with incident(tmp_path) as opened:
        yield opened


def _spoiled_load(scene: Incident, **changes: object) -> None:
    """The network loads something else than it was asked for, once."""
    send, spoiled = scene.lab.agent.send, []

    async def spoiling(call, **options):  # type: ignore[no-untyped-def]  # the agent's own signature
        if call.method == "load_canister_snapshot" and not spoiled:
            newest = scene.on_network.snapshots
            uploaded = next(item for item in newest.values() if item.is_uploaded)
            spoiled.append(call)
            for name, value in changes.items():
                setattr(uploaded, name, value(getattr(uploaded, name)))  # type: ignore[operator]
        return await send(call, **options)

    scene.lab.agent.send = spoiling  # type: ignore[method-assign]


async def _undone(scene: Incident, plan: RestorePlan, why: str) -> None:
    with pytest.raises(RestoreFailed, match=why) as failure:
        await execute(plan, scene.effects, scene.lab.store(), clock=SystemClock(), progress=scene.progress)
    assert failure.value.result["state"] == OLD_STATE
    assert scene.state == scene.bad
    assert (await scene.lab.status(scene.canister)).status == "running"
    assert len(await list_canister_snapshots(scene.lab.agent, scene.canister)) == 1


async def test_other_certified_data_than_was_loaded_brings_the_old_state_back(scene: Incident) -> None:
    _spoiled_load(scene, certified_data=lambda _: b"forged")
    await _undone(scene, await scene.plan(), "shows another certified data")


async def test_one_flipped_byte_is_found_when_every_page_is_read_back(scene: Incident) -> None:
    def flipped(memory: bytearray) -> bytearray:
        memory = bytearray(memory)
        memory[50 << 16] ^= 1  # in a page that the backup has as zeros
        return memory

    _spoiled_load(scene, wasm_memory=flipped)
    await _undone(scene, replace(await scene.plan(), read_back="all"), "holds other bytes than were loaded")


@pytest.mark.parametrize("read_back", ["sampled", "all"])
async def test_pages_that_are_right_are_kept_and_the_check_leaves_nothing_behind(
    scene: Incident, read_back: str
) -> None:
    plan = replace(await scene.plan(), read_back=read_back)  # type: ignore[arg-type]
    report = await execute(plan, scene.effects, scene.lab.store(), clock=SystemClock(), progress=scene.progress)
    assert scene.state == scene.good
    assert report.notes == ()
    assert "read back" in scene.progress.phases("pig")
    assert len(await list_canister_snapshots(scene.lab.agent, scene.canister)) == 1


def test_a_sample_is_drawn_again_by_the_same_seed_and_covers_all_of_a_small_state() -> None:
    large = replace(MadeUpState().metadata(), wasm_memory_size=1 << 30)
    drawn = chosen_slices(large, "sampled", seed=b"one")
    assert len(drawn) == SAMPLED_SLICES
    assert drawn == chosen_slices(large, "sampled", seed=b"one") != chosen_slices(large, "sampled", seed=b"two")
    small = MadeUpState().metadata()
    assert chosen_slices(small, "sampled", seed=b"") == chosen_slices(small, "all", seed=b"")
    assert chosen_slices(small, "metadata", seed=b"") == ()
    assert all(isinstance(part, Slice) for part in drawn)


async def test_settings_are_changed_before_the_start_and_taken_back_with_a_state_that_is_wrong(
    scene: Incident,
) -> None:
    before = (await scene.lab.status(scene.canister)).settings
    changed = SettingsChange(freezing_threshold=before.freezing_threshold + 86_400)
    plan = replace(await scene.plan(), settings=changed)
    _spoiled_load(scene, certified_data=lambda _: b"forged")
    await _undone(scene, plan, "shows another certified data")
    assert (await scene.lab.status(scene.canister)).settings == before
    await execute(plan, scene.reopened(), scene.lab.store(), clock=SystemClock(), progress=scene.progress)
    assert scene.state == scene.good
    after = (await scene.lab.status(scene.canister)).settings
    assert after == replace(before, freezing_threshold=before.freezing_threshold + 86_400)


async def test_a_canister_that_says_it_is_not_well_gets_its_old_state_back_at_once_when_asked_for(
    scene: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ill(*_: object, **__: object) -> str:
        raise Unhealthy("`health` of pig says that it is not healthy")

    monkeypatch.setattr("quri_console.restore.keep_or_undo.ask_all", ill)
    with pytest.raises(RestoreFailed, match="the state before was brought back") as failure:
        await execute_all(
            await scene.plan(), scene.effects, scene.lab.store(), progress=scene.progress, undo_if_unhealthy=True
        )
    assert scene.state == scene.bad
    assert (await scene.lab.status(scene.canister)).status == "running"
    assert failure.value.result["state"] == OLD_STATE
    assert "rollback" not in failure.value.next_step


async def test_one_that_somebody_else_changed_runs_again_when_its_old_state_cannot_be_brought_back(
    scene: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ill(*_: object, **__: object) -> str:
        await perform(scene.lab.agent, change.take_canister_snapshot(scene.canister))
        raise Unhealthy("`health` of pig says that it is not healthy")

    monkeypatch.setattr("quri_console.restore.keep_or_undo.ask_all", ill)
    with pytest.raises(RestoreFailed, match="was not restored") as failure:
        await execute_all(
            await scene.plan(), scene.effects, scene.lab.store(), progress=scene.progress, undo_if_unhealthy=True
        )
    assert "somebody else changed pig" in failure.value.why
    assert scene.state == scene.good
    assert (await scene.lab.status(scene.canister)).status == "running"
    assert failure.value.result["left_stopped"] is False


async def test_a_canister_that_says_it_is_not_well_is_kept_and_rolling_back_is_offered(
    scene: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ill(*_: object, **__: object) -> str:
        raise Unhealthy("`health` of pig says that it is not healthy")

    monkeypatch.setattr("quri_console.restore.keep_or_undo.ask_all", ill)
    with pytest.raises(RestoreFailed, match="its health check failed") as failure:
        await execute_all(await scene.plan(), scene.effects, scene.lab.store(), progress=scene.progress)
    assert scene.state == scene.good
    assert "quri-console rollback restore" in failure.value.next_step
