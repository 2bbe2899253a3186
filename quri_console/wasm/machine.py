"""One instantiated module on wasmtime: memory, globals, functions; no System API semantics.

Uses wasmtime's C functions where its Python classes convert values on the way:
globals must keep their bits (NaN payloads, v128).
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import wasmtime
from wasmtime import _ffi as ffi
from wasmtime._extern import wrap_extern

from quri_console.wasm.compiler import CompiledModule
from quri_console.wasm.instrument import MEMORY_EXPORT, START_EXPORT, TABLE_EXPORT, GlobalSlot
from quri_console.wasm.messages import Trap, TrapKind
from quri_console.wasm.state import WASM_PAGE_BYTES, GlobalKind, GlobalValue

HostFunction = Callable[..., int | None]
Resolve = Callable[[str, wasmtime.FuncType], HostFunction]

_RAW_KINDS: dict[GlobalKind, ctypes.c_ubyte] = {
    "i32": ffi.WASMTIME_I32,
    "i64": ffi.WASMTIME_I64,
    "f32": ffi.WASMTIME_F32,
    "f64": ffi.WASMTIME_F64,
    "v128": ffi.WASMTIME_V128,
}
_BYTES: dict[GlobalKind, int] = {"i32": 4, "i64": 8, "f32": 4, "f64": 8, "v128": 16}
_WASM_RUNS_ALONE = threading.Lock()
"""wasmtime's Python binding hands a host function's exception over in one variable of the process."""

_TRAP_WORDS = {
    wasmtime.TrapCode.STACK_OVERFLOW: "stack overflow",
    wasmtime.TrapCode.MEMORY_OUT_OF_BOUNDS: "heap out of bounds",
    wasmtime.TrapCode.TABLE_OUT_OF_BOUNDS: "table out of bounds",
    wasmtime.TrapCode.INDIRECT_CALL_TO_NULL: "indirect call to null",
    wasmtime.TrapCode.BAD_SIGNATURE: "indirect call with a wrong signature",
    wasmtime.TrapCode.INTEGER_OVERFLOW: "integer overflow",
    wasmtime.TrapCode.INTEGER_DIVISION_BY_ZERO: "integer division by 0",
    wasmtime.TrapCode.BAD_CONVERSION_TO_INTEGER: "bad conversion to integer",
    wasmtime.TrapCode.UNREACHABLE: "unreachable",
}
_NEVER = 1 << 62
"""Ticks of the engine's clock, which ticks once for every execution that took too long."""


LARGEST_HEAP_BYTES = 6 * 1024**3
"""The network's limit for 64-bit heaps; 32-bit ones end at 4 GiB by themselves."""


class Trapped(Exception):
    """Ends an execution from inside a host function or from wasmtime."""

    def __init__(self, trap: Trap) -> None:
        super().__init__(trap.message)
        self.trap = trap


class Factory:
    """Makes machines of one module for one canister; host functions are made once and serve all of them."""

    def __init__(self, module: CompiledModule, resolve: Resolve) -> None:
        self.module = module
        linker = wasmtime.Linker(module.engine)
        for name, kind in module.imports.items():
            linker.define_func("ic0", name, kind, resolve(name, kind))
        self._prepared = linker.instantiate_pre(module.compiled)

    def machine(self) -> Machine:
        """A fresh one: the start function has not run and no data segment has been written."""
        store = wasmtime.Store(self.module.engine)
        store.set_fuel(0)
        store.set_epoch_deadline(_NEVER)
        store.set_limits(memory_size=LARGEST_HEAP_BYTES)
        with _WASM_RUNS_ALONE:
            instance = self._prepared.instantiate(store)
        return Machine(self.module, store, instance)


