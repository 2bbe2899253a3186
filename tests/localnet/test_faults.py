"""Every fault as a client meets it, and that a rule hits the requests it names and no others."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.ic.agent import Agent
from quri_console.ic.certificates import CertificateOutdated, CertificateVerifier, InvalidSignature
from quri_console.ic.encoding import cbor
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.encoding.request_id import request_id
from quri_console.ic.rejection import Rejected
from quri_console.localnet.builtins import CYCLES_LEDGER_ID
from quri_console.localnet.faults import (
    Action,
    Delay,
    DropAfter,
    DropBefore,
    FaultedRequest,
    FaultRule,
    Faults,
    ForgedCertificate,
    Refuse,
    RejectCall,
    StaleCertificate,
    Truncate,
)
from tests.support.builtins import PUPPET_ID, Puppet
from tests.support.clocks import WatchedClock
from tests.support.networks import LocalNetwork, local_network
from tests.support.raw_client import RawClient


def verify(net: LocalNetwork, response: httpx.Response) -> None:
    certificate = cbor.decode(response.content)["certificate"]
    CertificateVerifier(net.root_key, net.server.clock).verify_for_canister(certificate, Principal(PUPPET_ID))


class TestMatching:
    CALL = FaultedRequest("call", PUPPET_ID, "echo")

    def due(self, rule: FaultRule, *requests: FaultedRequest) -> list[bool]:
        faults = Faults()
        faults.add(rule)
        return [bool(faults.select(request)) for request in requests]

    @pytest.mark.parametrize(
        ("rule", "expected"),
        [
            (FaultRule(DropBefore()), True),
            (FaultRule(DropBefore(), route="call", canister=PUPPET_ID, method="echo"), True),
            (FaultRule(DropBefore(), route="query"), False),
            (FaultRule(DropBefore(), canister=CYCLES_LEDGER_ID), False),
            (FaultRule(DropBefore(), method="wait"), False),
        ],
    )
    def test_by_route_canister_and_method(self, rule: FaultRule, expected: bool) -> None:
        assert self.due(rule, self.CALL) == [expected]

    def test_by_count(self) -> None:
        assert self.due(FaultRule(DropBefore(), first=2, count=2), *[self.CALL] * 5) == [0, 1, 1, 0, 0]
        assert self.due(FaultRule(DropBefore(), first=3, count=None), *[self.CALL] * 5) == [0, 0, 1, 1, 1]

    def test_others_do_not_count(self) -> None:
        other = FaultedRequest("call", PUPPET_ID, "wait")
        assert self.due(FaultRule(DropBefore(), method="echo", first=2), other, self.CALL, other, self.CALL) == [
            False,
            False,
            False,
            True,
        ]

    def test_a_rule_tells_how_often_it_applied(self) -> None:
        faults = Faults()
        rule = faults.add(FaultRule(DropBefore(), count=2))
        for _ in range(5):
            faults.select(self.CALL)
        assert (rule.matched, rule.applied) == (5, 2)
        faults.clear()
        assert not faults.select(self.CALL)


@pytest.mark.parametrize(("action", "executed"), [(DropBefore(), 0), (DropAfter(), 1)])
async def test_a_dropped_connection_and_the_same_request_again(
    served: LocalNetwork, client: RawClient, puppet: Puppet, action: Action, executed: int
) -> None:
    served.faults.add(FaultRule(action, route="call"))
    content = client.call_content(PUPPET_ID, "echo", b"x")
    with pytest.raises(httpx.TransportError):
        await client.send(content)
    assert len(puppet.executed) == executed
    verify(served, await client.send(content))
    assert puppet.executed == ["echo"]


@pytest.mark.parametrize("status", [429, 503])
async def test_a_refusal_executes_nothing(served: LocalNetwork, client: RawClient, puppet: Puppet, status: int) -> None:
    served.faults.add(FaultRule(Refuse(status, retry_after="7")))
    response = await client.send(client.call_content(PUPPET_ID, "echo"))
    assert (response.status_code, response.headers["retry-after"]) == (status, "7")
    assert puppet.executed == []


async def test_a_call_that_is_turned_down_is_not_executed_and_its_rejection_is_certified(
    served: LocalNetwork, client: RawClient, puppet: Puppet
) -> None:
    served.faults.add(FaultRule(RejectCall("IC0207", "out of cycles"), route="call"))
    content = client.call_content(PUPPET_ID, "echo", b"x")
    agent = Agent(served.url, root_key=served.root_key, clock=served.server.clock)
    async with agent:
        with pytest.raises(Rejected) as rejection:
            await agent.update(Principal(PUPPET_ID), "echo", b"x")
        assert (rejection.value.error_code, rejection.value.reject_code) == ("IC0207", 2)
        assert rejection.value.certified
    assert puppet.executed == []
    verify(served, await client.send(content))
    assert puppet.executed == ["echo"]


async def test_a_call_that_one_node_turns_down_is_not_taken_in(
    served: LocalNetwork, client: RawClient, puppet: Puppet
) -> None:
    served.faults.add(FaultRule(RejectCall("IC0207", "out of cycles", certified=False), route="call"))
    content = client.call_content(PUPPET_ID, "echo", b"x")
    answer = cbor.decode((await client.send(content)).content)
    assert (answer["status"], answer["reject_code"], answer["error_code"]) == ("non_replicated_rejection", 2, "IC0207")
    assert puppet.executed == []


async def test_a_query_that_is_turned_down(served: LocalNetwork, client: RawClient, puppet: Puppet) -> None:
    served.faults.add(FaultRule(RejectCall(), route="query"))
    content = client.content("query", canister_id=PUPPET_ID, method_name="echo", arg=b"")
    answer = cbor.decode((await client.send(content, version="v3")).content)
    assert (answer["status"], answer["error_code"]) == ("rejected", "IC0210")


async def test_a_truncated_reply_announces_more_than_it_holds(served: LocalNetwork, client: RawClient) -> None:
    served.faults.add(FaultRule(Truncate(keep_bytes=40)))
    with pytest.raises(httpx.RemoteProtocolError, match="received 40 bytes, expected"):
        await client.send(client.call_content(PUPPET_ID, "echo"))


@pytest.mark.parametrize("after", [False, True])
async def test_a_delay_before_or_after_execution(puppet: Puppet, after: bool) -> None:
    clock = WatchedClock()
    async with local_network(clock=clock) as net, RawClient(net.url, clock=clock) as client:
        net.network.register_builtin(PUPPET_ID, puppet)
        net.faults.add(FaultRule(Delay(5, after=after), route="query"))
        content = client.content("query", canister_id=PUPPET_ID, method_name="echo", arg=b"")
        sending = asyncio.create_task(client.send(content, version="v3"))
        await clock.slept.wait()
        await clock.advance(4.9)
        assert not sending.done()
        await clock.advance(0.2)
        answer = cbor.decode((await sending).content)
        signed_ns = answer["signatures"][0]["timestamp"]
        late_ns = 0 if after else 5 * NANOSECONDS_PER_SECOND
        assert signed_ns == WatchedClock().now_ns() + late_ns


async def test_a_stale_certificate_is_genuine_but_old(served: LocalNetwork, client: RawClient) -> None:
    served.faults.add(FaultRule(StaleCertificate(age_seconds=600)))
    response = await client.send(client.call_content(PUPPET_ID, "echo"))
    with pytest.raises(CertificateOutdated):
        verify(served, response)
    certificate = cbor.decode(response.content)["certificate"]
    timeless = CertificateVerifier(served.root_key, served.server.clock, max_age_seconds=None)
    timeless.verify_for_canister(certificate, Principal(PUPPET_ID))


@pytest.mark.parametrize("content", [False, True])
async def test_a_forged_certificate_does_not_verify(served: LocalNetwork, client: RawClient, content: bool) -> None:
    served.faults.add(FaultRule(ForgedCertificate(content=content)))
    call = client.call_content(PUPPET_ID, "echo", b"\x10")
    forged = await client.send(call)
    with pytest.raises(InvalidSignature):
        verify(served, forged)
    verify(served, await client.read_state(PUPPET_ID, [[b"request_status", request_id(call)]]))


async def test_the_status_route_fails_too(served: LocalNetwork, client: RawClient) -> None:
    served.faults.add(FaultRule(Refuse(503), route="status"))
    assert (await client.http.get(served.url + "/api/v2/status")).status_code == 503
    assert (await client.http.get(served.url + "/api/v2/status")).status_code == 200
