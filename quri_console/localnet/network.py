"""The network without its HTTP side: canisters, cycles, calls and the clock they live on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from quri_console.clock import NANOSECONDS_PER_SECOND, Clock
from quri_console.ic.encoding import cbor, leb128
from quri_console.localnet import words
from quri_console.localnet.canister import Canister
from quri_console.localnet.executor import Executor
from quri_console.localnet.management import ManagementCanister
from quri_console.localnet.management_methods import METHODS
from quri_console.localnet.management_status import status_record
from quri_console.localnet.messages import (
    MANAGEMENT_CANISTER,
    Builtin,
    BuiltinCall,
    Ingress,
    Reject,
    Rejection,
    Reply,
)
from quri_console.localnet.queries import Queries
from quri_console.localnet.settings import Settings, updated
from quri_console.localnet.subnet import Subnet

__all__ = ["Builtin", "BuiltinCall", "Ingress", "Network", "Reject", "Reply"]

# How often the state tree looks for canisters that have run dry meanwhile; the real network charges as seldom.
_SWEEP_NS = 10 * NANOSECONDS_PER_SECOND


class Network:
    """All canisters of the local network; one asyncio loop, no HTTP, no signatures.

    `time_scale` multiplies what a second costs and nothing else. The server sets `root_key` (DER) and `subnet_id`
    before it serves, because canisters can ask for them.
    """

    def __init__(self, clock: Clock, *, time_scale: float = 1.0) -> None:
        self.subnet = Subnet(clock, time_scale)
        self.executor = Executor(self.subnet)
        self.management = ManagementCanister(self.subnet, self.executor, METHODS)
        self.executor.management = self.management
        self.queries = Queries(self.subnet)
        self._swept_at_ns = 0

    @property
    def root_key(self) -> bytes:
        """DER root key that canisters see through `ic0.root_key_copy`."""
        return self.subnet.root_key

    @root_key.setter
    def root_key(self, key: bytes) -> None:
        self.subnet.root_key = key

    @property
    def subnet_id(self) -> bytes:
        """Principal of the subnet that hosts everything."""
        return self.subnet.subnet_id

    @subnet_id.setter
    def subnet_id(self, identifier: bytes) -> None:
        self.subnet.subnet_id = identifier

    @property
    def data_certificate(self) -> Callable[[bytes], bytes] | None:
        """Certifies `/canister/<id>/certified_data` for queries; None (canisters see none) until a server sets it."""
        return self.subnet.data_certificate

    @data_certificate.setter
    def data_certificate(self, certify: Callable[[bytes], bytes] | None) -> None:
        self.subnet.data_certificate = certify

    async def start(self) -> None:
        """Arm the timers of canisters that were there before; call inside the loop that serves."""
        for canister in self.subnet.canisters.values():
            self.executor.timers.arm(canister)

    async def aclose(self) -> None:
        """Cancel timers, pending stops and calls that are still being worked on."""
        await self.subnet.aclose()

    async def inspect(self, ingress: Ingress) -> Reject | None:
        """What the network refuses before it takes a call in: a non-replicated rejection."""
        try:
            if ingress.canister == MANAGEMENT_CANISTER:
                self.management.check_ingress(ingress, is_query=False)
            elif ingress.canister not in self.subnet.builtins:
                await self.executor.inspect(ingress)
        except Rejection as rejection:
            return rejection.reject
        return None

    async def update(self, ingress: Ingress) -> Reply | Reject:
        """Execute an update call; stays pending for as long as the canister does not answer (maybe for ever)."""
        try:
            if ingress.canister == MANAGEMENT_CANISTER:
                self.management.charge(ingress)
                return await self.management.call(ingress.caller, ingress.method, ingress.argument)
            if ingress.canister in self.subnet.builtins:
                return await self.subnet.builtins[ingress.canister].update(_builtin_call(ingress))
            return await self.executor.ingress(ingress)
        except Rejection as rejection:
            return rejection.reject

    async def query(self, ingress: Ingress) -> Reply | Reject:
        """Execute a query; leaves no trace."""
        try:
            if ingress.canister == MANAGEMENT_CANISTER:
                self.management.check_ingress(ingress, is_query=True)
                return await self.management.call(ingress.caller, ingress.method, ingress.argument)
            if ingress.canister in self.subnet.builtins:
                return await self.subnet.builtins[ingress.canister].query(_builtin_call(ingress))
            return await self.queries.run(ingress.canister, ingress.caller, ingress.method, ingress.argument)
        except Rejection as rejection:
            return rejection.reject

    def effective_canister(self, ingress: Ingress) -> bytes | None:
        """The id that the route of this call must name; None: any id inside the subnet's ranges. Raises Rejection."""
        if ingress.canister != MANAGEMENT_CANISTER:
            return ingress.canister
        return self.management.effective_canister(ingress)

    @property
    def state_version(self) -> int:
        """Grows whenever the public state tree of any canister may have changed."""
        now_ns = self.subnet.clock.now_ns()
        if now_ns - self._swept_at_ns >= _SWEEP_NS:
            self._swept_at_ns = now_ns
            for canister in list(self.subnet.canisters.values()):
                self.subnet.accounts.settle(canister)
        return self.subnet.state_version

    def canister_ids(self) -> Sequence[bytes]:
        """Ids of all canisters and built-ins, sorted."""
        return sorted({*self.subnet.canisters, *self.subnet.builtins})

    def canister_ranges(self) -> Sequence[tuple[bytes, bytes]]:
        """Inclusive id ranges of the subnet, sorted; every hosted id lies in one."""
        return self.subnet.ranges()

    def canister_tree(self, canister_id: bytes) -> Mapping[bytes, Mapping[bytes, bytes] | bytes]:
        """`/canister/<id>` of the state tree (all metadata, also private); empty for an unknown id."""
        builtin = self.subnet.builtins.get(canister_id)
        if builtin is not None:
            return {
                b"controllers": cbor.encode(list(builtin.controllers)),
                b"metadata": {name.encode(): content for name, content in builtin.metadata.items()},
            }
        canister = self.subnet.canisters.get(canister_id)
        return {} if canister is None else _tree(canister)

    def private_metadata(self, canister_id: bytes) -> frozenset[bytes]:
        """Names of the metadata sections that only controllers may read."""
        canister = self.subnet.canisters.get(canister_id)
        if canister is None or canister.instance is None:
            return frozenset()
        sections = canister.instance.metadata
        return frozenset(name.encode() for name, section in sections.items() if not section.is_public)

    def is_controller(self, canister_id: bytes, principal: bytes) -> bool:
        """Whether `principal` controls the canister."""
        builtin = self.subnet.builtins.get(canister_id)
        if builtin is not None:
            return principal in builtin.controllers
        canister = self.subnet.canisters.get(canister_id)
        return canister is not None and principal in canister.settings.controllers

    def register_builtin(self, canister_id: bytes, builtin: Builtin) -> None:
        """Serve `builtin` under `canister_id`."""
        self.subnet.builtins[canister_id] = builtin
        self.subnet.state_version += 1

    def create_canister(
        self,
        *,
        controllers: Sequence[bytes],
        cycles: int,
        canister_id: bytes | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Create an empty canister (used by built-ins); returns its id. `settings`: decoded Candid record."""
        wanted = updated(Settings(controllers=tuple(controllers)), settings or {})
        origin = {"from_user": {"user_id": controllers[0] if controllers else MANAGEMENT_CANISTER}}
        return self.subnet.create(origin=origin, cycles=cycles, settings=wanted, identifier=canister_id).id

    def deposit_cycles(self, canister_id: bytes, amount: int) -> None:
        """Add cycles; raises Rejection IC0301 for an unknown canister."""
        canister = self.subnet.get(canister_id)
        canister.cycles += amount
        self.executor.timers.arm(canister)

    async def canister_status(self, canister_id: bytes, *, caller: bytes) -> Mapping[str, Any]:
        """Decoded `canister_status` record as `caller` sees it (used by the blackhole); raises Rejection."""
        canister = self.subnet.get(canister_id)
        settings = canister.settings
        if caller != canister_id and not settings.status_visibility.admits(caller, settings.controllers):
            raise words.not_controller(canister_id, settings.controllers, caller)
        return status_record(self.subnet, canister)


def _builtin_call(ingress: Ingress) -> BuiltinCall:
    return BuiltinCall(ingress.caller, ingress.method, ingress.argument)


def _tree(canister: Canister) -> Mapping[bytes, Mapping[bytes, bytes] | bytes]:
    tree: dict[bytes, Mapping[bytes, bytes] | bytes] = {
        b"controllers": cbor.encode(list(canister.settings.controllers)),
        b"canister_creation_timestamp": leb128.encode_unsigned(canister.created_at_ns),
    }
    if canister.module_hash is not None:
        tree[b"module_hash"] = canister.module_hash
    if canister.installed_at_ns is not None:
        tree[b"last_install_timestamp"] = leb128.encode_unsigned(canister.installed_at_ns)
    if canister.instance is not None:
        tree[b"certified_data"] = canister.instance.certified_data
        sections = canister.instance.metadata
        tree[b"metadata"] = {name.encode(): section.content for name, section in sections.items()}
    return tree
