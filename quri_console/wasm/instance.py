"""A live canister: one module with its memories, globals and timer, on which messages run one at a time."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass, replace

# The handler modules register the System API by being imported.
from quri_console.wasm import system_api_canister, system_api_messages
from quri_console.wasm.compiler import CompiledModule, compile_module
from quri_console.wasm.errors import InvalidModule
from quri_console.wasm.execution import Execution, context_letter, instruction_limit
from quri_console.wasm.fit import check_kept_heap, check_state
from quri_console.wasm.heap import CommittedHeap, new_heap
from quri_console.wasm.machine import Factory, Machine, Trapped
from quri_console.wasm.messages import Call, Callback, Environment, Outcome, OutgoingCall, Trap, TrapKind
from quri_console.wasm.requirements import PRIVATE, PUBLIC
from quri_console.wasm.stable_memory import StableMemory
from quri_console.wasm.state import CanisterState, GlobalValue
from quri_console.wasm.system_api import Host

__all__ = [
    "Call",
    "Callback",
    "CanisterInstance",
    "Environment",
    "Metadata",
    "Outcome",
    "OutgoingCall",
    "Trap",
    "TrapKind",
]

_API = (system_api_messages, system_api_canister)
_HOOKS = {
    "init": "canister_init",
    "pre_upgrade": "canister_pre_upgrade",
    "post_upgrade": "canister_post_upgrade",
    "inspect": "canister_inspect_message",
    "timer": "canister_global_timer",
    "heartbeat": "canister_heartbeat",
    "low_memory": "canister_on_low_wasm_memory",
}
_METHODS = {
    "update": "canister_update ",
    "query": "canister_query ",
    "composite_query": "canister_composite_query ",
}
_WITHOUT_TRACE = frozenset(["query", "inspect"])


@dataclass(frozen=True, slots=True)
class Metadata:
    """A custom section `icp:public NAME` or `icp:private NAME`."""

    is_public: bool
    content: bytes


class CanisterInstance:
    """One canister's code and state. One message at a time; a message never sees another one's half-done work."""

    def __init__(self, module: CompiledModule, canister_id: bytes, environment: Environment) -> None:
        """Use `create` or `restore`."""
        self._module = module
        self._canister_id = canister_id
        self._environment = environment
        self._host = Host()
        self._factory = Factory(module, self._host.resolve)
        self._machine = self._new_machine()
        self._heap: CommittedHeap = new_heap()
        self._is_heap_current = False
        self._globals: tuple[GlobalValue, ...] = self._machine.read_globals()
        self._stable = StableMemory()
        self._is_fork = False
        self.certified_data = b""
        """At most 32 bytes, set by the canister."""
        self.global_timer_ns = 0
        """When the canister wants its timer to run; 0 is inactive. The network clears it when it fires."""
        self.low_memory_hook: str | None = None
        """Carried for snapshots, not interpreted."""

    # making one

    @classmethod
    def create(cls, module: bytes, *, canister_id: bytes, environment: Environment) -> CanisterInstance:
        """Instantiate afresh: data segments and start function run, `canister_init` does not.

        Raises InvalidModule, also where a data segment does not fit or the start function traps.
        """
        instance = cls(compile_module(module), canister_id, environment)
        instance._write_data_segments()
        instance._run_start()
        return instance

    @classmethod
    def restore(cls, state: CanisterState, *, canister_id: bytes, environment: Environment) -> CanisterInstance:
        """Put a state back; neither data segments nor the start function run. Raises InvalidModule, StateMismatch."""
        instance = cls(compile_module(state.module), canister_id, environment)
        check_state(state, instance._module.plan)
        instance._globals = state.globals
        instance._set_heap(state.heap)
        instance._globals = instance._machine.read_globals()  # immutable ones are the module's
        instance._stable = StableMemory.of(state.stable_memory)
        instance.certified_data = state.certified_data
        instance.global_timer_ns = state.global_timer_ns
        instance.low_memory_hook = state.low_memory_hook
        return instance

    def capture(self) -> CanisterState:
        """Take the whole state out."""
        return CanisterState(
            module=self._module.module,
            globals=self._globals,
            heap=self._machine.read(0, self._machine.memory_bytes),
            stable_memory=self._stable.read(0, self._stable.size_bytes),
            certified_data=self.certified_data,
            global_timer_ns=self.global_timer_ns,
            low_memory_hook=self.low_memory_hook,
        )

    def fork(self) -> CanisterInstance:
        """An independent instance in the same state, which keeps what composite queries write.

        A composite query and its callbacks run on a fork that is thrown away afterwards.
        """
        twin = CanisterInstance(self._module, self._canister_id, self._environment)
        twin._globals = self._globals
        twin._set_heap(self._machine.read(0, self._machine.memory_bytes))
        twin._stable = self._stable.copy()
        twin._is_fork = True
        twin.certified_data = self.certified_data
        twin.global_timer_ns = self.global_timer_ns
        twin.low_memory_hook = self.low_memory_hook
        return twin

    # running

    def execute(self, call: Call) -> Outcome:
        """Run one message. A trap, a query or an inspection leaves no trace.

        An optional hook that the module does not export does nothing (an
        absent inspect hook accepts); an absent method or callback is a trap.
        Composite queries leave a trace only on a fork.
        """
        hook = _HOOKS.get(call.kind)
        if hook is not None and hook not in self.exports:
            return Outcome(accepted_message=call.kind == "inspect")
        if call.kind in _METHODS and _METHODS[call.kind] + call.method not in self.exports:
            words = "query method" if call.kind == "query" else "method"
            return Outcome(trap=Trap(TrapKind.METHOD_NOT_FOUND, f"Canister has no {words} '{call.method}'."))
        execution = self._begin(call)
        trap = self._run(execution)
        instructions = execution.limit - self._machine.fuel
        if trap is None and self._keeps(call):
            self._commit(execution)
        else:
            self._roll_back()
        return _outcome(execution, trap, instructions)

    def upgrade(
        self,
        module: bytes,
        *,
        caller: bytes,
        argument: bytes,
        keep_heap: bool,
        skip_pre_upgrade: bool = False,
        new_version: int | None = None,
    ) -> Outcome:
        """pre_upgrade, the new module with stable memory (and heap, if kept), post_upgrade; all or nothing.

        `new_version` is what post_upgrade sees as canister version. Logs and
        instructions of both halves are in the outcome. The timer is
        deactivated in between. Raises InvalidModule with the old code
        untouched.
        """
        compiled = compile_module(module)
        before = self.capture()
        first = Outcome() if skip_pre_upgrade else self.execute(Call("pre_upgrade", caller=caller))
        if first.trap is not None:
            return first
        try:
            self._replace(compiled, keep_heap=keep_heap)
            call = Call("post_upgrade", caller=caller, argument=argument, canister_version=new_version)
            second = self.execute(call)
        except InvalidModule:
            self._return_to(before)
            raise
        if second.trap is not None:
            self._return_to(before)
        return replace(
            second,
            outgoing=first.outgoing + second.outgoing if second.trap is None else (),
            cycles_burned=first.cycles_burned + second.cycles_burned if second.trap is None else 0,
            instructions=first.instructions + second.instructions,
            logs=first.logs + second.logs,
        )

    # looking at it

    @property
    def exports(self) -> frozenset[str]:
        """Names of the exported functions, such as `canister_query health`."""
        return self._module.exports

    @property
    def metadata(self) -> Mapping[str, Metadata]:
        """The `icp:` custom sections by name, such as `candid:service`."""
        found: dict[str, Metadata] = {}
        for name, content in self._module.plan.custom_sections:
            if name.startswith((PUBLIC, PRIVATE)):
                found[name.split(" ", 1)[1]] = Metadata(name.startswith(PUBLIC), content)
        return found

    @property
    def is_64_bit(self) -> bool:
        """Whether the Wasm memory has 64-bit addresses."""
        return self._module.plan.is_64_bit

    @property
    def heap_bytes(self) -> int:
        """Size of the Wasm memory."""
        return self._machine.memory_bytes

    @property
    def stable_bytes(self) -> int:
        """Size of stable memory."""
        return self._stable.size_bytes

    @property
    def global_bytes(self) -> int:
        """Size of all globals: 4, 8 or 16 bytes each."""
        return self._module.plan.global_bytes

    @property
    def custom_section_bytes(self) -> int:
        """Names and contents of the `icp:` sections."""
        return sum(len(name) + len(item.content) for name, item in self.metadata.items())

    def read_heap(self, offset: int, size: int) -> bytes:
        """A slice of the Wasm memory; raises IndexError beyond its end."""
        return self._machine.read(offset, size)

    def read_stable(self, offset: int, size: int) -> bytes:
        """A slice of stable memory; raises IndexError beyond its end."""
        return self._stable.read(offset, size)

    # inside

    def _new_machine(self) -> Machine:
        machine = self._factory.machine()
        self._host.attach(machine)
        return machine

    def _write_data_segments(self) -> None:
        try:
            for segment in self._module.plan.data:
                self._machine.write(segment.offset, segment.content)
        except IndexError as error:
            raise InvalidModule("The module cannot be instantiated", why=f"a data segment: {error}") from error

    def _run_start(self) -> None:
        if not self._module.plan.has_start:
            return
        execution = replace(self._begin(Call("init")), context="s")
        self._host.begin(execution)
        try:
            self._machine.call_start(execution.limit)
        except Trapped as trapped:
            raise InvalidModule("The module cannot be instantiated", why=f"start: {trapped.trap.message}") from trapped
        finally:
            self._host.end()
        self._commit(execution)

    def _begin(self, call: Call) -> Execution:
        if not self._is_heap_current:
            self._heap.keep(self._machine.memory_address, self._machine.memory_bytes)
            self._is_heap_current = True
        return Execution(
            call=call,
            context=context_letter(call),
            limit=instruction_limit(call),
            canister_id=self._canister_id,
            environment=self._environment,
            stable=self._stable,
            certified_data=self.certified_data,
            global_timer_ns=self.global_timer_ns,
        )

    def _run(self, execution: Execution) -> Trap | None:
        call = execution.call
        self._host.begin(execution)
        try:
            if call.callback is not None:
                self._machine.call_table(call.callback.function, call.callback.environment, execution.limit)
            else:
                name = _HOOKS.get(call.kind) or _METHODS[call.kind] + call.method
                self._machine.call_export(name, execution.limit)
        except Trapped as trapped:
            return trapped.trap
        finally:
            self._host.end()
        return None

    def _keeps(self, call: Call) -> bool:
        return call.kind not in _WITHOUT_TRACE and (call.kind != "composite_query" or self._is_fork)

    def _commit(self, execution: Execution) -> None:
        self._is_heap_current = False
        self._globals = self._machine.read_globals()
        self._stable.commit()
        self.certified_data = execution.certified_data
        self.global_timer_ns = execution.global_timer_ns

    def _roll_back(self) -> None:
        self._stable.roll_back()
        if self._machine.memory_bytes != len(self._heap):
            self._machine = self._new_machine()
        self._put_back_machine()

    def _set_heap(self, content: bytes) -> None:
        self._heap.keep(ctypes.cast(ctypes.c_char_p(content), ctypes.c_void_p).value or 0, len(content))
        self._is_heap_current = True
        self._put_back_machine()

    def _put_back_machine(self) -> None:
        self._machine.grow_memory(len(self._heap))
        self._heap.put_back(self._machine.memory_address)
        self._machine.write_globals(self._globals)

    def _replace(self, compiled: CompiledModule, *, keep_heap: bool) -> None:
        kept = self._machine.read(0, self._machine.memory_bytes) if keep_heap else None
        if kept is not None:
            check_kept_heap(len(kept), compiled.plan)
        self._module = compiled
        self._factory = Factory(compiled, self._host.resolve)
        self._machine = self._new_machine()
        self._globals = self._machine.read_globals()
        self._is_heap_current = False
        self.global_timer_ns = 0
        if kept is None:
            self._write_data_segments()
        else:
            self._machine.grow_memory(len(kept))
            self._machine.write(0, kept)
        self._run_start()

    def _return_to(self, before: CanisterState) -> None:
        self._module = compile_module(before.module)
        self._factory = Factory(self._module, self._host.resolve)
        self._machine = self._new_machine()
        self._globals = before.globals
        self._set_heap(before.heap)
        self._stable = StableMemory.of(before.stable_memory)
        self.certified_data = before.certified_data
        self.global_timer_ns = before.global_timer_ns


def _outcome(execution: Execution, trap: Trap | None, instructions: int) -> Outcome:
    logs = tuple(execution.logs)
    if trap is not None:
        return Outcome(trap=trap, instructions=instructions, logs=logs)
    return Outcome(
        reply=execution.reply,
        reject=execution.reject,
        outgoing=tuple(execution.outgoing),
        cycles_accepted=execution.cycles_accepted,
        cycles_burned=execution.cycles_burned,
        accepted_message=execution.accepted_message,
        instructions=instructions,
        logs=logs,
    )
