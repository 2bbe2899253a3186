"""The demo fleet: the four canisters under their real ids, alive, with data; and further ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quri_console.ic.encoding import candid
from quri_console.ic.encoding.candid import Types
from quri_console.ic.encoding.principal import parse_principal
from quri_console.localnet import demo_fleet
from quri_console.localnet.messages import Ingress, Reply
from tests.support.direct import ALICE

EMPTY = candid.encode([], [])
HEALTH = Types.Record({"canister_id": Types.Principal, "healthy": Types.Bool})


async def health_of(network, identifier):
    answer = await network.query(Ingress(b"\x04", identifier, "health", EMPTY))
    assert isinstance(answer, Reply), answer
    return candid.decode(answer.argument, [HEALTH])[0]


async def test_all_four_are_alive_under_their_real_ids(network, alice):
    configured = await demo_fleet.install(network, ALICE, fleet=True, extra=0)
    assert [item.name for item in configured] == ["rune-engine", "registry", "bitcoin-integration", "identity-manager"]
    assert configured[0].id == "pkrpq-5qaaa-aaaah-aroda-cai"
    for item, expected in zip(configured, demo_fleet.FLEET, strict=True):
        identifier = parse_principal(item.id).bytes
        health = await health_of(network, identifier)
        assert (health["canister_id"].bytes, health["healthy"]) == (identifier, True)
        assert network.subnet.get(identifier).cycles <= expected.cycles
        status = await alice.status(identifier)
        assert expected.cycles - 10**9 < status["cycles"] <= expected.cycles
        assert not network.subnet.accounts.is_frozen(network.subnet.get(identifier))
        assert any(low <= identifier <= high for low, high in network.canister_ranges())


async def test_the_interface_is_public(network):
    await demo_fleet.install(network, ALICE, fleet=True, extra=1)
    for identifier in network.subnet.canisters:
        tree = network.canister_tree(identifier)
        assert b"health" in tree[b"metadata"][b"candid:service"]
        assert b"candid:service" not in network.private_metadata(identifier)


async def test_data_was_made_by_calls_and_can_be_read(network):
    await demo_fleet.install(network, ALICE, fleet=True, extra=0)
    for name, method, expected in (
        ("rune-engine", "rune_count", 2_000),
        ("registry", "entry_count", 1_000),
        ("bitcoin-integration", "utxo_count", 500),
        ("identity-manager", "profile_count", 300),
    ):
        item = next(item for item in demo_fleet.FLEET if item.name == name)
        answer = await network.query(Ingress(b"\x04", parse_principal(item.id).bytes, method, EMPTY))
        assert isinstance(answer, Reply), answer
        assert candid.decode(answer.argument, [Types.Nat]) == [expected]


async def test_installing_twice_changes_nothing(network):
    first = await demo_fleet.install(network, ALICE, fleet=True, extra=3)
    versions = {key: canister.version for key, canister in network.subnet.canisters.items()}
    assert await demo_fleet.install(network, ALICE, fleet=True, extra=3) == first
    assert {key: canister.version for key, canister in network.subnet.canisters.items()} == versions


async def test_further_canisters_have_the_same_ids_each_time_and_leave_the_others_theirs(network, alice):
    extras = await demo_fleet.install(network, ALICE, fleet=False, extra=5)
    assert [item.name for item in extras] == [f"extra-000{number}" for number in range(1, 6)]
    identifiers = [parse_principal(item.id).bytes for item in extras]
    assert identifiers[0] == bytes.fromhex("80000000001800000101")
    assert await alice.create() == bytes.fromhex("80000000001000000101")
    more = await demo_fleet.install(network, ALICE, fleet=False, extra=8)
    assert more[:5] == extras
    for identifier in identifiers:
        health = await health_of(network, identifier)
        assert (health["canister_id"].bytes, health["healthy"]) == (identifier, True)


async def test_a_further_canister_counts(network):
    (item,) = await demo_fleet.install(network, ALICE, fleet=False, extra=1)
    identifier = parse_principal(item.id).bytes
    for expected in (1, 2):
        answer = await network.update(Ingress(ALICE, identifier, "count", EMPTY))
        assert isinstance(answer, Reply), answer
        assert candid.decode(answer.argument, [Types.Nat64]) == [expected]


async def test_a_failure_says_which_call_and_why(network, monkeypatch):
    broken = demo_fleet.FLEET[0]
    unknown = demo_fleet.Filling("nothing", ())
    monkeypatch.setattr(demo_fleet, "FLEET", (replace(broken, fillings=(unknown,)),))
    with pytest.raises(demo_fleet.FleetFailure, match="nothing") as caught:
        await demo_fleet.install(network, ALICE, fleet=True, extra=0)
    assert "IC0536" in caught.value.why
