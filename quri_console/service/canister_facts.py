"""Reads what a page about one canister shows beyond its newest picture; needs no network."""

from __future__ import annotations

import asyncio

from quri_console.config import CanisterConfig
from quri_console.errors import QuriError
from quri_console.monitor.canister_facts import CanisterFacts
from quri_console.service.burn_view import fleet_burn
from quri_console.service.following import operations
from quri_console.service.history_view import canister_history
from quri_console.service.session import Session
from quri_console.units import DAY_SECONDS

FACT_SECONDS = 30.0 * DAY_SECONDS
LAST_OPERATIONS = 5


async def canister_facts(session: Session, canister: str) -> CanisterFacts:
    """What is known of a canister (name or id); what cannot be read is said in it. Raises UsageError."""
    target = session.config.canister(canister)
    try:
        return await _read(session, target)
    except QuriError as error:
        return CanisterFacts(target.id, problem=str(error))


async def _read(session: Session, target: CanisterConfig) -> CanisterFacts:
    history = await canister_history(session, target.id, since_seconds=FACT_SECONDS, resolution="day")
    burns = await fleet_burn(session, (target.id,))
    done = await asyncio.to_thread(operations, session)
    own = [one for one in done if one.network == session.network.name and target.name in one.canisters]
    return CanisterFacts(target.id, history.events[::-1], tuple(own[:LAST_OPERATIONS]), burns[0] if burns else None)
