"""The agent against the local network: replies, rejections, and proofs it does not believe."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from quri_console.clock import ManualClock, SystemClock
from quri_console.errors import ExitCode, RefusedBySafetyRule
from quri_console.ic import ledger
from quri_console.ic.agent import Agent, CallUndecided, Rejected, fetch_root_key
from quri_console.ic.certificates import (
    MAINNET_ROOT_KEY_DER,
    CertificateOutdated,
    InvalidSignature,
    MalformedCertificate,
    MissingSignature,
    UnknownNode,
)
from quri_console.ic.delivery import ClockSkew, UnexpectedAnswer
from quri_console.ic.encoding import cbor
from quri_console.ic.encoding.cbor import MalformedCbor
from quri_console.ic.encoding.hash_tree import Absent, Found
from quri_console.ic.encoding.principal import ANONYMOUS, MANAGEMENT, Principal
from quri_console.ic.identity import identity_from_pem
from quri_console.ic.management import change, read
from quri_console.ic.transport import HttpTransport
from quri_console.localnet.builtins import register_builtins
from quri_console.localnet.faults import FaultRule, ForgedCertificate, StaleCertificate
from quri_console.localnet.network import Network
from quri_console.localnet.server import LocalnetServer
from quri_console.localnet.signing import NetworkKeys
from tests.support.authority import Authority
from tests.support.front import Answer, Seen, front_of
from tests.support.networks import LocalNetwork, local_network

ANY_ID = Principal(bytes.fromhex("80000000001000000101"))
MISSING = Principal(bytes.fromhex("8000000000100fff0101"))


@asynccontextmanager
async def agent_of(net: LocalNetwork, **options: Any) -> AsyncIterator[Agent]:
    """An agent of the network's controller, unless told otherwise."""
    settings: dict[str, Any] = {"root_key": net.root_key, "identity": identity_from_pem(net.controller.pem)}
    if net.server.clock is not None:
        settings["clock"] = net.server.clock
    async with Agent(**{"url": net.url, **settings, **options}) as agent:
        yield agent


async def make_canister(agent: Agent) -> Principal:
    return await change.perform(agent, change.provisional_create_canister_with_cycles(ANY_ID))


NETWORKS = pytest.mark.parametrize(
    "options",
    [{}, {"delegated": True}, {"delegated": True, "old_layout": True}],
    ids=["root", "delegated", "old layout"],
)


@NETWORKS
async def test_query_update_and_state_are_verified_on_every_layout(options: dict[str, bool]) -> None:
    async with local_network(**options) as net, agent_of(net) as agent:
        canister = await make_canister(agent)
        certified = await read.canister_status(agent, canister)
        queried = await read.canister_status(agent, canister, form="query")
        assert certified.settings == queried.settings
        path = (b"canister", canister.bytes, b"controllers")
        certificate = await agent.read_state([path], canister)
        assert certificate.lookup(path) == Found(cbor.encode([agent.identity.sender.bytes]))
        missing = (b"canister", canister.bytes, b"module_hash")
        assert (await agent.read_state([missing], canister)).lookup(missing) == Absent()
        assert certificate.subnet.bytes == net.server.subnet_id
        subnet = await agent.read_subnet_state(
            [(b"subnet", certificate.subnet.bytes, b"public_key")], certificate.subnet
        )
        assert subnet.subnet == certificate.subnet


async def test_the_node_says_its_status_and_root_key() -> None:
    async with local_network() as net, agent_of(net) as agent:
        status = await agent.status()
        assert (status.health, status.root_key) == ("healthy", net.root_key)
        assert await fetch_root_key(net.url) == net.root_key


@pytest.mark.parametrize("url", ["https://icp-api.io", "http://192.0.2.1:8000", "http://127.0.0.1.example.org"])
async def test_a_root_key_is_fetched_from_this_machine_only(url: str) -> None:
    with pytest.raises(RefusedBySafetyRule) as caught:
        await fetch_root_key(url)
    assert caught.value.exit_code is ExitCode.REFUSED


