"""A query and a trapped message leave no trace, whatever they touched."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from quri_console.wasm import undoable
from quri_console.wasm.heap import CopiedHeap, MappedHeap, new_heap
from quri_console.wasm.instance import Call, TrapKind
from quri_console.wasm.shared_file import is_supported
from tests.support.wasm_canisters import Surroundings, Types, ask, create, installed, probe_module, tell, wat

# Every method writes to everything there is; its name says how it ends.
TEXT = """
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "trap" (func $trap (param i32 i32)))
  (import "ic0" "stable64_grow" (func $stable_grow (param i64) (result i64)))
  (import "ic0" "stable64_write" (func $stable_write (param i64 i64 i64)))
  (import "ic0" "certified_data_set" (func $certify (param i32 i32)))
  (import "ic0" "global_timer_set" (func $set_timer (param i64) (result i64)))
  (memory 2)
  (data (i32.const 100) "precious")
  (global $i32 (mut i32) (i32.const -1))
  (global $i64 (mut i64) (i64.const 5000000000))
  (global $f32 (mut f32) (f32.const nan:0x200001))
  (global $f64 (mut f64) (f64.const -0.0))
  (global $v128 (mut v128) (v128.const i32x4 1 2 3 4))
  (global $constant (export "constant") i32 (i32.const 9))
  (func $scribble
    (i32.store (i32.const 100) (i32.const 0x21212121))
    (i32.store (i32.const 131068) (i32.add (i32.load (i32.const 131068)) (i32.const 1)))
    (global.set $i32 (i32.add (global.get $i32) (i32.const 1)))
    (global.set $i64 (i64.const -7))
    (global.set $f32 (f32.const 1.5))
    (global.set $f64 (f64.const nan:0xdead))
    (global.set $v128 (v128.const i64x2 -1 9)))
  (func $scribble_outside
    (drop (call $stable_grow (i64.const 1)))
    (call $stable_write (i64.const 65530) (i64.const 100) (i64.const 6)))
  (func $grow (drop (memory.grow (i32.const 3))) (i32.store (i32.const 300000) (i32.const 7)))
  (func (export "canister_query plain") (call $scribble) (call $scribble_outside) (call $reply))
  (func (export "canister_query growing") (call $scribble) (call $grow) (call $reply))
  (func (export "canister_query unreachable") (call $scribble) (call $scribble_outside) unreachable)
  (func $everything
    (call $scribble) (call $scribble_outside)
    (call $certify (i32.const 100) (i32.const 4))
    (drop (call $set_timer (i64.const 77))))
  (func (export "canister_update trap") (call $everything) (call $trap (i32.const 100) (i32.const 8)))
  (func (export "canister_update grow_and_trap") (call $everything) (call $grow) unreachable)
  (func (export "canister_update forever") (call $everything) (loop $again (br $again)))
  (func (export "canister_update keep") (call $everything) (call $grow) (call $reply))
  (func (export "canister_inspect_message") (call $scribble))
  (func (export "canister_update stack") (call $everything) (call $deep))
  (func $deep (call $deep) (call $scribble)))
