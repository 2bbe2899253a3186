"""A network on a clock that the test moves and somebody who uses it; networks behind HTTP in every layout."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from quri_console.clock import ManualClock
from quri_console.localnet.network import Network
from quri_console.localnet.subnet import canister_id
from tests.support.builtins import PUPPET_ID, Puppet
from tests.support.direct import BOB, Direct
from tests.support.modules import NeverAnswers, counter_module
from tests.support.networks import LocalNetwork, local_network
from tests.support.raw_client import RawClient, key_from_pem


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
async def network(clock):
    network = Network(clock)
    await network.start()
    yield network
    await network.aclose()


@pytest.fixture
def alice(network):
    return Direct(network)


@pytest.fixture
def bob(network):
    return Direct(network, BOB)


@pytest.fixture
async def counter(alice):
    """A canister that counts."""
    return await alice.install(counter_module())


@pytest.fixture
def silence(network):
    """The id of a canister that never answers."""
    identifier = canister_id(1)
    network.register_builtin(identifier, NeverAnswers())
    return identifier


LAYOUTS = {
    "root": {"delegated": False},
    "delegated": {"delegated": True},
    "delegated, old layout": {"delegated": True, "old_layout": True},
}


@pytest.fixture
def puppet() -> Puppet:
    return Puppet()


@pytest.fixture
async def served(puppet: Puppet) -> AsyncIterator[LocalNetwork]:
    async with local_network() as net:
        net.network.register_builtin(PUPPET_ID, puppet)
        yield net


@pytest.fixture(params=sorted(LAYOUTS))
async def any_layout(request: pytest.FixtureRequest, puppet: Puppet) -> AsyncIterator[LocalNetwork]:
    async with local_network(**LAYOUTS[request.param]) as net:
        net.network.register_builtin(PUPPET_ID, puppet)
        yield net


@pytest.fixture
async def client(served: LocalNetwork) -> AsyncIterator[RawClient]:
    async with RawClient(served.url, key_from_pem(served.controller.pem)) as raw:
        yield raw
