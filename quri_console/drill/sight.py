"""What a canister is, by its own signed answers: the only evidence that a drill is judged by."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quri_console.drill.incidents import NAME
from quri_console.errors import QuriError
from quri_console.ic.agent import Agent
from quri_console.ic.encoding import candid
from quri_console.ic.encoding.candid import Types
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.read import canister_status
from quri_console.ic.management.types import CanisterStatus, RunState

WRITTEN = 25
"""Entries that are made after the backup, so that what a remedy loses can be counted."""
ANSWER_SECONDS = 5.0
_LOOKED_AT = 10 * WRITTEN
_NOTHING = candid.encode([], [])


@dataclass(frozen=True, slots=True)
class Sight:
    """One canister as its answers show it; None where there was no answer to a question, `problem` says why."""

    name: str
    problem: str = ""
    status: RunState | None = None
    module_hash: bytes | None = None
    controllers: frozenset[str] = frozenset()
    cycles: int = 0
    freezing_limit: int = 0
    idle_burn_per_day: int = 0
    healthy: bool | None = None
    digest: int | None = None
    """Of all its data; only the canister that disasters happen to tells it."""
    entries: frozenset[str] | None = None
    """Names of the entries made after the backup that it has; None where it could not be asked."""


async def write_entries(agent: Agent, canister: Principal) -> None:
    """Make entries by real calls, as users would."""
    for name in entry_names():
        await agent.update(
            canister, "etch_rune", candid.encode([Types.Text, Types.Text, Types.Nat], [name, name[-3:], 1_000])
        )


def entry_names() -> Sequence[str]:
    """The names of the entries made after the backup."""
    return tuple(f"DRILL•{number:03}" for number in range(WRITTEN))


async def look_at_fleet(agent: Agent, canisters: Mapping[str, Principal]) -> dict[str, Sight]:
    """Every canister, by name. A canister that does not answer is a sight, too."""
    found = await asyncio.gather(*(look_at(agent, name, canister) for name, canister in canisters.items()))
    return {sight.name: sight for sight in found}


async def look_at(agent: Agent, name: str, canister: Principal) -> Sight:
    """One canister, by signed queries of a controller."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await _look_at(agent, name, canister)
    except TimeoutError:
        return Sight(name, problem=f"it did not answer for {ANSWER_SECONDS:.0f} s")


async def _look_at(agent: Agent, name: str, canister: Principal) -> Sight:
    try:
        status = await canister_status(agent, canister, form="query")
    except QuriError as error:
        return Sight(name, problem=str(error))
    healthy = digest = None
    entries: frozenset[str] | None = frozenset() if status.module_hash is None else None
    if status.status == "running" and status.module_hash is not None:
        try:
            healthy = await is_healthy(agent, canister)
            if name == NAME:
                digest, entries = await digest_of(agent, canister), await _entries(agent, canister)
        except QuriError as error:
            return _seen(name, status, str(error), healthy, digest, entries)
    return _seen(name, status, "", healthy, digest, entries)


def _seen(
    name: str,
    status: CanisterStatus,
    problem: str,
    healthy: bool | None,
    digest: int | None,
    entries: frozenset[str] | None,
) -> Sight:
    return Sight(
        name=name,
        problem=problem,
        status=status.status,
        module_hash=status.module_hash,
        controllers=frozenset(principal.to_str() for principal in status.settings.controllers),
        cycles=status.cycles,
        freezing_limit=status.freezing_limit_cycles,
        idle_burn_per_day=status.idle_cycles_burned_per_day,
        healthy=healthy,
        digest=digest,
        entries=entries,
    )


async def is_healthy(agent: Agent, canister: Principal) -> bool:
    """What a canister of the demo fleet says of itself. Raises QuriError."""
    reply = await agent.query(canister, "health", _NOTHING)
    (record,) = candid.decode(reply, [Types.Record({"healthy": Types.Bool})])
    return bool(record["healthy"])


async def digest_of(agent: Agent, canister: Principal) -> int:
    """The digest that the canister makes of all its data. Raises QuriError."""
    (digest,) = candid.decode(await agent.query(canister, "digest", _NOTHING), [Types.Nat64])
    return int(digest)


async def _entries(agent: Agent, canister: Principal) -> frozenset[str]:
    """The newest runes are looked through: entries are added at the end."""
    (count,) = candid.decode(await agent.query(canister, "rune_count", _NOTHING), [Types.Nat])
    asked = candid.encode([Types.Nat, Types.Nat], [max(0, int(count) - _LOOKED_AT), _LOOKED_AT])
    reply = await agent.query(canister, "list_runes", asked)
    (runes,) = candid.decode(reply, [Types.Vec(Types.Record({"name": Types.Text}))])
    return frozenset(str(rune["name"]) for rune in runes) & frozenset(entry_names())
