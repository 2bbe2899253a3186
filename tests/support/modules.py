"""Small canister modules in WebAssembly text, for what a test needs to happen inside a canister."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cache

from wasmtime import wat2wasm

from quri_console.localnet.messages import BuiltinCall, Reject, Reply

COUNTER_WAT = """
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "msg_reject" (func $reject (param i32 i32)))
  (import "ic0" "msg_arg_data_size" (func $arg_size (result i32)))
  (import "ic0" "msg_arg_data_copy" (func $arg_copy (param i32 i32 i32)))
  (import "ic0" "msg_cycles_accept128" (func $accept_cycles (param i64 i64 i32)))
  (import "ic0" "msg_cycles_refunded128" (func $refunded (param i32)))
  (import "ic0" "canister_self_copy" (func $self_copy (param i32 i32 i32)))
  (import "ic0" "call_new" (func $call_new (param i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "ic0" "call_data_append" (func $call_data (param i32 i32)))
  (import "ic0" "call_cycles_add128" (func $call_cycles (param i64 i64)))
  (import "ic0" "call_perform" (func $call_perform (result i32)))
  (import "ic0" "global_timer_set" (func $set_timer (param i64) (result i64)))
  (import "ic0" "time" (func $time (result i64)))
  (import "ic0" "certified_data_set" (func $certify (param i32 i32)))
  (import "ic0" "debug_print" (func $print (param i32 i32)))
  (import "ic0" "trap" (func $trap (param i32 i32)))
  (import "ic0" "accept_message" (func $accept_message))
  (import "ic0" "msg_method_name_size" (func $name_size (result i32)))
  (import "ic0" "stable64_grow" (func $stable_grow (param i64) (result i64)))
  (import "ic0" "stable64_write" (func $stable_write (param i64 i64 i64)))
  (import "ic0" "stable64_read" (func $stable_read (param i64 i64 i64)))
  (memory (export "memory") 1)
  (table funcref (elem $on_reply $on_reject $on_trap $on_query_reply))
  (global $count (mut i64) (i64.const 0))
  (global $ticks (mut i32) (i32.const 0))
  (data (i32.const 0) "a log line")
  (data (i32.const 16) "forever")
  (data (i32.const 32) "no!")
  ;; 64: scratch for numbers, 128: own id, 256: arguments

  (func $reply_number (param $number i64)
    (i64.store (i32.const 64) (local.get $number))
    (call $append (i32.const 64) (i32.const 8))
    (call $reply))
  (func $bump (global.set $count (i64.add (global.get $count) (i64.const 1))))

  (func (export "canister_init") (global.set $count (i64.const 100)))
  (func (export "canister_post_upgrade") (global.set $count (i64.const 7)))
  (func (export "canister_update inc") (call $bump) (call $reply_number (global.get $count)))
  (func (export "canister_query get") (call $reply_number (global.get $count)))
  (func (export "canister_query bump_in_vain") (call $bump) (call $reply_number (global.get $count)))
  (func (export "canister_query ticks") (call $reply_number (i64.extend_i32_u (global.get $ticks))))
  (func (export "canister_update fail") (call $bump) (call $trap (i32.const 32) (i32.const 3)))
  (func (export "canister_update refuse") (call $reject (i32.const 32) (i32.const 3)))
  (func (export "canister_update silent"))
  (func (export "canister_update log") (call $print (i32.const 0) (i32.const 10)) (call $reply))
  (func (export "canister_update certify") (call $certify (i32.const 0) (i32.const 10)) (call $reply))
  (func (export "canister_update keep")
    (drop (call $stable_grow (i64.const 1)))
    (call $arg_copy (i32.const 256) (i32.const 0) (call $arg_size))
    (call $stable_write (i64.const 0) (i64.const 256) (i64.extend_i32_u (call $arg_size)))
    (call $reply))
  (func (export "canister_query kept")
    (call $stable_read (i64.const 256) (i64.const 0) (i64.const 8))
    (call $append (i32.const 256) (i32.const 8))
    (call $reply))
  (func (export "canister_update grow")
    (drop (memory.grow (i32.const 16)))
    (call $reply_number (i64.extend_i32_u (memory.size))))
  (func (export "canister_update in_ten_seconds")
    (drop (call $set_timer (i64.add (call $time) (i64.const 10000000000))))
    (call $reply))
  (func (export "canister_global_timer") (global.set $ticks (i32.add (global.get $ticks) (i32.const 1))))
  (func (export "canister_on_low_wasm_memory") (global.set $ticks (i32.add (global.get $ticks) (i32.const 1000))))

  ;; calls itself, and that call calls itself, and so on: nobody answers as long as the canister runs
  (func (export "canister_update forever")
    (call $self_copy (i32.const 128) (i32.const 0) (i32.const 10))
    (call $call_new (i32.const 128) (i32.const 10) (i32.const 16) (i32.const 7)
      (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0))
    (drop (call $call_perform)))

  ;; argument: callee (10 bytes), whether to trap in the callback (1), cycles (8), method; replies with what it gets
  (func (export "canister_update relay")
    (call $arg_copy (i32.const 256) (i32.const 0) (call $arg_size))
    (call $call_new (i32.const 256) (i32.const 10)
      (i32.const 275) (i32.sub (call $arg_size) (i32.const 19))
      (i32.const 0) (i32.load8_u (i32.const 266)) (i32.const 1) (i32.const 0))
    (call $call_cycles (i64.const 0) (i64.load (i32.const 267)))
    (if (call $call_perform) (then (call $trap (i32.const 32) (i32.const 3)))))
  ;; the same with the management canister: argument: method length (1), method, argument
  (func (export "canister_update manage")
    (call $arg_copy (i32.const 256) (i32.const 0) (call $arg_size))
    (call $call_new (i32.const 0) (i32.const 0)
      (i32.const 257) (i32.load8_u (i32.const 256))
      (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0))
    (call $call_data (i32.add (i32.const 257) (i32.load8_u (i32.const 256)))
      (i32.sub (call $arg_size) (i32.add (i32.const 1) (i32.load8_u (i32.const 256)))))
    (drop (call $call_perform)))
  (func $on_reply (param $must_trap i32)
    (if (local.get $must_trap) (then (call $bump) (call $trap (i32.const 32) (i32.const 3))))
    (call $refunded (i32.const 64))
    (call $append (i32.const 64) (i32.const 8))
    (call $arg_copy (i32.const 256) (i32.const 0) (call $arg_size))
    (call $append (i32.const 256) (call $arg_size))
    (call $reply))
  (func $on_reject (param i32) (call $reject (i32.const 32) (i32.const 3)))
  (func $on_trap (param i32))
  (func (export "canister_update take_cycles")
    (call $accept_cycles (i64.const 0) (i64.const 1000000000000) (i32.const 64))
    (call $append (i32.const 64) (i32.const 8))
    (call $reply))
  (func (export "canister_composite_query across")
    (call $arg_copy (i32.const 256) (i32.const 0) (call $arg_size))
    (call $call_new (i32.const 256) (i32.const 10)
      (i32.const 266) (i32.sub (call $arg_size) (i32.const 10))
      (i32.const 3) (i32.const 0) (i32.const 1) (i32.const 0))
    (drop (call $call_perform)))
  (func $on_query_reply (param i32)
    (call $arg_copy (i32.const 256) (i32.const 0) (call $arg_size))
    (call $append (i32.const 256) (call $arg_size))
    (call $reply))
  INSPECT
)
"""
# Accepts every message whose method name is not seven letters long.
_INSPECT = """
  (func (export "canister_inspect_message")
    (if (i32.ne (call $name_size) (i32.const 7)) (then (call $accept_message))))
"""


@cache
def counter_module(*, inspecting: bool = False) -> bytes:
    """Counts in a global from 100; see the exports for what else it does."""
    return bytes(wat2wasm(COUNTER_WAT.replace("INSPECT", _INSPECT if inspecting else "")))


class NeverAnswers:
    """A built-in canister that takes every call and answers none."""

    controllers: tuple[bytes, ...] = ()
    metadata: Mapping[str, bytes] = {}

    async def update(self, _call: BuiltinCall) -> Reply | Reject:
        await asyncio.Event().wait()
        raise AssertionError

    query = update
