"""ic0.msg_*, ic0.call_* and inspection: what a canister is told and what it answers and sends."""

from __future__ import annotations

from quri_console.wasm.execution import CallUnderConstruction
from quri_console.wasm.messages import Callback
from quri_console.wasm.system_api import Host, decode_text, handler, violation

_LARGEST_REPLICATED_REPLY_BYTES = 2 * 1024 * 1024
_LARGEST_QUERY_REPLY_BYTES = 3 * 1024 * 1024
_LARGEST_CALL_PAYLOAD_BYTES = 10 * 1024 * 1024
_LARGEST_METHOD_NAME_BYTES = 20_000
_LONGEST_TIMEOUT_SECONDS = 300
_LARGEST_I64 = (1 << 64) - 1
_SYS_FATAL = 2


@handler
def msg_arg_data_size(host: Host) -> int:
    return len(host.execution.call.argument)


@handler
def msg_arg_data_copy(host: Host, destination: int, offset: int, size: int) -> None:
    host.store_slice(host.execution.call.argument, destination, offset, size)


@handler
def msg_caller_size(host: Host) -> int:
    return len(host.execution.call.caller)


@handler
def msg_caller_copy(host: Host, destination: int, offset: int, size: int) -> None:
    host.store_slice(host.execution.call.caller, destination, offset, size)


@handler
def msg_caller_info_data_size(_host: Host) -> int:
    return 0


@handler
def msg_caller_info_data_copy(host: Host, destination: int, offset: int, size: int) -> None:
    host.store_slice(b"", destination, offset, size)


@handler
def msg_caller_info_signer_size(_host: Host) -> int:
    return 0


@handler
def msg_caller_info_signer_copy(host: Host, destination: int, offset: int, size: int) -> None:
    host.store_slice(b"", destination, offset, size)


@handler
def msg_reject_code(host: Host) -> int:
    return host.execution.call.reject_code


@handler
def msg_reject_msg_size(host: Host) -> int:
    return len(host.execution.call.reject_message.encode())


@handler
def msg_reject_msg_copy(host: Host, destination: int, offset: int, size: int) -> None:
    host.store_slice(host.execution.call.reject_message.encode(), destination, offset, size)


@handler
def msg_deadline(host: Host) -> int:
    return host.execution.call.deadline_ns


def _require_unanswered(host: Host, name: str) -> None:
    if host.execution.is_answered or not host.execution.call.needs_reply:
        raise violation(f'"ic0.{name}": the call is already replied')


@handler
def msg_reply_data_append(host: Host, source: int, size: int) -> None:
    _require_unanswered(host, "msg_reply_data_append")
    execution = host.execution
    limit = _LARGEST_QUERY_REPLY_BYTES if execution.context == "NRQ" else _LARGEST_REPLICATED_REPLY_BYTES
    if len(execution.reply_buffer) + size > limit:
        raise violation(f"ic0.msg_reply_data_append: the reply is larger than {limit:,} bytes")
    execution.reply_buffer += host.load(source, size)


@handler
def msg_reply(host: Host) -> None:
    _require_unanswered(host, "msg_reply")
    host.execution.reply = bytes(host.execution.reply_buffer)


@handler
def msg_reject(host: Host, source: int, size: int) -> None:
    _require_unanswered(host, "msg_reject")
    host.execution.reject = decode_text(host.load(source, size), "msg_reject")


@handler
def msg_method_name_size(host: Host) -> int:
    return len(host.execution.call.method.encode())


@handler
def msg_method_name_copy(host: Host, destination: int, offset: int, size: int) -> None:
    host.store_slice(host.execution.call.method.encode(), destination, offset, size)


@handler
def accept_message(host: Host) -> None:
    if host.execution.accepted_message:
        raise violation("ic0.accept_message: the message is already accepted")
    host.execution.accepted_message = True


@handler
def call_new(host: Host, callee: int, callee_size: int, name: int, name_size: int, *callbacks: int) -> None:
    """`callbacks`: function and environment for a reply, then for a reject."""
    if name_size > _LARGEST_METHOD_NAME_BYTES:
        raise violation(f"ic0.call_new: the method name is longer than {_LARGEST_METHOD_NAME_BYTES:,} bytes")
    reply_function, reply_environment, reject_function, reject_environment = callbacks
    host.execution.building = CallUnderConstruction(
        callee=host.load(callee, callee_size),
        method=decode_text(host.load(name, name_size), "call_new"),
        on_reply=Callback(reply_function, reply_environment),
        on_reject=Callback(reject_function, reject_environment),
    )


