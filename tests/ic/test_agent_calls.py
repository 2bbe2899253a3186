"""What became of a call: executed once however often it is sent, and never guessed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import pytest

from quri_console.clock import ManualClock
from quri_console.errors import CorruptionError, ExitCode
from quri_console.ic import ledger
from quri_console.ic.agent import Agent, CallNotExecuted, CallUndecided, Rejected, SignedCall
from quri_console.ic.encoding import cbor
from quri_console.ic.encoding.principal import MANAGEMENT, Principal
from quri_console.ic.envelope import INGRESS_SECONDS
from quri_console.ic.identity import identity_from_pem
from quri_console.ic.management import change, read
from quri_console.ic.transport import Unreachable
from quri_console.localnet.faults import Action, DropAfter, DropBefore, FaultRule, Refuse, Truncate
from tests.support import guinea_pig
from tests.support.front import Answer, Front, Seen, front_of
from tests.support.modules import NeverAnswers
from tests.support.networks import LocalNetwork, local_network
from tests.support.passing_time import OwnSleepers, while_time_passes

ANY_ID = Principal(bytes.fromhex("80000000001000000101"))
MISSING = Principal(bytes.fromhex("8000000000100fff0101"))
AMOUNT = 10**12
Result = TypeVar("Result")


@dataclass(frozen=True)
class Stage:
    """A network behind a front, an agent, and a canister that it controls."""

    clock: ManualClock
    own: OwnSleepers
    net: LocalNetwork
    front: Front
    agent: Agent
    canister: Principal

    async def run(self, work: Awaitable[Result]) -> Result:
        """The result of `work`; time passes while the client waits."""
        return await while_time_passes(self.clock, work, 1, sleepers=self.own)

    async def perform(self, call: change.ManagementCall[Any]) -> Any:
        return await self.run(change.perform(self.agent, call))

    async def send(self, call: SignedCall, agent: Agent | None = None, **options: bool) -> bytes:
        return await self.run((agent or self.agent).send(call, **options))

    def sign(self, call: change.ManagementCall[Any]) -> SignedCall:
        return self.agent.sign_update(
            call.canister, call.method, call.argument, effective_canister=call.effective_canister
        )

    async def ledger_balance(self) -> int:
        return await self.run(ledger.balance_of(self.agent, self.agent.identity.sender))

    def calls(self) -> list[bytes]:
        return self.front.bodies("call")


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    clock = ManualClock()
    own = OwnSleepers(clock)
    async with (
        local_network(clock=clock) as net,
        front_of(net.url) as front,
        Agent(front.url, root_key=net.root_key, identity=identity_from_pem(net.controller.pem), clock=own) as agent,
    ):
        canister = await change.perform(agent, change.provisional_create_canister_with_cycles(ANY_ID))
        front.seen.clear()
        yield Stage(clock, own, net, front, agent, canister)


@pytest.mark.parametrize(
    "action",
    [DropBefore(), DropAfter(), Truncate(), Truncate(10), Refuse(429), Refuse(502), Refuse(503), Refuse(504)],
    ids=str,
)
@pytest.mark.parametrize("times", [1, 3])
async def test_a_lost_answer_never_moves_cycles_twice(action: Action, times: int) -> None:
    async with stage() as on:
        before = await on.ledger_balance()
        # Straight to the network: its faults break connections, which the front would turn into answers.
        async with Agent(on.net.url, root_key=on.net.root_key, identity=on.agent.identity, clock=on.own) as agent:
            rule = on.net.faults.add(FaultRule(action, route="call", count=times))
            work = change.perform(agent, ledger.withdraw(on.canister, AMOUNT))
            done = await on.run(work)
            assert rule.applied == times
            assert not done.duplicate
            balance = await on.run(ledger.balance_of(agent, agent.identity.sender))
        assert before - balance == AMOUNT + ledger.WITHDRAWAL_FEE_CYCLES


def _first(count: int, answer: Answer, kind: str = "call") -> Callable[[Seen], Answer | None]:
    """`answer` for the first requests of a kind, then the network's own."""
    remaining = [count]

    def hook(seen: Seen) -> Answer | None:
        if not seen.path.endswith(kind) or remaining[0] == 0:
            return None
        remaining[0] -= 1
        return answer

    return hook


async def test_the_very_same_bytes_are_sent_again() -> None:
    async with stage() as on:
        on.front.hook = _first(4, Answer(503))
        await on.perform(change.stop_canister(on.canister))
        assert len(on.calls()) == 5
        assert len(set(on.calls())) == 1


