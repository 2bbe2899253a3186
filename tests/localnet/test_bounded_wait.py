"""Calls of bounded wait: given up at their deadline, whoever is asked."""

from __future__ import annotations

import asyncio

from wasmtime import wat2wasm

from quri_console.localnet.messages import Reply
from tests.support.direct import settle_loop

CALLER = wat2wasm("""
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "msg_reject_code" (func $code (result i32)))
  (import "ic0" "msg_deadline" (func $deadline (result i64)))
  (import "ic0" "msg_arg_data_size" (func $arg_size (result i32)))
  (import "ic0" "msg_arg_data_copy" (func $arg_copy (param i32 i32 i32)))
  (import "ic0" "call_new" (func $call_new (param i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "ic0" "call_with_best_effort_response" (func $bounded (param i32)))
  (import "ic0" "call_perform" (func $perform (result i32)))
  (memory 1)
  (table funcref (elem $on_reply $on_reject))
  (data (i32.const 16) "deadline")
  (func (export "canister_update call")
    (call $arg_copy (i32.const 128) (i32.const 0) (call $arg_size))
    (call $call_new (i32.const 128) (i32.const 10) (i32.const 16) (i32.const 8)
      (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0))
    (call $bounded (i32.const 20))
    (drop (call $perform)))
  (func (export "canister_update deadline")
    (i64.store (i32.const 0) (call $deadline))
    (call $append (i32.const 0) (i32.const 8))
    (call $reply))
  (func $on_reply (param i32)
    (call $arg_copy (i32.const 0) (i32.const 0) (i32.const 8))
    (call $append (i32.const 0) (i32.const 8))
    (call $reply))
  (func $on_reject (param i32)
    (i64.store (i32.const 0) (i64.extend_i32_u (call $code)))
    (call $append (i32.const 0) (i32.const 8))
    (call $reply)))
""")


async def test_an_unanswered_call_of_bounded_wait_is_rejected_at_its_deadline(alice, silence, clock):
    caller = await alice.install(CALLER)
    asked = asyncio.create_task(alice.ask(caller, "call", silence))
    await settle_loop()
    await clock.advance(19)
    await settle_loop()
    assert not asked.done()
    await clock.advance(1)
    assert await asked == Reply((6).to_bytes(8, "little"))


async def test_the_callee_sees_the_deadline_and_an_ingress_message_has_none(alice, clock):
    caller = await alice.install(CALLER)
    assert await alice.number(caller, "call", caller) == clock.now_ns() + 20 * 10**9
    assert await alice.number(caller, "deadline") == 0
