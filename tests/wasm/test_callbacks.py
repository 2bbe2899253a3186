"""Calls to other canisters are assembled as the specification says, and callbacks run through the table."""

from __future__ import annotations

import re

import pytest

from quri_console.wasm.instance import Call, Callback, CanisterInstance, Outcome, TrapKind
from tests.support.wasm_canisters import (
    CANISTER,
    NO_ARGUMENT,
    Types,
    answer_of,
    arguments,
    ask,
    converse,
    create,
    installed,
    probe_module,
    tell,
)

TEXT = """
(module
  (import "ic0" "call_new" (func $new (param P P P P P P P P)))
  (import "ic0" "call_on_cleanup" (func $cleanup (param P P)))
  (import "ic0" "call_data_append" (func $data (param P P)))
  (import "ic0" "call_cycles_add128" (func $cycles (param i64 i64)))
  (import "ic0" "call_with_best_effort_response" (func $wait (param i32)))
  (import "ic0" "call_perform" (func $perform (result i32)))
  (import "ic0" "canister_cycle_balance128" (func $balance (param P)))
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param P P)))
  (import "ic0" "msg_reject_code" (func $code (result i32)))
  (import "ic0" "msg_reject_msg_size" (func $words (result P)))
  (memory W 1)
  (data (P.const 0) "\\00\\00\\00\\00\\00\\00\\00\\09\\01\\01methodpayload")
  (table 4 funcref)
  (elem (i32.const 0) $on_answer $on_trap $wrong)
  (func $begin
    (call $new (P.const 0) (P.const 10) (P.const 10) (P.const 6) (P.const 0) (P.const 7) (P.const 0) (P.const 8)))
  (func (export "canister_update send")
    (call $begin)
    (call $data (P.const 16) (P.const 3)) (call $data (P.const 19) (P.const 4))
    (call $cycles (i64.const 0) (i64.const 1000))
    (call $cleanup (P.const 1) (P.const 9))
    (call $wait (i32.const 9999))
    (drop (call $perform))
    (call $balance (P.const 64)) (call $append (P.const 64) (P.const 16)) (call $reply))
  (func (export "canister_update too_many_cycles") (call $begin) (call $cycles (i64.const 1) (i64.const 0)))
  (func (export "canister_update cannot_pay")
    (call $begin) (call $cycles (i64.const 0) (i64.const 2000000000000))
    (i32.store (P.const 64) (call $perform)) (call $append (P.const 64) (P.const 4)) (call $reply))
  (func (export "canister_update no_call") (call $data (P.const 0) (P.const 1)))
  (func (export "canister_update after_perform") (call $begin) (drop (call $perform)) (drop (call $perform)))
  (func (export "canister_update two_cleanups")
    (call $begin) (call $cleanup (P.const 1) (P.const 1)) (call $cleanup (P.const 1) (P.const 1)))
  (func (export "canister_update forgotten") (call $begin) (call $cycles (i64.const 0) (i64.const 5)) (call $reply))
  (func (export "canister_update half_way") (call $begin) (drop (call $perform)) unreachable)
  (func $on_answer (param P)
    (P.store (P.const 64) (local.get 0))
    (i32.store (P.const 72) (call $code))
    (call $append (P.const 64) (P.const 12)) (call $reply))
  (func $on_trap (param P) (i32.store (P.const 128) (i32.const 1)) unreachable)
  (func $wrong))
"""


@pytest.fixture(params=["i32", "i64"])
def canister(request: pytest.FixtureRequest) -> CanisterInstance:
    text = re.sub(r"\bP\b", request.param, TEXT)
    return create(text.replace("memory W", "memory i64" if request.param == "i64" else "memory"))


def trap_of(outcome: Outcome) -> tuple[TrapKind, str]:
    assert outcome.trap is not None
    return outcome.trap.kind, outcome.trap.message


def test_a_call_carries_all_that_was_put_on_it(canister: CanisterInstance) -> None:
    outcome = canister.execute(Call("update", "send"))
    assert outcome.reply == (3 * 10**12 - 1000).to_bytes(16, "little")
    (call,) = outcome.outgoing
    assert (call.callee.hex(), call.method, call.argument) == ("00000000000000090101", "method", b"payload")
    assert (call.cycles, call.timeout_seconds) == (1000, 300)
    assert (call.on_reply, call.on_reject, call.on_cleanup) == (Callback(0, 7), Callback(0, 8), Callback(1, 9))


