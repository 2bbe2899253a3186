"""The System API: host functions that canister code imports from `ic0` (interface specification 0.66)."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import wasmtime

from quri_console.wasm.execution import Execution
from quri_console.wasm.machine import HostFunction, Machine, Trapped
from quri_console.wasm.messages import Trap, TrapKind
from quri_console.wasm.signatures import SIGNATURES

Handler = Callable[..., int | None]
HANDLERS: dict[str, Handler] = {}
"""Functions of (host, unsigned arguments …) by name; the modules system_api_* fill it."""

_WIDTHS = {"i32": 32, "i64": 64}


def handler(function: Handler) -> Handler:
    """Register a function under its own name."""
    HANDLERS[function.__name__] = function
    return function


def violation(message: str, *, lacks: str = "") -> Trapped:
    """The trap for misuse of the System API, or for what is not there (see `Trap.lacks`)."""
    return Trapped(Trap(TrapKind.CONTRACT_VIOLATION, message, lacks))


class Host:
    """Connects a machine's imports with the message that runs on it now."""

    def __init__(self) -> None:
        self._machine: weakref.ref[Machine] | None = None
        self._execution: Execution | None = None

    def attach(self, machine: Machine) -> None:
        """Serve this machine. Only weakly held: wasmtime keeps host functions for as long as the machine lives."""
        self._machine = weakref.ref(machine)

    @property
    def machine(self) -> Machine:
        machine = self._machine() if self._machine else None
        assert machine is not None, "host functions run only while their machine does"
        return machine

    @property
    def execution(self) -> Execution:
        assert self._execution is not None, "host functions run only inside a message"
        return self._execution

    @contextmanager
    def running(self, execution: Execution) -> Iterator[None]:
        """Serve this message for as long as the context lasts."""
        self._execution = execution
        try:
            yield
        finally:
            self._execution = None

    def resolve(self, name: str, kind: wasmtime.FuncType) -> HostFunction:
        """The host function for an import; unknown and unsupported ones trap with their name when called."""
        signature, implementation = SIGNATURES.get(name), HANDLERS.get(name)
        if signature is None or implementation is None:
            return self._unsupported(name)
        masks = [(1 << _WIDTHS[str(item)]) - 1 for item in kind.params]
        contexts = signature.contexts

        def function(*arguments: int) -> int | None:
            execution = self.execution
            if execution.context not in contexts:
                raise violation(f'"ic0_{name}" cannot be executed in {words_for(execution)} mode')
            try:
                return implementation(self, *(value & mask for value, mask in zip(arguments, masks, strict=True)))
            except IndexError as error:
                raise Trapped(Trap(TrapKind.WASM, f"ic0.{name}: {error}")) from None

        return function

    def _unsupported(self, name: str) -> HostFunction:
        def function(*_: int) -> int | None:
            raise violation(f"ic0.{name} is not supported by this network", lacks=f"ic0.{name}")

        return function

    # helpers for handlers

    def load(self, source: int, size: int) -> bytes:
        """Bytes that the canister passes."""
        return self.machine.read(source, size)

    def copy_from_stable(self, destination: int, offset: int, size: int) -> None:
        """Copy a slice of stable memory to the canister, page by page."""
        pieces = self.execution.stable.pieces(offset, size)
        self.machine.check(destination, size)
        for piece in pieces:
            self.machine.write(destination, piece)
            destination += len(piece)

    def store_slice(self, content: bytes, destination: int, offset: int, size: int) -> None:
        """Copy `content[offset:offset+size]` to the canister, as every `*_copy` function does."""
        if offset + size > len(content):
            raise IndexError(f"offset {offset} + size {size} exceed the {len(content)} bytes there are")
        self.machine.write(destination, content[offset : offset + size])

    def store_cycles(self, amount: int, destination: int) -> None:
        """Write a 128-bit amount."""
        self.machine.write(destination, amount.to_bytes(16, "little"))


_MODE_WORDS = {
    "s": "start",
    "I": "init",
    "G": "pre upgrade",
    "U": "update",
    "RQ": "replicated query",
    "NRQ": "non replicated query",
    "CQ": "composite query",
    "Ry": "reply callback",
    "Rt": "reject callback",
    "CRy": "composite reply callback",
    "CRt": "composite reject callback",
    "C": "cleanup",
    "CC": "composite cleanup",
    "F": "inspect message",
    "T": "system task",
}


def words_for(execution: Execution) -> str:
    """The entry point's name in a trap message."""
    return _MODE_WORDS[execution.context]


def decode_text(content: bytes, name: str) -> str:
    """UTF-8 or a trap."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise violation(f"ic0.{name}: the text is not UTF-8") from None
