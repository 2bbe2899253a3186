from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.backup.browse import open_backup
from quri_console.clock import SystemClock
from quri_console.effects.calls import LOAD_SNAPSHOT, UPLOAD_METADATA, UPLOAD_SLICE
from quri_console.effects.replay import attempts, left_stopped, safety_snapshots, snapshots_made
from quri_console.effects.stop import StopTimedOut
from quri_console.errors import Cancelled, CorruptionError, ExitCode, RefusedBySafetyRule
from quri_console.ic.management import change, snapshot_change
from quri_console.ic.management.read import list_canister_snapshots, read_snapshot_metadata
from quri_console.ic.management.types import SettingsChange
from quri_console.ic.prepared import perform
from quri_console.localnet.faults import DropAfter, DropBefore, FaultRule, ForgedCertificate, Refuse, Truncate
from quri_console.restore.execute import execute
from quri_console.restore.look import look_at
from quri_console.restore.plan import PlanNotFeasible, RestorePlan, read_plan, require_feasible, write_plan
from quri_console.restore.swap import RestoreFailed, Swap, SwapTarget
from quri_console.units import WASM_PAGE_BYTES
from tests.support.guinea_pig import module
from tests.support.incidents import Incident, incident

METHODS = [
    "upload_canister_snapshot_metadata",
    "upload_canister_snapshot_data",
    "read_canister_snapshot_metadata",
    "stop_canister",
    "take_canister_snapshot",
    "load_canister_snapshot",
    "canister_status",
    "start_canister",
    "delete_canister_snapshot",
]
FAULTS = [DropBefore(), DropAfter(), Refuse(429, "0"), Refuse(503), Truncate(), ForgedCertificate()]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Incident]:
    async with incident(tmp_path) as opened:
        yield opened


async def _restored(scene: Incident) -> None:
    """The whole state is back, it runs, and nothing of ours but one safety snapshot is on chain."""
    assert scene.state == scene.good
    assert (await scene.lab.status(scene.canister)).status == "running"
    safety = safety_snapshots(scene.effects.journal.records)
    present = [snapshot.id for snapshot in await list_canister_snapshots(scene.lab.agent, scene.canister)]
    assert present == list(safety)
    assert len(safety) == 1


async def test_the_whole_state_comes_back_bit_for_bit(scene: Incident) -> None:
    report = await scene.restore()
    await _restored(scene)
    assert scene.effects_done() == [
        "upload metadata",
        "upload slice",
        "stop",
        "take snapshot",
        "load snapshot",
        "start",
        "delete snapshot",
    ]
    assert report.status == "running"
    assert report.health == "`health` answered, though not in Candid"
    assert report.safety_snapshot is not None
    assert 0 < report.downtime_seconds < 20
    assert left_stopped(scene.effects.journal.records) == ()


async def test_slices_of_zeroes_are_not_sent(scene: Incident) -> None:
    plan = await scene.plan()
    await scene.restore(plan)
    sent = [a.fields["size"] for a in attempts(scene.effects.journal.records, UPLOAD_SLICE)]
    assert sum(sent) == plan.source.sent_bytes
    assert plan.source.skipped_bytes > 0
    assert plan.source.sent_bytes + plan.source.skipped_bytes == plan.source.state_bytes


async def test_the_safety_snapshot_holds_what_was_replaced(scene: Incident) -> None:
    report = await scene.restore()
    assert report.safety_snapshot is not None
    await perform(scene.lab.agent, change.stop_canister(scene.canister))
    await perform(scene.lab.agent, snapshot_change.load_canister_snapshot(scene.canister, report.safety_snapshot))
    assert scene.state == scene.bad


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__ + str(getattr(fault, "status", "")))
@pytest.mark.parametrize("method", METHODS)
async def test_a_lost_request_or_reply_of_any_call_changes_nothing(
    scene: Incident, method: str, fault: DropBefore | DropAfter | Refuse | Truncate | ForgedCertificate
) -> None:
    plan = await scene.plan()
    rule = scene.lab.net.faults.add(FaultRule(fault, route="call", method=method))
    await scene.restore(plan)
    assert rule.applied == 1
    await _restored(scene)
    assert scene.on_network.snapshots_made == 4  # the backup's, the upload, the safety snapshot, the check


