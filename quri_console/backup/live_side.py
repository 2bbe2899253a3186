"""One side that is on chain: a canister as it is now, or a snapshot of it. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from quri_console.backup.bill import bill_of_reading
from quri_console.backup.canister_facts import CanisterFacts, facts_of_live
from quri_console.backup.chain_state import ChainState
from quri_console.backup.compare_sides import OpenSide
from quri_console.backup.comparison import NO_MODULE, PARTS, Part, Side
from quri_console.backup.download import SnapshotSource
from quri_console.backup.interchange import SLICE_BYTES, Blob, blob_size
from quri_console.clock import Clock, utc_datetime
from quri_console.errors import NetworkError, UsageError
from quri_console.ic.management.read import canister_status, list_canister_snapshots, stored_chunks
from quri_console.ic.public import metadata, public_information
from quri_console.ic.rejection import Rejected

if TYPE_CHECKING:
    from quri_console.ic.agent import Agent
    from quri_console.ic.encoding.principal import Principal
    from quri_console.ic.management.types import CanisterStatus, Snapshot

_INTERFACE_SECTION = "candid:service"


@dataclass(frozen=True, slots=True)
class OnChain:
    """A canister and how to reach it; `root_key_hash` is the network's."""

    agent: Agent
    canister: Principal
    name: str
    root_key_hash: bytes
    clock: Clock


@dataclass(frozen=True, slots=True)
class ReadingBill:
    """What reading a snapshot's bytes costs its canister: estimates in cycles; sizes in bytes."""

    label: str
    read_bytes: int
    cycles: int
    balance: int | None
    freezing_limit: int | None
    """Both None where the identity may not see the status."""

    def affordable(self, cycles: int) -> bool:
        """Whether nothing says that paying `cycles` would take the balance below the freezing limit."""
        if self.balance is None or self.freezing_limit is None:
            return True
        return self.balance - cycles >= self.freezing_limit


async def open_live(source: OnChain, *, parts: Collection[Part] = PARTS) -> OpenSide:
    """What can be read of a live canister without any effect: all that its status tells, or what anyone may see.

    Raises CanisterNotFound, NetworkError.
    """
    canister, agent = source.canister, source.agent
    side = Side(
        "live",
        f"live:{source.name}",
        source.name,
        canister,
        utc_datetime(source.clock.now_ns()),
        source.root_key_hash,
    )
    try:
        status = await canister_status(agent, canister)
    except Rejected as rejection:
        facts = await _public_facts(source, side, rejection)
    else:
        chunks = await _chunks(source) if "memory" in parts else None
        facts = facts_of_live(side, status, chunks=chunks)
    if "interface" in parts:
        facts = await _with_interface(source, facts)
    return OpenSide(facts)


async def _public_facts(source: OnChain, side: Side, rejection: Rejected) -> CanisterFacts:
    public = await public_information(source.agent, source.canister)
    facts = CanisterFacts(side, controllers=public.controllers, module_hash=public.module_hash or NO_MODULE)
    return facts.with_note(f"its status is not shown to this identity: {rejection.why}")


async def _chunks(source: OnChain) -> tuple[bytes, ...] | None:
    """None where only controllers may see them."""
    try:
        return await stored_chunks(source.agent, source.canister)
    except Rejected:
        return None


async def _with_interface(source: OnChain, facts: CanisterFacts) -> CanisterFacts:
    try:
        section = await metadata(source.agent, source.canister, _INTERFACE_SECTION)
    except NetworkError as error:
        # a private section is refused so
        return facts.with_note(f"its interface could not be read: {error}")
    return replace(facts, interface=None if section is None else section.decode(errors="replace"))


async def open_snapshot(source: OnChain, identifier: str) -> OpenSide:
    """A snapshot on chain by its id in hex or the beginning of it; reads its metadata.

    Raises UsageError when there is none, Rejected, NetworkError.
    """
    snapshot = await _find(source, identifier)
    reading = SnapshotSource(source.agent, source.canister, snapshot.id, source.clock)
    found = await reading.metadata()
    label = f"snapshot:{source.name}/{snapshot.id.hex()}"
    taken_at = utc_datetime(snapshot.taken_at_ns)
    side = Side("snapshot", label, source.name, source.canister, taken_at, source.root_key_hash)
    return OpenSide(CanisterFacts(side).with_snapshot(found), ChainState(reading, found))


async def _find(source: OnChain, identifier: str) -> Snapshot:
    there = await list_canister_snapshots(source.agent, source.canister)
    found = [snapshot for snapshot in there if snapshot.id.hex().startswith(identifier)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(snapshot.id.hex() for snapshot in there) or "none"
    raise UsageError(
        f"{len(found)} snapshots of {source.name} begin with {identifier}"
        if found
        else f"{source.name} has no snapshot {identifier}",
        why=f"On chain are: {known}.",
    )


async def bill_of_side(side: OpenSide, blobs: Collection[Blob]) -> ReadingBill | None:
    """What reading these blobs costs the canister of a snapshot on chain; None where nothing is charged."""
    if not isinstance(side.state, ChainState):
        return None
    sizes = [blob_size(side.state.metadata, blob) for blob in blobs]
    if not sum(sizes):
        return None
    status = await _status_if_shown(side.state.source)
    slices = sum(-(-size // SLICE_BYTES) for size in sizes)
    return ReadingBill(
        label=side.facts.side.label,
        read_bytes=sum(sizes),
        cycles=bill_of_reading(sum(sizes), slices),
        balance=None if status is None else status.cycles,
        freezing_limit=None if status is None else status.freezing_limit_cycles,
    )


async def _status_if_shown(source: SnapshotSource) -> CanisterStatus | None:
    """None for an identity that may read snapshots and not the status."""
    try:
        return await canister_status(source.agent, source.canister)
    except Rejected:
        return None
