"""Snapshots that an operation made for itself: deleted when they are not needed any more, and said when they stay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from quri_console.effects.perform import Effects
from quri_console.effects.replay import own_snapshots
from quri_console.errors import QuriError
from quri_console.ic.encoding.principal import Principal

LEFT_ON_CHAIN = "left on chain"


@dataclass(frozen=True, slots=True)
class Leftover:
    """A snapshot of a canister that is to go."""

    canister: Principal
    name: str
    snapshot_id: bytes


def own_leftovers(effects: Effects, canisters: Iterable[tuple[Principal, str]]) -> tuple[Leftover, ...]:
    """What was uploaded or taken only to be looked into; the safety snapshots are the operator's."""
    records = effects.journal.records
    return tuple(
        Leftover(canister, name, identifier)
        for canister, name in canisters
        for identifier in own_snapshots(records, canister=canister.to_str())
    )


async def delete_leftovers(effects: Effects, leftovers: Iterable[Leftover]) -> list[str]:
    """Delete them; a note for each that stays, which the journal keeps as well."""
    notes = []
    for leftover in leftovers:
        try:
            await effects.delete_snapshot(leftover.canister, leftover.snapshot_id)
        except QuriError as error:
            identifier = leftover.snapshot_id.hex()
            effects.journal.append(
                LEFT_ON_CHAIN, canister=leftover.canister.to_str(), snapshot_id=identifier, why=str(error)
            )
            notes.append(f"The snapshot {identifier} of {leftover.name} is still on chain and costs cycles: {error}")
    return notes