"""

KINDS: list[Callable[[], object]] = [CopiedHeap] + ([new_heap] if is_supported() else [])


@pytest.fixture(params=KINDS, ids=["copied", "mapped"][: len(KINDS)], autouse=True)
def heap_kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undoable, "new_heap", request.param)


def test_this_system_uses_its_cheapest_kind() -> None:
    assert isinstance(new_heap(), MappedHeap if is_supported() else CopiedHeap)


@pytest.mark.parametrize("method", ["plain", "growing", "unreachable"])
def test_a_query_leaves_no_trace(method: str) -> None:
    canister = create(TEXT)
    before = canister.capture()
    for _ in range(3):
        canister.execute(Call("query", method, replicated=False))
        assert canister.capture() == before


@pytest.mark.parametrize(
    ("method", "kind", "words"),
    [
        ("trap", TrapKind.CALLED_TRAP, "!!!!ious"),
        ("grow_and_trap", TrapKind.WASM, "unreachable"),
        ("forever", TrapKind.INSTRUCTION_LIMIT, "instruction limit"),
        ("stack", TrapKind.WASM, "stack overflow"),
    ],
)
def test_a_trapped_update_leaves_no_trace(method: str, kind: TrapKind, words: str) -> None:
    canister = create(TEXT)
    before = canister.capture()
    for _ in range(3):
        outcome = canister.execute(Call("update", method, instruction_limit=3_000_000))
        assert outcome.trap is not None
        assert outcome.trap.kind is kind
        assert words in outcome.trap.message
        assert 0 < outcome.instructions <= 3_000_000
        assert canister.capture() == before


def test_an_inspection_leaves_no_trace_and_refuses_by_silence() -> None:
    canister = create(TEXT)
    before = canister.capture()
    outcome = canister.execute(Call("inspect", "keep"))
    assert outcome.trap is None
    assert not outcome.accepted_message
    assert canister.capture() == before


def test_a_good_update_stays_and_later_failures_go_back_to_it() -> None:
    canister = create(TEXT)
    before = canister.capture()
    assert canister.execute(Call("update", "keep")).reply == b""
    kept = canister.capture()
    assert kept.heap[100:108] == b"!!!!ious"
    assert len(kept.heap) == len(before.heap) + 3 * 65_536
    assert kept.heap[300_000] == 7
    assert kept.stable_memory[65_530:] == b"!!!!io"
    assert (kept.certified_data, kept.global_timer_ns) == (b"!!!!", 77)
    assert [value.kind for value in kept.globals] == ["i32", "i64", "f32", "f64", "v128", "i32"]
    assert kept.globals[0].value == 0
    assert kept.globals[4].bits == (9 << 64) | (2**64 - 1)
    for method in ("plain", "growing"):
        canister.execute(Call("query", method, replicated=False))
        assert canister.capture() == kept
    canister.execute(Call("update", "grow_and_trap"))
    assert canister.capture() == kept
    canister.execute(Call("update", "keep"))
    assert canister.capture().globals[0].value == 1


def test_a_motoko_canister_survives_many_queries() -> None:
    canister = installed(probe_module())
    assert tell(canister, "increment") == 1
    before = canister.capture()
    for size in (0, 1, 300, 20_000):
        assert ask(canister, "scribble", (Types.Nat, size)) == 2
        assert canister.capture() == before
    assert canister.execute(Call("update", "trap_after_writing", b"DIDL\0\0")).trap is not None
    assert canister.capture() == before
    assert tell(canister, "increment") == 2


def test_many_canisters_do_not_share_what_they_keep() -> None:
    canisters = [create(TEXT) for _ in range(12)]
    for count, canister in enumerate(canisters):
        for _ in range(count):
            canister.execute(Call("update", "keep"))
    del canisters[1::2]  # the next ones take over their places in the file of heaps
    canisters += [create(TEXT) for _ in range(5)]
    for canister in canisters:
        before = canister.capture()
        canister.execute(Call("query", "plain", replicated=False))
        assert canister.capture() == before
    counts = [canister.capture().globals[0].value for canister in canisters]
    assert counts == [-1, 1, 3, 5, 7, 9, -1, -1, -1, -1, -1]


def test_a_fork_keeps_what_composite_queries_write_and_the_original_does_not() -> None:
    text = """
    (module
      (import "ic0" "msg_reply" (func $reply))
      (memory 1)
      (func (export "canister_composite_query bump")
        (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
        (drop (memory.grow (i32.const 1)))
        (call $reply)))
    """
    canister = create(wat(text))
    before = canister.capture()
    call = Call("composite_query", "bump", replicated=False)
    assert canister.execute(call).reply == b""
    assert canister.capture() == before
    fork = canister.fork()
    fork.execute(call)
    fork.execute(call)
    assert fork.read_heap(0, 4) == b"\2\0\0\0"
    assert canister.capture() == before


class Outage(Exception):
    """The environment itself fails in the middle of a message."""


class Failing(Surroundings):
    def time_ns(self) -> int:
        raise Outage


def test_a_failure_of_the_environment_is_raised_and_leaves_no_trace() -> None:
    canister = create(
        """(module (import "ic0" "time" (func $time (result i64))) (memory 1)
          (func (export "canister_update run") (i32.store (i32.const 0) (i32.const 1)) (drop (call $time))))""",
        Failing(),
    )
    before = canister.capture()
    with pytest.raises(Outage):
        canister.execute(Call("update", "run"))
    assert canister.capture() == before
