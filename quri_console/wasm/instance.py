"""A live canister: one module with its memories, globals and timer, on which messages run one at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

# The handler modules register the System API by being imported.
from quri_console.wasm import system_api_canister, system_api_messages
from quri_console.wasm.compiler import CompiledModule, compile_module
from quri_console.wasm.errors import InvalidModule
from quri_console.wasm.execution import Execution, context_letter, instruction_limit
from quri_console.wasm.fit import check_state
from quri_console.wasm.machine import Trapped
from quri_console.wasm.memory_limit import excess
from quri_console.wasm.messages import Call, Callback, Environment, Outcome, OutgoingCall, Trap, TrapKind
from quri_console.wasm.requirements import PRIVATE, PUBLIC
from quri_console.wasm.stable_memory import StableMemory
from quri_console.wasm.state import CanisterState, StreamedState
from quri_console.wasm.system_api import Host
from quri_console.wasm.undoable import UndoableMachine

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
_CERTIFICATE_IMPORTS = frozenset(["data_certificate_present", "data_certificate_size", "data_certificate_copy"])
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
        self._canister_id = canister_id
        self._environment = environment
        self._host = Host()
        self._code = UndoableMachine(module, self._host)
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
        instance._code.load_data_segments()
        instance._keep_all(instance._start())
        return instance

    @classmethod
    def restore(cls, state: CanisterState, *, canister_id: bytes, environment: Environment) -> CanisterInstance:
        """Put a state back; neither data segments nor the start function run. Raises InvalidModule, StateMismatch."""
        streamed = StreamedState(
            module=state.module,
            globals=state.globals,
            heap_bytes=len(state.heap),
            heap=[(0, state.heap)],
            stable=StableMemory.of(state.stable_memory),
            certified_data=state.certified_data,
            global_timer_ns=state.global_timer_ns,
            low_memory_hook=state.low_memory_hook,
        )
        return cls.load(streamed, canister_id=canister_id, environment=environment)

    @classmethod
    def load(
        cls, state: StreamedState, *, canister_id: bytes, environment: Environment, interruptible: bool = False
    ) -> CanisterInstance:
        """As `restore`, with no second copy of the memories. Raises as that does, and what reading the heap raises.

        Only an `interruptible` one heeds the time limits of calls; its code is slower.
        """
        compiled = compile_module(state.module, interruptible=interruptible)
        check_state(state, compiled.plan)
        instance = cls(compiled, canister_id, environment)
        instance._code.load_state(state.heap_bytes, state.heap, state.globals)
        instance._stable = state.stable
        instance.certified_data = state.certified_data
        instance.global_timer_ns = state.global_timer_ns
        instance.low_memory_hook = state.low_memory_hook
        return instance

    def capture(self) -> CanisterState:
        """Take the whole state out."""
        return CanisterState(
            module=self._code.module.module,
            globals=self._code.globals,
            heap=self._code.read_all(),
            stable_memory=self._stable.read(0, self._stable.size_bytes),
            certified_data=self.certified_data,
            global_timer_ns=self.global_timer_ns,
            low_memory_hook=self.low_memory_hook,
        )

    def fork(self) -> CanisterInstance:
        """An independent instance in the same state, which keeps what composite queries write.

        A composite query and its callbacks run on a fork that is thrown away afterwards.
        """
        twin = CanisterInstance(self._code.module, self._canister_id, self._environment)
        heap = self._code.read_all()
        twin._code.load_state(len(heap), [(0, heap)], self._code.globals)
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
        absent = self._without_code(call)
        if absent is not None:
            return absent
        execution, outcome = self._attempt(call)
        if outcome.trap is None and self._keeps(call):
            self._keep_all(execution)
        else:
            self._undo_all()
        return outcome

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
        before = (self._code, self.certified_data, self.global_timer_ns)
        is_done = False
        try:
            first = Outcome() if skip_pre_upgrade else self._half(Call("pre_upgrade", caller=caller))
            if first.trap is not None:
                return first
            self._replace_code(compiled, keep_heap=keep_heap)
            call = Call("post_upgrade", caller=caller, argument=argument, canister_version=new_version)
            second = self._half(call)
            is_done = second.trap is None
            return _both_halves(first, second)
        finally:
            if is_done:
                self._code.commit()
                self._stable.commit()
            else:
                self._code, self.certified_data, self.global_timer_ns = before
                self._undo_all()

    # looking at it

    @property
    def exports(self) -> frozenset[str]:
        """Names of the exported functions, such as `canister_query health`."""
        return self._code.module.exports

    @property
    def uses_data_certificate(self) -> bool:
        """Whether the module can ask for the certificate of its certified data."""
        return not _CERTIFICATE_IMPORTS.isdisjoint(self._code.module.imports)

    @property
    def metadata(self) -> Mapping[str, Metadata]:
        """The `icp:` custom sections by name, such as `candid:service`."""
        found: dict[str, Metadata] = {}
        for name, content in self._code.module.plan.custom_sections:
            if name.startswith((PUBLIC, PRIVATE)):
                found[name.split(" ", 1)[1]] = Metadata(name.startswith(PUBLIC), content)
        return found

    @property
    def is_64_bit(self) -> bool:
        """Whether the Wasm memory has 64-bit addresses."""
        return self._code.module.plan.is_64_bit

    @property
    def heap_bytes(self) -> int:
        """Size of the Wasm memory."""
        return self._code.live.memory_bytes

    @property
    def stable_bytes(self) -> int:
        """Size of stable memory."""
        return self._stable.size_bytes

    @property
    def global_bytes(self) -> int:
        """Size of all globals: 4, 8 or 16 bytes each."""
        return self._code.module.plan.global_bytes

    @property
    def custom_section_bytes(self) -> int:
        """Names and contents of the `icp:` sections."""
        return sum(len(name) + len(item.content) for name, item in self.metadata.items())

    def read_heap(self, offset: int, size: int) -> bytes:
        """A slice of the Wasm memory; raises IndexError beyond its end."""
        return self._code.live.read(offset, size)

    def read_stable(self, offset: int, size: int) -> bytes:
        """A slice of stable memory; raises IndexError beyond its end."""
        return self._stable.read(offset, size)

    # inside

    def _without_code(self, call: Call) -> Outcome | None:
        """The outcome of a message for which the module has no function."""
        hook = _HOOKS.get(call.kind)
        if hook is not None and hook not in self.exports:
            # Also without a hook of its own, code that needs more memory than it may have is not installed.
            trap = self._excess(call) if call.kind in ("init", "post_upgrade") else None
            return Outcome(trap=trap, accepted_message=call.kind == "inspect")
        if call.kind in _METHODS and _METHODS[call.kind] + call.method not in self.exports:
            words = "query method" if call.kind == "query" else "method"
            return Outcome(trap=Trap(TrapKind.METHOD_NOT_FOUND, f"Canister has no {words} '{call.method}'."))
        return None

    def _attempt(self, call: Call) -> tuple[Execution, Outcome]:
        """Run a message and neither keep nor undo it. Anything but a trap of the canister undoes it and is raised."""
        execution = self._begin(call)
        too_large = self._excess(call)
        if too_large is not None:
            return execution, Outcome(trap=too_large)
        try:
            trap = self._run(execution) or self._excess(call)
            return execution, _outcome(execution, trap, execution.limit - self._code.live.fuel)
        except BaseException:
            self._undo_all()
            raise

    def _begin(self, call: Call) -> Execution:
        self._code.begin()
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
        call, machine = execution.call, self._code.live
        try:
            machine.time_limit_seconds = call.time_limit_seconds
            with self._host.running(execution):
                if execution.context == "s":
                    machine.call_start(execution.limit)
                elif call.callback is not None:
                    machine.call_table(call.callback.function, call.callback.environment, execution.limit)
                else:
                    name = _HOOKS.get(call.kind) or _METHODS[call.kind] + call.method
                    machine.call_export(name, execution.limit)
        except Trapped as trapped:
            return trapped.trap
        return None

    def _excess(self, call: Call) -> Trap | None:
        """Why a message that falls under the Wasm memory limit fails (spec: wasm_memory_limit)."""
        return excess(call, self._environment.wasm_memory_limit(), self.heap_bytes)

    def _start(self) -> Execution:
        """Run the start function, if there is one. Raises InvalidModule where it traps."""
        execution = replace(self._begin(Call("init")), context="s")
        trap = self._run(execution)
        if trap is not None:
            raise InvalidModule("The module cannot be instantiated", why=f"start: {trap.message}")
        return execution

    def _keeps(self, call: Call) -> bool:
        return call.kind not in _WITHOUT_TRACE and (call.kind != "composite_query" or self._is_fork)

    def _keep_all(self, execution: Execution) -> None:
        self._code.commit()
        self._stable.commit()
        self.certified_data = execution.certified_data
        self.global_timer_ns = execution.global_timer_ns

    def _undo_all(self) -> None:
        self._stable.roll_back()
        self._code.roll_back()

    def _half(self, call: Call) -> Outcome:
        """One half of an upgrade: what it does stays visible to the other half, but is not committed."""
        absent = self._without_code(call)
        if absent is not None:
            return absent
        execution, outcome = self._attempt(call)
        if outcome.trap is None:
            self.certified_data = execution.certified_data
            self.global_timer_ns = execution.global_timer_ns
        return outcome

    def _replace_code(self, compiled: CompiledModule, *, keep_heap: bool) -> None:
        old, self._code = self._code, UndoableMachine(compiled, self._host)
        if keep_heap:
            self._code.take_over_heap(old)
        else:
            self._code.load_data_segments()
        self.global_timer_ns = 0
        self._start()


def _both_halves(first: Outcome, second: Outcome) -> Outcome:
    is_whole = second.trap is None
    return replace(
        second,
        outgoing=first.outgoing + second.outgoing if is_whole else (),
        cycles_burned=first.cycles_burned + second.cycles_burned if is_whole else 0,
        instructions=first.instructions + second.instructions,
        logs=first.logs + second.logs,
    )


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
