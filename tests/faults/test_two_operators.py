"""Two engineers in one incident: on one host and on two, on one canister and on two, and with the watch beside them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quri_console.ic.encoding import candid
from quri_console.ic.encoding.candid import Types
from quri_console.ic.encoding.principal import Principal, parse_principal
from quri_console.ic.management import change
from quri_console.ic.prepared import perform
from quri_console.localnet.canister import RunState
from quri_console.localnet.demo_fleet import FLEET
from quri_console.localnet.faults import Delay, FaultRule
from tests.support.damaged_canister import CANISTER, CONFIRM, NAME, Scene, damaged_canister
from tests.support.incidents import state_of
from tests.support.kill_moments import family_of
from tests.support.two_hosts import another_host, count_executions

RESTORE = ("restore", NAME, "--from", "latest", *CONFIRM)
OTHER = "registry"
FLEET_MODULES = {item.name: item.module for item in FLEET}
OTHER_ID = parse_principal(next(item.id for item in FLEET if item.name == OTHER))


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with damaged_canister(tmp_path) as opened:
        yield opened


def _slow(scene: Scene, method: str, seconds: float) -> FaultRule:
    """Let the next call of a method take its time, so that somebody else can come between."""
    return scene.operator.net.faults.add(FaultRule(Delay(seconds), route="call", method=method))


async def _until_applied(rule: FaultRule) -> None:
    async with asyncio.timeout(60):
        while not rule.applied:  # noqa: ASYNC110 - the network is watched
            await asyncio.sleep(0.01)


async def test_a_second_restore_of_the_same_canister_on_the_same_host_is_locked_out(scene: Scene) -> None:
    loads = count_executions(scene.operator.net, "load_canister_snapshot")
    rule = _slow(scene, "take_canister_snapshot", 6)
    first = await scene.operator.start(*RESTORE)
    await _until_applied(rule)
    second = await scene.operator(*RESTORE)
    assert second.code == 11, second.output + second.errors
    assert "operation" in second.output + second.errors
    _, errors = await first.communicate()
    assert first.returncode == 0, errors.decode()
    assert await scene.digest() == scene.good
    assert loads[CANISTER.bytes, "load_canister_snapshot"] == 1


async def test_of_two_plans_that_were_confirmed_at_once_one_is_carried_out(scene: Scene) -> None:
    loads = count_executions(scene.operator.net, "load_canister_snapshot")
    plans = [await scene.console.plan_restore(NAME, "latest") for _ in range(2)]
    handles = [await scene.console.start_restore(plan, confirmation=f"local/{NAME}") for plan in plans]
    codes = sorted([int((await handle.wait()).exit_code) for handle in handles])
    assert codes[0] == 0
    assert codes[1] in (11, 14)
    assert await scene.digest() == scene.good
    assert loads[CANISTER.bytes, "load_canister_snapshot"] == 1
    assert scene.on_network.run_state is RunState.RUNNING


@pytest.mark.parametrize(
    "method",
    [
        "read_canister_snapshot_metadata",
        pytest.param("upload_canister_snapshot_data", marks=pytest.mark.sweep),
        pytest.param("take_canister_snapshot", marks=pytest.mark.sweep),
    ],
)
async def test_a_colleague_on_another_host_never_loads_over_a_restore(
    scene: Scene, tmp_path: Path, method: str
) -> None:
    """Ours is held up in the middle; the colleague's begins and ends meanwhile, or is refused. One state wins whole."""
    colleague = another_host(scene.operator, tmp_path / "colleague")
    loads = count_executions(scene.operator.net, "load_canister_snapshot")
    rule = _slow(scene, method, 6)
    ours = await scene.operator.start(*RESTORE)
    await _until_applied(rule)
    theirs = await colleague(*RESTORE)
    _, errors = await ours.communicate()
    said = f"ours: {ours.returncode} {errors.decode()}\ntheirs: {theirs.code} {theirs.errors}"
    assert loads[CANISTER.bytes, "load_canister_snapshot"] <= 1, said
    assert {ours.returncode, theirs.code} - {0} <= {11, 14}, said
    assert {ours.returncode, theirs.code} != {0}, said
    assert scene.on_network.run_state is RunState.RUNNING, said
    assert await scene.digest() in (scene.good, scene.bad)
    for operator in (scene.operator, colleague):
        assert (await operator("audit", "verify")).code == 0