async def test_two_equal_calls_differ_by_their_nonce() -> None:
    async with stage() as on:
        first, second = (on.sign(change.start_canister(on.canister)) for _ in range(2))
        assert first.request_id != second.request_id
        content: Any = cbor.decode(first.envelope)
        assert len(content["content"]["nonce"]) == 16
        assert content["content"]["ingress_expiry"] - on.clock.now_ns() == INGRESS_SECONDS * 10**9


async def test_429_is_retried_after_the_time_it_names() -> None:
    async with stage() as on:
        on.front.hook = _first(1, Answer(429, b"", {"retry-after": "9"}))
        start = on.clock.monotonic()
        await on.perform(change.stop_canister(on.canister))
        assert 9 <= on.clock.monotonic() - start < 10


def _old_replica(seen: Seen) -> Answer | None:
    return None if "/v2/" in seen.path else Answer(404)


async def test_an_accepted_call_is_polled_on_v2() -> None:
    async with stage() as on:
        on.front.hook = _old_replica
        await on.perform(change.stop_canister(on.canister))
        assert (await on.run(read.canister_status(on.agent, on.canister))).status == "stopped"
        assert on.front.paths()[:4] == ["v4/call", "v2/call", "v3/read_state", "v2/read_state"]
        assert set(on.front.paths()[4:]) == {"v2/call", "v2/read_state"}


async def test_a_call_without_an_answer_is_polled_until_the_network_or_we_give_up() -> None:
    async with stage() as on:
        await on.perform(change.install_code(on.canister, "install", guinea_pig.module()))
        silence = NeverAnswers()
        on.net.network.register_builtin(guinea_pig.SILENCE, silence)
        asking = on.agent.sign_update(on.canister, "ask_silence", b"DIDL\0\0")
        stopping = on.sign(change.stop_canister(on.canister))

        async def both() -> list[object]:
            return await asyncio.gather(on.agent.send(asking), on.agent.send(stopping), return_exceptions=True)

        asked, stopped = await while_time_passes(on.clock, both(), 5)
        assert isinstance(stopped, Rejected)
        assert (stopped.error_code, stopped.certified) == ("IC0206", True)
        assert isinstance(asked, CallUndecided)
        assert "did not come in time" in asked.why
        assert (await on.agent.request_status(asking)).state == "processing"


async def test_rejections_arrive_alike_on_v2() -> None:
    async with stage() as on:
        on.front.hook = _old_replica
        with pytest.raises(Rejected) as before:
            await on.perform(change.stop_canister(MISSING))
        with pytest.raises(Rejected) as after:
            await on.perform(change.take_canister_snapshot(on.canister))
        assert (before.value.error_code, before.value.certified) == ("IC0301", False)
        assert (after.value.error_code, after.value.certified) == ("IC0406", True)


async def test_an_unreachable_network_is_not_an_undecided_call() -> None:
    async with stage() as on, Agent("http://127.0.0.1:1", root_key=on.net.root_key, clock=on.own) as agent:
        start = on.clock.monotonic()
        work = agent.update(MANAGEMENT, "start_canister", b"DIDL\0\0", effective_canister=on.canister)
        with pytest.raises(Unreachable) as caught:
            await on.run(work)
        assert on.clock.monotonic() - start <= 10
        assert caught.value.exit_code is ExitCode.NETWORK


async def test_a_call_that_never_arrived_is_certified_as_not_executed() -> None:
    async with stage() as on:
        on.front.hook = lambda seen: Answer(503) if seen.path.endswith("call") else None
        with pytest.raises(CallNotExecuted) as caught:
            await on.perform(change.stop_canister(on.canister))
        assert on.clock.now_ns() > caught.value.call.ingress_expiry_ns
        assert len(set(on.calls())) == 1


async def test_a_call_that_was_held_back_until_it_expired_is_not_blamed_on_the_clock() -> None:
    async with stage() as on:
        late = Answer(400, b"Invalid request expiry: Specified ingress_expiry not within expected range")
        answers = iter([Answer(429, b"", {"retry-after": str(INGRESS_SECONDS - 1)}), late])
        on.front.hook = lambda seen: next(answers) if seen.path.endswith("call") else None
        with pytest.raises(CallNotExecuted):
            await on.perform(change.stop_canister(on.canister))


