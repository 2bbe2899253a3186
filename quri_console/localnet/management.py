"""The management canister, aaaaa-aa: decodes calls, checks who may make them, runs them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any

from quri_console.errors import NetworkError
from quri_console.ic.encoding import candid
from quri_console.localnet import words
from quri_console.localnet.canister import Canister, Use
from quri_console.localnet.executor import Executor
from quri_console.localnet.messages import Ingress, Reply
from quri_console.localnet.settings import principal_bytes
from quri_console.localnet.subnet import Subnet


class Access(Enum):
    """Who may call a method on a canister."""

    ANYONE = "anyone"
    CONTROLLERS = "controllers"
    CONTROLLERS_AND_SELF = "controllers and the canister itself"
    STATUS_READERS = "as status_visibility says"
    LOG_READERS = "as log_visibility says"
    SNAPSHOT_READERS = "as snapshot_visibility says"


@dataclass(frozen=True, slots=True)
class Invocation:
    """One decoded call of a management method; `canister` is the one it is about."""

    subnet: Subnet
    executor: Executor
    sender: bytes
    is_canister: bool
    record: Mapping[str, Any]
    cycles: int = 0

    @property
    def canister_id(self) -> bytes:
        return principal_bytes(self.record["canister_id"])

    @property
    def canister(self) -> Canister:
        """The canister in the argument; raises IC0301."""
        return self.subnet.get(self.canister_id)

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[Canister]:
        """The canister, while no message of it runs; raises IC0301 also where it was deleted meanwhile."""
        async with self.locked_canister(self.canister_id) as canister:
            yield canister

    @asynccontextmanager
    async def locked_canister(self, identifier: bytes) -> AsyncIterator[Canister]:
        """The same for a canister that the argument names in another field."""
        async with self.subnet.get(identifier).lock:
            yield self.subnet.get(identifier)

    @property
    def origin(self) -> dict[str, Any]:
        """Who does it, as the canister history tells it."""
        if not self.is_canister:
            return {"from_user": {"user_id": self.sender}}
        version = self.record.get("sender_canister_version") or []
        return {"from_canister": {"canister_id": self.sender, "canister_version": list(version)}}


Handler = Callable[[Invocation], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Method:
    """A row of the method table (facts: operations methods)."""

    argument: Any
    handler: Handler
    access: Access = Access.CONTROLLERS
    target: str = "canister_id"
    is_for_users: bool = True
    is_for_canisters: bool = True
    is_update: bool = True
    is_query: bool = False
    needs_liquid_cycles: bool = False
    """Refused with IC0207 when the canister is frozen."""


EMPTY_REPLY = Reply(candid.encode([], []))


def reply(kind: Any, value: Any) -> Reply:
    """A reply of one Candid value."""
    return Reply(candid.encode([kind], [value]))


class ManagementCanister:
    """Decodes, checks and runs management calls."""

    def __init__(self, subnet: Subnet, executor: Executor, methods: Mapping[str, Method]) -> None:
        self._subnet = subnet
        self._executor = executor
        self._methods = methods
        self._newest: tuple[Method, bytes, Mapping[str, Any]] | None = None

    def effective_canister(self, ingress: Ingress) -> bytes | None:
        """The id that the route of this call must name; None: any id of the subnet. Raises Rejection."""
        method = self._method(ingress.method)
        if not method.target:
            return None
        return principal_bytes(self._decoded(method, ingress.argument)[method.target])

    def check_ingress(self, ingress: Ingress, *, is_query: bool) -> None:
        """What the network checks before it takes a call in; raises Rejection."""
        method = self._method(ingress.method)
        if not method.is_for_users:
            raise words.only_canisters(ingress.method)
        if not (method.is_query if is_query else method.is_update):
            raise words.no_management_method(ingress.method)
        record = self._decoded(method, ingress.argument)
        if method.target:
            self._check_access(method, self._target(method, record, ingress.caller), ingress.caller)

    def charge(self, ingress: Ingress) -> None:
        """Let the canister that the call is about pay for receiving it; one that is frozen pays what it has."""
        method = self._method(ingress.method)
        if not method.target or method.access is Access.ANYONE:
            return
        canister = self._subnet.get(principal_bytes(self._decoded(method, ingress.argument)[method.target]))
        cost = self._subnet.prices.ingress(len(ingress.argument) + len(ingress.method))
        if method.needs_liquid_cycles:
            self._subnet.accounts.charge(canister, cost, Use.INGRESS_INDUCTION)
        else:
            self._subnet.accounts.consume(canister, cost, Use.INGRESS_INDUCTION)

    async def call(
        self, sender: bytes, name: str, argument: bytes, *, is_canister: bool = False, cycles: int = 0
    ) -> Reply:
        """Run a method for a user or canister whose right to call it is checked here again; raises Rejection."""
        method = self._method(name)
        if not (method.is_for_canisters if is_canister else method.is_for_users):
            raise words.no_management_method(name)
        record = self._decoded(method, argument)
        if method.target:
            self._check_access(method, self._target(method, record, sender), sender)
        return await method.handler(Invocation(self._subnet, self._executor, sender, is_canister, record, cycles))

    def _method(self, name: str) -> Method:
        method = self._methods.get(name)
        if method is None:
            raise words.no_management_method(name)
        return method

    def _decoded(self, method: Method, argument: bytes) -> Mapping[str, Any]:
        """The argument record; one message is decoded once although several checks look into it."""
        if self._newest is not None and self._newest[0] is method and self._newest[1] is argument:
            return self._newest[2]
        record = _record(method, argument)
        self._newest = (method, argument, record)
        return record

    def _target(self, method: Method, record: Mapping[str, Any], sender: bytes) -> Canister:
        identifier = principal_bytes(record[method.target])
        builtin = self._subnet.builtins.get(identifier)
        if builtin is not None:  # it exists, but nobody controls it
            raise words.not_controller(identifier, builtin.controllers, sender)
        return self._subnet.get(identifier)

    def _check_access(self, method: Method, canister: Canister, sender: bytes) -> None:
        controllers = canister.settings.controllers
        if method.access is Access.ANYONE or sender in controllers:
            return
        if method.access is Access.CONTROLLERS_AND_SELF and sender == canister.id:
            return
        if method.access in _VISIBILITIES:
            visibility = getattr(canister.settings, _VISIBILITIES[method.access])
            if sender == canister.id or visibility.admits(sender, controllers):
                return
        raise words.not_controller(canister.id, controllers, sender)


_VISIBILITIES = {
    Access.STATUS_READERS: "status_visibility",
    Access.LOG_READERS: "log_visibility",
    Access.SNAPSHOT_READERS: "snapshot_visibility",
}


def _record(method: Method, argument: bytes) -> Mapping[str, Any]:
    if method.argument is None:
        return {}
    try:
        value = candid.decode(argument, [method.argument])[0]
    except NetworkError as error:
        raise words.bad_payload(str(error)) from error
    if not isinstance(value, Mapping):
        raise words.bad_payload("one record was expected")
    return value
