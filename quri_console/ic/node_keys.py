"""Keys of the nodes that sign answers to queries, kept per subnet as certificates show them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from quri_console.clock import NANOSECONDS_PER_SECOND, Clock
from quri_console.ic.certificates import (
    Certificate,
    CertificateNotAuthorized,
    check_canister_in_ranges,
    node_keys,
)
from quri_console.ic.encoding.hash_tree import HashTree
from quri_console.ic.encoding.principal import Principal

LIFETIME_SECONDS = 300
_FETCHES_AT_ONCE = 8

FetchSubnet = Callable[[Principal], Awaitable[Certificate]]
"""Reads `/subnet` on the route of a canister."""


@dataclass(frozen=True, slots=True)
class _Subnet:
    id: Principal
    ranges: HashTree
    keys: Mapping[bytes, bytes]
    fetched_at_ns: int


class NodeKeys:
    """Node keys by canister. A subnet is read once in five minutes, whichever of its canisters asks."""

    def __init__(self, fetch: FetchSubnet, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._subnets: dict[Principal, _Subnet] = {}
        self._homes: dict[Principal, Principal] = {}
        self._turns = asyncio.Semaphore(_FETCHES_AT_ONCE)

    async def of_canister(self, canister: Principal) -> Mapping[bytes, bytes]:
        """DER keys by node id of the subnet that holds `canister`; raises CertificateError and what reading raises."""
        known = self._find(canister)
        if known is None:
            async with self._turns:
                known = self._find(canister) or await self._read(canister)
        return known.keys

    async def refetch(self, canister: Principal) -> Mapping[bytes, bytes]:
        """The same, read anew: a node may have joined the subnet."""
        async with self._turns:
            return (await self._read(canister)).keys

    def _find(self, canister: Principal) -> _Subnet | None:
        home = self._homes.get(canister)
        candidates = self._subnets.values() if home is None else [self._subnets[home]]
        for subnet in candidates:
            if self._is_fresh(subnet) and _holds(subnet, canister):
                self._homes[canister] = subnet.id
                return subnet
        return None

    def _is_fresh(self, subnet: _Subnet) -> bool:
        return self._clock.now_ns() - subnet.fetched_at_ns < LIFETIME_SECONDS * NANOSECONDS_PER_SECOND

    async def _read(self, canister: Principal) -> _Subnet:
        certificate = await self._fetch(canister)
        # The root subnet needs no delegation; its ranges stand in the certificate itself.
        ranges = certificate.tree if certificate.authority is None else certificate.authority
        check_canister_in_ranges(ranges, certificate.subnet, canister)
        keys = node_keys(certificate, certificate.subnet)
        subnet = _Subnet(certificate.subnet, ranges, keys, self._clock.now_ns())
        self._subnets[subnet.id] = subnet
        self._homes[canister] = subnet.id
        return subnet


def _holds(subnet: _Subnet, canister: Principal) -> bool:
    try:
        check_canister_in_ranges(subnet.ranges, subnet.id, canister)
    except CertificateNotAuthorized:
        return False
    return True
