"""What goes into one execution and what comes out of it (spec: entry points)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal, Protocol

EntryKind = Literal[
    "init",
    "pre_upgrade",
    "post_upgrade",
    "inspect",
    "update",
    "query",
    "composite_query",
    "timer",
    "heartbeat",
    "low_memory",
    "reply_callback",
    "reject_callback",
    "cleanup",
]


class TrapKind(Enum):
    """Why an execution was undone; the values are the replica's error codes."""

    WASM = 502  # the code itself trapped: unreachable, out of bounds, division by zero …
    CALLED_TRAP = 503  # the code called ic0.trap
    CONTRACT_VIOLATION = 504  # the code misused the System API, or used what is not supported
    INSTRUCTION_LIMIT = 522
    TIME_LIMIT = 528
    METHOD_NOT_FOUND = 536  # there is no such export, or no such table entry
    WASM_MEMORY_LIMIT = 539


@dataclass(frozen=True, slots=True)
class Trap:
    """An execution that was undone."""

    kind: TrapKind
    message: str
    lacks: str = ""
    """What the code asked for that this room does not have, where that is why: the network might have it."""


@dataclass(frozen=True, slots=True)
class Callback:
    """A function of the module's table, and the value it is called with."""

    function: int
    environment: int


@dataclass(frozen=True, slots=True)
class Call:
    """One message for one canister.

    `method` is for update, query, composite_query and inspect. `argument` is
    the payload (of a reply callback: the reply). `callback` is for the three
    callback kinds. `replicated` tells queries and callbacks whether consensus
    runs them; a composite query's callbacks are not replicated.
    `needs_reply` is False where the call was already answered or there is
    nothing to answer (set it so for callbacks after a reply).
    `instruction_limit` None means the limit of the entry point, `time_limit_seconds` None that only it counts;
    an instance heeds it that was loaded as interruptible.
    `canister_version` None means the environment's.
    """

    kind: EntryKind
    method: str = ""
    argument: bytes = b""
    caller: bytes = b""
    cycles_available: int = 0
    cycles_refunded: int = 0
    deadline_ns: int = 0
    callback: Callback | None = None
    reject_code: int = 0
    reject_message: str = ""
    replicated: bool = True
    needs_reply: bool = True
    data_certificate: bytes | None = None
    instruction_limit: int | None = None
    time_limit_seconds: float | None = None
    canister_version: int | None = None


@dataclass(frozen=True, slots=True)
class OutgoingCall:
    """A call that the execution enqueued; `timeout_seconds` is set for bounded-wait calls."""

    callee: bytes
    method: str
    argument: bytes
    cycles: int
    on_reply: Callback
    on_reject: Callback
    on_cleanup: Callback | None = None
    timeout_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an execution did. Where `trap` is set everything but instructions and logs is empty.

    `reply` and `reject` are mutually exclusive; both None means no answer yet.
    """

    trap: Trap | None = None
    reply: bytes | None = None
    reject: str | None = None
    outgoing: tuple[OutgoingCall, ...] = ()
    cycles_accepted: int = 0
    cycles_burned: int = 0
    accepted_message: bool = False
    instructions: int = 0
    logs: tuple[bytes, ...] = ()


class Environment(Protocol):
    """What the network tells a canister about itself and the world; asked while the canister runs."""

    def time_ns(self) -> int:
        """Nanoseconds since 1970; must not change while one message runs."""

    def cycles_balance(self) -> int:
        """Balance before this message accepts, attaches or burns anything."""

    def liquid_cycles(self) -> int:
        """Part of the balance above the freezing limit, before this message accepts, attaches or burns anything."""

    def is_controller(self, principal: bytes) -> bool:
        """Whether `principal` controls this canister."""

    def canister_version(self) -> int:
        """The version counter of the canister."""

    def run_state(self) -> int:
        """1 running, 2 stopping, 3 stopped."""

    def root_key(self) -> bytes:
        """DER root key of the network."""

    def subnet_id(self) -> bytes:
        """Principal of the hosting subnet."""

    def wasm_memory_limit(self) -> int:
        """Bytes of Wasm memory that the canister's settings allow; 0 is no limit."""

    def subnet_node_count(self) -> int:
        """How many nodes the hosting subnet has."""

    def environment_variables(self) -> Sequence[tuple[str, str]]:
        """Names and values from the canister's settings, sorted by name."""

    def cost_of_call(self, method_bytes: int, payload_bytes: int) -> int:
        """Cycles that an inter-canister call would cost."""

    def cost_of_canister_creation(self) -> int:
        """Cycles that creating a canister would cost."""