def test_the_reject_callback_gets_its_environment_and_the_code(canister: CanisterInstance) -> None:
    call = Call("reject_callback", callback=Callback(0, 8), reject_code=5, reject_message="no")
    outcome = canister.execute(call)
    assert outcome.reply is not None
    assert (outcome.reply[0], outcome.reply[8]) == (8, 5)
    answered = canister.execute(Call("reply_callback", callback=Callback(0, 7)))
    assert answered.reply is not None
    assert (answered.reply[0], answered.reply[8]) == (7, 0)


def test_a_trapping_callback_leaves_no_trace(canister: CanisterInstance) -> None:
    before = canister.capture()
    assert trap_of(canister.execute(Call("cleanup", callback=Callback(1, 0)))) == (TrapKind.WASM, "unreachable")
    assert canister.capture() == before


@pytest.mark.parametrize("index", [2, 3, 4, 2**31])
def test_a_callback_that_is_no_callback_traps(canister: CanisterInstance, index: int) -> None:
    kind, message = trap_of(canister.execute(Call("reply_callback", callback=Callback(index, 0))))
    assert kind is TrapKind.CONTRACT_VIOLATION
    assert str(index) in message


@pytest.mark.parametrize("method", ["too_many_cycles", "no_call", "after_perform", "two_cleanups"])
def test_misuse_traps(canister: CanisterInstance, method: str) -> None:
    kind, _ = trap_of(canister.execute(Call("update", method)))
    assert kind is TrapKind.CONTRACT_VIOLATION


def test_a_call_that_would_freeze_the_canister_is_not_performed(canister: CanisterInstance) -> None:
    outcome = canister.execute(Call("update", "cannot_pay"))
    assert outcome.reply == b"\2\0\0\0"
    assert outcome.outgoing == ()


def test_a_call_begun_and_forgotten_or_trapped_is_not_sent(canister: CanisterInstance) -> None:
    assert canister.execute(Call("update", "forgotten")).outgoing == ()
    assert canister.execute(Call("update", "half_way")).outgoing == ()


OTHER = b"\0\0\0\0\0\0\0\x09\1\1"


def test_motoko_awaits_itself() -> None:
    probe = installed(probe_module())
    first = probe.execute(Call("update", "twice", NO_ARGUMENT))
    assert first.reply is None
    assert len(first.outgoing) == 1
    assert answer_of(converse({CANISTER: probe}, first, probe)) == 2
    assert ask(probe, "read") == 3


def test_motoko_traps_after_an_await_and_keeps_what_came_before() -> None:
    probe = installed(probe_module())
    first = probe.execute(Call("update", "trap_after_await", NO_ARGUMENT))
    last = converse({CANISTER: probe}, first, probe)
    assert trap_of(last)[1].endswith("after the await")
    (call,) = first.outgoing
    assert call.on_cleanup is not None
    assert probe.execute(Call("cleanup", callback=call.on_cleanup)).trap is None
    assert ask(probe, "read") == 11
    assert tell(probe, "increment") == 12


def test_motoko_calls_another_canister_and_hears_its_refusal() -> None:
    probe, other = installed(probe_module()), create('(module (func (export "canister_update increment") unreachable))')
    call = Call("update", "catch_reject", arguments((Types.Principal, OTHER), (Types.Text, "increment")))
    first = probe.execute(call)
    assert first.outgoing[0].callee == OTHER
    assert answer_of(converse({OTHER: other}, first, probe)) == "unreachable"


def test_a_motoko_composite_query_runs_on_a_fork() -> None:
    probe, other = installed(probe_module()), installed(probe_module())
    tell(other, "increment")
    before = probe.capture()
    fork = probe.fork()
    argument = arguments((Types.Principal, OTHER))
    first = fork.execute(Call("composite_query", "read_through", argument, replicated=False))
    (call,) = first.outgoing
    inner = other.execute(Call("query", call.method, call.argument, replicated=False))
    assert inner.reply is not None
    last = fork.execute(Call("reply_callback", argument=inner.reply, callback=call.on_reply, replicated=False))
    assert answer_of(last) == 6
    assert probe.capture() == before
