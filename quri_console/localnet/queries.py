"""Query calls: executed on one canister's present state, or across canisters for composite queries, without a trace."""

from __future__ import annotations

from collections import deque

from quri_console.localnet import execution, words
from quri_console.localnet.call_contexts import Answer, CallContext
from quri_console.localnet.canister import Canister, RunState
from quri_console.localnet.messages import Reject, Rejection, Reply
from quri_console.localnet.subnet import Subnet
from quri_console.wasm.instance import CanisterInstance
from quri_console.wasm.messages import Call, Outcome, OutgoingCall

MAX_DEPTH = 6


class Queries:
    """Runs query calls; free of charge, but counted."""

    def __init__(self, subnet: Subnet) -> None:
        self._subnet = subnet

    async def run(self, identifier: bytes, caller: bytes, method: str, argument: bytes, *, depth: int = 0) -> Answer:
        """The answer of a query method; raises Rejection."""
        canister = self._subnet.get(identifier)
        self._check_answers(canister)
        if depth > MAX_DEPTH:
            raise words.too_many_nested_queries(identifier)
        outcome, answer = await self._execute(canister, caller, method, argument, depth)
        canister.queries.calls += 1
        canister.queries.instructions += outcome.instructions
        canister.queries.request_bytes += len(argument)
        canister.queries.response_bytes += len(answer.argument) if isinstance(answer, Reply) else 0
        return answer

    def _check_answers(self, canister: Canister) -> None:
        if canister.run_state is RunState.STOPPED:
            raise words.stopped(canister.id)
        if canister.run_state is RunState.STOPPING:
            raise words.stopping(canister.id)
        if self._subnet.accounts.is_frozen(canister):
            raise words.frozen_query(canister.id)

    async def _execute(
        self, canister: Canister, caller: bytes, method: str, argument: bytes, depth: int
    ) -> tuple[Outcome, Answer]:
        async with canister.lock:
            code = canister.instance
            if code is None:
                raise words.no_module(canister.id)
            canister.message_time_ns = self._subnet.clock.now_ns()
            kind = execution.query_kind(canister, code, method)
            call = Call(
                kind,
                method=method,
                argument=argument,
                caller=caller,
                replicated=False,
                data_certificate=self._data_certificate(canister, code) if depth == 0 else None,
            )
            if kind == "query":
                outcome = await self._subnet.execute(canister, code, call)
                return outcome, _answer(canister, outcome)
            fork = await self._subnet.run(canister, code.fork)
        context = CallContext(0, caller, 0, None)
        return await self._follow(canister, fork, call, context, depth)

    def _data_certificate(self, canister: Canister, code: CanisterInstance) -> bytes | None:
        """A signature takes a while: only for code that can ask for it."""
        certify = self._subnet.data_certificate
        return certify(canister.id) if certify is not None and code.uses_data_certificate else None

    async def _follow(
        self, canister: Canister, fork: CanisterInstance, call: Call, context: CallContext, depth: int
    ) -> tuple[Outcome, Answer]:
        """Run a composite query to its answer, making the calls it makes one after the other."""
        waiting: deque[OutgoingCall] = deque()
        outcome = fork.execute(call)
        while outcome.trap is None and outcome.reply is None and outcome.reject is None:
            waiting.extend(outcome.outgoing)
            if not waiting:
                break
            onward = waiting.popleft()
            answer = await self._nested(canister, onward, depth)
            outcome = fork.execute(execution.callback_call(onward, answer, context, refund=0, replicated=False))
        return outcome, _answer(canister, outcome)

    async def _nested(self, sender: Canister, call: OutgoingCall, depth: int) -> Answer:
        try:
            return await self.run(call.callee, sender.id, call.method, call.argument, depth=depth + 1)
        except Rejection as rejection:
            return rejection.reject


def _answer(canister: Canister, outcome: Outcome) -> Answer:
    if outcome.trap is not None:
        raise execution.rejection(canister, outcome.trap)
    if outcome.reply is not None:
        return Reply(outcome.reply)
    if outcome.reject is not None:
        return Reject(4, outcome.reject, "IC0406")
    raise words.did_not_reply(canister.id)
