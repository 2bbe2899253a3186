"""Whether a canister could be restored this minute: the preflight of what would be recommended, without effects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from quri_console.errors import QuriError
from quri_console.ic.agent import Agent
from quri_console.ic.management.types import MAX_SNAPSHOTS
from quri_console.repository.store import Repository
from quri_console.restore import remedy_checks as checks
from quri_console.restore.look import Looked
from quri_console.restore.plan import Check
from quri_console.restore.points import PointSummary
from quri_console.restore.proposal import Condition, Seen
from quri_console.restore.remedies import see
from quri_console.restore.remedy_checks import Surroundings
from quri_console.restore.remedy_offers import wanted_amount
from quri_console.restore.remedy_planning import RemedyWish
from quri_console.units import format_cycles, format_duration


@dataclass(frozen=True, slots=True)
class Readiness:
    """What was looked at for one canister; `point` is what would be restored. `advice` makes it no less ready."""

    network: str
    canister: str
    name: str
    at_ns: int
    condition: Condition
    checks: tuple[Check, ...]
    point: PointSummary | None
    advice: tuple[str, ...] = ()
    """What could not be looked at, and what nobody has proved yet; untrusted text."""
    answered: bool = True
    """Whether the network answered: else nothing is known, neither that it is ready nor that it is not."""

    @property
    def failed_checks(self) -> tuple[Check, ...]:
        """What stands in the way."""
        return tuple(check for check in self.checks if not check.passed)

    @property
    def ready(self) -> bool:
        """Whether nothing stands in the way of a restore."""
        return not self.failed_checks

    @property
    def why(self) -> str:
        """What stands in the way, in one line; empty when nothing does."""
        return "; ".join(f"{check.name}: {check.found}" for check in self.failed_checks)


async def examine(
    agent: Agent,
    wish: RemedyWish,
    around: Surroundings,
    repository: Repository | None,
    safety: Mapping[bytes, str],
    *,
    backup_age_seconds: float,
    notes: tuple[str, ...] = (),
) -> Readiness:
    """Look whether it could be restored now; `backup_age_seconds` is how old a restore point may be, 0 for any age.

    Raises NetworkError, StorageFailed.
    """
    seen = await see(agent, wish, around, repository, safety)
    point = seen.points.recommended
    found = (
        _there(wish, seen),
        *_of_canister(agent, wish, seen.looked, point),
        *_of_point(wish, point, backup_age_seconds),
        checks.around(around)[0],
    )
    return Readiness(
        network=wish.network,
        canister=wish.canister.to_str(),
        name=wish.name,
        at_ns=seen.points.at_ns,
        condition=seen.condition,
        checks=found,
        point=point,
        advice=(*notes, *seen.notes, *_advice(point)),
    )


def unanswered(wish: RemedyWish, error: QuriError, at_ns: int) -> Readiness:
    """What is said of a canister that could not be looked at."""
    failed = Check("canister", False, f"it could not be looked at: {error}", error.next_step, error.exit_code)
    return Readiness(wish.network, wish.canister.to_str(), wish.name, at_ns, "hidden", (failed,), None, answered=False)


def _there(wish: RemedyWish, seen: Seen) -> Check:
    words: dict[Condition, str] = {
        "deleted": "the network knows no such canister",
        "hidden": "it does not show its status to this identity",
        "emptied": "it has no code: it needs a restore now",
    }
    return checks.check(
        "canister",
        seen.condition not in words,
        words.get(seen.condition, f"it is {seen.condition}"),
        f"See what helps: quri-console restore {wish.name}.",
    )


def _of_canister(agent: Agent, wish: RemedyWish, looked: Looked | None, point: PointSummary | None) -> Iterator[Check]:
    if looked is None:
        return
    yield checks.controller(agent.identity.sender, looked.status)
    needed = (1 if point is not None and point.kind == "snapshot" else 2) - (looked.status.module_hash is None)
    used = len(looked.snapshots)
    yield checks.check(
        "snapshot slots",
        used + needed <= MAX_SNAPSHOTS,
        f"{used} of {MAX_SNAPSHOTS} used, {needed} needed",
        "Delete a snapshot that is no longer needed: icp canister snapshot list, then delete.",
    )
    above = looked.status.cycles - looked.status.freezing_limit_cycles
    bill = (point.cycles or 0) if point is not None else 0
    amount = format_cycles(wanted_amount(looked.status, point)).replace(" ", "")
    slots_free = used + needed <= MAX_SNAPSHOTS
    pays = above >= bill and (point is None or point.fits is not False or not slots_free)
    yield checks.check(
        "cycles",
        pays,
        f"≈ {format_cycles(bill)} for a restore, {format_cycles(above)} above the freezing limit",
        f"quri-console topup {wish.name} {amount}",
    )
    yield checks.clock_agrees(looked.ahead_seconds)


def _of_point(wish: RemedyWish, point: PointSummary | None, allowed_seconds: float) -> Iterator[Check]:
    yield checks.check(
        "restore point",
        point is not None,
        "none that is whole" if point is None else point.label,
        f"Take one: quri-console backup {wish.name}.",
    )
    if point is None:
        return
    age = point.lost_seconds
    yield checks.check(
        "age",
        allowed_seconds <= 0 or age <= allowed_seconds,
        f"{format_duration(age)} old"
        + (f", at most {format_duration(allowed_seconds)} wanted" if allowed_seconds else ""),
        f"Take a new one: quri-console backup {wish.name}.",
    )


def _advice(point: PointSummary | None) -> Iterator[str]:
    if point is None or point.kind == "snapshot":
        return
    name = point.source.partition("/")[0]
    if point.verified_at_ns is None:
        yield f"Nobody has verified it since it was taken: quri-console verify {name}"
    if point.rehearsed_at_ns is None:
        yield f"Nobody has rehearsed it: quri-console rehearse {name}"
