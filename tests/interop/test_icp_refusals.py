"""What the network refuses, as the official command line words it."""

from __future__ import annotations

import pytest

from quri_console.clock import ManualClock, SystemClock
from quri_console.ic.encoding.principal import parse_principal
from quri_console.localnet.faults import FaultRule, ForgedCertificate, Refuse
from tests.interop.conftest import Operator
from tests.support.icp import Icp
from tests.support.networks import local_network

pytestmark = pytest.mark.interop


async def test_only_controllers_control(operator: Operator) -> None:
    canister = await operator.create()
    icp = operator.icp
    await icp("identity", "new", "stranger", "--storage", "plaintext", everywhere=False)
    for verb in ("stop", "start"):
        assert "IC0512" in await icp.refused("canister", verb, canister, "--identity", "stranger")
    assert "IC0512" in await icp.refused("canister", "snapshot", "list", canister, "--identity", "stranger")
    # For a stranger the client falls back to what is public.
    public = (await icp("canister", "status", canister, "--identity", "stranger", "--json")).json
    assert "cycles" not in public
    assert (await icp("canister", "status", canister, "--json")).json["status"] == "Running"


async def test_nobody_controls_the_cycles_ledger_but_everybody_sees_that_it_is_there(operator: Operator) -> None:
    ledger = "um5iw-rqaaa-aaaaq-qaaba-cai"
    assert (await operator.icp("canister", "status", ledger, "--json")).json["controllers"] == []
    assert "IC0512" in await operator.icp.refused("canister", "stop", ledger)


async def test_a_stopped_canister_serves_nobody(operator: Operator, counter: bytes) -> None:
    canister = await operator.install(counter)
    await operator.icp("canister", "stop", canister)
    assert "IC0508" in await operator.icp.refused("canister", "call", canister, "inc", "()")
    assert "IC0508" in await operator.icp.refused("canister", "call", canister, "get", "()", "--query")


async def test_a_frozen_canister_serves_nobody_and_can_be_helped(operator: Operator, counter: bytes) -> None:
    canister = await operator.install(counter)
    settings = ("canister", "settings", "update", canister, "--force", "--freezing-threshold")
    await operator.icp(*settings, "100000000000000")
    assert "IC0207" in await operator.icp.refused("canister", "call", canister, "inc", "()")
    assert "IC0207" in await operator.icp.refused("canister", "call", canister, "get", "()", "--query")
    assert (await operator.icp("canister", "status", canister, "--json")).json["status"] == "Running"
    await operator.icp(*settings, "30d")
    assert await operator.ask(canister, "get", "()", "--query", "--output", "hex") == "6400000000000000"


async def test_a_canister_has_ten_snapshots(operator: Operator, counter: bytes) -> None:
    canister = await operator.install(counter)
    await operator.icp("canister", "stop", canister)
    for _ in range(10):
        last = await operator.icp("canister", "snapshot", "create", canister, "--json")
    assert "IC0406" in await operator.icp.refused("canister", "snapshot", "create", canister)
    replacing = ("--replace", last.json["snapshot_id"], "--json")
    replaced = await operator.icp("canister", "snapshot", "create", canister, *replacing)
    assert replaced.json["snapshot_id"] != last.json["snapshot_id"]


async def test_a_snapshot_that_is_not_there(operator: Operator, counter: bytes) -> None:
    canister = await operator.install(counter)
    nowhere = (99).to_bytes(8, "big").hex() + parse_principal(canister).bytes.hex()
    assert "IC0305" in await operator.icp.refused("canister", "snapshot", "delete", canister, nowhere)


async def test_an_empty_canister_has_no_snapshot(operator: Operator) -> None:
    canister = await operator.create()
    await operator.icp("canister", "stop", canister)
    assert "IC0406" in await operator.icp.refused("canister", "snapshot", "create", canister)


async def test_a_request_that_expired_long_ago(icp_home: Icp) -> None:
    clock = ManualClock(SystemClock().now_ns() + 3600 * 10**9)
    async with local_network(clock=clock) as net:
        icp = icp_home.on(net.url, net.root_key)
        await icp("identity", "new", "late", "--storage", "plaintext", everywhere=False)
        said = await icp.refused("canister", "create", "--detached", "--identity", "late")
    assert "Invalid request expiry" in said


async def test_the_wrong_root_key(operator: Operator) -> None:
    canister = await operator.create()
    async with local_network() as other:
        wrong = operator.icp.on(operator.net.url, other.root_key)
        assert "erification failed" in await wrong.refused("canister", "status", canister)


async def test_a_forged_certificate(operator: Operator) -> None:
    canister = await operator.create()
    operator.net.faults.add(FaultRule(ForgedCertificate(content=True), route="call", count=None))
    assert "erification failed" in await operator.icp.refused("canister", "start", canister)


async def test_a_busy_network_is_asked_again(operator: Operator) -> None:
    canister = await operator.create()
    rule = operator.net.faults.add(FaultRule(Refuse(429), route="call", count=2))
    await operator.icp("canister", "stop", canister)
    assert (rule.matched, rule.applied) == (3, 2)