class Machine:
    """A store with one instance in it."""

    def __init__(self, module: CompiledModule, store: wasmtime.Store, instance: wasmtime.Instance) -> None:
        self.module = module
        self._store = store
        self._instance = instance
        memory = self._export(MEMORY_EXPORT)
        self._memory = memory if isinstance(memory, wasmtime.Memory) else None
        self._globals = [(slot, self._global_handle(slot)) for slot in module.plan.globals]
        self._value = ffi.wasmtime_val_t()
        self._bits_address = ctypes.addressof(self._value.of)
        self.time_limit_seconds: float | None = None
        """How long the next executions of an interruptible module may run; None: until instructions are used up."""

    def _export(self, name: str) -> object:
        """One export; the binding's own mapping would wrap all of them."""
        text, item = name.encode(), ffi.wasmtime_extern_t()
        found = ffi.wasmtime_instance_export_get(
            self._store._context(), ctypes.byref(self._instance._instance), text, len(text), ctypes.byref(item)
        )
        return wrap_extern(item) if found else None

    def _global_handle(self, slot: GlobalSlot) -> ffi.wasmtime_global_t:
        export = self._export(slot.export)
        assert isinstance(export, wasmtime.Global)
        return export._global

    # memory

    @property
    def memory_bytes(self) -> int:
        """Present size of the memory; 0 where the module has none."""
        return self._memory.data_len(self._store) if self._memory is not None else 0

    @property
    def memory_address(self) -> int:
        """Where the memory lies now; it may move when it grows."""
        if self._memory is None:
            return 0
        return ctypes.addressof(self._memory.data_ptr(self._store).contents)

    def grow_memory(self, size_bytes: int) -> None:
        """Make the memory at least `size_bytes` large."""
        missing = size_bytes - self.memory_bytes
        if missing > 0:
            assert self._memory is not None
            self._memory.grow(self._store, missing // WASM_PAGE_BYTES)

    def read(self, offset: int, size: int) -> bytes:
        """A slice of memory; raises IndexError beyond its end."""
        self.check(offset, size)
        return ctypes.string_at(self.memory_address + offset, size) if size else b""

    def write(self, offset: int, data: bytes | bytearray) -> None:
        """Overwrite a slice of memory; raises IndexError beyond its end."""
        self.check(offset, len(data))
        if data:
            content = bytes(data) if isinstance(data, bytearray) else data
            ctypes.memmove(self.memory_address + offset, content, len(data))

    def check(self, offset: int, size: int) -> None:
        """Raise IndexError where a slice is not in the memory."""
        if offset + size > self.memory_bytes:
            raise IndexError(f"memory ends at {self.memory_bytes}, not at {offset + size}")

    # globals

    def read_globals(self) -> tuple[GlobalValue, ...]:
        """All globals that belong to the state, in module order."""
        context = self._store._context()
        return tuple(self._read_global(context, slot, handle) for slot, handle in self._globals)

    def _read_global(self, context: object, slot: GlobalSlot, handle: ffi.wasmtime_global_t) -> GlobalValue:
        ffi.wasmtime_global_get(context, ctypes.byref(handle), ctypes.byref(self._value))
        raw = ctypes.string_at(self._bits_address, _BYTES[slot.kind])
        return GlobalValue(slot.kind, int.from_bytes(raw, "little"))

    def write_globals(self, values: Sequence[GlobalValue]) -> None:
        """Set the mutable globals; the others are fixed by the module."""
        context = self._store._context()
        for (slot, handle), value in zip(self._globals, values, strict=True):
            if slot.is_mutable:
                self._value.kind = _RAW_KINDS[value.kind]
                ctypes.memmove(self._bits_address, value.bits.to_bytes(16, "little"), 16)
                error = ffi.wasmtime_global_set(context, ctypes.byref(handle), ctypes.byref(self._value))
                assert not error, "the rewritten module exports this global with this type"

    # functions

    @property
    def fuel(self) -> int:
        """Instructions left."""
        return self._store.get_fuel()

    @contextmanager
    def _ending_in_time(self) -> Iterator[None]:
        """Have what runs meanwhile trap when its time is over; nothing else may run, because all share the clock."""
        seconds = self.time_limit_seconds
        if seconds is None:
            yield
            return
        self._store.set_epoch_deadline(1)
        timer = threading.Timer(seconds, self.module.engine.increment_epoch)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
            self._store.set_epoch_deadline(_NEVER)

    def call_export(self, name: str, limit: int) -> None:
        """Call an exported function of type () -> (). Raises Trapped."""
        function = self._export(name)
        assert isinstance(function, wasmtime.Func)
        self._call(function, (), limit)

    def call_start(self, limit: int) -> None:
        """Run the original start function, if there is one. Raises Trapped."""
        if self.module.plan.has_start:
            self.call_export(START_EXPORT, limit)

    def call_table(self, index: int, argument: int, limit: int) -> None:
        """Call table entry `index` of type (I) -> (). Raises Trapped, also where there is no such entry."""
        function = self._table_entry(index)
        if function is None:
            raise Trapped(Trap(TrapKind.CONTRACT_VIOLATION, f"there is no callback at table index {index}"))
        self._call(function, (argument,), limit)

    def _table_entry(self, index: int) -> wasmtime.Func | None:
        table = self._export(TABLE_EXPORT)
        if not isinstance(table, wasmtime.Table) or index >= table.size(self._store):
            return None
        entry = table.get(self._store, index)
        if not isinstance(entry, wasmtime.Func):
            return None
        expected = "i64" if self.module.plan.is_64_bit else "i32"
        kind = entry.type(self._store)
        fits = [str(item) for item in kind.params] == [expected] and not kind.results
        return entry if fits else None

    def _call(self, function: wasmtime.Func, arguments: tuple[int, ...], limit: int) -> None:
        self._store.set_fuel(limit)
        try:
            with _WASM_RUNS_ALONE, self._ending_in_time():
                function(self._store, *arguments)
        except wasmtime.Trap as trap:
            raise Trapped(_explain(trap)) from None


def _explain(trap: wasmtime.Trap) -> Trap:
    code = trap.trap_code
    if code is wasmtime.TrapCode.OUT_OF_FUEL:
        return Trap(TrapKind.INSTRUCTION_LIMIT, "the instruction limit for a single message was exceeded")
    if code is wasmtime.TrapCode.INTERRUPT:
        return Trap(TrapKind.TIME_LIMIT, "it did not end within the time allowed")
    words = _TRAP_WORDS.get(code) if code is not None else None
    return Trap(TrapKind.WASM, words or trap.message.strip().splitlines()[0])
