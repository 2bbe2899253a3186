"""What travels between clients, canisters and built-ins: calls, replies and rejects with the network's codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

MANAGEMENT_CANISTER = b""
ANONYMOUS = b"\x04"


class ErrorCode(IntEnum):
    """Error codes of the replica; the first digit is the reject code, `IC%04d` the text form."""

    SUBNET_OVERSUBSCRIBED = 101
    CANISTER_ID_ALREADY_EXISTS = 205
    STOP_CANISTER_REQUEST_TIMEOUT = 206
    CANISTER_OUT_OF_CYCLES = 207
    CANISTER_NOT_FOUND = 301
    CANISTER_SNAPSHOT_NOT_FOUND = 305
    INSUFFICIENT_CYCLES_FOR_CREATE_CANISTER = 403
    CANISTER_REJECTED_MESSAGE = 406
    UNKNOWN_MANAGEMENT_MESSAGE = 407
    INVALID_MANAGEMENT_PAYLOAD = 408
    CANISTER_SNAPSHOT_IMMUTABLE = 409
    CANISTER_TRAPPED = 502
    CANISTER_CALLED_TRAP = 503
    CANISTER_CONTRACT_VIOLATION = 504
    CANISTER_INVALID_WASM = 505
    CANISTER_DID_NOT_REPLY = 506
    CANISTER_STOPPED = 508
    CANISTER_STOPPING = 509
    CANISTER_NOT_STOPPED = 510
    CANISTER_STOPPING_CANCELLED = 511
    CANISTER_INVALID_CONTROLLER = 512
    CANISTER_NON_EMPTY = 514
    INSUFFICIENT_CYCLES_IN_CALL = 520
    CANISTER_INSTRUCTION_LIMIT_EXCEEDED = 522
    QUERY_CALL_GRAPH_TOO_DEEP = 525
    INSUFFICIENT_CYCLES_IN_COMPUTE_ALLOCATION = 530
    INSUFFICIENT_CYCLES_IN_MEMORY_ALLOCATION = 531
    INSUFFICIENT_CYCLES_IN_MEMORY_GROW = 532
    CANISTER_METHOD_NOT_FOUND = 536
    CANISTER_WASM_MODULE_NOT_FOUND = 537
    CANISTER_ALREADY_INSTALLED = 538
    CANISTER_WASM_MEMORY_LIMIT_EXCEEDED = 539
    DEADLINE_EXPIRED = 601


@dataclass(frozen=True, slots=True)
class Ingress:
    """A call from outside whose envelope has been checked; `canister` is empty for the management canister.

    `effective_canister` is the id in the route; empty means "the same as `canister`".
    """

    caller: bytes
    canister: bytes
    method: str
    argument: bytes
    effective_canister: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply; `cycles_accepted` only matters between canisters."""

    argument: bytes
    cycles_accepted: int = 0


@dataclass(frozen=True, slots=True)
class Reject:
    """A reject; `error_code` is the text form (`IC0512`) and empty where the network gives none."""

    code: int
    message: str
    error_code: str = ""


class Rejection(Exception):
    """Raised inside the network where a message is refused; becomes a `Reject` at its edge."""

    def __init__(self, error_code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.error_code = error_code
        self.message = message

    @property
    def reject(self) -> Reject:
        return Reject(int(self.error_code) // 100, self.message, f"IC{int(self.error_code):04d}")


@dataclass(frozen=True, slots=True)
class BuiltinCall:
    """A call to a built-in canister; `cycles` are attached by a calling canister and refunded unless accepted."""

    caller: bytes
    method: str
    argument: bytes
    cycles: int = 0


class Builtin(Protocol):
    """A canister written in Python under a mainnet id (cycles ledger, CMC, blackhole)."""

    controllers: tuple[bytes, ...]
    metadata: Mapping[str, bytes]

    async def update(self, call: BuiltinCall) -> Reply | Reject:
        """Answer an update call (also sent for methods that are queries)."""

    async def query(self, call: BuiltinCall) -> Reply | Reject:
        """Answer a query call; changes nothing."""
