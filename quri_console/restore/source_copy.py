"""The restore point as a plan judges it: its facts, module and interface, from a repository or from the chain."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from quri_console.backup.chain_state import ChainState
from quri_console.backup.compare_sides import OpenSide
from quri_console.backup.live_side import OnChain, open_snapshot
from quri_console.backup.side_opening import open_stored
from quri_console.errors import NotAuthorised, RefusedBySafetyRule
from quri_console.ic.management.read import list_canister_snapshots
from quri_console.ic.rejection import Rejected
from quri_console.image.sections import UnusableModule, module_facts
from quri_console.restore.bill import Upload
from quri_console.restore.plan import Source
from quri_console.restore.sources import SNAPSHOT_PREFIX, RestorePoint, whole_seconds_ns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quri_console.backup.manifest import GroupWindow, ManifestCanister
    from quri_console.ic.encoding.principal import Principal
    from quri_console.ic.management.types import CanisterSettings, Snapshot, SnapshotMetadata

TIMER_EXPORT = "canister_global_timer"
LATEST_SNAPSHOT = "latest"


@dataclass(frozen=True, slots=True)
class SourceCopy:
    """A restore point that was opened and looked through."""

    source: Source
    side: OpenSide
    metadata: SnapshotMetadata
    root_key_hash: bytes
    """Of the network that it is from."""
    upload: Upload
    """Nothing for a snapshot on chain, which is loaded as it is."""
    sets_timer: bool
    """Whether loading it sets the recorded timer: an uploaded snapshot's is set, that of a taken one is not."""
    settings: CanisterSettings | None = None
    group: GroupWindow | None = None
    """The consistent group that it is a part of."""
    group_entries: tuple[ManifestCanister, ...] = ()
    """All members of that group in the set."""

    def group_members(self, besides: Principal) -> tuple[str, ...]:
        """Names of the other members of its consistent group."""
        return tuple(entry.name for entry in self.group_entries if entry.canister != besides)

    @property
    def has_timer_code(self) -> bool:
        """Whether its module has anything to run when a timer fires."""
        module = self.side.facts.module
        return module is not None and TIMER_EXPORT in module.lifecycle


async def stored_copy(point: RestorePoint, canister: Principal) -> SourceCopy:
    """A canister's copy in a set, for restoring `canister`. Raises CorruptionError, WrongKey."""
    stored = point.stored
    source = Source(
        set_path=point.set_path,
        label=stored.label,
        taken_at_ns=whole_seconds_ns(stored.taken_at),
        mode=stored.mode,
        module_hash=stored.module_hash,
        manifest_sha256=point.manifest_sha256,
        state_bytes=point.state_bytes,
        sent_bytes=point.upload.sent_bytes,
        skipped_bytes=point.upload.skipped_bytes,
        canister=None if stored.canister == canister else stored.canister,
    )
    side = await asyncio.to_thread(open_stored, stored)
    windows = [window for window in stored.manifest.groups if window.consistent]
    group = next((window for window in windows if window.name == stored.entry.group), None)
    return SourceCopy(
        source=source,
        side=await _with_module(side),
        metadata=point.state.metadata,
        root_key_hash=stored.network.root_key_hash,
        upload=point.upload,
        sets_timer=point.state.metadata.global_timer is not None,
        settings=None if stored.status is None else stored.status.settings,
        group=group,
        group_entries=tuple(e for e in stored.manifest.canisters if group is not None and e.group == group.name),
    )


