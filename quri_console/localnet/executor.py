"""Runs the messages of canisters one at a time each, and carries calls between them (spec: message execution)."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING, Literal

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.localnet import execution, words
from quri_console.localnet.call_contexts import Answer, CallContext, Message, Request, Responder, Response, SystemTask
from quri_console.localnet.canister import Canister, RunState, Use
from quri_console.localnet.heartbeats import Heartbeats
from quri_console.localnet.low_memory import is_condition_satisfied
from quri_console.localnet.messages import (
    MANAGEMENT_CANISTER,
    BuiltinCall,
    Ingress,
    Reject,
    Rejection,
    Reply,
)
from quri_console.localnet.subnet import Subnet
from quri_console.localnet.timers import Timers
from quri_console.wasm.messages import Call, Outcome, OutgoingCall

if TYPE_CHECKING:
    from quri_console.localnet.management import ManagementCanister
    from quri_console.wasm.instance import CanisterInstance

# A canister that calls itself without end would otherwise take the whole processor.
_ROUND_MESSAGES = 100
_ROUND_SECONDS = 0.01


class Executor:
    """The scheduler: an inbox per canister, drained by one task while it is not empty."""

    management: ManagementCanister

    def __init__(self, subnet: Subnet) -> None:
        self.subnet = subnet
        self.timers = Timers(subnet, self._fire_timer, Heartbeats(subnet, self._can_beat, self._beat))
        self._numbers = count(1)
        self._draining: set[bytes] = set()

    def check_accepts_calls(self, canister: Canister) -> None:
        """Raise what the network says when a canister takes no calls: stopped, stopping, frozen, empty."""
        if canister.run_state is RunState.STOPPED:
            raise words.stopped(canister.id)
        if canister.run_state is RunState.STOPPING:
            raise words.stopping(canister.id)
        if canister.instance is None:
            raise words.no_module(canister.id)
        self.subnet.accounts.require(canister, 0)

    async def inspect(self, ingress: Ingress) -> None:
        """Raise what keeps a call from being taken in: no such canister, stopped, frozen, or inspect_message."""
        canister = self.subnet.get(ingress.canister)
        self.check_accepts_calls(canister)
        async with canister.lock:
            code = canister.instance
            if code is None or execution.INSPECT_EXPORT not in code.exports:
                return
            canister.message_time_ns = self.subnet.clock.now_ns()
            call = Call("inspect", method=ingress.method, argument=ingress.argument, caller=ingress.caller)
            outcome = await self.subnet.execute(canister, code, call)
        if outcome.trap is not None:
            raise execution.rejection(canister, outcome.trap)
        if not outcome.accepted_message:
            raise words.message_refused(canister.id)

    async def ingress(self, ingress: Ingress) -> Answer:
        """Execute an update call from outside; pending until the canister answers."""
        canister = self.subnet.get(ingress.canister)
        self.check_accepts_calls(canister)
        cost = self.subnet.prices.ingress(len(ingress.argument) + len(ingress.method))
        self.subnet.accounts.charge(canister, cost, Use.INGRESS_INDUCTION)
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def respond(answer: Answer, _refund: int) -> None:
            if not answered.done():
                answered.set_result(answer)

        context = self._context(canister, ingress.caller, 0, respond)
        self._submit(canister, Request(context, ingress.method, ingress.argument))
        return await answered

    def _context(self, canister: Canister, caller: bytes, cycles: int, respond: Responder | None) -> CallContext:
        context = CallContext(next(self._numbers), caller, cycles, respond)
        canister.contexts[context.number] = context
        return context

    def _submit(self, canister: Canister, message: Message) -> None:
        canister.inbox.append(message)
        if canister.id not in self._draining:
            self._draining.add(canister.id)
            self.subnet.spawn(self._drain(canister))

    async def _drain(self, canister: Canister) -> None:
        try:
            for done in count(1):
                async with canister.lock:
                    await self._execute(canister, canister.inbox.popleft())
                if not canister.inbox:
                    return
                await asyncio.sleep(0 if done % _ROUND_MESSAGES else _ROUND_SECONDS)
        finally:
            self._draining.discard(canister.id)

    async def _execute(self, canister: Canister, message: Message) -> None:
        self.subnet.accounts.settle(canister)
        context = message.context
        if isinstance(message, Response):
            context.outstanding -= 1
            canister.cycles += message.refund
        if not context.is_deleted:
            try:
                await self._perform(canister, message)
            except Rejection as rejection:
                context.answer(rejection.reject)
            self._close(canister, context)
        self.timers.arm(canister)

    async def _perform(self, canister: Canister, message: Message) -> None:
        code = canister.instance
        if code is None:
            raise words.no_module(canister.id)
        canister.message_time_ns = self.subnet.clock.now_ns()
        if isinstance(message, Request):
            self.subnet.accounts.require(canister, self.subnet.prices.update_message)
        if isinstance(message, SystemTask) and not self._is_due(canister, code, message):
            return
        outcome = await self._run(canister, code, execution.message_call(canister, code, message))
        if outcome.trap is None:
            self._conclude(canister, message.context, outcome)
            await self._run_low_memory_hook(canister, code)
            return
        if isinstance(message, Response) and message.call.on_cleanup is not None:
            await self._run(canister, code, execution.cleanup_call(message.call.on_cleanup, message.context.caller))
        if not message.context.outstanding:
            raise execution.rejection(canister, outcome.trap)

    async def _run(self, canister: Canister, code: CanisterInstance, call: Call) -> Outcome:
        """Execute, then let the canister pay for it and keep what it printed."""
        outcome = await self.subnet.execute(canister, code, call)
        charge_execution(self.subnet, canister, outcome)
        return outcome

    async def _run_low_memory_hook(self, canister: Canister, code: CanisterInstance) -> None:
        """Once each time that memory runs low, tell the canister (spec: on low Wasm memory)."""
        if not is_condition_satisfied(canister.settings, code.heap_bytes):
            code.low_memory_hook = None
        elif code.low_memory_hook != "executed":
            code.low_memory_hook = "executed"
            context = self._context(canister, MANAGEMENT_CANISTER, 0, None)
            context.is_answered = True
            outcome = await self._run(canister, code, Call("low_memory", needs_reply=False))
            if outcome.trap is None:
                self._conclude(canister, context, outcome)
            self._close(canister, context)

    def _conclude(self, canister: Canister, context: CallContext, outcome: Outcome) -> None:
        """Take over what an executed message did."""
        canister.version += 1
        context.cycles_available -= outcome.cycles_accepted
        canister.cycles += outcome.cycles_accepted
        self.subnet.accounts.consume(canister, outcome.cycles_burned, Use.BURNED)
        for call in outcome.outgoing:
            self._send(canister, context, call)
        if outcome.reply is not None:
            context.answer(Reply(outcome.reply))
        elif outcome.reject is not None:
            context.answer(Reject(4, outcome.reject, "IC0406"))

    def _close(self, canister: Canister, context: CallContext) -> None:
        if not context.outstanding and not context.is_answered:
            context.answer(words.did_not_reply(canister.id).reject)
        if context.is_closed:
            canister.contexts.pop(context.number, None)
            self.subnet.finish_stop(canister)

    def _send(self, sender: Canister, context: CallContext, call: OutgoingCall) -> None:
        """Take cycles and fee, then deliver; the answer comes back into the sender's inbox."""
        sender.cycles -= min(call.cycles, sender.cycles)
        fee = self.subnet.prices.transmission(len(call.method.encode()) + len(call.argument))
        self.subnet.accounts.consume(sender, fee, Use.TRANSMISSION)
        context.outstanding += 1

        is_answered = False

        def respond(answer: Answer, refund: int) -> None:
            nonlocal is_answered
            if not is_answered:  # what comes after the deadline is lost, with its cycles
                is_answered = True
                self._submit(sender, Response(context, call, answer, refund))

        deadline_ns = self._deadline(call, respond)
        try:
            self._deliver(sender, call, respond, deadline_ns)
        except Rejection as rejection:
            respond(rejection.reject, call.cycles)

    def _deadline(self, call: OutgoingCall, respond: Responder) -> int:
        """When a call of bounded wait is given up, at which time it is rejected; 0 for all others."""
        if call.timeout_seconds is None:
            return 0
        seconds = call.timeout_seconds

        async def expire() -> None:
            await self.subnet.clock.sleep(seconds)
            respond(words.deadline_expired().reject, 0)

        self.subnet.spawn(expire())
        return self.subnet.clock.now_ns() + seconds * NANOSECONDS_PER_SECOND

    def _deliver(self, sender: Canister, call: OutgoingCall, respond: Responder, deadline_ns: int) -> None:
        if call.callee == MANAGEMENT_CANISTER:
            self.subnet.spawn(self._call_management(sender.id, call, respond))
        elif call.callee in self.subnet.builtins:
            self.subnet.spawn(self._call_builtin(sender.id, call, respond))
        else:
            callee = self.subnet.get(call.callee)
            self.check_accepts_calls(callee)
            minimum = callee.settings.minimum_incoming_canister_call_cycles
            if call.cycles < minimum:
                raise words.too_few_cycles(callee.id, minimum, call.cycles)
            context = self._context(callee, sender.id, call.cycles, respond)
            context.deadline_ns = deadline_ns
            self._submit(callee, Request(context, call.method, call.argument))

    async def _call_management(self, sender: bytes, call: OutgoingCall, respond: Responder) -> None:
        answer: Answer
        try:
            answer = await self.management.call(
                sender, call.method, call.argument, is_canister=True, cycles=call.cycles
            )
        except Rejection as rejection:
            answer = rejection.reject
        respond(answer, call.cycles - _accepted(answer))

    async def _call_builtin(self, sender: bytes, call: OutgoingCall, respond: Responder) -> None:
        builtin = self.subnet.builtins[call.callee]
        answer = await builtin.update(BuiltinCall(sender, call.method, call.argument, call.cycles))
        respond(answer, call.cycles - _accepted(answer))

    def _fire_timer(self, canister: Canister) -> None:
        """Run the timer that is due, if the canister can run; otherwise it stays set for later."""
        if self.subnet.canisters.get(canister.id) is not canister:
            return
        self.subnet.accounts.settle(canister)
        if self._runs_tasks(canister):
            self._submit_task(canister, "timer")

    def _runs_tasks(self, canister: Canister) -> bool:
        has_code = canister.instance is not None and canister.run_state is RunState.RUNNING
        return has_code and not self.subnet.accounts.is_frozen(canister)

    def _submit_task(self, canister: Canister, kind: Literal["timer", "heartbeat"]) -> None:
        context = self._context(canister, MANAGEMENT_CANISTER, 0, None)
        context.is_answered = True
        self._submit(canister, SystemTask(context, kind))

    def _is_due(self, canister: Canister, code: CanisterInstance, task: SystemTask) -> bool:
        """Whether a task that waited in the inbox is still to be run."""
        if task.kind == "heartbeat":
            return self._can_beat(canister)
        return execution.take_due_timer(code, canister.message_time_ns)

    def _can_beat(self, canister: Canister) -> bool:
        code = canister.instance
        if code is None or execution.HEARTBEAT_EXPORT not in code.exports:
            return False
        return self.subnet.canisters.get(canister.id) is canister and self._runs_tasks(canister)

    def _beat(self, canister: Canister) -> None:
        """Queue a heartbeat, unless the one before still waits."""
        if not any(isinstance(message, SystemTask) and message.kind == "heartbeat" for message in canister.inbox):
            self.subnet.accounts.settle(canister)
            self._submit_task(canister, "heartbeat")


def charge_execution(subnet: Subnet, canister: Canister, outcome: Outcome) -> None:
    """Take what an execution costs and keep what it printed."""
    is_64_bit = canister.instance is not None and canister.instance.is_64_bit
    cost = subnet.prices.execution(outcome.instructions, is_64_bit=is_64_bit)
    subnet.accounts.consume(canister, cost, Use.INSTRUCTIONS)
    trapped = () if outcome.trap is None else (f"[TRAP]: {outcome.trap.message}".encode(),)
    for content in (*outcome.logs, *trapped):
        canister.log.append(content, subnet.clock.now_ns(), canister.settings.log_memory_limit)


def _accepted(answer: Answer) -> int:
    return answer.cycles_accepted if isinstance(answer, Reply) else 0
