"""What built-ins share: methods by name, with Candid types in and out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quri_console.ic.encoding import candid
from quri_console.localnet.messages import BuiltinCall, ErrorCode, Reject, Rejection, Reply
from quri_console.localnet.words import text_of


@dataclass(frozen=True, slots=True)
class Result:
    """What a method returns; `cycles_accepted` of those that a calling canister attached."""

    values: Sequence[Any]
    cycles_accepted: int = 0


@dataclass(frozen=True, slots=True)
class Method:
    """One method; `run` gets the call and its decoded arguments."""

    arguments: Sequence[Any]
    results: Sequence[Any]
    run: Callable[[BuiltinCall, Sequence[Any]], Awaitable[Result]]
    is_query: bool = False


class CandidBuiltin:
    """A built-in whose methods are a table."""

    def __init__(self, canister_id: bytes, interface: bytes, methods: Mapping[str, Method]) -> None:
        self.canister_id = canister_id
        self.controllers: tuple[bytes, ...] = ()
        self.metadata: Mapping[str, bytes] = {"candid:service": interface}
        self._methods = methods

    async def update(self, call: BuiltinCall) -> Reply | Reject:
        """Answer an update call, also of a query method."""
        return await self._answer(call, self._methods.get(call.method), "update")

    async def query(self, call: BuiltinCall) -> Reply | Reject:
        """Answer a query call."""
        method = self._methods.get(call.method)
        return await self._answer(call, method if method is not None and method.is_query else None, "query")

    async def _answer(self, call: BuiltinCall, method: Method | None, kind: str) -> Reply | Reject:
        if method is None:
            name = f"Canister {text_of(self.canister_id)} has no {kind} method '{call.method}'"
            return Rejection(ErrorCode.CANISTER_METHOD_NOT_FOUND, name).reject
        try:
            arguments = candid.decode(call.argument, method.arguments)
        except candid.MalformedCandid as error:
            trapped = f"Canister {text_of(self.canister_id)} trapped: failed to decode call arguments: {error}"
            return Rejection(ErrorCode.CANISTER_CALLED_TRAP, trapped).reject
        try:
            result = await method.run(call, arguments)
        except Rejection as rejection:
            return rejection.reject
        return Reply(candid.encode(method.results, result.values), result.cycles_accepted)