async def test_a_rejection_before_execution_is_not_certified() -> None:
    async with local_network() as net, agent_of(net) as agent:
        with pytest.raises(Rejected) as caught:
            await read.canister_status(agent, MISSING)
    assert (caught.value.reject_code, caught.value.error_code, caught.value.certified) == (3, "IC0301", False)
    assert MISSING.to_str() in caught.value.message
    assert caught.value.exit_code is ExitCode.FAILED
    assert caught.value.next_step


async def test_a_rejection_after_execution_is_certified() -> None:
    async with local_network() as net, agent_of(net) as agent:
        canister = await make_canister(agent)
        with pytest.raises(Rejected) as caught:
            await change.perform(agent, change.take_canister_snapshot(canister))
    assert (caught.value.error_code, caught.value.certified) == ("IC0406", True)
    assert "empty canister" in caught.value.message


async def test_whoever_is_not_a_controller_gets_the_exit_code_for_it() -> None:
    async with local_network() as net, agent_of(net) as owner, agent_of(net, identity=None) as anonymous:
        canister = await make_canister(owner)
        assert anonymous.identity.sender == ANONYMOUS
        for attempt in (
            change.perform(anonymous, change.stop_canister(canister)),
            read.canister_status(anonymous, canister, form="query"),
        ):
            with pytest.raises(Rejected) as caught:
                await attempt
            assert caught.value.error_code == "IC0512"
            assert caught.value.exit_code is ExitCode.NOT_AUTHORISED


async def test_another_networks_root_key_is_noticed_at_the_first_answer() -> None:
    async with local_network() as net, agent_of(net, root_key=MAINNET_ROOT_KEY_DER) as agent:
        with pytest.raises(InvalidSignature) as caught:
            await agent.read_state([[b"time"]], ANY_ID)
        assert caught.value.exit_code is ExitCode.NETWORK
        assert "root key" in caught.value.next_step
        with pytest.raises(InvalidSignature):
            await ledger.balance_of(agent, ANONYMOUS)


@pytest.mark.parametrize("seconds", [-600, 600], ids=["behind", "ahead"])
async def test_a_clock_that_is_off_by_more_than_four_minutes_is_named(seconds: int) -> None:
    theirs = ManualClock()
    ours = ManualClock(theirs.now_ns() + seconds * 10**9)
    async with local_network(clock=theirs) as net, agent_of(net, clock=ours) as agent:
        for attempt in (
            agent.update(MANAGEMENT, "start_canister", b"DIDL\0\0", effective_canister=ANY_ID),
            agent.read_state([[b"time"]], ANY_ID),
        ):
            with pytest.raises(ClockSkew) as caught:
                await attempt
            assert caught.value.seconds == pytest.approx(seconds, abs=2)
            assert caught.value.exit_code is ExitCode.NETWORK


@pytest.mark.parametrize("seconds", [-200, 80], ids=["behind", "ahead"])
async def test_a_clock_that_is_a_little_off_does_no_harm(seconds: int) -> None:
    theirs = ManualClock()
    ours = ManualClock(theirs.now_ns() + seconds * 10**9)
    async with local_network(clock=theirs) as net, agent_of(net, clock=ours) as agent:
        canister = await make_canister(agent)
        assert (await read.canister_status(agent, canister, form="query")).status == "running"


async def test_an_anonymous_reader_with_a_wrong_clock_is_told_by_the_signatures() -> None:
    theirs = ManualClock()
    ours = ManualClock(theirs.now_ns() + 600 * 10**9)
    async with local_network(clock=theirs) as net, agent_of(net, clock=ours, identity=None) as agent:
        with pytest.raises(CertificateOutdated) as caught:
            await ledger.balance_of(agent, ANONYMOUS)
    assert "clock" in caught.value.next_step


