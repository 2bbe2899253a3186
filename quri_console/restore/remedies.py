"""What would help a canister, least destructive first, and why; looks, and changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from quri_console.backup.browse import BackupNotFound, latest_backup_of
from quri_console.backup.plan import answered_soon
from quri_console.errors import NotAuthorised, QuriError
from quri_console.ic.agent import Agent
from quri_console.ic.public import CanisterNotFound, public_information
from quri_console.ic.rejection import Rejected
from quri_console.repository.store import Repository
from quri_console.restore.look import Looked, look_at
from quri_console.restore.points import Known, restore_points
from quri_console.restore.proposal import Condition, Proposal, Remedy, RemedyName, Seen
from quri_console.restore.remedy_checks import Surroundings
from quri_console.restore.remedy_offers import offered
from quri_console.restore.remedy_planning import RemedyWish, key_hash
from quri_console.restore.words import named

__all__ = ["Condition", "Proposal", "Remedy", "RemedyName", "Seen", "propose", "see"]

NOT_FOUND = "IC0301"


async def propose(
    agent: Agent,
    wish: RemedyWish,
    around: Surroundings,
    repository: Repository | None,
    safety: Mapping[bytes, str],
    notes: Sequence[str] = (),
) -> Proposal:
    """What would help; `repository` is None where there is none, `safety` as for `restore_points`.

    Raises NetworkError.
    """
    seen = await see(agent, wish, around, repository, safety)
    found = sorted(offered(wish, seen), key=lambda remedy: remedy.destructive)
    first = next((remedy for remedy in found if _is_cure(remedy, seen)), None)
    return Proposal(
        network=wish.network,
        canister=wish.canister.to_str(),
        name=wish.name,
        at_ns=seen.points.at_ns,
        condition=seen.condition,
        summary=_summary(wish, seen, first),
        remedies=tuple(replace(remedy, recommended=remedy is first) for remedy in found),
        notes=(*notes, *seen.notes),
    )


async def see(
    agent: Agent, wish: RemedyWish, around: Surroundings, repository: Repository | None, safety: Mapping[bytes, str]
) -> Seen:
    """Look at a canister and at what it can be restored from. Raises NetworkError, StorageFailed."""
    async with answered_soon(agent):
        condition, looked, notes = await _look(agent, wish, around)
    root_key_hash = key_hash(agent)
    known = Known(wish.network, around.clock.now_ns(), root_key_hash, looked, safety)
    points = await asyncio.to_thread(restore_points, wish.canister, wish.name, repository, known)
    backup = None
    if repository is not None:
        try:
            backup = await asyncio.to_thread(latest_backup_of, repository, wish.canister, root_key_hash=root_key_hash)
        except BackupNotFound:
            notes = (*notes, f"There is no backup of {wish.name} with its state.")
        except QuriError as error:
            notes = (*notes, f"The newest backup cannot be read: {error}")
    return Seen(condition, looked, points, backup, (*notes, *points.notes))


async def _look(
    agent: Agent, wish: RemedyWish, around: Surroundings
) -> tuple[Condition, Looked | None, tuple[str, ...]]:
    try:
        await public_information(agent, wish.canister)
        looked = await look_at(agent, wish.canister, wish.name, around.clock)
    except CanisterNotFound:
        return "deleted", None, ()
    except NotAuthorised as error:
        return "hidden", None, (f"{error} {error.next_step}",)
    except Rejected as rejection:
        if rejection.error_code == NOT_FOUND:
            return "deleted", None, ()
        raise
    status = looked.status
    return ("emptied" if status.module_hash is None else status.status), looked, ()


def _is_cure(remedy: Remedy, seen: Seen) -> bool:
    """Whether a remedy answers something that is seen to be wrong, not only something that may be."""
    if remedy.name in ("start", "top-up", "create"):
        return True
    if seen.condition == "emptied":
        return remedy.name == "backup"
    return remedy.name in ("settings", "module")


def _summary(wish: RemedyWish, seen: Seen, first: Remedy | None) -> str:
    called = named(wish.name, wish.canister)
    words = {
        "emptied": "has no code: where its cycles ran out, code, state and snapshots are gone",
        "deleted": "does not exist on this network",
        "hidden": "does not show its status to this identity",
    }
    told = words.get(seen.condition, f"is {seen.condition}")
    if seen.condition == "running" and first is None:
        return f"{called} {told}, and nothing is seen to be wrong. If its data is wrong, go back to a copy."
    return f"{called} {told}."
