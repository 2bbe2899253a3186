"""What an operation that will not be gone on with has left behind, looked at before it is marked resolved."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from quri_console.effects.journal import Record
from quri_console.effects.loads import Loaded, loaded_states
from quri_console.effects.replay import (
    attempts,
    left_stopped,
    own_snapshots,
    safety_snapshots,
    status_before,
)
from quri_console.errors import QuriError
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal, parse_principal
from quri_console.ic.management.read import canister_status, list_canister_snapshots


@dataclass(frozen=True, slots=True)
class LeftSnapshot:
    """A snapshot of the operation; `on_chain` is None where the network did not tell."""

    id: bytes
    on_chain: bool | None = None


@dataclass(frozen=True, slots=True)
class LeftCanister:
    """One canister that the operation worked on: what the journal says of it, and what the network does."""

    canister: Principal
    name: str
    was: str | None
    """Its status before; None when the operation did not come so far as to stop it."""
    held: bool
    """Whether the journal says that the operation stopped it and has not started it."""
    loaded: Loaded
    now: str = ""
    """Its status as the network shows it; empty where it did not."""
    problem: str = ""
    """Why the network did not show it."""
    safety: tuple[LeftSnapshot, ...] = ()
    own: tuple[LeftSnapshot, ...] = ()
    """Snapshots that it uploaded, perhaps not to their end, or took only to be looked into."""

    @property
    def to_start(self) -> bool:
        """Whether it ran before, was stopped by the operation, and is not seen running."""
        return self.held and self.was == "running" and self.now != "running"


@dataclass(frozen=True, slots=True)
class Resolution:
    """Everything that is told before an operation is marked resolved; made without effects."""

    operation: str
    kind: str
    network: str
    production: bool
    name: str
    """What is typed after `NETWORK/` where something has to be typed."""
    canisters: tuple[LeftCanister, ...] = ()
    problem: str = ""
    """Why the network could not be looked at at all."""
    unsettled: tuple[str, ...] = ()
    """Effects whose end the journal does not tell, in words."""
    leases: tuple[str, ...] = ()
    """Who works on one of the canisters now, in words."""
    repository_lock: str = ""
    """The lock of the repository that its process left, in words; it goes away by itself."""
    guarded_until_ns: int = 0
    """Until when a start guard may still send a start request, since 1970; 0: there is none."""
    begun_by: str = ""
    """Who marked it resolved before and was cut off before it was done."""

    @property
    def to_start(self) -> tuple[LeftCanister, ...]:
        """Canisters of ours that are not to be left stopped by accident."""
        return tuple(item for item in self.canisters if item.to_start)


def touched(records: Sequence[Record]) -> tuple[str, ...]:
    """Ids of the canisters that the operation did anything to, or was about to stop."""
    states = loaded_states(records)
    return tuple(dict.fromkeys((*states, *(attempt.canister for attempt in attempts(records)))))


def as_journalled(records: Sequence[Record], names: Mapping[str, str]) -> tuple[LeftCanister, ...]:
    """What the journal alone says; `names` by id."""
    states, held = loaded_states(records), left_stopped(records)
    return tuple(
        LeftCanister(
            canister=parse_principal(canister),
            name=names.get(canister, canister),
            was=status_before(records, canister),
            held=canister in held,
            loaded=states.get(canister, "old"),
            safety=tuple(map(LeftSnapshot, safety_snapshots(records, canister=canister))),
            own=tuple(map(LeftSnapshot, own_snapshots(records, canister=canister))),
        )
        for canister in touched(records)
    )


async def look_at(agent: Agent, left: Sequence[LeftCanister]) -> tuple[LeftCanister, ...]:
    """The same canisters as the network shows them; one that it does not show keeps the others from nothing."""
    return tuple(await asyncio.gather(*(_looked_at(agent, item) for item in left)))


async def _looked_at(agent: Agent, item: LeftCanister) -> LeftCanister:
    try:
        status, listed = await asyncio.gather(
            canister_status(agent, item.canister), list_canister_snapshots(agent, item.canister)
        )
    except QuriError as error:
        return replace(item, problem=str(error))
    there = {snapshot.id for snapshot in listed}
    return replace(
        item,
        now=status.status,
        safety=tuple(LeftSnapshot(known.id, known.id in there) for known in item.safety),
        own=tuple(LeftSnapshot(known.id, known.id in there) for known in item.own),
    )