async def test_without_any_proof_the_call_stays_undecided() -> None:
    async with stage() as on:
        on.front.hook = lambda _: Answer(503)
        with pytest.raises(CallUndecided) as caught:
            await on.perform(change.stop_canister(on.canister))
        assert caught.value.call.effective_canister == on.canister
        assert on.canister.to_str() in caught.value.what
        assert "503" in caught.value.why
        assert caught.value.exit_code is ExitCode.NETWORK


async def test_a_refusal_says_nothing_about_an_earlier_attempt_that_arrived() -> None:
    async with stage() as on:
        rejection = {"status": "non_replicated_rejection", "reject_code": 3, "reject_message": "?"}
        answers = iter([None, Answer(200, cbor.encode(rejection))])
        on.front.hook = lambda seen: next(answers) if seen.path.endswith("call") else None
        on.front.lose_next_answer = True
        await on.perform(change.stop_canister(on.canister))
        assert len(on.calls()) == 2
        assert (await on.run(read.canister_status(on.agent, on.canister, form="query"))).status == ("stopped")


async def test_a_refusal_after_a_doubtful_attempt_waits_and_then_stays_undecided() -> None:
    async with stage() as on:
        rejection = {"reject_code": 3, "reject_message": "no such canister", "error_code": "IC0301"}
        answers = iter([Answer(503), Answer(200, cbor.encode(rejection))])
        on.front.hook = lambda seen: next(answers) if seen.path.endswith("call") else None
        start = on.clock.monotonic()
        with pytest.raises(CallUndecided) as caught:
            await on.perform(change.stop_canister(on.canister))
        assert isinstance(caught.value.__cause__, Rejected)
        assert 20 <= on.clock.monotonic() - start < 30


async def test_a_signed_call_survives_a_crash_and_is_sent_without_the_key() -> None:
    async with stage() as on:
        written = json.dumps(on.sign(change.stop_canister(on.canister)).to_json())
        call = SignedCall.from_json(json.loads(written))
        async with Agent(on.front.url, root_key=on.net.root_key, clock=on.own) as keyless:
            assert (await keyless.request_status(call)).state == "unknown"
            on.front.hook = _old_replica  # so that the status must be asked for
            await on.send(call, keyless)
            assert (await keyless.request_status(call)).state == "replied"
            again = SignedCall.from_json(json.loads(written))
            await on.send(again, keyless, sent_before=True)


async def test_a_call_from_before_a_crash_is_not_sent_after_it_expired() -> None:
    async with stage() as on:
        call = on.sign(change.stop_canister(on.canister))
        await on.clock.advance(INGRESS_SECONDS + 1)
        with pytest.raises(CallNotExecuted):
            await on.send(call, sent_before=True)
        assert on.calls() == []


async def test_a_call_that_was_executed_before_a_crash_is_recognised_after_it_expired() -> None:
    async with stage() as on:
        call = on.sign(change.stop_canister(on.canister))
        first = await on.send(call)
        await on.clock.advance(INGRESS_SECONDS + 1)
        assert await on.send(call, sent_before=True) == first
        assert len(on.calls()) == 1


async def test_a_call_of_long_ago_stays_undecided() -> None:
    async with stage() as on:
        call = on.sign(change.stop_canister(on.canister))
        await on.clock.advance(3600)
        with pytest.raises(CallUndecided) as caught:
            await on.send(call, sent_before=True)
        assert "no longer keeps" in caught.value.why
        async with Agent(on.front.url, root_key=on.net.root_key, clock=on.own) as keyless:
            with pytest.raises(CallUndecided) as keyless_caught:
                await on.send(call, keyless, sent_before=True)
        assert "only its sender" in keyless_caught.value.why


@pytest.mark.parametrize("name", ["request_id", "canister", "method", "sender", "ingress_expiry_ns", "envelope"])
async def test_a_damaged_signed_call_is_noticed(name: str) -> None:
    async with stage() as on:
        good = on.sign(change.stop_canister(on.canister)).to_json()
        other = on.sign(change.start_canister(ANY_ID)).to_json()
        other |= {"canister": ANY_ID.to_str(), "sender": MANAGEMENT.to_str(), "ingress_expiry_ns": 7}
        for value in (other[name], None, "?"):
            with pytest.raises(CorruptionError):
                SignedCall.from_json({**good, name: value})
        del good[name]
        with pytest.raises(CorruptionError):
            SignedCall.from_json(good)


async def test_the_envelope_stays_out_of_reprs() -> None:
    async with stage() as on:
        call = on.sign(change.stop_canister(on.canister))
        assert "envelope" not in repr(call)
        assert replace(call) == call
