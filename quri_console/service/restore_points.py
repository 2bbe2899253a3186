"""What a canister can be restored from, as far as repository and network can be asked."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

from quri_console.errors import QuriError
from quri_console.service.following import operations
from quri_console.service.present_state import present_states
from quri_console.service.readiness import safety_snapshots
from quri_console.service.restores import known_canister, operating_agent, repository_or_none
from quri_console.service.session import Session

if TYPE_CHECKING:
    from quri_console.ic.encoding.principal import Principal
    from quri_console.restore.look import Looked
    from quri_console.restore.points import RestorePoints


async def restore_points(session: Session, canister: str) -> RestorePoints:
    """The restore points of a canister, newest first; has no effects.

    A network that does not answer hides no backup, a repository that is missing no snapshot: what could not be looked
    at is noted. Raises UsageError.
    """
    from quri_console.ic.encoding.principal import parse_principal
    from quri_console.restore.points import Known
    from quri_console.restore.points import restore_points as points

    known = known_canister(session, canister)
    principal, notes = parse_principal(known.id), []
    root_key_hash, looked = b"", None
    try:
        root_key_hash, looked = await _look(session, principal, known.name)
    except QuriError as error:
        notes.append(f"The canister could not be looked at, so snapshots on chain and bills are missing: {error}")
    repository = None
    try:
        repository = repository_or_none(session, required=True)
    except QuriError as error:
        notes.append(f"No backup could be looked at: {error}")
    around = Known(
        network=session.network.name,
        now_ns=session.clock.now_ns(),
        root_key_hash=root_key_hash,
        looked=looked,
        safety=safety_snapshots(session, of_backups=False),
        before_restores=present_states(operations(session)),
        notes=tuple(notes),
    )
    return await asyncio.to_thread(points, principal, known.name, repository, around)


async def _look(session: Session, canister: Principal, name: str) -> tuple[bytes, Looked]:
    from quri_console.backup.plan import answered_soon
    from quri_console.restore.look import look_at

    async with operating_agent(session) as (agent, _), answered_soon(agent):
        return hashlib.sha256(agent.root_key).digest(), await look_at(agent, canister, name, session.clock)
