"""Stable memory behaves as one long zeroed byte string with undo."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from quri_console.wasm.stable_memory import LARGEST_STABLE_PAGES, StableMemory
from quri_console.wasm.state import WASM_PAGE_BYTES

OFFSETS = st.integers(0, 4 * WASM_PAGE_BYTES)


class AgainstModel(RuleBasedStateMachine):
    """Every operation on both the paged memory and a plain bytearray."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = StableMemory()
        self.model = bytearray()
        self.committed = b""

    @rule(pages=st.integers(0, 2))
    def grow(self, pages: int) -> None:
        if len(self.model) + pages * WASM_PAGE_BYTES <= 4 * WASM_PAGE_BYTES:
            assert self.memory.grow(pages) * WASM_PAGE_BYTES == len(self.model)
            self.model += bytes(pages * WASM_PAGE_BYTES)

    @rule(offset=OFFSETS, size=st.sampled_from([0, 1, 7, 65_535, 65_536, 131_080]), value=st.integers(0, 255))
    def write(self, offset: int, size: int, value: int) -> None:
        data = bytes([value]) * size
        if offset + size <= len(self.model):
            self.memory.write(offset, data)
            self.model[offset : offset + size] = data
        else:
            with pytest.raises(IndexError):
                self.memory.write(offset, data)

    @rule()
    def commit(self) -> None:
        self.memory.commit()
        self.committed = bytes(self.model)

    @rule()
    def roll_back(self) -> None:
        self.memory.roll_back()
        self.model = bytearray(self.committed)

    @rule()
    def copy_and_go_on_with_the_copy(self) -> None:
        self.memory = self.memory.copy()
        self.model = bytearray(self.committed)

    @rule()
    def take_out_and_put_back(self) -> None:
        self.memory = StableMemory.of(bytes(self.model))
        self.committed = bytes(self.model)

    @invariant()
    def they_are_the_same(self) -> None:
        assert self.memory.size_bytes == len(self.model)
        assert self.memory.read(0, len(self.model)) == self.model


AgainstModel.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestAgainstModel = AgainstModel.TestCase


def test_pages_never_written_cost_nothing_and_the_limit_holds() -> None:
    memory = StableMemory()
    assert memory.grow(LARGEST_STABLE_PAGES) == 0
    assert memory.grow(1) == -1
    memory.write(memory.size_bytes - 3, b"end")
    memory.commit()
    assert memory.read(memory.size_bytes - 5, 5) == b"\0\0end"
    with pytest.raises(IndexError):
        memory.read(memory.size_bytes - 5, 6)
