"""What a journal says about the present: which effects are open, who was stopped, which snapshots are ours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.effects.calls import DELETE_SNAPSHOT, EFFECTS, START, STOP, TAKE_SNAPSHOT, UPLOAD_METADATA, EffectKind
from quri_console.effects.durable import Json
from quri_console.effects.journal import Record

SNAPSHOT_NOT_FOUND = "IC0305"
INTENT, OUTCOME, STATUS_BEFORE = "intent", "outcome", "status before"
STOPPED_ON_PURPOSE = "stopped on purpose"
ADMITTED = "admitted"
"""Says who was let through, and to which network; each process of an operation writes it before anything else."""
RESOLVED = "resolved"
"""Says that somebody looked after what the operation left, and that nothing of it is to be gone on with."""
DONE, REJECTED, NOT_EXECUTED, UNKNOWN = "done", "rejected", "not executed", "unknown"

CHECK = "check"
"""The purpose of a snapshot that is taken only to be looked into, and deleted then."""


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


def attempts(records: Iterable[Record], *kinds: EffectKind, canister: str | None = None) -> tuple[Attempt, ...]:
    """All effects of these kinds (of every kind when none is named), on one canister if it is named, oldest first."""
    records = tuple(records)
    outcomes = {record.fields["intent"]: record.fields for record in records if record.event == OUTCOME}
    wanted = kinds or tuple(EFFECTS.values())
    return tuple(
        attempt
        for attempt in _attempts(records, outcomes)
        if attempt.kind in wanted and canister in (None, attempt.canister)
    )


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
    """Canisters that this operation may have stopped and has not started since, unless it was to leave them so."""
    records = tuple(records)
    if is_resolved(records):
        return ()
    last: dict[str, Attempt] = {}
    for attempt in attempts(records, START, STOP):
        counts = attempt.may_have_happened if attempt.kind is STOP else attempt.outcome == DONE
        if counts:
            last[attempt.canister] = attempt
    kept = {record.fields["canister"]: record.sequence for record in records if record.event == STOPPED_ON_PURPOSE}
    return tuple(
        canister
        for canister, attempt in last.items()
        if attempt.kind is STOP and kept.get(canister, -1) < attempt.sequence
    )


def is_resolved(records: Iterable[Record]) -> bool:
    """Whether somebody marked the operation resolved, and no process of it went on since."""
    newest = next((record for record in reversed(tuple(records)) if record.event in (RESOLVED, ADMITTED)), None)
    return newest is not None and newest.event == RESOLVED


def downtime_seconds(records: Iterable[Record], canister: str) -> float:
    """How long this operation kept a canister down that ran: from each stop request to the answer of the start."""
    records = tuple(records)
    if status_before(records, canister) != "running":
        return 0.0
    outcomes = {record.fields["intent"]: record for record in records if record.event == OUTCOME}
    down_since: int | None = None
    total_ns = 0
    for record in records:
        if record.event != INTENT or record.fields["canister"] != canister:
            continue
        if record.fields["effect"] == STOP.name and down_since is None:
            down_since = record.at_ns
        elif record.fields["effect"] == START.name and down_since is not None:
            outcome = outcomes.get(record.sequence)
            if outcome is not None and outcome.fields["outcome"] == DONE:
                total_ns += outcome.at_ns - down_since
                down_since = None
    return total_ns / NANOSECONDS_PER_SECOND


def snapshots_made(
    records: Iterable[Record], kind: EffectKind, *, canister: str | None = None, doubtful: bool = False
) -> tuple[bytes, ...]:
    """Ids of the snapshots that effects of this kind made and that were not deleted since, oldest first.

    With `doubtful` ones as well whose deletion nobody confirmed: not to be relied on, but to be deleted once more.
    """
    return tuple(identifier for _, identifier in _made(records, kind, canister, doubtful=doubtful))


def safety_snapshots(records: Iterable[Record], *, canister: str | None = None) -> tuple[bytes, ...]:
    """Ids of the snapshots that were taken to keep a state and are not deleted, oldest first."""
    return tuple(i for a, i in _made(records, TAKE_SNAPSHOT, canister) if a.fields.get("purpose") != CHECK)


def own_snapshots(records: Iterable[Record], *, canister: str | None = None) -> tuple[bytes, ...]:
    """Ids of the snapshots that were uploaded or taken only to be looked into and may still be there.

    One whose deletion nobody confirmed counts: to delete it once more does no harm, to forget it costs cycles.
    """
    records = tuple(records)
    taken = _made(records, TAKE_SNAPSHOT, canister, doubtful=True)
    return (
        *snapshots_made(records, UPLOAD_METADATA, canister=canister, doubtful=True),
        *(identifier for attempt, identifier in taken if attempt.fields.get("purpose") == CHECK),
    )


def _made(
    records: Iterable[Record], kind: EffectKind, canister: str | None, *, doubtful: bool = False
) -> tuple[tuple[Attempt, bytes], ...]:
    records = tuple(records)
    gone = _gone(records, surely=doubtful)
    made = ((a, a.snapshot_id) for a in attempts(records, kind, canister=canister) if a.outcome == DONE)
    return tuple((a, identifier) for a, identifier in made if identifier is not None and identifier not in gone)


def gone_snapshots(records: Iterable[Record]) -> frozenset[bytes]:
    """Ids of the snapshots that this operation deleted, may have deleted, or found gone."""
    return _gone(tuple(records), surely=False)


def _gone(records: tuple[Record, ...], *, surely: bool) -> frozenset[bytes]:
    deleted = {a.snapshot_id for a in attempts(records, DELETE_SNAPSHOT) if _is_gone(a, surely=surely)}
    replaced = {
        bytes.fromhex(text)
        for a in attempts(records, TAKE_SNAPSHOT)
        if (text := a.fields.get("replaced")) and a.outcome == DONE
    }
    return frozenset(identifier for identifier in deleted | replaced if identifier is not None)


def _is_gone(deletion: Attempt, *, surely: bool) -> bool:
    happened = deletion.outcome == DONE if surely else deletion.may_have_happened
    return happened or deletion.result.get("code") == SNAPSHOT_NOT_FOUND