async def test_a_stopped_canister_stays_stopped(tmp_path: Path) -> None:
    async with incident(tmp_path, stopped=True) as scene:
        report = await scene.restore()
        assert scene.state == scene.good
        assert (await scene.lab.status(scene.canister)).status == "stopped"
        assert (report.status, report.downtime_seconds, report.health) == ("stopped", 0.0, "not asked")
        assert "start" not in scene.effects_done()
        assert "stop" not in scene.effects_done()


async def test_a_canister_that_does_not_stop_is_left_running_and_unchanged(scene: Incident) -> None:
    await scene.lab.occupy(scene.canister)
    with pytest.raises(StopTimedOut) as failure:
        await scene.restore(await scene.plan(stop_timeout_seconds=1))
    assert "did not stop within 1 s" in str(failure.value)
    assert scene.state == scene.bad
    assert (await scene.lab.status(scene.canister)).status == "running"
    assert await list_canister_snapshots(scene.lab.agent, scene.canister) == ()
    assert "load snapshot" not in scene.effects_done()


async def test_a_refused_load_leaves_the_old_state_running(scene: Incident) -> None:
    plan = await scene.plan()

    def sabotage() -> None:
        uploaded = snapshots_made(scene.effects.journal.records, UPLOAD_METADATA)[-1]
        del scene.on_network.snapshots[uploaded]

    scene.progress.on["load"] = sabotage
    with pytest.raises(RestoreFailed) as failure:
        await scene.restore(plan)
    assert "the canister has its old state and is running as before" in failure.value.why
    assert failure.value.result["left_stopped"] is False
    assert scene.state == scene.bad
    assert (await scene.lab.status(scene.canister)).status == "running"


async def test_an_abort_after_the_stop_starts_the_canister(scene: Incident) -> None:
    plan = await scene.plan()

    def refuse() -> None:
        raise Cancelled("restore was aborted")

    def abort() -> None:
        scene.effects._checkpoint = refuse

    scene.progress.on["load"] = abort
    with pytest.raises(RestoreFailed) as failure:
        await scene.restore(plan)
    assert failure.value.exit_code == ExitCode.CANCELLED
    assert scene.state == scene.bad
    assert (await scene.lab.status(scene.canister)).status == "running"