async def test_a_forged_state_certificate_is_refused() -> None:
    async with local_network(delegated=True) as net, agent_of(net) as agent:
        for action in (ForgedCertificate(), ForgedCertificate(content=True)):
            net.faults.add(FaultRule(action, route="read_state"))
            with pytest.raises(InvalidSignature):
                await agent.read_state([[b"time"]], ANY_ID)
        net.faults.add(FaultRule(StaleCertificate(600), route="read_state"))
        with pytest.raises(CertificateOutdated):
            await agent.read_state([[b"time"]], ANY_ID)
        await agent.read_state([[b"time"]], ANY_ID)


async def test_a_forged_or_old_node_signature_is_refused() -> None:
    async with local_network() as net, agent_of(net) as agent:
        assert await ledger.balance_of(agent, agent.identity.sender) == 10**15
        net.faults.add(FaultRule(ForgedCertificate(), route="query"))
        with pytest.raises(InvalidSignature):
            await ledger.balance_of(agent, agent.identity.sender)
        net.faults.add(FaultRule(ForgedCertificate(content=True), route="query"))
        with pytest.raises(InvalidSignature):
            await ledger.balance_of(agent, agent.identity.sender)
        net.faults.add(FaultRule(StaleCertificate(600), route="query"))
        with pytest.raises(CertificateOutdated):
            await ledger.balance_of(agent, agent.identity.sender)


async def test_a_forged_answer_to_a_call_is_overruled_by_the_certified_status() -> None:
    async with local_network() as net, agent_of(net) as agent:
        canister = await make_canister(agent)
        forged = net.faults.add(FaultRule(ForgedCertificate(content=True), route="call"))
        await change.perform(agent, change.stop_canister(canister))
        assert forged.applied == 1
        assert (await read.canister_status(agent, canister)).status == "stopped"


async def test_a_call_whose_every_proof_is_forged_stays_undecided() -> None:
    async with local_network() as net, agent_of(net) as agent:
        canister = await make_canister(agent)
        net.faults.add(FaultRule(ForgedCertificate(), route="call", count=None))
        net.faults.add(FaultRule(ForgedCertificate(), route="read_state", count=None))
        with pytest.raises(CallUndecided) as caught:
            await change.perform(agent, change.stop_canister(canister))
        assert isinstance(caught.value.__cause__, InvalidSignature)
        assert caught.value.call.method == "stop_canister"
        assert "root key" in caught.value.next_step


async def test_node_keys_are_read_once_for_all_canisters() -> None:
    async with local_network() as net, front_of(net.url) as front, agent_of(net, url=front.url) as agent:
        canister = await make_canister(agent)
        front.seen.clear()
        await read.canister_status(agent, canister, form="query")
        await ledger.balance_of(agent, ANONYMOUS)
        await ledger.balance_of(agent, ANONYMOUS)
        assert sorted(front.paths()[:2]) == ["v3/query", "v3/read_state"]
        assert front.paths()[2:] == ["v3/query", "v3/query"]


async def test_node_keys_are_read_again_for_a_node_that_joined() -> None:
    clock = SystemClock()
    later_keys = NetworkKeys.make(delegated=False)
    later_network = Network(clock)
    register_builtins(later_network, clock)
    async with (
        local_network(clock=clock) as net,
        front_of(net.url) as front,
        agent_of(net, url=front.url) as agent,
    ):
        # The same subnet with another node.
        vars(later_keys).update(root=net.server.keys.root, subnet=net.server.keys.subnet)
        async with LocalnetServer.running(later_network, keys=later_keys, clock=clock) as later:
            await ledger.balance_of(agent, ANONYMOUS)
            front.seen.clear()
            front.upstream = later.url
            await ledger.balance_of(agent, ANONYMOUS)
            await ledger.balance_of(agent, ANONYMOUS)
            assert front.paths() == ["v3/query", "v3/read_state", "v3/query"]


