"""Stable memory behaves as one long zeroed byte string with undo."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from quri_console.errors import CorruptionError
from quri_console.wasm.stable_memory import LARGEST_STABLE_PAGES, PAGES_KEPT, StableMemory
from quri_console.wasm.state import WASM_PAGE_BYTES

PAGE = WASM_PAGE_BYTES
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


def test_pages_that_lie_elsewhere_are_read_when_they_are_touched_and_only_then() -> None:
    read: list[int] = []

    def reader(page: int) -> bytes | None:
        read.append(page)
        return None if page == 2 else bytes([page]) * PAGE

    memory = StableMemory.over(reader, 1 << 40 >> 16)
    assert memory.size_bytes == 1 << 40
    assert read == []
    assert memory.read(PAGE - 1, 2) == b"\x00\x01"
    assert memory.read(2 * PAGE, 4) == bytes(4)
    assert memory.read(PAGE, 4) == b"\x01" * 4
    assert read == [0, 1, 2]
    memory.write(3 * PAGE + 1, b"new")
    assert memory.read(3 * PAGE, 5) == b"\x03new\x03"
    memory.roll_back()
    assert memory.read(3 * PAGE, 5) == b"\x03" * 5
    memory.write(3 * PAGE, b"kept")
    memory.commit()
    assert memory.copy().read(3 * PAGE, 5) == b"kept\x03"


def test_few_of_the_pages_that_were_read_are_kept_and_grown_ones_are_not_read() -> None:
    read: list[int] = []

    def reader(page: int) -> bytes:
        read.append(page)
        return bytes([page % 256]) * PAGE

    memory = StableMemory.over(reader, PAGES_KEPT + 1)
    for page in range(PAGES_KEPT + 1):
        memory.read(page * PAGE, 1)
    memory.read(PAGES_KEPT * PAGE, 1)
    assert len(read) == PAGES_KEPT + 1
    memory.read(0, 1)
    assert read[-1] == 0
    memory.grow(1)
    assert memory.read((PAGES_KEPT + 1) * PAGE, 3) == bytes(3)
    assert len(read) == PAGES_KEPT + 2


def test_what_the_reader_raises_goes_through_and_leaves_the_memory_as_it_was() -> None:
    def reader(page: int) -> bytes:
        raise CorruptionError("it is damaged")

    memory = StableMemory.over(reader, 2)
    for _ in range(2):
        with pytest.raises(CorruptionError):
            memory.read(PAGE, 1)
    with pytest.raises(IndexError):
        memory.read(2 * PAGE, 1)
