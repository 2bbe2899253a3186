"""Upgrades keep what they must, drop the rest, and happen as a whole or not at all."""

from __future__ import annotations

import pytest

from quri_console.wasm.errors import InvalidModule
from quri_console.wasm.instance import Call, CanisterInstance, Outcome
from tests.support.wasm_canisters import (
    CONTROLLER,
    NO_ARGUMENT,
    Types,
    ask,
    create,
    fleet_module,
    installed,
    probe_module,
    tell,
    wat,
)

OLD = """
(module
  (import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))
  (import "ic0" "stable64_write" (func $write (param i64 i64 i64)))
  (import "ic0" "debug_print" (func $print (param i32 i32)))
  (import "ic0" "global_timer_set" (func $timer (param i64) (result i64)))
  (memory 2)
  (data (i32.const 0) "old heap")
  (global $a (mut i64) (i64.const 41))
  (func (export "canister_init") (drop (call $grow (i64.const 1))) (drop (call $timer (i64.const 5)))
    (global.set $a (i64.const 42)))
  (func (export "canister_pre_upgrade")
    (call $print (i32.const 0) (i32.const 3))
    (call $write (i64.const 10) (i64.const 0) (i64.const 8))
    (i32.store (i32.const 100) (i32.const 1))))
"""
NEW = """
(module
  (import "ic0" "stable64_read" (func $read (param i64 i64 i64)))
  (import "ic0" "msg_arg_data_size" (func $size (result i32)))
  (import "ic0" "canister_version" (func $version (result i64)))
  (import "ic0" "debug_print" (func $print (param i32 i32)))
  (memory 1)
  (data (i32.const 16) "new heap")
  (global $b (mut i32) (i32.const 7))
  (start $begin)
  (func $begin (global.set $b (i32.const 8)))
  (func (export "canister_init") unreachable)
  (func (export "canister_post_upgrade")
    (call $print (i32.const 16) (i32.const 3))
    (if (i32.eq (call $size) (i32.const 13)) (then unreachable))
    (i64.store (i32.const 64) (call $version))
    (call $read (i64.const 32) (i64.const 10) (i64.const 8))))
"""


def old() -> CanisterInstance:
    canister = create(OLD)
    assert canister.execute(Call("init")).trap is None
    return canister


def upgrade(canister: CanisterInstance, text: str, *, argument: bytes = b"", keep: bool = False) -> Outcome:
    return canister.upgrade(wat(text), caller=CONTROLLER, argument=argument, keep_heap=keep, new_version=77)


def test_stable_memory_stays_and_the_heap_goes() -> None:
    canister = old()
    outcome = upgrade(canister, NEW)
    assert outcome.trap is None
    assert outcome.logs == (b"old", b"new")
    assert outcome.instructions > 0
    state = canister.capture()
    assert state.module == wat(NEW)
    assert len(state.heap) == 65_536
    assert state.heap[:40] == bytes(16) + b"new heap" + bytes(8) + b"old heap"
    assert state.heap[64] == 77
    assert [value.value for value in state.globals] == [8]
    assert state.stable_memory[10:18] == b"old heap"
    assert state.global_timer_ns == 0


def test_a_kept_heap_is_the_old_one_without_the_new_data() -> None:
    canister = old()
    assert upgrade(canister, NEW, keep=True).trap is None
    heap = canister.capture().heap
    assert len(heap) == 2 * 65_536
    assert heap[:8] == b"old heap"
    assert heap[16:24] == bytes(8)
    assert heap[100] == 1


@pytest.mark.parametrize(
    ("old_text", "new_text", "argument"),
    [
        (OLD, NEW, bytes(13)),
        (OLD.replace("(i32.const 1)))", "(i32.const 1)) unreachable)"), NEW, b""),
    ],
    ids=["post_upgrade", "pre_upgrade"],
)
@pytest.mark.parametrize("keep", [True, False])
def test_a_trap_leaves_the_old_code_untouched(old_text: str, new_text: str, argument: bytes, keep: bool) -> None:
    canister = create(old_text)
    canister.execute(Call("init"))
    before = canister.capture()
    outcome = upgrade(canister, new_text, argument=argument, keep=keep)
    assert outcome.trap is not None
    assert outcome.logs[0] == b"old"
    assert canister.capture() == before
    canister.execute(Call("init"))
    assert canister.capture().global_timer_ns == 5


@pytest.mark.parametrize(
    "text",
    [
        "(module (memory 1) (start $go) (func $go unreachable))",
        '(module (memory 1) (data (i32.const 65536) "x"))',
        '(module (import "env" "f" (func)))',
    ],
)
def test_a_module_that_cannot_start_leaves_the_old_code_untouched(text: str) -> None:
    canister = old()
    before = canister.capture()
    with pytest.raises(InvalidModule):
        upgrade(canister, text)
    assert canister.capture() == before


def test_a_heap_that_does_not_fit_the_new_module_is_not_dropped() -> None:
    canister = old()
    before = canister.capture()
    with pytest.raises(InvalidModule, match="take over the heap"):
        upgrade(canister, "(module (memory 1 1))", keep=True)
    assert canister.capture() == before


def test_pre_upgrade_can_be_skipped() -> None:
    canister = create(OLD.replace('"canister_pre_upgrade")', '"canister_pre_upgrade") unreachable'))
    canister.execute(Call("init"))
    outcome = canister.upgrade(wat(NEW), caller=CONTROLLER, argument=b"", keep_heap=False, skip_pre_upgrade=True)
    assert outcome.trap is None
    assert outcome.logs == (b"new",)


def test_enhanced_orthogonal_persistence_keeps_the_heap_and_its_data() -> None:
    canister = installed(probe_module())
    tell(canister, "increment")
    tell(canister, "store", (Types.Nat64, 5), (Types.Vec(Types.Nat8), b"region"))
    outcome = canister.upgrade(probe_module(), caller=CONTROLLER, argument=NO_ARGUMENT, keep_heap=True)
    assert outcome.trap is None
    assert ask(canister, "read") == 1
    assert ask(canister, "load", (Types.Nat64, 5), (Types.Nat, 6)) == b"region"
    assert tell(canister, "increment") == 2


def test_classical_persistence_carries_its_data_through_stable_memory() -> None:
    canister = installed(fleet_module("identity-manager"))
    tell(canister, "create_profiles", (Types.Nat, 500), (Types.Nat64, 3))
    outcome = canister.upgrade(
        fleet_module("identity-manager"), caller=CONTROLLER, argument=NO_ARGUMENT, keep_heap=False
    )
    assert outcome.trap is None
    assert ask(canister, "profile_count") == 500
    assert canister.stable_bytes > 0
