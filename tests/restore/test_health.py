from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quri_console.backup.health_replies import UnusableCheck
from quri_console.config.model import HealthCheck
from quri_console.ic.agent import Agent
from quri_console.ic.encoding import candid
from quri_console.ic.encoding.candid import Types
from quri_console.ic.encoding.principal import Principal, parse_principal
from quri_console.ic.identity import identity_from_pem
from quri_console.localnet.demo_fleet import FLEET
from quri_console.localnet.faults import Delay, FaultRule
from quri_console.restore.health import (
    HEALTH_QUERY,
    Unhealthy,
    ask_all,
    ask_health,
    health_query_of,
    judge,
    require_usable,
)
from tests.support.guinea_pig import Laboratory, laboratory
from tests.support.networks import local_network
from tests.support.rehearsals import module

RUNE_ENGINE = parse_principal(next(item.id for item in FLEET if item.name == "rune-engine"))


@pytest.fixture
async def agent() -> AsyncIterator[Agent]:
    async with local_network(fleet=True) as net:
        identity = identity_from_pem(net.controller.pem)
        async with Agent(net.url, root_key=net.root_key, identity=identity) as opened:
            yield opened


async def test_a_canister_tells_whether_it_is_well(agent: Agent) -> None:
    assert await health_query_of(agent, RUNE_ENGINE) == "health"
    assert await ask_health(agent, RUNE_ENGINE, HealthCheck("health")) == "`health` answered: healthy"
    await agent.update(RUNE_ENGINE, "corrupt", candid.encode([Types.Nat], [3]))
    with pytest.raises(Unhealthy, match="says that it is not healthy"):
        await ask_health(agent, RUNE_ENGINE, HealthCheck("health"))


async def test_a_method_that_is_not_there_is_not_healthy(agent: Agent) -> None:
    with pytest.raises(Unhealthy, match=r"`wellbeing` of .* failed"):
        await ask_health(agent, RUNE_ENGINE, HealthCheck("wellbeing"))
    with pytest.raises(Unhealthy, match=r"`wellbeing` of rune-engine \(.*-cai\) failed"):
        await ask_health(agent, RUNE_ENGINE, HealthCheck("wellbeing"), name="rune-engine")


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


YES = module("(call $yes)")


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Laboratory]:
    async with laboratory(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (HealthCheck("health", expect="(true)"), "`health` answered as expected"),
        (HealthCheck("health", expect="true"), "`health` answered as expected"),
        (HealthCheck("health", matches=r"^\(t.ue\)$"), "`health` answered as expected"),
        (HealthCheck("health", argument='(5 : nat64, "x")'), "`health` answered: healthy"),
    ],
)
async def test_an_answer_that_is_as_configured_is_well(lab: Laboratory, check: HealthCheck, words: str) -> None:
    assert await ask_all(lab.agent, await lab.create(code=YES), [check], name="pig") == words


@pytest.mark.parametrize(
    ("check", "why"),
    [
        (HealthCheck("health", expect="(false)"), "expected (false), it answered (true)"),
        (HealthCheck("health", matches="fine"), "expected /fine/ in it, it answered (true)"),
        (HealthCheck("health", max_reply_bytes=4), "its reply has 8 bytes, and 4 are allowed"),
        (HealthCheck("health", argument="(5"), "')' is missing"),
        (HealthCheck("health", expect="(5"), "')' is missing"),
    ],
)
async def test_an_answer_that_is_not_says_what_was_expected_and_what_came(
    lab: Laboratory, check: HealthCheck, why: str
) -> None:
    with pytest.raises(Unhealthy, match="`health` of pig") as caught:
        await ask_all(lab.agent, await lab.create(code=YES), [check], name="pig")
    assert why in caught.value.why


async def test_an_answer_that_does_not_come_is_waited_for_no_longer_than_configured(lab: Laboratory) -> None:
    canister = await lab.create(code=YES)
    lab.net.faults.add(FaultRule(Delay(60), method="health", count=None))
    with pytest.raises(Unhealthy) as caught:
        await ask_health(lab.agent, canister, HealthCheck("health", timeout_seconds=0.2))
    assert "no answer within" in caught.value.why


async def test_fields_are_called_as_the_canister_calls_them(agent: Agent) -> None:
    with pytest.raises(Unhealthy) as caught:
        await ask_health(agent, RUNE_ENGINE, HealthCheck("health", expect="(true)"))
    assert "healthy = true" in caught.value.why
    ok = await ask_health(agent, RUNE_ENGINE, HealthCheck("health", matches="healthy = true"))
    assert ok == "`health` answered as expected"


def test_what_came_is_shown_in_part_and_without_its_tricks() -> None:
    reply = candid.encode([Types.Text], ["\x1b[2J" + "x" * 1000])
    with pytest.raises(Unhealthy) as caught:
        judge(HealthCheck("health", expect='("y")'), reply, "pig", {})
    assert "\x1b" not in caught.value.why
    assert len(caught.value.why) < 300


def test_texts_that_are_no_candid_are_known_before_anything_is_asked() -> None:
    require_usable([HealthCheck("health", "(5)", "(record { a = 1 })")])
    for check in (
        HealthCheck("health", "(5"),
        HealthCheck("health", expect="(5"),
        HealthCheck("health", "(300 : nat8)"),
    ):
        with pytest.raises(UnusableCheck, match="health check `health`"):
            require_usable([check])


def test_an_answer_that_is_no_candid_is_enough_where_nothing_is_expected_of_it() -> None:
    assert judge(HealthCheck("health"), b"fine", "pig", {}) == "`health` answered, though not in Candid"
    with pytest.raises(Unhealthy, match="did not answer in Candid"):
        judge(HealthCheck("health", matches="fine"), b"fine", "pig", {})