async def test_node_keys_are_read_again_after_five_minutes() -> None:
    clock = ManualClock()
    async with local_network(clock=clock) as net, front_of(net.url) as front, agent_of(net, url=front.url) as agent:
        for seconds, reads in ((0, 1), (299, 1), (2, 2)):
            await clock.advance(seconds)
            await ledger.balance_of(agent, ANONYMOUS)
            assert front.paths().count("v3/read_state") == reads


async def test_an_answer_of_a_node_that_no_certificate_names_is_refused() -> None:
    stranger = Principal(b"no node of this subnet").bytes

    def by_a_stranger(seen: Seen) -> Answer | None:
        if not seen.path.endswith("query"):
            return None
        signature = {"timestamp": clock.now_ns(), "signature": bytes(64), "identity": stranger}
        answer = {"status": "replied", "reply": {"arg": b"DIDL"}, "signatures": [signature]}
        return Answer(200, cbor.encode(answer))

    clock = ManualClock()
    async with (
        local_network(clock=clock) as net,
        front_of(net.url, by_a_stranger) as front,
        agent_of(net, url=front.url) as agent,
    ):
        with pytest.raises(UnknownNode):
            await ledger.balance_of(agent, ANONYMOUS)
        assert sorted(front.paths()) == ["v3/query", "v3/read_state", "v3/read_state"]


async def test_a_query_answer_without_signatures_is_refused() -> None:
    unsigned = cbor.encode({"status": "replied", "reply": {"arg": b"DIDL\0\0"}})
    hook = _instead_of("query", unsigned)
    async with local_network() as net, front_of(net.url, hook) as front, agent_of(net, url=front.url) as agent:
        with pytest.raises(MissingSignature):
            await ledger.balance_of(agent, ANONYMOUS)


def _instead_of(kind: str, body: bytes, status: int = 200) -> Any:
    def hook(seen: Seen) -> Answer | None:
        return Answer(status, body) if seen.path.endswith(kind) else None

    return hook


def _five_gigabyte_claim() -> bytes:
    return b"\xd9\xd9\xf7\xa1\x6bcertificate\x5b" + (5 * 10**9).to_bytes(8) + b"short"


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b"<html>hello</html>", (MalformedCbor, MalformedCertificate)),
        (200, b"", (MalformedCbor, MalformedCertificate)),
        (200, _five_gigabyte_claim(), (MalformedCbor, MalformedCertificate)),
        (200, b"\x63abc", (UnexpectedAnswer, MalformedCertificate)),
        (301, b"moved", UnexpectedAnswer),
        (404, b"not found", UnexpectedAnswer),
        (500, b"oops", UnexpectedAnswer),
    ],
    ids=["html", "empty", "5 GB claim", "other CBOR", "redirect", "404", "500"],
)
async def test_what_is_no_internet_computer_is_told_so(status: int, body: bytes, error: Any) -> None:
    async with (
        front_of(hook=lambda _: Answer(status, body)) as front,
        Agent(front.url, root_key=MAINNET_ROOT_KEY_DER) as agent,
    ):
        for attempt in (
            agent.status(),
            agent.query(ANY_ID, "health", b"DIDL\0\0"),
            agent.read_state([[b"time"]], ANY_ID),
        ):
            with pytest.raises(error) as caught:
                await attempt
            assert caught.value.exit_code is ExitCode.NETWORK
            assert "Check" in caught.value.next_step


async def test_the_whole_agent_works_over_tls_and_http2(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    async with local_network() as net, front_of(net.url, tls=authority, requests_per_connection=4) as front:
        transport = HttpTransport(front.url, tls=authority.client_context())
        async with agent_of(net, url=front.url, transport=transport) as agent:
            canister = await make_canister(agent)
            for _ in range(10):
                assert (await read.canister_status(agent, canister)).status == "running"
    assert {seen.http_version for seen in front.seen} == {"2"}
    assert len({seen.connection for seen in front.seen}) > 1