def _building(host: Host, name: str) -> CallUnderConstruction:
    if host.execution.building is None:
        raise violation(f"ic0.{name} called when no call is under construction.")
    return host.execution.building


@handler
def call_on_cleanup(host: Host, function: int, environment: int) -> None:
    building = _building(host, "call_on_cleanup")
    if building.on_cleanup is not None:
        raise violation("ic0.call_on_cleanup can be called at most once between `ic0.call_new` and `ic0.call_perform`")
    building.on_cleanup = Callback(function, environment)


@handler
def call_data_append(host: Host, source: int, size: int) -> None:
    building = _building(host, "call_data_append")
    if len(building.argument) + size > _LARGEST_CALL_PAYLOAD_BYTES:
        raise violation(f"ic0.call_data_append: the payload is larger than {_LARGEST_CALL_PAYLOAD_BYTES:,} bytes")
    building.argument += host.load(source, size)


@handler
def call_with_best_effort_response(host: Host, timeout_seconds: int) -> None:
    building = _building(host, "call_with_best_effort_response")
    if building.timeout_seconds is not None:
        raise violation("ic0.call_with_best_effort_response can be called at most once per call")
    building.timeout_seconds = min(timeout_seconds, _LONGEST_TIMEOUT_SECONDS)


def _add_cycles(host: Host, amount: int, name: str) -> None:
    building = _building(host, name)
    if amount > host.execution.liquid_cycles:
        raise violation(f"ic0.{name}: the canister cannot attach {amount} cycles without freezing")
    building.cycles += amount


@handler
def call_cycles_add(host: Host, amount: int) -> None:
    _add_cycles(host, amount, "call_cycles_add")


@handler
def call_cycles_add128(host: Host, high: int, low: int) -> None:
    _add_cycles(host, high << 64 | low, "call_cycles_add128")


@handler
def call_perform(host: Host) -> int:
    execution = host.execution
    building = _building(host, "call_perform")
    execution.building = None
    cost = execution.environment.cost_of_call(len(building.method.encode()), len(building.argument))
    if cost + building.cycles > execution.liquid_cycles:
        return _SYS_FATAL
    execution.cycles_sent += building.cycles
    execution.outgoing.append(building.finished())
    return 0


@handler
def msg_cycles_available(host: Host) -> int:
    return _fits(host.execution.cycles_available, "msg_cycles_available")


@handler
def msg_cycles_available128(host: Host, destination: int) -> None:
    host.store_cycles(host.execution.cycles_available, destination)


@handler
def msg_cycles_refunded(host: Host) -> int:
    return _fits(host.execution.call.cycles_refunded, "msg_cycles_refunded")


@handler
def msg_cycles_refunded128(host: Host, destination: int) -> None:
    host.store_cycles(host.execution.call.cycles_refunded, destination)


@handler
def msg_cycles_accept(host: Host, largest: int) -> int:
    return _accept(host, largest)


@handler
def msg_cycles_accept128(host: Host, high: int, low: int, destination: int) -> None:
    host.store_cycles(_accept(host, high << 64 | low), destination)


def _accept(host: Host, largest: int) -> int:
    amount = min(largest, host.execution.cycles_available)
    host.execution.cycles_accepted += amount
    return amount


@handler
def canister_cycle_balance(host: Host) -> int:
    return _fits(host.execution.cycles_balance, "canister_cycle_balance")


@handler
def canister_cycle_balance128(host: Host, destination: int) -> None:
    host.store_cycles(host.execution.cycles_balance, destination)


@handler
def canister_liquid_cycle_balance128(host: Host, destination: int) -> None:
    host.store_cycles(host.execution.liquid_cycles, destination)


@handler
def cycles_burn128(host: Host, high: int, low: int, destination: int) -> None:
    amount = min(high << 64 | low, host.execution.liquid_cycles)
    host.execution.cycles_burned += amount
    host.store_cycles(amount, destination)


def _fits(amount: int, name: str) -> int:
    if amount > _LARGEST_I64:
        raise violation(f"ic0.{name}: {amount} does not fit into 64 bits; use {name}128")
    return amount
