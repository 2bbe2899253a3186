"""A state taken out is put back bit for bit, and nothing of the module's own beginning runs again."""

from __future__ import annotations

import gzip
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.wasm.errors import InvalidModule, StateMismatch
from quri_console.wasm.instance import Call
from quri_console.wasm.state import CanisterState, GlobalKind, GlobalValue
from tests.support.wasm_canisters import Types, ask, create, installed, probe_module, restore, tell, wat

TEXT = """
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (memory 1 4)
  (data (i32.const 0) "ACTIVE")
  (data $later "passive")
  (data (i32.const 65530) "END")
  (global $starts (mut i32) (i32.const 0))
  (global $weird (mut f32) (f32.const nan:0x200001))
  (start $begin)
  (func $begin (global.set $starts (i32.add (global.get $starts) (i32.const 1))))
  (func (export "canister_update change")
    (i32.store (i32.const 0) (i32.const 0x3f3f3f3f))
    (drop (memory.grow (i32.const 1)))
    (call $reply))
  (func (export "canister_update load_passive")
    (memory.init $later (i32.const 64) (i32.const 0) (i32.const 7))
    (call $append (i32.const 64) (i32.const 7))
    (call $reply))
  (func (export "canister_query starts")
    (i32.store (i32.const 32) (global.get $starts))
    (call $append (i32.const 32) (i32.const 4))
    (call $reply)))
"""


def test_a_fresh_instance_has_its_data_and_has_started_once() -> None:
    state = create(TEXT).capture()
    assert state.heap[:6] == b"ACTIVE"
    assert state.heap[65_530:65_533] == b"END"
    assert state.globals == (GlobalValue("i32", 1), GlobalValue("f32", 0x7FA00001))


def test_a_restored_instance_has_neither_data_segments_nor_start_run_again() -> None:
    canister = create(TEXT)
    canister.execute(Call("update", "change"))
    state = canister.capture()
    assert state.heap[:6] == b"????VE"
    twin = restore(state)
    assert twin.capture() == state
    assert twin.execute(Call("query", "starts", replicated=False)).reply == b"\1\0\0\0"
    wiped = restore(replace(state, heap=bytes(len(state.heap))))
    assert wiped.capture().heap == bytes(2 * 65_536)
    assert wiped.execute(Call("update", "load_passive")).reply == b"passive"


def test_everything_beside_the_memories_comes_along() -> None:
    state = replace(
        create(TEXT).capture(),
        stable_memory=b"\0" * 65_536 + b"s" * 65_536,
        certified_data=b"c" * 32,
        global_timer_ns=99,
        low_memory_hook="executed",
    )
    twin = restore(state)
    assert twin.capture() == state
    assert (twin.stable_bytes, twin.read_stable(65_530, 12)) == (131_072, b"\0" * 6 + b"s" * 6)
    assert twin.read_heap(65_530, 3) == b"END"


def test_a_motoko_canister_answers_after_it_was_put_back_as_before() -> None:
    canister = installed(probe_module())
    tell(canister, "increment")
    tell(canister, "fill", (Types.Nat, 300), (Types.Nat8, 9))
    tell(canister, "store", (Types.Nat64, 70_000), (Types.Vec(Types.Nat8), b"in stable memory"))
    state = canister.capture()
    twin = restore(state)
    assert ask(twin, "read") == 1
    assert ask(twin, "load", (Types.Nat64, 70_003), (Types.Nat, 6)) == b"stable"
    assert tell(twin, "increment") == 2
    assert tell(canister, "increment") == 2
    assert twin.capture() == canister.capture()


def test_a_gzipped_module_stays_gzipped() -> None:
    packed = gzip.compress(wat(TEXT))
    state = create(packed).capture()
    assert state.module == packed
    assert restore(state).capture() == state


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"globals": ()}, "globals"),
        ({"globals": (GlobalValue("i64", 1), GlobalValue("f32", 0))}, "globals"),
        ({"heap": b"x" * 65_537}, "whole pages"),
        ({"stable_memory": b"x"}, "whole pages"),
        ({"heap": b""}, "at least 65,536"),
        ({"heap": bytes(5 * 65_536)}, "at most"),
    ],
)
def test_a_state_of_another_module_is_refused(change: dict[str, object], words: str) -> None:
    state: CanisterState = replace(create(TEXT).capture(), **change)  # type: ignore[arg-type]
    with pytest.raises(StateMismatch, match=words):
        restore(state)


def test_a_data_segment_beyond_the_memory_is_an_invalid_module() -> None:
    with pytest.raises(InvalidModule, match="data segment"):
        create('(module (memory 1) (data (i32.const 65530) "too long"))')


def test_a_trapping_start_is_an_invalid_module() -> None:
    with pytest.raises(InvalidModule, match="start: unreachable"):
        create("(module (memory 1) (start $go) (func $go unreachable))")


BOUNDS: dict[GlobalKind, tuple[int, int]] = {
    "i32": (-(2**31), 2**31 - 1),
    "i64": (-(2**63), 2**63 - 1),
    "v128": (0, 2**128 - 1),
}


@given(st.sampled_from(sorted(BOUNDS)), st.data())
def test_whole_numbers_keep_their_value(kind: GlobalKind, data: st.DataObject) -> None:
    number = data.draw(st.integers(*BOUNDS[kind]))
    assert GlobalValue.of(kind, number).value == number


@given(st.integers(0, 2**64 - 1))
def test_a_64_bit_float_keeps_every_bit(bits: int) -> None:
    value = GlobalValue("f64", bits)
    assert GlobalValue.of("f64", value.value) == value


@given(st.floats(width=32, allow_nan=False))
def test_a_32_bit_float_keeps_its_value(number: float) -> None:
    assert GlobalValue.of("f32", number).value == number
