"""A state that is put in slice by slice is the same canister, and an execution with a time limit harms no other."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from quri_console.wasm.heap import CommittedHeap, CopiedHeap, new_heap
from quri_console.wasm.instance import Call, CanisterInstance, TrapKind
from quri_console.wasm.stable_memory import StableMemory
from quri_console.wasm.state import CanisterState, StreamedState
from tests.support.wasm_canisters import CANISTER, Surroundings, create

TEXT = """
(module
  (import "ic0" "msg_reply" (func $reply))
  (memory 4)
  (global $count (mut i64) (i64.const 5))
  (data (i32.const 100000) "in the second page")
  (func (export "canister_query grow") (drop (memory.grow (i32.const 1))) (i32.store (i32.const 0) (i32.const 1)))
  (func (export "canister_query quick") (call $reply))
  (func (export "canister_query slow") (local $n i64)
    (loop $next
      (local.set $n (i64.add (local.get $n) (i64.const 1)))
      (br_if $next (i64.lt_u (local.get $n) (i64.const 60000000))))
    (call $reply))
  (func (export "canister_query endless") (loop $again (br $again))))
"""


def loaded(state: CanisterState, size: int = 50_000) -> CanisterInstance:
    slices = ((at, state.heap[at : at + size]) for at in range(0, len(state.heap), size))
    streamed = StreamedState(
        module=state.module,
        globals=state.globals,
        heap_bytes=len(state.heap),
        heap=((at, data) for at, data in slices if any(data)),
        stable=StableMemory.of(state.stable_memory),
        certified_data=state.certified_data,
    )
    return CanisterInstance.load(streamed, canister_id=CANISTER, environment=Surroundings(), interruptible=True)


def test_a_streamed_state_is_the_one_that_was_captured_also_after_an_undone_growth() -> None:
    state = replace(create(TEXT).capture(), certified_data=b"certified")
    canister = loaded(state)
    assert canister.capture() == state
    assert canister.execute(Call("query", "grow", replicated=False)).trap is None
    assert canister.capture() == state


@pytest.mark.parametrize("make", [new_heap, CopiedHeap])
def test_a_filled_heap_has_its_slices_and_zeroes_between_them(make: type[CopiedHeap]) -> None:
    import ctypes
    import mmap

    heap: CommittedHeap = make()
    heap.fill(3 * 65_536, [(65_536, b"middle"), (0, b"first")])
    assert len(heap) == 3 * 65_536
    memory = mmap.mmap(-1, 3 * 65_536)
    target = (ctypes.c_char * len(memory)).from_buffer(memory)
    heap.put_back(ctypes.addressof(target))
    content = bytearray(3 * 65_536)
    content[:5], content[65_536:65_542] = b"first", b"middle"
    assert memory[:] == bytes(content)
    del target


def test_an_endless_query_ends_in_time_and_the_next_one_runs() -> None:
    canister = loaded(create(TEXT).capture())
    outcome = canister.execute(Call("query", "endless", replicated=False, time_limit_seconds=0.1))
    assert outcome.trap is not None
    assert outcome.trap.kind is TrapKind.TIME_LIMIT
    assert canister.execute(Call("query", "quick", replicated=False, time_limit_seconds=5)).trap is None
    assert canister.execute(Call("query", "quick", replicated=False)).trap is None


def test_the_end_of_one_executions_time_ends_no_other() -> None:
    limited, free = (loaded(create(TEXT).capture()) for _ in range(2))
    traps: list[object] = []

    def end_again_and_again() -> None:
        for _ in range(5):
            limited.execute(Call("query", "endless", replicated=False, time_limit_seconds=0.02))

    def run() -> None:
        traps.extend(free.execute(Call("query", "slow", replicated=False)).trap for _ in range(5))
        slow = Call("query", "slow", replicated=False, time_limit_seconds=20)
        traps.extend(free.execute(slow).trap for _ in range(5))

    threads = [threading.Thread(target=work) for work in (end_again_and_again, run)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert traps == [None] * 10
    assert time.monotonic() - started < 60
