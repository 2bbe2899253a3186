"""The committed content of a canister's Wasm memory, from which an undone execution is put back.

A live memory cannot shrink: where an undone execution had grown it, the
instance is replaced by a fresh one of the committed size.
"""

from __future__ import annotations

import ctypes

from quri_console.wasm.machine import Machine


class CommittedHeap:
    """A copy of the memory as of the last commit; taken when the next message starts, not when one ends."""

    def __init__(self) -> None:
        self._copy = bytearray()
        self._is_current = False

    @classmethod
    def of(cls, content: bytes) -> CommittedHeap:
        """A committed heap with this content."""
        heap = cls()
        heap._copy = bytearray(content)
        heap._is_current = True
        return heap

    def __len__(self) -> int:
        return len(self._copy)

    def invalidate(self) -> None:
        """The live memory has moved on; the copy is to be taken again."""
        self._is_current = False

    def follow(self, machine: Machine) -> None:
        """Take the copy if the live memory has moved on since."""
        if self._is_current:
            return
        size = machine.memory_bytes
        if size != len(self._copy):
            self._copy = bytearray(size)
        if size:
            ctypes.memmove(_address(self._copy), machine.memory_address, size)
        self._is_current = True

    def put_back(self, machine: Machine) -> bool:
        """Overwrite the live memory; False where it has grown and a fresh instance is needed."""
        if machine.memory_bytes != len(self._copy):
            return False
        if self._copy:
            ctypes.memmove(machine.memory_address, _address(self._copy), len(self._copy))
        return True


def _address(buffer: bytearray) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))
