"""Which remedies there are for what was seen of a canister, and why each; pure."""

from __future__ import annotations

from collections.abc import Iterator

from quri_console.ic.management.types import SECONDS_PER_DAY, CanisterStatus
from quri_console.restore.bill import message_cycles
from quri_console.restore.look import Looked
from quri_console.restore.points import PointSummary
from quri_console.restore.proposal import Remedy, Seen
from quri_console.restore.remedy_module import upgrade_charges
from quri_console.restore.remedy_planning import RemedyWish, priced
from quri_console.restore.settings_back import settings_back
from quri_console.units import TRILLION, format_cycles, format_duration

NEAR_DAYS = 7
LASTS_DAYS = 30


def offered(wish: RemedyWish, seen: Seen) -> Iterator[Remedy]:
    """All that can be done, in no order that says what to do first."""
    if seen.condition == "deleted":
        yield from _created_anew(wish, seen)
        return
    if seen.looked is None:
        return
    yield from _started(wish, seen.looked.status)
    yield from _topped_up(wish, seen)
    if seen.condition != "emptied":
        yield from _put_back(wish, seen, seen.looked)
    yield from _restored(wish, seen)


def _started(wish: RemedyWish, status: CanisterStatus) -> Iterator[Remedy]:
    if status.status != "running":
        yield Remedy(
            "start", f"it is {status.status}", f"quri-console start {wish.name}", priced(status, message_cycles())
        )


def _topped_up(wish: RemedyWish, seen: Seen) -> Iterator[Remedy]:
    assert seen.looked is not None
    why = why_top_up(seen.looked.status, seen.points.recommended, wish.burn_per_day)
    if why:
        amount = wanted_amount(seen.looked.status, seen.points.recommended, wish.burn_per_day)
        written = format_cycles(amount).replace(" ", "")
        note = "It is emptied: it needs cycles first, then a backup is uploaded and loaded."
        yield Remedy(
            "top-up",
            why,
            f"quri-console topup {wish.name} {written}",
            amount,
            paid_by_ledger=True,
            note=note if seen.condition == "emptied" else "",
        )


def why_top_up(status: CanisterStatus, point: PointSummary | None, seen_burn: float | None = None) -> str:
    """Why a canister needs cycles; empty when it has enough.

    `point` is what it would be restored from, `seen_burn` the cycles a day that the history saw go.
    """
    above, burn = status.cycles - status.freezing_limit_cycles, _burn(status, seen_burn)
    if above < 0:
        return "it is frozen: its balance is below its freezing limit"
    if status.module_hash is None and point is not None and above < (point.cycles or 0):
        return f"it cannot pay for a restore: ≈ {format_cycles(point.cycles or 0)} cycles"
    if status.module_hash is None and status.cycles == 0:
        return "its cycles have run out"
    if burn and above < NEAR_DAYS * burn:
        left = format_duration(above / burn * SECONDS_PER_DAY)
        by = "by its idle burn alone" if burn == status.idle_cycles_burned_per_day else "as it burns of late"
        return f"it is near its freezing limit: ≈ {left} {by}"
    return ""


def _burn(status: CanisterStatus, seen_burn: float | None) -> int:
    return max(status.idle_cycles_burned_per_day, round(seen_burn or 0))


def wanted_amount(status: CanisterStatus, point: PointSummary | None, seen_burn: float | None = None) -> int:
    """Cycles, in whole trillions, for what it lacks, a restore, and 30 days of burn; arguments as of `why_top_up`."""
    lacks = max(status.freezing_limit_cycles - status.cycles, 0)
    restore = 2 * (point.cycles or 0) if point is not None else 0
    needed = lacks + restore + LASTS_DAYS * _burn(status, seen_burn)
    return max(1, -(-needed // TRILLION)) * TRILLION


def _put_back(wish: RemedyWish, seen: Seen, looked: Looked) -> Iterator[Remedy]:
    backup, status = seen.backup, looked.status
    if backup is None:
        return
    name = backup.set_name
    change = None if backup.status is None else settings_back(backup.status.settings, status.settings)
    if change is not None:
        what = "its controllers differ" if change.controllers is not None else "its settings differ"
        yield Remedy(
            "settings",
            f"{what} from those of backup {name}",
            f"quri-console restore {wish.name} --from {name} --only settings",
            priced(status, message_cycles()),
        )
    if status.module_hash != backup.module_hash and backup.state is not None:
        size = backup.state.metadata.wasm_module_size
        yield Remedy(
            "module",
            f"its module is not that of backup {name}",
            f"quri-console restore {wish.name} --from {name} --only module",
            sum(charge.cycles for charge in upgrade_charges(status, size)),
            downtime_seconds=_down(looked),
        )


def _down(looked: Looked) -> int:
    return max(1, round(6 * looked.seconds_per_call + 0.5)) if looked.status.status == "running" else 0


def _restored(wish: RemedyWish, seen: Seen) -> Iterator[Remedy]:
    """The newest snapshot on chain, and the backup that is recommended, or else the newest."""
    looked, points = seen.looked, [point for point in seen.points.points if not point.replaced]
    assert looked is not None
    best = seen.points.recommended
    chain = next((point for point in points if point.kind == "snapshot"), None)
    backups = [point for point in points if point.kind == "backup" and not point.damaged]
    stored = best if best is not None and best.kind == "backup" else next(iter(backups), None)
    for point in (chain, stored):
        if point is not None:
            yield Remedy(
                point.kind,
                _why_restore(point),
                f"quri-console restore {wish.name} --from {point.source}",
                point.cycles,
                downtime_seconds=_down(looked),
                note=_no_way_back(seen),
            )


def _why_restore(point: PointSummary) -> str:
    kind = "on chain" if point.kind == "snapshot" else "in the repository"
    verified = ", verified" if point.verified_at_ns is not None else ""
    return f"its data is wrong: the copy {kind} is {format_duration(point.lost_seconds)} old{verified}"


def _no_way_back(seen: Seen) -> str:
    if seen.condition != "emptied":
        return ""
    return "It has no state that could be lost, so no safety snapshot is possible and none is needed."


def _created_anew(wish: RemedyWish, seen: Seen) -> Iterator[Remedy]:
    if seen.backup is None:
        return
    command = f"quri-console create {wish.name} --from {seen.backup.set_name} --cycles 2T"
    yield Remedy(
        "create",
        "the network knows no such canister any more: it was deleted",
        command,
        2 * TRILLION,
        paid_by_ledger=True,
        downtime_seconds=None,
        note="It gets another id; then the backup is restored into it.",
    )
