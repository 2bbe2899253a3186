"""The state of a canister's code: all that a snapshot holds of it, bit for bit."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from quri_console.wasm.stable_memory import StableMemory

WASM_PAGE_BYTES = 65_536

GlobalKind = Literal["i32", "i64", "f32", "f64", "v128"]
_WIDTHS: dict[GlobalKind, int] = {"i32": 32, "i64": 64, "f32": 32, "f64": 64, "v128": 128}


@dataclass(frozen=True, slots=True)
class GlobalValue:
    """One WebAssembly global as its raw bits, so that NaN payloads survive and equality means equality."""

    kind: GlobalKind
    bits: int

    @classmethod
    def of(cls, kind: GlobalKind, value: float) -> GlobalValue:
        """From a number: signed or unsigned for i32 and i64, unsigned for v128, a float for f32 and f64."""
        if kind == "f32":
            return cls(kind, int.from_bytes(struct.pack("<f", value), "little"))
        if kind == "f64":
            return cls(kind, int.from_bytes(struct.pack("<d", value), "little"))
        return cls(kind, int(value) & ((1 << _WIDTHS[kind]) - 1))

    @property
    def value(self) -> int | float:
        """As the management canister shows it: i32 and i64 signed, v128 a natural number, f32 and f64 floats."""
        width = _WIDTHS[self.kind]
        raw = self.bits.to_bytes(width // 8, "little")
        if self.kind == "f32":
            return float(struct.unpack("<f", raw)[0])
        if self.kind == "f64":
            return float(struct.unpack("<d", raw)[0])
        return int.from_bytes(raw, "little", signed=self.kind != "v128")


@dataclass(frozen=True, slots=True)
class CanisterState:
    """Module and everything it remembers.

    `module` is what was installed (gzip or plain). `globals` are those that
    are exported or mutable, in module order. `heap` and `stable_memory` are
    whole pages of 65,536 bytes. `global_timer_ns` is 0 when inactive.
    `low_memory_hook` is the hook's recorded status, which this room carries
    but does not interpret.
    """

    module: bytes
    globals: tuple[GlobalValue, ...]
    heap: bytes
    stable_memory: bytes
    certified_data: bytes = b""
    global_timer_ns: int = 0
    low_memory_hook: str | None = None


@dataclass(frozen=True, slots=True)
class StreamedState:
    """A state of which only a part is in memory while it is put in; the rest is as in `CanisterState`.

    `heap` is read once: offsets and bytes, in any order; what it leaves out is zero.
    """

    module: bytes
    globals: tuple[GlobalValue, ...]
    heap_bytes: int
    heap: Iterable[tuple[int, bytes]]
    stable: StableMemory
    certified_data: bytes = b""
    global_timer_ns: int = 0
    low_memory_hook: str | None = None
