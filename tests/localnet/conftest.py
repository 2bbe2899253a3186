"""Fixtures of the HTTP tests: a network in its layouts, a puppet canister, a client with a key."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.builtins import PUPPET_ID, Puppet
from tests.support.networks import LocalNetwork, local_network
from tests.support.raw_client import RawClient, key_from_pem

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