async def test_a_colleague_on_another_host_who_deploys_meanwhile_is_not_overwritten(
    scene: Scene, tmp_path: Path
) -> None:
    """The module that was installed after the plan stays: nobody saw it in the plan."""
    rule = _slow(scene, "read_canister_snapshot_metadata", 4)
    ours = await scene.operator.start(*RESTORE)
    await _until_applied(rule)
    # another module: the same one again would look like what the plan saw
    await perform(scene.agent, change.install_code(CANISTER, "reinstall", FLEET_MODULES[OTHER]))
    deployed = state_of(scene.on_network)
    _, errors = await ours.communicate()
    assert ours.returncode == 14, errors.decode()
    assert state_of(scene.on_network) == deployed
    assert scene.on_network.run_state is RunState.RUNNING


async def test_a_resumed_restore_does_not_load_over_what_a_colleague_restored_meanwhile(
    scene: Scene, tmp_path: Path
) -> None:
    colleague = another_host(scene.operator, tmp_path / "colleague")
    rule = _slow(scene, "read_canister_snapshot_metadata", 3)
    ours = await scene.operator.start(*RESTORE)
    await _until_applied(rule)
    handle = scene.console.follow("latest")
    ours.kill()
    family_of(handle.directory).kill(guards=True)
    await ours.communicate()
    theirs = await colleague(*RESTORE)
    assert theirs.code == 0, theirs.errors
    # written since, which only they know
    await scene.agent.update(CANISTER, "corrupt", candid.encode([Types.Nat], [1]))
    written = await scene.digest()
    loads = count_executions(scene.operator.net, "load_canister_snapshot")
    resumed = await scene.operator("operations", "resume", handle.id)
    assert resumed.code == 14, resumed.output + resumed.errors
    assert not loads
    assert await scene.digest() == written
    assert scene.on_network.run_state is RunState.RUNNING


async def test_two_canisters_are_restored_at_once(scene: Scene) -> None:
    assert (await scene.operator("backup", OTHER)).code == 0
    before = await _count(scene, OTHER_ID)
    await scene.agent.update(OTHER_ID, "register_many", candid.encode([Types.Nat, Types.Nat64], [50, 8]))
    assert await _count(scene, OTHER_ID) == before + 50
    ended = await asyncio.gather(
        scene.operator(*RESTORE),
        scene.operator("restore", OTHER, "--from", "latest", "--confirm", f"local/{OTHER}"),
    )
    assert [item.code for item in ended] == [0, 0], [item.errors for item in ended]
    assert await scene.digest() == scene.good
    assert await _count(scene, OTHER_ID) == before
    assert (await scene.operator("audit", "verify")).code == 0


async def _count(scene: Scene, canister: Principal) -> int:
    reply = await scene.agent.query(canister, "entry_count", candid.encode([], []))
    return int(candid.decode(reply, [Types.Nat])[0])


async def test_the_watch_does_not_start_what_a_restore_holds_stopped(scene: Scene) -> None:
    rule = _slow(scene, "take_canister_snapshot", 8)
    restoring = await scene.operator.start(*RESTORE)
    await _until_applied(rule)
    watching = await scene.operator.start("watch")
    doctor = await scene.operator("doctor")
    assert scene.on_network.run_state is RunState.STOPPED, doctor.output
    _, errors = await restoring.communicate()
    assert restoring.returncode == 0, errors.decode()
    assert await scene.digest() == scene.good
    assert watching.returncode is None
    watching.send_signal(signal.SIGTERM)
    await asyncio.wait_for(watching.communicate(), 20)
