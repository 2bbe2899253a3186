"""Starting, stopping, and what happens to those who still wait."""

from __future__ import annotations

import asyncio

import pytest

from quri_console.clock import SystemClock
from quri_console.errors import ExitCode, NetworkError
from quri_console.localnet.network import Network
from quri_console.localnet.server import LocalnetServer, ServerOptions
from quri_console.localnet.signing import NetworkKeys
from tests.support.builtins import PUPPET_ID, Puppet
from tests.support.networks import local_network
from tests.support.raw_client import RawClient, key_from_pem


async def test_a_taken_port_is_named() -> None:
    async with local_network() as net:
        port = int(net.url.rpartition(":")[2])
        serving = LocalnetServer.running(Network(SystemClock()), options=ServerOptions(port=port))
        with pytest.raises(NetworkError, match=f"cannot listen on 127.0.0.1:{port}") as caught:
            async with serving:
                pytest.fail("two networks share a port")
    assert caught.value.exit_code is ExitCode.NETWORK
    assert "--port" in caught.value.next_step


async def test_a_network_stops_while_somebody_waits_for_a_call(puppet: Puppet) -> None:
    async with local_network() as net:
        net.network.register_builtin(PUPPET_ID, puppet)
        client = RawClient(net.url, key_from_pem(net.controller.pem))
        waiting = asyncio.create_task(client.send(client.call_content(PUPPET_ID, "wait")))
        await puppet.arrived.wait()
    assert (await waiting).status_code == 202
    await client.aclose()
    assert not puppet.released.is_set()


async def test_each_network_has_its_own_root_key_and_canisters_know_it() -> None:
    async with local_network() as one, local_network(delegated=True) as other:
        assert one.root_key != other.root_key
        assert len(one.root_key) == 133
        assert one.network.root_key == one.root_key
        assert one.network.subnet_id == one.server.subnet_id == one.server.keys.root.principal
        assert other.network.subnet_id != other.server.keys.root.principal


def test_the_same_seed_is_the_same_network() -> None:
    keys = NetworkKeys(bytes(32), delegated=True)
    again = NetworkKeys(bytes(32), delegated=False)
    assert keys.root.public_key_der == again.root.public_key_der
    assert keys.node.principal == again.node.principal
    assert NetworkKeys(b"\1" * 32, delegated=True).root.public_key_der != keys.root.public_key_der
    assert bytes(32).hex() not in repr(keys)
    assert "seed" not in repr(keys)
