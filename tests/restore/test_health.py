from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from quri_console.ic.agent import Agent
from quri_console.ic.encoding import candid
from quri_console.ic.encoding.candid import Types
from quri_console.ic.encoding.principal import Principal, parse_principal
from quri_console.ic.identity import identity_from_pem
from quri_console.localnet.demo_fleet import FLEET
from quri_console.restore.health import HEALTH_QUERY, Unhealthy, ask_health, health_query_of
from tests.support.networks import local_network

RUNE_ENGINE = parse_principal(next(item.id for item in FLEET if item.name == "rune-engine"))


@pytest.fixture
async def agent() -> AsyncIterator[Agent]:
    async with local_network(fleet=True) as net:
        identity = identity_from_pem(net.controller.pem)
        async with Agent(net.url, root_key=net.root_key, identity=identity) as opened:
            yield opened


async def test_a_canister_tells_whether_it_is_well(agent: Agent) -> None:
    assert await health_query_of(agent, RUNE_ENGINE) == "health"
    assert await ask_health(agent, RUNE_ENGINE, "health") == "`health` answered: healthy"
    await agent.update(RUNE_ENGINE, "corrupt", candid.encode([Types.Nat], [3]))
    with pytest.raises(Unhealthy, match="says that it is not healthy"):
        await ask_health(agent, RUNE_ENGINE, "health")


async def test_a_method_that_is_not_there_is_not_healthy(agent: Agent) -> None:
    with pytest.raises(Unhealthy, match=r"`wellbeing` of .* failed"):
        await ask_health(agent, RUNE_ENGINE, "wellbeing")
    with pytest.raises(Unhealthy, match=r"`wellbeing` of rune-engine \(.*-cai\) failed"):
        await ask_health(agent, RUNE_ENGINE, "wellbeing", name="rune-engine")


async def test_a_canister_without_an_interface_is_not_asked(agent: Agent) -> None:
    ledger = Principal.from_str("um5iw-rqaaa-aaaaq-qaaba-cai")
    assert await health_query_of(agent, ledger) is None


@pytest.mark.parametrize(
    ("interface", "found"),
    [
        ("service : { health : () -> (record { healthy : bool }) query; }", True),
        ("service : { health: ()->(text)query }", True),
        ("service : { health : () -> (text) composite_query }", True),
        ("service : { health : () -> (text) }", False),
        ("service : { health : (nat) -> (text) query }", False),
        ("service : { unhealth : () -> (text) query }", False),
        ("service : { greet : () -> (text) query }", False),
    ],
)
def test_only_a_query_without_arguments_counts(interface: str, found: bool) -> None:
    assert bool(HEALTH_QUERY.search(interface)) is found
