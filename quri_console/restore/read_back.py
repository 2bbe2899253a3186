"""Reading what was loaded back through a fresh snapshot, and comparing it byte for byte."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence

from quri_console.backup.interchange import Slice, slices_of
from quri_console.effects.perform import Effects
from quri_console.ic.management.read import read_snapshot_slice
from quri_console.ic.management.types import SnapshotMetadata
from quri_console.progress import Progress, ProgressEvent
from quri_console.restore.at_once import in_parallel
from quri_console.restore.plan import ReadBack
from quri_console.restore.swap_target import NotAsRestored, SwapTarget
from quri_console.restore.words import named

READS_AT_ONCE = 8
SAMPLED_SLICES = 16


def chosen_slices(metadata: SnapshotMetadata, read_back: ReadBack, *, seed: bytes) -> tuple[Slice, ...]:
    """Which slices are compared, all-zero ones included: all, or a sample that the same seed draws again."""
    if read_back == "metadata":
        return ()
    every = tuple(slices_of(metadata))
    if read_back == "all" or len(every) <= SAMPLED_SLICES:
        return every
    draw = random.Random(seed)  # noqa: S311 - a sample that can be drawn again, not a secret
    return tuple(every[number] for number in sorted(draw.sample(range(len(every)), SAMPLED_SLICES)))


async def compare_pages(effects: Effects, target: SwapTarget, snapshot_id: bytes, progress: Progress) -> int:
    """Compare slices of a snapshot with what was to be loaded; how many bytes were.

    Raises NotAsRestored, NetworkError, Cancelled.
    """
    if target.read is None:
        return 0
    chosen = chosen_slices(target.metadata, target.read_back, seed=target.snapshot_id)
    comparison = _Comparison(effects, target, snapshot_id, progress, chosen)
    await comparison.run()
    return comparison.done


class _Comparison:
    def __init__(
        self, effects: Effects, target: SwapTarget, snapshot_id: bytes, progress: Progress, chosen: Sequence[Slice]
    ) -> None:
        self._effects = effects
        self._target = target
        self._snapshot_id = snapshot_id
        self._progress = progress
        self._chosen = chosen
        self._total = sum(part.size for part in chosen)
        self.done = 0

    async def run(self) -> None:
        parts = iter(self._chosen)
        await in_parallel([self._compare(parts) for _ in range(READS_AT_ONCE)])

    async def _compare(self, parts: Iterator[Slice]) -> None:
        assert self._target.read is not None
        for part in parts:
            self._effects.checkpoint()
            found, wanted = await asyncio.gather(self._read(part), self._target.read(part))
            if found != wanted:
                raise NotAsRestored(
                    f"{named(self._target.name, self._target.canister)} holds other bytes than were loaded",
                    why=f"{part.blob} differs between {part.offset:,} and {part.offset + part.size:,}",
                    next_step="Verify the restore point, then try again.",
                )
            self.done += part.size
            self._progress.report(
                ProgressEvent("read back", self.done, self._total, "bytes", subject=self._target.name)
            )

    async def _read(self, part: Slice) -> memoryview:
        return await read_snapshot_slice(
            self._effects.agent, self._target.canister, self._snapshot_id, part.blob, part.offset, part.size
        )