async def chain_copy(
    on_chain: OnChain, wanted: str, canister: Principal, passed_over: frozenset[bytes] = frozenset()
) -> SourceCopy:
    """A snapshot on chain by `snapshot:` and its id in hex, how that begins, or `latest`; its module is read.

    `latest` is the newest that is not `passed_over`.

    Raises RefusedBySafetyRule when there is none, NotAuthorised, NetworkError.
    """
    snapshot = await _find(on_chain, wanted.removeprefix(SNAPSHOT_PREFIX).lower(), passed_over)
    side = await open_snapshot(on_chain, snapshot.id.hex())
    assert isinstance(side.state, ChainState)
    metadata, module = side.state.metadata, await side.state.module(lambda _: None)
    source = Source(
        set_path="",
        label=f"{SNAPSHOT_PREFIX}{on_chain.name}/{snapshot.id.hex()}",
        taken_at_ns=snapshot.taken_at_ns,
        mode="snapshot",
        module_hash=await asyncio.to_thread(lambda: hashlib.sha256(module).digest()),
        manifest_sha256=b"",
        state_bytes=snapshot.total_size_bytes,
        sent_bytes=0,
        skipped_bytes=0,
        kind="snapshot",
        snapshot_id=snapshot.id,
        canister=None if on_chain.canister == canister else on_chain.canister,
    )
    return SourceCopy(
        source=source,
        side=await _with_module(side),
        metadata=metadata,
        root_key_hash=on_chain.root_key_hash,
        upload=Upload((), (), 0),
        sets_timer=metadata.source == "metadata_upload" and metadata.global_timer is not None,
    )


async def snapshots_of(on_chain: OnChain) -> tuple[Snapshot, ...]:
    """The canister's snapshots. Raises NotAuthorised."""
    try:
        return await list_canister_snapshots(on_chain.agent, on_chain.canister)
    except Rejected as error:
        if error.error_code != "IC0512":
            raise
        sender = on_chain.agent.identity.sender.to_str()
        raise NotAuthorised(
            f"{sender} does not control {on_chain.name} ({on_chain.canister.to_str()}), whose snapshot it is",
            why="Only a controller of both canisters may load one's snapshot into the other.",
            next_step=f"Let a controller add it: icp canister settings update {on_chain.canister.to_str()} "
            f"--add-controller {sender}",
        ) from error


async def _find(on_chain: OnChain, identifier: str, passed_over: frozenset[bytes]) -> Snapshot:
    there = await snapshots_of(on_chain)
    if identifier == LATEST_SNAPSHOT and there:
        return _latest(on_chain.name, [snapshot for snapshot in there if snapshot.id not in passed_over])
    found = [snapshot for snapshot in there if identifier and snapshot.id.hex().startswith(identifier)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(snapshot.id.hex() for snapshot in there) or "none"
    several = f"{len(found)} snapshots of {on_chain.name} begin with {identifier}"
    raise RefusedBySafetyRule(
        several if found else f"{on_chain.name} has no snapshot {identifier} on chain",
        why=f"On chain are: {known}.",
        next_step=f"`quri-console restore {on_chain.name}` shows what it can be restored from.",
    )


def _latest(name: str, fit: Sequence[Snapshot]) -> Snapshot:
    if fit:
        return max(fit, key=lambda snapshot: snapshot.taken_at_ns)
    raise RefusedBySafetyRule(
        f"{name} has no snapshot on chain that `latest` could mean",
        why="each holds what a restore replaced, or what an operation uploaded for itself, perhaps not to the end",
        next_step=f"Name one by its id if that is what you want: `quri-console restore {name}` shows them.",
    )


async def _with_module(side: OpenSide) -> OpenSide:
    """The side with what its module tells; a module that cannot be understood is a note."""
    state = side.state
    if state is None or state.metadata.wasm_module_size == 0:
        return side
    module = await state.module(lambda _: None)
    digest = await asyncio.to_thread(lambda: hashlib.sha256(module).digest())
    facts = replace(side.facts, module_hash=digest)
    try:
        told = await asyncio.to_thread(module_facts, module)
    except UnusableModule as error:
        return OpenSide(facts.with_note(f"{error.what}: {error.why}"), state)
    return OpenSide(replace(facts, module=told, interface=told.candid_interface or facts.interface), state)
