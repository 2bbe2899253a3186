"""Canister instances without a network: an environment whose every answer a test can set, and text modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from wasmtime import wat2wasm

from quri_console.ic.encoding import candid
from quri_console.ic.encoding.candid import Types
from quri_console.wasm.instance import Call, CanisterInstance, Outcome, OutgoingCall

CANISTER = bytes.fromhex("00000000000000070101")
CONTROLLER = bytes.fromhex("aa" * 29)
FLEET_FOLDER = Path(__file__).parents[2] / "quri_console" / "localnet" / "fleet"
MODULES_FOLDER = Path(__file__).parents[1] / "wasm" / "modules"
FLEET = ("rune-engine", "registry", "bitcoin-integration", "identity-manager")
NO_ARGUMENT = b"DIDL\x00\x00"


@dataclass
class Surroundings:
    """An environment; fields are what the canister is told."""

    now_ns: int = 1_700_000_000_000_000_000
    balance: int = 3 * 10**12
    frozen_part: int = 10**12
    version: int = 4
    state: int = 1
    key: bytes = b"root key"
    subnet: bytes = b"subnet id"
    memory_limit: int = 0
    variables: Sequence[tuple[str, str]] = field(default_factory=list)

    def time_ns(self) -> int:
        return self.now_ns

    def cycles_balance(self) -> int:
        return self.balance

    def liquid_cycles(self) -> int:
        return self.balance - self.frozen_part

    def is_controller(self, principal: bytes) -> bool:
        return principal == CONTROLLER

    def canister_version(self) -> int:
        return self.version

    def run_state(self) -> int:
        return self.state

    def root_key(self) -> bytes:
        return self.key

    def subnet_id(self) -> bytes:
        return self.subnet

    def wasm_memory_limit(self) -> int:
        return self.memory_limit

    def subnet_node_count(self) -> int:
        return 13

    def environment_variables(self) -> Sequence[tuple[str, str]]:
        return self.variables

    def cost_of_call(self, method_bytes: int, payload_bytes: int) -> int:
        return 260_000 + 1_000 * (method_bytes + payload_bytes)

    def cost_of_canister_creation(self) -> int:
        return 500_000_000_000


@cache
def wat(text: str) -> bytes:
    """A module from its text."""
    return bytes(wat2wasm(text))


def create(module: bytes | str, surroundings: Surroundings | None = None) -> CanisterInstance:
    """A fresh instance of a binary or text module; `canister_init` has not run."""
    binary = wat(module) if isinstance(module, str) else module
    return CanisterInstance.create(binary, canister_id=CANISTER, environment=surroundings or Surroundings())


def restore(state: Any, surroundings: Surroundings | None = None) -> CanisterInstance:
    """An instance from a captured state."""
    return CanisterInstance.restore(state, canister_id=CANISTER, environment=surroundings or Surroundings())


def fleet_module(name: str) -> bytes:
    """The shipped module of one of the four demo canisters."""
    return (FLEET_FOLDER / f"{name}.wasm.gz").read_bytes()


def probe_module() -> bytes:
    """The Motoko test canister (`tests/wasm/modules/probe.mo`)."""
    return (MODULES_FOLDER / "probe.wasm.gz").read_bytes()


def installed(module: bytes, surroundings: Surroundings | None = None) -> CanisterInstance:
    """A Motoko canister after a successful installation without argument."""
    canister = create(module, surroundings)
    outcome = canister.execute(Call("init", argument=NO_ARGUMENT, caller=CONTROLLER))
    assert outcome.trap is None, outcome
    return canister


def ask(canister: CanisterInstance, method: str, *values: tuple[Any, Any]) -> Any:
    """Run a query on Candid values; the first value of the reply."""
    call = Call("query", method, arguments(*values), caller=CONTROLLER, replicated=False)
    return answer_of(canister.execute(call))


def tell(canister: CanisterInstance, method: str, *values: tuple[Any, Any]) -> Any:
    """Run an update that needs no other canister; the first value of the reply."""
    return answer_of(canister.execute(Call("update", method, arguments(*values), caller=CONTROLLER)))


def arguments(*values: tuple[Any, Any]) -> bytes:
    """Candid arguments from (type, value) pairs."""
    return candid.encode([kind for kind, _ in values], [value for _, value in values])


def answer_of(outcome: Outcome) -> Any:
    """The first value of a reply; fails on anything else."""
    assert outcome.trap is None, outcome.trap
    assert outcome.reply is not None, outcome
    values = candid.decode(outcome.reply)
    return values[0] if values else None


def converse(canisters: Mapping[bytes, CanisterInstance], first: Outcome, owner: CanisterInstance) -> Outcome:
    """Deliver outgoing calls and their answers until nothing is left.

    Returns the outcome that answered the first message's call or trapped, or else the last one.
    """
    queue: list[tuple[CanisterInstance, OutgoingCall]] = [(owner, call) for call in first.outgoing]
    result = first
    while queue:
        sender, call = queue.pop(0)
        latest = sender.execute(_callback(call, _delivered(canisters, call)))
        queue += [(sender, item) for item in latest.outgoing]
        if not _is_final(result):
            result = latest
    return result


def _is_final(outcome: Outcome) -> bool:
    return outcome.trap is not None or outcome.reply is not None or outcome.reject is not None


def _delivered(canisters: Mapping[bytes, CanisterInstance], call: OutgoingCall) -> Outcome:
    callee = canisters[call.callee]
    kind = "update" if f"canister_update {call.method}" in callee.exports else "query"
    outcome = callee.execute(Call(kind, call.method, call.argument, caller=CANISTER, cycles_available=call.cycles))
    return converse(canisters, outcome, callee)


def _callback(call: OutgoingCall, answer: Outcome) -> Call:
    if answer.reply is not None:
        return Call("reply_callback", argument=answer.reply, callback=call.on_reply, caller=CANISTER)
    message = answer.reject if answer.trap is None else answer.trap.message
    code = 4 if answer.trap is None else 5
    return Call(
        "reject_callback", callback=call.on_reject, reject_code=code, reject_message=message or "", caller=CANISTER
    )


__all__ = ["Call", "Outcome", "Types"]
