"""A backup of one network is not the other network's, although names and ids are the same."""

from __future__ import annotations

from pathlib import Path

from quri_console.ic.agent import Agent
from quri_console.ic.encoding import candid
from quri_console.ic.encoding.candid import Types
from quri_console.localnet.canister import RunState
from quri_console.localnet.configuration import Controller
from tests.support.damaged_canister import CANISTER, CONFIRM, NAME, Scene, damaged_canister
from tests.support.incidents import state_of
from tests.support.networks import LocalNetwork, local_network
from tests.support.operator_command import Operator
from tests.support.two_hosts import another_host


async def _digest(net: LocalNetwork) -> int:
    async with Agent(net.url, root_key=net.root_key) as agent:
        reply = await agent.query(CANISTER, "digest", candid.encode([], []))
    return int(candid.decode(reply, [Types.Nat64])[0])


async def _fill_otherwise(scene: Scene, net: LocalNetwork) -> None:
    """The second network's canister has data of its own."""
    async with Agent(net.url, root_key=net.root_key) as agent:
        await agent.update(CANISTER, "settle", candid.encode([Types.Nat, Types.Nat64], [40, 1]))
    assert await _digest(net) not in (scene.good, scene.bad)


async def _require_untouched(stranger: Operator, digest: int, snapshots_made: int) -> None:
    canister = stranger.net.network.subnet.get(CANISTER.bytes)
    assert canister.run_state is RunState.RUNNING
    assert canister.snapshots_made == snapshots_made
    assert await _digest(stranger.net) == digest
    assert not list((stranger.folder / "console" / "state" / "operations").glob("*"))


async def test_a_backup_of_the_same_fleet_on_another_network_is_refused_unless_asked_for(tmp_path: Path) -> None:
    async with damaged_canister(tmp_path) as scene, local_network(fleet=True, controller=Controller.make()) as net:
        await _fill_otherwise(scene, net)
        stranger = another_host(scene.operator, tmp_path / "stranger", net)
        before = state_of(net.network.subnet.get(CANISTER.bytes))
        digest = await _digest(net)
        made = net.network.subnet.get(CANISTER.bytes).snapshots_made
        (name,) = stranger.backups()
        for source in (name, f"{stranger.repository}/backups/{name}"):
            refused = await stranger("restore", NAME, "--from", source, *CONFIRM)
            assert refused.code == 14, refused.output + refused.errors
            assert "another network" in refused.output + refused.errors
            await _require_untouched(stranger, digest, made)
        latest = await stranger("restore", NAME, "--from", "latest", *CONFIRM)
        assert latest.code != 0
        await _require_untouched(stranger, digest, made)
        assert state_of(net.network.subnet.get(CANISTER.bytes)) == before


async def test_a_backup_of_another_network_is_restored_when_asked_for(tmp_path: Path) -> None:
    async with damaged_canister(tmp_path) as scene, local_network(fleet=True, controller=Controller.make()) as net:
        await _fill_otherwise(scene, net)
        stranger = another_host(scene.operator, tmp_path / "stranger", net)
        (name,) = stranger.backups()
        restored = await stranger("restore", NAME, "--from", name, "--from-other-network", *CONFIRM)
        assert restored.code == 0, restored.output + restored.errors
        assert await _digest(net) == scene.good
