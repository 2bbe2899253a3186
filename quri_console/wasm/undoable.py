"""A machine whose memory and globals go back to the last commit on demand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quri_console.wasm.compiler import CompiledModule
from quri_console.wasm.errors import InvalidModule
from quri_console.wasm.fit import check_kept_heap
from quri_console.wasm.heap import CommittedHeap, new_heap
from quri_console.wasm.machine import Factory, Machine
from quri_console.wasm.state import GlobalValue
from quri_console.wasm.system_api import Host


class UndoableMachine:
    """Wraps the live machine of one module; where undoing is impossible (it has grown) it starts a fresh one."""

    def __init__(self, module: CompiledModule, host: Host) -> None:
        self.module = module
        self._host = host
        self._factory = Factory(module, host.resolve)
        self.live: Machine = self._factory.machine()
        self.globals: tuple[GlobalValue, ...] = self.live.read_globals()
        self._heap: CommittedHeap = new_heap()
        self._is_heap_committed = False

    def load_data_segments(self) -> None:
        """What the instantiation of a fresh canister does. Raises InvalidModule where a segment does not fit."""
        try:
            for segment in self.module.plan.data:
                self.live.write(segment.offset, segment.content)
        except IndexError as error:
            raise InvalidModule("The module cannot be instantiated", why=f"a data segment: {error}") from error

    def load_state(self, size: int, slices: Iterable[tuple[int, bytes]], values: Sequence[GlobalValue]) -> None:
        """Put in a memory of `size` bytes and globals that fit the module; before anything ran. What `slices` of
        offsets and bytes leave out is zero."""
        self.globals = tuple(values)
        self._heap.fill(size, slices)
        self._is_heap_committed = True
        self._put_back()
        self.globals = self.live.read_globals()  # immutable ones are the module's own

    def take_over_heap(self, of: UndoableMachine) -> None:
        """Keep the heap of an older module, as it is now. Raises InvalidModule where it does not fit."""
        check_kept_heap(of.live.memory_bytes, self.module.plan)
        heap = of.read_all()
        self.load_state(len(heap), [(0, heap)], self.globals)

    def read_all(self) -> bytes:
        """The whole live memory."""
        return self.live.read(0, self.live.memory_bytes)

    def begin(self) -> None:
        """Remember what is there; to be called before anything runs on the live machine."""
        self._host.attach(self.live)
        if not self._is_heap_committed:
            self._heap.keep(self.live.memory_address, self.live.memory_bytes)
            self._is_heap_committed = True

    def commit(self) -> None:
        """What is there now is what later executions go back to."""
        self._is_heap_committed = False
        self.globals = self.live.read_globals()

    def roll_back(self) -> None:
        """Go back to what was there at `begin`."""
        if not self._is_heap_committed:
            return
        if self.live.memory_bytes != len(self._heap):
            self.live = self._factory.machine()
        self._put_back()

    def _put_back(self) -> None:
        self.live.grow_memory(len(self._heap))
        self._heap.put_back(self.live.memory_address)
        self.live.write_globals(self.globals)
