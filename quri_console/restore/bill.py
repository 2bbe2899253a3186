"""What a restore costs the canister, step by step (≈, prices of a 13-node subnet).

Snapshot calls are charged as instructions, one cycle each: 2 G and one per byte for take, load and upload of
metadata, one per byte for data. Every call pays its ingress message: 1.2 M and 2,000 a byte, which makes an upload
about 2.15 T cycles a GiB, some 280 times the download. A subnet that charges no idle burn charges nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from quri_console.backup.bill import snapshot_bytes, storage_cycles_per_day
from quri_console.ic.management.types import SECONDS_PER_DAY, CanisterStatus

SNAPSHOT_CYCLES = 2_000_000_000
INGRESS_CYCLES = 1_200_000
INGRESS_BYTE_CYCLES = 2_000
CALL_BYTES = 400
"""Size of an envelope without what it carries."""
SAFETY_STEP, LOAD_STEP = "safety snapshot", "load"


@dataclass(frozen=True, slots=True)
class Upload:
    """What has to be sent: sizes in bytes of every slice that is not all zero, and of every chunk."""

    slices: tuple[int, ...]
    chunks: tuple[int, ...]
    skipped_bytes: int
    """All-zero slices, which an uploaded snapshot has from the start."""

    @property
    def sent_bytes(self) -> int:
        """What travels."""
        return sum(self.slices) + sum(self.chunks)


def message_cycles(carried_bytes: int = 0) -> int:
    """One ingress message that carries this many bytes."""
    return INGRESS_CYCLES + INGRESS_BYTE_CYCLES * (CALL_BYTES + carried_bytes)


def upload_metadata_cycles(state_bytes: int) -> int:
    """Making a snapshot of this size to upload into."""
    return SNAPSHOT_CYCLES + state_bytes + message_cycles()


def upload_data_cycles(upload: Upload) -> int:
    """Sending all slices and chunks."""
    return sum(message_cycles(size) + size for size in (*upload.slices, *upload.chunks))


def take_cycles(state_bytes: int) -> int:
    """Taking a snapshot of this size."""
    return SNAPSHOT_CYCLES + state_bytes + message_cycles()


def load_cycles(state_bytes: int) -> int:
    """Loading a snapshot of this size."""
    return SNAPSHOT_CYCLES + state_bytes + message_cycles()


@dataclass(frozen=True, slots=True)
class Charge:
    """One step's part of the bill: what it costs, and what it adds to the bytes that the canister stores."""

    step: str
    cycles: int
    stored_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Balance:
    """Balance and freezing limit after a step, in cycles."""

    step: str
    cycles: int
    freezing_limit: int

    @property
    def frozen(self) -> bool:
        """Whether the canister would be frozen then."""
        return self.cycles < self.freezing_limit


def balances(status: CanisterStatus, charges: Iterable[Charge]) -> tuple[Balance, ...]:
    """Balance and freezing limit as they will be after each step."""
    cycles, limit = status.cycles, status.freezing_limit_cycles
    result = []
    for charge in charges:
        cycles -= charge.cycles
        burn = storage_cycles_per_day(status, abs(charge.stored_bytes))
        raised = burn * status.settings.freezing_threshold // SECONDS_PER_DAY
        limit += raised if charge.stored_bytes > 0 else -min(raised, limit)
        result.append(Balance(charge.step, cycles, limit))
    return tuple(result)


def charges_of_restore(
    status: CanisterStatus,
    state_bytes: int,
    upload: Upload | None,
    *,
    safety: bool,
    settings: bool = False,
    starts: bool = True,
) -> Sequence[Charge]:
    """The bill of a restore in the order of its steps; without an upload a snapshot on chain is loaded as it is."""
    live_bytes = snapshot_bytes(status)
    free = status.idle_cycles_burned_per_day == 0
    charges = [
        *([] if upload is None else _upload_charges(state_bytes, upload)),
        # one that is stopped already is not stopped again
        *([] if status.status == "stopped" else [Charge("stop", message_cycles())]),
        *([Charge(SAFETY_STEP, take_cycles(live_bytes), live_bytes)] if safety else []),
        Charge(LOAD_STEP, load_cycles(state_bytes), state_bytes - live_bytes),
        *([Charge("settings", message_cycles())] if settings else []),
        # the state is looked into through a snapshot of it
        Charge("checks and start" if starts else "checks", take_cycles(state_bytes) + 9 * message_cycles()),
        *([] if upload is None else [Charge("delete the uploaded snapshot", message_cycles(), -state_bytes)]),
    ]
    return [Charge(c.step, 0, c.stored_bytes) for c in charges] if free else charges


def _upload_charges(state_bytes: int, upload: Upload) -> tuple[Charge, Charge]:
    return (
        Charge("make the snapshot to upload into", upload_metadata_cycles(state_bytes), state_bytes),
        Charge("upload", upload_data_cycles(upload)),
    )


def most_added_bytes(charges: Iterable[Charge]) -> int:
    """How much more the canister stores at the fullest moment, in bytes."""
    return max(0, *accumulate(charge.stored_bytes for charge in charges))
