"""Where a member's state comes from while a restore runs: an upload from the repository, or a snapshot on chain."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, replace

from quri_console.backup.interchange import Slice
from quri_console.effects.perform import Effects
from quri_console.errors import RefusedBySafetyRule
from quri_console.ic.management.read import list_canister_snapshots, read_snapshot_metadata, read_snapshot_slice
from quri_console.ic.management.types import SnapshotMetadata
from quri_console.progress import Progress
from quri_console.repository.store import Repository
from quri_console.restore.plan import RestorePlan
from quri_console.restore.sources import RestorePoint, open_point
from quri_console.restore.swap_target import SwapTarget
from quri_console.restore.upload import Uploader
from quri_console.restore.words import named

HOOK_REFUSED = "hook status refused"


@dataclass(slots=True)
class RestoreSource:
    """One canister's plan with its restore point opened. `point` is None for a snapshot on chain."""

    plan: RestorePlan
    effects: Effects
    progress: Progress
    metadata: SnapshotMetadata
    point: RestorePoint | None = None

    @property
    def send_hook_status(self) -> bool:
        """Whether the recorded low-memory hook status goes along: there is one, and the network did not refuse it."""
        if self.point is None or self.metadata.on_low_wasm_memory_hook_status is None:
            return False
        return self.plan.send_hook_status and not self._hook_refused

    @property
    def hook_withheld(self) -> bool:
        """Whether a recorded hook status was not sent."""
        recorded = self.point is not None and self.metadata.on_low_wasm_memory_hook_status is not None
        return self._hook_refused or (recorded and not self.send_hook_status)

    @property
    def _hook_refused(self) -> bool:
        return any(
            record.event == HOOK_REFUSED and record.fields["canister"] == self.plan.canister.to_str()
            for record in self.effects.journal.records
        )

    def refuse_hook(self) -> None:
        """Send the hook's status as unknown from now on, in a later process of this operation as well."""
        self.effects.journal.append(HOOK_REFUSED, canister=self.plan.canister.to_str())

    async def snapshot(self) -> bytes:
        """The snapshot on chain that is to be loaded; uploaded first where it is not there."""
        if self.point is None:
            assert self.plan.source.snapshot_id is not None
            return self.plan.source.snapshot_id
        uploader = Uploader(self.effects, self.point, self.plan.canister, self.plan.name, self.progress)
        return await uploader.upload(send_hook_status=self.send_hook_status)

    def target(self, snapshot_id: bytes) -> SwapTarget:
        """What the exchange needs to know."""
        plan = self.plan
        return SwapTarget(
            canister=plan.canister,
            name=plan.name,
            live=plan.live,
            snapshot_id=snapshot_id,
            metadata=self.metadata,
            module_hash=plan.source.module_hash or None,
            stop_timeout_seconds=plan.stop_timeout_seconds,
            safety_snapshot=plan.safety_snapshot,
            uploaded=self.point is not None,
            settings=plan.settings,
            start_after=plan.start_after,
            read_back=plan.read_back,
            read=self.read,
        )

    def read(self, part: Slice) -> Awaitable[bytes | memoryview]:
        """A slice of the restore point's bytes. Raises CorruptionError, NetworkError."""
        if self.point is not None:
            return asyncio.to_thread(self.point.state.read, part)
        owner = self.plan.source.canister or self.plan.canister
        assert self.plan.source.snapshot_id is not None
        return read_snapshot_slice(
            self.effects.agent, owner, self.plan.source.snapshot_id, part.blob, part.offset, part.size
        )


async def open_source(
    plan: RestorePlan, effects: Effects, repository: Repository | None, progress: Progress
) -> RestoreSource:
    """Open what a plan restores from, and see that it is what was planned.

    Raises CorruptionError, RefusedBySafetyRule.
    """
    if plan.source.kind == "snapshot":
        return RestoreSource(plan, effects, progress, await _metadata_on_chain(plan, effects))
    assert repository is not None, "a backup lies in a repository"
    owner = plan.source.canister or plan.canister
    point = await asyncio.to_thread(open_point, repository, plan.source.set_path, owner, progress)
    if point.manifest_sha256 != plan.source.manifest_sha256:
        raise RefusedBySafetyRule(
            f"backup {plan.source.label} is not the one that was planned",
            why="its manifest has changed since",
            next_step="Make and read a new plan.",
        )
    return RestoreSource(plan, effects, progress, point.stored.metadata, point)


async def _metadata_on_chain(plan: RestorePlan, effects: Effects) -> SnapshotMetadata:
    owner, identifier = plan.source.canister or plan.canister, plan.source.snapshot_id
    assert identifier is not None, "a plan from a snapshot names it"
    present = [snapshot.id for snapshot in await list_canister_snapshots(effects.agent, owner)]
    if identifier not in present:
        raise RefusedBySafetyRule(
            f"snapshot {identifier.hex()} of {owner.to_str()} is not on chain any more, so "
            f"{named(plan.name, plan.canister)} was left as it is",
            why="somebody deleted it, or the canister ran out of cycles",
            next_step=f"Choose another restore point: quri-console restore {plan.name}",
        )
    metadata = await read_snapshot_metadata(effects.agent, owner, identifier)
    # a snapshot that was taken keeps the present timer, so the recorded one says nothing about what comes
    return replace(metadata, global_timer=None) if metadata.source != "metadata_upload" else metadata
