"""Calls to the network's execution side without HTTP: what `localnet` does, apart from how it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from quri_console.ic.encoding import candid
from quri_console.localnet import management_types as types
from quri_console.localnet.management_methods import METHODS
from quri_console.localnet.messages import MANAGEMENT_CANISTER, Ingress, Reject, Reply
from quri_console.localnet.network import Network

ALICE = b"\x11" * 28 + b"\x02"
BOB = b"\x22" * 28 + b"\x02"


async def settle_loop(turns: int = 50) -> None:
    """Let everything run that is ready to run."""
    for _ in range(turns):
        await asyncio.sleep(0)


def complete(kind: Any, value: Any) -> Any:
    """`value` with the optional fields that it leaves out."""
    fields = getattr(kind, "_field_map", None)
    if fields is None or not isinstance(value, Mapping) or type(kind).__name__ != "RecordClass":
        return value
    result = {}
    for name, field_kind in fields.values():
        if name in value:
            result[name] = value[name]
        elif type(field_kind).__name__ == "OptClass":
            result[name] = []
        else:
            raise KeyError(name)
    return {name: complete(fields[candid.field_hash(name)][1], item) for name, item in result.items()}


@dataclass
class Direct:
    """One caller of the management canister and of canisters."""

    network: Network
    caller: bytes = ALICE

    def ingress(self, method: str, record: Mapping[str, Any]) -> Ingress:
        kind = METHODS[method].argument
        argument = candid.encode([kind], [complete(kind, record)])
        return Ingress(self.caller, MANAGEMENT_CANISTER, method, argument)

    async def answer(self, method: str, record: Mapping[str, Any], *, query: bool = False) -> Reply | Reject:
        ingress = self.ingress(method, record)
        if query:
            return await self.network.query(ingress)
        refused = await self.network.inspect(ingress)
        return refused if refused is not None else await self.network.update(ingress)

    async def call(self, method: str, record: Mapping[str, Any], result: Any = None, *, query: bool = False) -> Any:
        """The decoded result; fails the test on a reject."""
        answer = await self.answer(method, record, query=query)
        if isinstance(answer, Reject):
            pytest.fail(f"{method}: {answer.error_code} {answer.message}")
        return None if result is None else candid.decode(answer.argument, [result])[0]

    async def reject(self, method: str, record: Mapping[str, Any], *, query: bool = False) -> Reject:
        """The reject; fails the test on a reply."""
        answer = await self.answer(method, record, query=query)
        assert isinstance(answer, Reject), f"{method} was answered"
        return answer

    async def ask(self, canister: bytes, method: str, argument: bytes = b"", *, query: bool = False) -> Reply | Reject:
        """Call a canister's own method."""
        ingress = Ingress(self.caller, canister, method, argument)
        if query:
            return await self.network.query(ingress)
        refused = await self.network.inspect(ingress)
        return refused if refused is not None else await self.network.update(ingress)

    async def create(self, cycles: int = 10**13, **settings: Any) -> bytes:
        """A new canister of this caller."""
        record = {
            "amount": [cycles],
            "settings": [complete(types.CANISTER_SETTINGS, {name: [value] for name, value in settings.items()})],
        }
        result = await self.call("provisional_create_canister_with_cycles", record, types.CANISTER_ID_RESULT)
        return bytes(result["canister_id"].bytes)

    async def status(self, canister: bytes, *, query: bool = False) -> dict[str, Any]:
        """canister_status."""
        result: dict[str, Any] = await self.call(
            "canister_status", {"canister_id": canister}, types.CANISTER_STATUS_RESULT, query=query
        )
        return result

    async def install(
        self, module: bytes, *, canister: bytes | None = None, mode: Any = None, **settings: Any
    ) -> bytes:
        """Install `module`, by default into a new canister."""
        canister = canister or await self.create(**settings)
        record = {"mode": mode or {"install": None}, "canister_id": canister, "wasm_module": module, "arg": b""}
        await self.call("install_code", record)
        return canister

    async def number(self, canister: bytes, method: str, argument: bytes = b"", *, query: bool = False) -> int:
        """The little-endian number that a method of the counter module replies with."""
        answer = await self.ask(canister, method, argument, query=query)
        assert isinstance(answer, Reply), answer
        return int.from_bytes(answer.argument[:8], "little")

    async def refusal(self, canister: bytes, method: str, argument: bytes = b"", *, query: bool = False) -> Reject:
        """The reject of a canister's own method."""
        answer = await self.ask(canister, method, argument, query=query)
        assert isinstance(answer, Reject), answer
        return answer
