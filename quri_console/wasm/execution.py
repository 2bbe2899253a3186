"""One message while it runs: what it was given, what it did so far, and which limits apply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from quri_console.wasm.messages import Call, Callback, EntryKind, Environment, OutgoingCall
from quri_console.wasm.stable_memory import StableMemory

_BILLION = 1_000_000_000
_INSTALL = 300 * _BILLION
_UPDATE = 40 * _BILLION
_QUERY = 5 * _BILLION
_LIMITS: Mapping[EntryKind, int] = {
    "init": _INSTALL,
    "pre_upgrade": _INSTALL,
    "post_upgrade": _INSTALL,
    "inspect": _BILLION // 5,
    "query": _QUERY,
    "composite_query": _QUERY,
}
_FIXED_CONTEXTS: Mapping[EntryKind, str] = {
    "init": "I",
    "post_upgrade": "I",
    "pre_upgrade": "G",
    "inspect": "F",
    "update": "U",
    "composite_query": "CQ",
    "timer": "T",
    "heartbeat": "T",
    "low_memory": "T",
}
_REPLICATED_CONTEXTS: Mapping[EntryKind, tuple[str, str]] = {
    "query": ("RQ", "NRQ"),
    "reply_callback": ("Ry", "CRy"),
    "reject_callback": ("Rt", "CRt"),
    "cleanup": ("C", "CC"),
}


def instruction_limit(call: Call) -> int:
    """The network's limit for this kind of message, unless the call sets its own."""
    return call.instruction_limit if call.instruction_limit is not None else _LIMITS.get(call.kind, _UPDATE)


def context_letter(call: Call) -> str:
    """The specification's letter for where the System API is called from."""
    if call.kind in _FIXED_CONTEXTS:
        return _FIXED_CONTEXTS[call.kind]
    replicated, non_replicated = _REPLICATED_CONTEXTS[call.kind]
    return replicated if call.replicated else non_replicated


@dataclass(slots=True)
class CallUnderConstruction:
    """A call between `call_new` and `call_perform`."""

    callee: bytes
    method: str
    on_reply: Callback
    on_reject: Callback
    on_cleanup: Callback | None = None
    argument: bytearray = field(default_factory=bytearray)
    cycles: int = 0
    timeout_seconds: int | None = None

    def finished(self) -> OutgoingCall:
        return OutgoingCall(
            callee=self.callee,
            method=self.method,
            argument=bytes(self.argument),
            cycles=self.cycles,
            on_reply=self.on_reply,
            on_reject=self.on_reject,
            on_cleanup=self.on_cleanup,
            timeout_seconds=self.timeout_seconds,
        )


@dataclass(slots=True)
class Execution:
    """Everything that one message sees and does; discarded or committed as a whole."""

    call: Call
    context: str
    limit: int
    canister_id: bytes
    environment: Environment
    stable: StableMemory
    certified_data: bytes
    global_timer_ns: int
    reply_buffer: bytearray = field(default_factory=bytearray)
    reply: bytes | None = None
    reject: str | None = None
    outgoing: list[OutgoingCall] = field(default_factory=list)
    building: CallUnderConstruction | None = None
    cycles_accepted: int = 0
    cycles_burned: int = 0
    cycles_sent: int = 0
    accepted_message: bool = False
    logs: list[bytes] = field(default_factory=list)

    @property
    def cycles_spent(self) -> int:
        """What left the balance so far, less what came in."""
        building = self.building.cycles if self.building else 0
        return self.cycles_sent + building + self.cycles_burned - self.cycles_accepted

    @property
    def cycles_balance(self) -> int:
        return self.environment.cycles_balance() - self.cycles_spent

    @property
    def liquid_cycles(self) -> int:
        return max(self.environment.liquid_cycles() - self.cycles_spent, 0)

    @property
    def cycles_available(self) -> int:
        """What the caller attached and is not accepted yet; nothing once the call is answered."""
        return 0 if self.is_answered else self.call.cycles_available - self.cycles_accepted

    @property
    def is_answered(self) -> bool:
        return self.reply is not None or self.reject is not None
