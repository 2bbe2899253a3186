"""Sending a backup into a new snapshot while the canister goes on running; zero slices are not sent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

from quri_console.backup.interchange import Slice, slices_of
from quri_console.effects.calls import UPLOAD_CHUNK, UPLOAD_METADATA, UPLOAD_SLICE
from quri_console.effects.perform import Effects
from quri_console.effects.replay import DONE, attempts, snapshots_made
from quri_console.errors import CorruptionError
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.read import read_snapshot_metadata
from quri_console.ic.management.types import SnapshotMetadata
from quri_console.progress import Progress, ProgressEvent
from quri_console.restore.at_once import in_parallel
from quri_console.restore.durations import UPLOADS_AT_ONCE
from quri_console.restore.sources import RestorePoint


class Uploader:
    """Uploads one restore point; goes on where the journal says that an earlier process stopped."""

    def __init__(
        self, effects: Effects, point: RestorePoint, canister: Principal, name: str, progress: Progress
    ) -> None:
        """`canister` and `name` are those of the canister that is restored, which a clone's are not the backup's."""
        self._effects = effects
        self._point = point
        self._canister = canister
        self._name = name
        self._progress = progress
        self._sent_bytes = 0

    async def upload(self, *, send_hook_status: bool) -> bytes:
        """The id of an on-chain snapshot that holds the backup, compared with it. Raises Rejected, CorruptionError."""
        metadata = self._point.stored.metadata
        if not send_hook_status:
            metadata = replace(metadata, on_low_wasm_memory_hook_status=None)
        identifier = await self._snapshot(metadata)
        self._report()
        await self._send_all(identifier)
        await self._compare(identifier, metadata)
        return identifier

    async def _snapshot(self, metadata: SnapshotMetadata) -> bytes:
        made = snapshots_made(self._effects.journal.records, UPLOAD_METADATA, canister=self._canister.to_str())
        if made and made[-1] in await self._effects.attempts.snapshot_ids(self._canister):
            return made[-1]
        return await self._effects.upload_snapshot_metadata(self._canister, metadata)

    async def _send_all(self, identifier: bytes) -> None:
        sent = _sent(self._effects, identifier)
        state = self._point.state
        slices = (
            part
            for part in slices_of(state.metadata)
            if (part.blob, part.offset) not in sent and not state.is_zero(part)
        )
        await in_parallel([self._send_slices(identifier, slices) for _ in range(UPLOADS_AT_ONCE)])
        chunks = iter(state.metadata.wasm_chunk_store)
        missing = (digest for digest in chunks if digest.hex() not in sent)
        await in_parallel([self._send_chunks(identifier, missing) for _ in range(UPLOADS_AT_ONCE)])

    async def _send_slices(self, identifier: bytes, slices: Iterator[Slice]) -> None:
        for part in slices:
            data = await asyncio.to_thread(self._point.state.read, part)
            await self._effects.upload_snapshot_slice(self._canister, identifier, part.blob, part.offset, data)
            self._sent_bytes += len(data)
            self._report()

    async def _send_chunks(self, identifier: bytes, digests: Iterator[bytes]) -> None:
        for digest in digests:
            data = await asyncio.to_thread(self._point.state.chunk, digest)
            await self._effects.upload_snapshot_chunk(self._canister, identifier, data)
            self._sent_bytes += len(data)
            self._report()

    def _report(self) -> None:
        total = self._point.upload.sent_bytes
        self._progress.report(ProgressEvent("upload", self._sent_bytes, total, "bytes", subject=self._name))

    async def _compare(self, identifier: bytes, wanted: SnapshotMetadata) -> None:
        found = await read_snapshot_metadata(self._effects.agent, self._canister, identifier)
        wrong = differing_fields(wanted, found)
        if wrong:
            raise CorruptionError(
                f"the snapshot uploaded for {self._name} is not the backup",
                why=f"the network shows another {', '.join(wrong)}",
                next_step="Nothing was restored. Verify the backup, then try again.",
            )


def _sent(effects: Effects, identifier: bytes) -> set[object]:
    """What is known to have arrived: (blob, offset) of slices, digests of chunks in hex."""
    done = [
        attempt
        for attempt in attempts(effects.journal.records, UPLOAD_SLICE, UPLOAD_CHUNK)
        if attempt.outcome == DONE and attempt.fields["snapshot_id"] == identifier.hex()
    ]
    slices = {(a.fields["blob"], a.fields["offset"]) for a in done if a.kind is UPLOAD_SLICE}
    return slices | {a.fields["sha256"] for a in done if a.kind is UPLOAD_CHUNK}


def differing_fields(wanted: SnapshotMetadata, found: SnapshotMetadata) -> tuple[str, ...]:
    """Names of what a snapshot shows otherwise than its backup; its own time and version are its own."""
    pairs = {
        "timer": (wanted.global_timer, found.global_timer),
        "low-memory hook status": (
            wanted.on_low_wasm_memory_hook_status,
            found.on_low_wasm_memory_hook_status,
        ),
    }
    return (*differing_state(wanted, found), *(name for name, (left, right) in pairs.items() if left != right))


def differing_state(wanted: SnapshotMetadata, found: SnapshotMetadata) -> tuple[str, ...]:
    """As `differing_fields`, of what a load brings back whatever the snapshot was made from."""
    pairs = {
        "module size": (wanted.wasm_module_size, found.wasm_module_size),
        "heap size": (wanted.wasm_memory_size, found.wasm_memory_size),
        "stable memory size": (wanted.stable_memory_size, found.stable_memory_size),
        "certified data": (wanted.certified_data, found.certified_data),
        "chunk store": (sorted(wanted.wasm_chunk_store), sorted(found.wasm_chunk_store)),
        # as text, because a float that is not a number equals nothing
        "globals": (str(wanted.globals), str(found.globals)),
    }
    return tuple(name for name, (left, right) in pairs.items() if left != right)
