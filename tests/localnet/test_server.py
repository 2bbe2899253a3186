"""Starting, stopping, and what happens to those who still wait."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from quri_console.clock import SystemClock
from quri_console.errors import ExitCode, NetworkError
from quri_console.localnet.faults import Action, Delay, DropAfter, FaultRule, Truncate
from quri_console.localnet.network import Network
from quri_console.localnet.server import LocalnetServer, ServerOptions
from quri_console.localnet.signing import NetworkKeys
from tests.support.builtins import PUPPET_ID, Puppet
from tests.support.clocks import WatchedClock
from tests.support.networks import LocalNetwork, local_network
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


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_network_stops_while_an_answer_is_delayed_and_has_nothing_to_complain_of(
    caplog: pytest.LogCaptureFixture, puppet: Puppet, after: bool
) -> None:
    clock = WatchedClock()
    async with local_network(clock=clock) as net:
        net.network.register_builtin(PUPPET_ID, puppet)
        net.faults.add(FaultRule(Delay(60, after=after)))
        client = RawClient(net.url, key_from_pem(net.controller.pem), clock=clock)
        content = client.content("query", canister_id=PUPPET_ID, method_name="echo", arg=b"")
        waiting = asyncio.create_task(client.send(content, version="v3"))
        await clock.slept.wait()
    with pytest.raises(httpx.TransportError):
        await waiting
    await client.aclose()
    assert caplog.records == []


@pytest.mark.parametrize("fault", [DropAfter(), Truncate()], ids=["dropped", "truncated"])
async def test_a_connection_that_its_client_closed_need_not_be_cut(
    caplog: pytest.LogCaptureFixture, puppet: Puppet, fault: Action
) -> None:
    async with local_network() as net:
        net.network.register_builtin(PUPPET_ID, puppet)
        net.faults.add(FaultRule(fault))
        client = RawClient(net.url, key_from_pem(net.controller.pem))
        waiting = asyncio.create_task(client.send(client.call_content(PUPPET_ID, "wait")))
        await puppet.arrived.wait()
        waiting.cancel()
        await asyncio.wait({waiting})
        await client.aclose()
        await _answers(net)
        puppet.released.set()
    assert caplog.records == []


async def _answers(net: LocalNetwork) -> None:
    """By then the server knows of a connection that was closed before."""
    async with httpx.AsyncClient() as other:
        (await other.get(f"{net.url}/api/v2/status")).raise_for_status()


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
