"""What a journal says about the present: which effects are open, who was stopped, which snapshots are ours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from quri_console.effects.calls import DELETE_SNAPSHOT, EFFECTS, START, STOP, EffectKind
from quri_console.effects.durable import Json
from quri_console.effects.journal import Record

SNAPSHOT_NOT_FOUND = "IC0305"
INTENT, OUTCOME, STATUS_BEFORE = "intent", "outcome", "status before"
DONE, REJECTED, NOT_EXECUTED, UNKNOWN = "done", "rejected", "not executed", "unknown"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One intent and, when it is known, its outcome."""

    sequence: int
    kind: EffectKind
    canister: str
    fields: Json
    outcome: str | None
    result: Json

    @property
    def open(self) -> bool:
        """Whether the journal does not say how it ended."""
        return self.outcome is None

    @property
    def may_have_happened(self) -> bool:
        """Whether the network may have executed it."""
        return self.outcome in (None, DONE, UNKNOWN)

    @property
    def snapshot_id(self) -> bytes | None:
        """The snapshot that it made or was about."""
        text = self.result.get("snapshot_id") or self.fields.get("snapshot_id")
        return bytes.fromhex(text) if text else None


def attempts(records: Iterable[Record], *kinds: EffectKind) -> tuple[Attempt, ...]:
    """All effects of these kinds (of every kind when none is named), oldest first."""
    records = tuple(records)
    outcomes = {record.fields["intent"]: record.fields for record in records if record.event == OUTCOME}
    wanted = kinds or tuple(EFFECTS.values())
    return tuple(attempt for attempt in _attempts(records, outcomes) if attempt.kind in wanted)


def _attempts(records: Iterable[Record], outcomes: dict[int, Json]) -> Iterator[Attempt]:
    for record in records:
        if record.event != INTENT:
            continue
        outcome = outcomes.get(record.sequence, {})
        yield Attempt(
            record.sequence,
            EFFECTS[record.fields["effect"]],
            record.fields["canister"],
            record.fields,
            outcome.get("outcome"),
            outcome,
        )


def status_before(records: Iterable[Record], canister: str) -> str | None:
    """The status that this operation found the canister in, before it first stopped it."""
    for record in records:
        if record.event == STATUS_BEFORE and record.fields["canister"] == canister:
            status: str = record.fields["status"]
            return status
    return None


def left_stopped(records: Iterable[Record]) -> tuple[str, ...]:
    """Canisters that this operation may have stopped and has not started since."""
    last: dict[str, Attempt] = {}
    for attempt in attempts(records, START, STOP):
        counts = attempt.may_have_happened if attempt.kind is STOP else attempt.outcome == DONE
        if counts:
            last[attempt.canister] = attempt
    return tuple(canister for canister, attempt in last.items() if attempt.kind is STOP)


def snapshots_made(records: Iterable[Record], kind: EffectKind) -> tuple[bytes, ...]:
    """Ids of the snapshots that effects of this kind made and that were not deleted since, oldest first."""
    records = tuple(records)
    gone = {attempt.snapshot_id for attempt in attempts(records, DELETE_SNAPSHOT) if _is_gone(attempt)}
    gone |= {bytes.fromhex(text) for a in attempts(records) if (text := a.fields.get("replaced")) and a.outcome == DONE}
    made = (attempt.snapshot_id for attempt in attempts(records, kind) if attempt.outcome == DONE)
    return tuple(identifier for identifier in made if identifier is not None and identifier not in gone)


def _is_gone(deletion: Attempt) -> bool:
    return deletion.may_have_happened or deletion.result.get("code") == SNAPSHOT_NOT_FOUND
