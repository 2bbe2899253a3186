"""A network on a clock that the test moves, and somebody who uses it."""

from __future__ import annotations

import pytest

from quri_console.clock import ManualClock
from quri_console.localnet.network import Network
from quri_console.localnet.subnet import canister_id
from tests.support.direct import BOB, Direct
from tests.support.modules import NeverAnswers, counter_module


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
