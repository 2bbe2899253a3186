"""From the network's messages to executions of a module, and back to rejects."""

from __future__ import annotations

from collections.abc import Sequence

from quri_console.localnet import words
from quri_console.localnet.call_contexts import CallContext, Message, Request, Response
from quri_console.localnet.canister import Canister, RunState
from quri_console.localnet.messages import MANAGEMENT_CANISTER, ErrorCode, Reject, Rejection, Reply
from quri_console.localnet.subnet import Subnet
from quri_console.wasm.instance import CanisterInstance
from quri_console.wasm.messages import Call, Callback, EntryKind, OutgoingCall, Trap, TrapKind

INSPECT_EXPORT = "canister_inspect_message"
TIMER_EXPORT = "canister_global_timer"
HEARTBEAT_EXPORT = "canister_heartbeat"
_RUN_STATES = {RunState.RUNNING: 1, RunState.STOPPING: 2, RunState.STOPPED: 3}


class CanisterEnvironment:
    """What the network tells one canister about itself and the world (the Environment protocol of `wasm`)."""

    def __init__(self, subnet: Subnet, canister: Canister) -> None:
        self._subnet = subnet
        self._canister = canister

    def time_ns(self) -> int:
        return self._canister.message_time_ns

    def cycles_balance(self) -> int:
        return self._canister.cycles

    def liquid_cycles(self) -> int:
        return max(0, self._canister.cycles - self._subnet.accounts.effective_limit(self._canister))

    def is_controller(self, principal: bytes) -> bool:
        return principal in self._canister.settings.controllers

    def canister_version(self) -> int:
        return self._canister.version

    def run_state(self) -> int:
        return _RUN_STATES[self._canister.run_state]

    def root_key(self) -> bytes:
        return self._subnet.root_key

    def subnet_id(self) -> bytes:
        return self._subnet.subnet_id

    def wasm_memory_limit(self) -> int:
        return self._canister.settings.wasm_memory_limit

    def subnet_node_count(self) -> int:
        return self._subnet.prices.nodes

    def environment_variables(self) -> Sequence[tuple[str, str]]:
        return sorted(self._canister.settings.environment_variables)

    def cost_of_call(self, method_bytes: int, payload_bytes: int) -> int:
        return self._subnet.prices.transmission(method_bytes + payload_bytes)

    def cost_of_canister_creation(self) -> int:
        return self._subnet.prices.creation


def message_call(canister: Canister, code: CanisterInstance, message: Message) -> Call:
    """The execution that a message asks for; raises IC0536 when the module has no such method."""
    context = message.context
    if isinstance(message, Request):
        return Call(
            _update_kind(canister, code, message.method),
            method=message.method,
            argument=message.argument,
            caller=context.caller,
            cycles_available=context.cycles_available,
            deadline_ns=context.deadline_ns,
        )
    if isinstance(message, Response):
        return callback_call(message.call, message.answer, context, refund=message.refund)
    return Call(message.kind, caller=MANAGEMENT_CANISTER, needs_reply=False)


def _update_kind(canister: Canister, code: CanisterInstance, method: str) -> EntryKind:
    if f"canister_update {method}" in code.exports:
        return "update"
    if f"canister_query {method}" in code.exports:
        return "query"
    raise words.no_method(canister.id, "update", method)


def query_kind(canister: Canister, code: CanisterInstance, method: str) -> EntryKind:
    """How a query call of `method` runs; raises IC0536 when the module has no such query."""
    if f"canister_query {method}" in code.exports:
        return "query"
    if f"canister_composite_query {method}" in code.exports:
        return "composite_query"
    raise words.no_method(canister.id, "query", method)


def callback_call(
    call: OutgoingCall, answer: Reply | Reject, context: CallContext, *, refund: int, replicated: bool = True
) -> Call:
    """The callback that takes `answer`."""
    if isinstance(answer, Reply):
        return Call(
            "reply_callback",
            callback=call.on_reply,
            argument=answer.argument,
            caller=context.caller,
            cycles_available=context.cycles_available,
            cycles_refunded=refund,
            deadline_ns=context.deadline_ns,
            needs_reply=not context.is_answered,
            replicated=replicated,
        )
    return Call(
        "reject_callback",
        callback=call.on_reject,
        reject_code=answer.code,
        reject_message=answer.message,
        caller=context.caller,
        cycles_available=context.cycles_available,
        cycles_refunded=refund,
        deadline_ns=context.deadline_ns,
        needs_reply=not context.is_answered,
        replicated=replicated,
    )


def cleanup_call(callback: Callback, caller: bytes) -> Call:
    """What runs after a callback trapped."""
    return Call("cleanup", callback=callback, caller=caller, needs_reply=False)


def take_due_timer(code: CanisterInstance, now_ns: int) -> bool:
    """Clear the global timer if it is due; whether the module has something to run for it."""
    if not 0 < code.global_timer_ns <= now_ns:
        return False
    code.global_timer_ns = 0
    return TIMER_EXPORT in code.exports


def rejection(canister: Canister, trap: Trap) -> Rejection:
    """The network's words for an execution that was undone."""
    verb = {
        TrapKind.WASM: f"Canister trapped: {trap.message}",
        TrapKind.CALLED_TRAP: f"Canister called `ic0.trap` with message: '{trap.message}'",
        TrapKind.INSTRUCTION_LIMIT: "Canister exceeded the limit of instructions for single message execution.",
    }.get(trap.kind, trap.message)
    return Rejection(ErrorCode(trap.kind.value), f"Error from Canister {words.text_of(canister.id)}: {verb}")
