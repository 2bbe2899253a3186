"""Two sides as the operator named them, compared canister by canister; nothing here has an effect."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quri_console.backup.compare_sides import OpenSide, blobs_to_read, compare_sides
from quri_console.backup.comparison import PARTS, Comparison, Part
from quri_console.errors import Cancelled, QuriError, RefusedBySafetyRule
from quri_console.units import format_cycles

if TYPE_CHECKING:
    from quri_console.backup.interchange import Blob
    from quri_console.backup.live_side import ReadingBill
    from quri_console.backup.side_opening import HeldCanister, SideOpener
    from quri_console.backup.sides import SideName
    from quri_console.progress import Progress

Approve = Callable[["tuple[ReadingBill, ...]"], Awaitable[None]]
"""Shows what reading will cost a canister; raises when it is not wanted."""


@dataclass(frozen=True, slots=True)
class FailedComparison:
    """A canister of two sets that could not be compared, and why; its name is untrusted text."""

    name: str
    error: QuriError


@dataclass(frozen=True, slots=True)
class Diff:
    """Every canister that both sides hold, compared; names of those that only one of them holds (untrusted)."""

    comparisons: tuple[Comparison, ...]
    only_left: tuple[str, ...] = ()
    only_right: tuple[str, ...] = ()
    failures: tuple[FailedComparison, ...] = ()

    def differs(self, parts: Collection[Part] = PARTS) -> bool:
        """Whether anything is known to differ in these parts, or a canister is on one side only."""
        found = (part in parts for comparison in self.comparisons for part in comparison.differing_parts)
        return any(found) or bool(self.only_left or self.only_right)


async def diff_sides(
    opener: SideOpener,
    left: SideName,
    right: SideName,
    *,
    approve: Approve,
    parts: Collection[Part] = PARTS,
    progress: Progress | None = None,
    still_locked: Callable[[], None] = lambda: None,
) -> Diff:
    """What differs between two sides. Of several canisters, one that cannot be compared does not end the others.

    `still_locked` is called between two slices that are read, and raises when reading has to end.
    Raises UsageError, BackupNotFound, and for a single canister what reading it raises; RefusedBySafetyRule when
    reading a snapshot would freeze its canister.
    """
    pairing = await opener.pair(left, right)
    comparisons: list[Comparison] = []
    failures: list[FailedComparison] = []
    for before, after in pairing.pairs:
        try:
            opened = await _approved(before, after, approve, parts)
            compared = await compare_sides(*opened, parts=parts, progress=progress, still_locked=still_locked)
            comparisons.append(compared)
        except Cancelled:
            raise
        except QuriError as error:
            if len(pairing.pairs) == 1:
                raise
            failures.append(FailedComparison(before.name, error))
    return Diff(
        tuple(comparisons),
        tuple(one.name for one in pairing.only_left),
        tuple(one.name for one in pairing.only_right),
        tuple(failures),
    )


async def _approved(
    left: HeldCanister, right: HeldCanister, approve: Approve, parts: Collection[Part]
) -> tuple[OpenSide, OpenSide]:
    """Both sides opened, and what reading them costs a canister approved."""
    before, after = await left.open(), await right.open()
    blobs = blobs_to_read(parts, from_both=before.state is not None and after.state is not None)
    bills = [bill for side in (before, after) if (bill := await _bill(side, blobs)) is not None]
    if bills:
        _require_affordable(bills)
        await approve(tuple(bills))
    return before, after


async def _bill(side: OpenSide, blobs: Collection[Blob]) -> ReadingBill | None:
    if side.state is None or not side.state.is_charged:
        return None
    from quri_console.backup.live_side import bill_of_side  # the network's room is for those who need it

    return await bill_of_side(side, blobs)


def _require_affordable(bills: list[ReadingBill]) -> None:
    together = sum(bill.cycles for bill in bills)
    for bill in bills:
        if not bill.affordable(together):
            raise RefusedBySafetyRule(
                f"Reading {bill.label} costs about {format_cycles(together)} cycles, and its canister would freeze",
                why=f"It has {format_cycles(bill.balance or 0)}, and its freezing limit is "
                f"{format_cycles(bill.freezing_limit or 0)}.",
                next_step="Top the canister up, or compare less by --only.",
            )