async def test_a_damaged_backup_is_refused_before_any_effect(scene: Incident) -> None:
    plan = await scene.plan()
    (pack,) = (scene.lab.repository / "packs").glob("*/*")
    content = bytearray(pack.read_bytes())
    content[len(content) // 2] ^= 1
    pack.write_bytes(content)
    with pytest.raises(CorruptionError):
        await scene.restore(plan)
    with pytest.raises(CorruptionError):
        await scene.plan()
    assert scene.effects_done() == []
    assert scene.state == scene.bad


async def test_a_canister_that_changed_since_the_plan_is_left_alone(scene: Incident) -> None:
    plan = await scene.plan()
    await perform(scene.lab.agent, change.install_code(scene.canister, "reinstall", module("2.5")))
    with pytest.raises(RefusedBySafetyRule, match="has changed since the plan was made") as refusal:
        await scene.restore(plan)
    assert "module" in refusal.value.why
    assert scene.effects_done() == []


async def test_a_rate_limited_call_is_patient(scene: Incident) -> None:
    rejections = 0
    send = scene.lab.agent.send

    async def limited(call, **options):  # type: ignore[no-untyped-def]  # the agent's own signature
        nonlocal rejections
        if call.method == "load_canister_snapshot" and rejections < 1:
            rejections += 1
            from quri_console.ic.rejection import Rejected

            raise Rejected(
                "load", reject_code=2, error_code="IC0210", message="heap delta rate limited", certified=True
            )
        return await send(call, **options)

    plan = await scene.plan()
    scene.lab.agent.send = limited  # type: ignore[method-assign]
    await scene.restore(plan)
    scene.lab.agent.send = send  # type: ignore[method-assign]
    await _restored(scene)
    loads = [a for a in attempts(scene.effects.journal.records) if a.kind.name == "load snapshot"]
    assert [load.outcome for load in loads] == ["rejected", "done"]


async def test_ten_snapshots_fail_the_plan(scene: Incident) -> None:
    for _ in range(9):
        await perform(scene.lab.agent, snapshot_change.take_canister_snapshot(scene.canister))
    plan = await scene.plan()
    assert [check.name for check in plan.failed_checks] == ["snapshot slots"]
    with pytest.raises(PlanNotFeasible, match="cannot be restored") as refusal:
        require_feasible(plan)
    assert refusal.value.exit_code == ExitCode.REFUSED
    assert "Delete a snapshot" in refusal.value.next_step


async def test_a_balance_that_would_freeze_fails_the_plan(scene: Incident) -> None:
    scene.on_network.cycles = (await scene.lab.status(scene.canister)).freezing_limit_cycles + 2_000_000_000
    plan = await scene.plan()
    assert [check.name for check in plan.failed_checks] == ["cycles"]
    assert "Top the canister up" in plan.failed_checks[0].next_step


async def test_a_plan_survives_its_file_and_its_hash_notices_every_edit(scene: Incident, tmp_path: Path) -> None:
    plan = await scene.plan()
    write_plan(tmp_path, plan)
    assert read_plan(tmp_path, RestorePlan) == plan
    assert read_plan(tmp_path, RestorePlan).hash == plan.hash
    text = (tmp_path / "plan.json").read_text()
    (tmp_path / "plan.json").write_text(text.replace('"stop_timeout_seconds":20', '"stop_timeout_seconds":99'))
    assert read_plan(tmp_path, RestorePlan).hash != plan.hash


async def test_the_plan_tells_difference_bill_and_losses(scene: Incident) -> None:
    before = scene.on_network.snapshots_made
    plan = await scene.plan()
    assert plan.feasible
    assert "module" in [difference.name for difference in plan.differences if difference.restored]
    assert any(sentence.startswith("Everything written since the backup") for sentence in plan.not_coming_back)
    assert plan.cycles > 2 * 2_000_000_000
    assert plan.balances[-1].cycles == plan.live.cycles - plan.cycles
    assert scene.on_network.snapshots_made == before
    assert scene.state == scene.bad


async def test_the_bill_is_what_the_network_charges(scene: Incident) -> None:
    plan = await scene.plan()
    before = scene.on_network.cycles
    await scene.restore(plan)
    paid = before - scene.on_network.cycles
    assert paid == pytest.approx(plan.cycles, rel=0.1)


async def test_a_later_process_goes_on_with_what_was_uploaded(scene: Incident) -> None:
    plan = await scene.plan()

    def die() -> None:
        raise KeyboardInterrupt

    scene.progress.on["stop"] = die
    with pytest.raises(KeyboardInterrupt):
        await scene.restore(plan)
    uploaded = len(attempts(scene.effects.journal.records, UPLOAD_SLICE))
    later = scene.reopened()
    await execute(plan, later, scene.lab.store(), clock=SystemClock(), progress=scene.progress)
    assert len(attempts(later.journal.records, UPLOAD_SLICE)) == uploaded
    assert len(attempts(later.journal.records, UPLOAD_METADATA)) == 1
    await _restored(Incident(scene.lab, scene.canister, scene.good, scene.bad, later))
    later.journal.close()


async def test_a_later_process_replaces_nothing_that_was_deployed_meanwhile(scene: Incident) -> None:
    plan = await scene.plan()

    def die() -> None:
        raise KeyboardInterrupt

    scene.progress.on["stop"] = die
    with pytest.raises(KeyboardInterrupt):
        await scene.restore(plan)
    await perform(scene.lab.agent, change.install_code(scene.canister, "reinstall", module("2.5")))
    deployed = scene.state
    later = scene.reopened()
    with pytest.raises(RefusedBySafetyRule, match="has changed since the plan was made"):
        await execute(plan, later, scene.lab.store(), clock=SystemClock(), progress=scene.progress)
    assert scene.state == deployed
    assert await list_canister_snapshots(scene.lab.agent, scene.canister) == ()
    later.journal.close()


async def _low_on_memory(scene: Incident) -> None:
    limit = scene.on_network.memory.wasm_memory_size + WASM_PAGE_BYTES
    settings = SettingsChange(wasm_memory_limit=limit, wasm_memory_threshold=10 * WASM_PAGE_BYTES)
    await perform(scene.lab.agent, change.update_settings(scene.canister, settings))


async def test_a_hook_status_that_cannot_hold_is_sent_as_unknown_and_said(scene: Incident) -> None:
    await _low_on_memory(scene)
    plan = await scene.plan()
    assert not plan.send_hook_status
    assert any("low-memory hook" in sentence for sentence in plan.not_coming_back)
    report = await scene.restore(plan)
    await _restored(scene)
    assert any("low-memory hook" in note for note in report.notes)


async def test_a_hook_status_that_the_network_refuses_at_the_load_is_sent_again_as_unknown(scene: Incident) -> None:
    await _low_on_memory(scene)
    plan = replace(await scene.plan(), send_hook_status=True)
    report = await scene.restore(plan)
    await _restored(scene)
    assert any("IC0408" in note for note in report.notes)
    loads = attempts(scene.effects.journal.records, LOAD_SNAPSHOT)
    assert [load.outcome for load in loads] == ["rejected", "done"]


async def test_an_emptied_canister_is_restored_without_a_safety_snapshot(scene: Incident) -> None:
    await perform(scene.lab.agent, change.uninstall_code(scene.canister))
    plan = await scene.plan()
    assert plan.feasible
    assert not plan.safety_snapshot
    report = await scene.restore(plan)
    assert report.safety_snapshot is None
    assert scene.state == scene.good


async def test_a_backup_of_another_network_fails_the_plan(scene: Incident, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger"
    async with incident(stranger) as other:
        name = open_backup(other.lab.store()).name
        plan = await scene.plan(source=f"{other.lab.repository}/backups/{name}")
    assert plan.canister == scene.canister  # the same id on both networks
    assert [check.name for check in plan.failed_checks] == ["network"]


async def test_a_result_that_is_not_what_was_loaded_is_undone(scene: Incident) -> None:
    snapshot = await perform(scene.lab.agent, snapshot_change.take_canister_snapshot(scene.canister))
    metadata = await read_snapshot_metadata(scene.lab.agent, scene.canister, snapshot.id)
    await perform(scene.lab.agent, change.install_code(scene.canister, "reinstall", module("3.5")))
    before = scene.state
    target = SwapTarget(
        canister=scene.canister,
        name="pig",
        live=(await look_at(scene.lab.agent, scene.canister, "pig", SystemClock())).live(),
        snapshot_id=snapshot.id,
        metadata=replace(metadata, wasm_memory_size=WASM_PAGE_BYTES),
        module_hash=None,
        stop_timeout_seconds=20,
    )
    with pytest.raises(RestoreFailed, match="shows another heap size") as failure:
        await Swap(scene.effects, [target], scene.progress).run()
    assert "the canister has its old state and is running as before" in failure.value.why
    assert scene.state == before
    loads = attempts(scene.effects.journal.records, LOAD_SNAPSHOT)
    assert [load.outcome for load in loads] == ["done", "done"]
