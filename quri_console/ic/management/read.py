"""Management methods that change nothing (interface specification, "The IC management canister").

All raise what `Agent.query` and `Agent.update` raise, and MalformedCandid for answers of another shape. Snapshot
reads are update calls, because the network serves them only certified; they cost the canister cycles all the same.
"""

from __future__ import annotations

import hashlib
from dataclasses import fields as dataclass_fields
from typing import TYPE_CHECKING, Any, Literal

from quri_console.errors import CorruptionError, NetworkError, QuriError
from quri_console.ic.encoding.candid import MalformedCandid, encode
from quri_console.ic.encoding.principal import MANAGEMENT, Principal
from quri_console.ic.management import interface
from quri_console.ic.management.history_reply import decode_history
from quri_console.ic.management.history_types import MAX_KEPT_CHANGES, CanisterHistory
from quri_console.ic.management.snapshot_reply import decode_metadata, decode_slice, decode_snapshots
from quri_console.ic.management.status_reply import decode_status
from quri_console.ic.management.types import (
    MAX_SLICE_BYTES,
    CanisterStatus,
    CyclesConsumed,
    LogRecord,
    Snapshot,
    SnapshotBlob,
    SnapshotMetadata,
)
from quri_console.ic.outcome import CallUndecided
from quri_console.ic.proxy import call_through
from quri_console.ic.reply import answer, fields

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from quri_console.ic.agent import Agent

Form = Literal["query", "update"]


class ReadFailed(NetworkError):
    """A certified read got no usable answer."""


_CAUSES = tuple(field.name for field in dataclass_fields(CyclesConsumed))


async def canister_status(agent: Agent, canister: Principal, *, form: Form = "update") -> CanisterStatus:
    """Status, cycles, memory and settings; for controllers and whom `status_visibility` names.

    The query form is faster and costs nothing, but only one node vouches for it.
    """
    argument = encode([interface.CANISTER], [{"canister_id": canister}])
    return decode_status(await _ask(agent, "canister_status", argument, canister, form))


async def canister_metrics(agent: Agent, canister: Principal, *, form: Form = "update") -> CyclesConsumed:
    """What the canister's cycles went into since it was made; for controllers."""
    argument = encode([interface.CANISTER], [{"canister_id": canister}])
    record = fields(answer(await _ask(agent, "canister_metrics", argument, canister, form)))
    consumed = record.record("cycles_consumed")
    return CyclesConsumed(**{cause: consumed.natural_or_none(cause) for cause in _CAUSES})


async def fetch_canister_logs(
    agent: Agent, canister: Principal, *, from_index: int | None = None
) -> tuple[LogRecord, ...]:
    """The log lines that the canister keeps (4 KiB unless set otherwise), oldest first; a query.

    `from_index` leaves earlier lines out; replicas that do not know the filter answer with all, so it is applied
    here as well.
    """
    wanted = [] if from_index is None else [{"by_idx": {"start": from_index, "end": (1 << 64) - 1}}]
    argument = encode([interface.FETCH_LOGS], [{"canister_id": canister, "filter": wanted}])
    record = fields(answer(await _ask(agent, "fetch_canister_logs", argument, canister, "query")))
    lines = record.list("canister_log_records", _log_record)
    return tuple(line for line in lines if line.index >= (from_index or 0))


def _log_record(value: Any) -> LogRecord:
    record = fields(value)
    return LogRecord(record.natural("idx"), record.natural("timestamp_nanos"), record.blob("content"))


async def canister_history(
    agent: Agent, canister: Principal, *, proxy: Principal, requested_changes: int = MAX_KEPT_CHANGES
) -> CanisterHistory:
    """The canister's newest changes, asked for by `proxy`, which must serve the agent's identity; anybody's canister.

    `canister_info` answers canisters only, therefore the proxy, and a proxied call is always an update call. It is a
    read all the same: `canister_info` changes nothing, and no cycles go along. Raises NotAuthorised and ProxyFailed,
    too.
    """
    argument = encode(
        [interface.CANISTER_INFO], [{"canister_id": canister, "num_requested_changes": [requested_changes]}]
    )
    method = "canister_info"
    return decode_history(await _answered(call_through(agent, proxy, MANAGEMENT, method, argument), method, canister))


async def stored_chunks(agent: Agent, canister: Principal) -> tuple[bytes, ...]:
    """SHA-256 of each chunk in the canister's chunk store; for controllers."""
    argument = encode([interface.CANISTER], [{"canister_id": canister}])
    chunks = answer(await _ask(agent, "stored_chunks", argument, canister))
    if not isinstance(chunks, list):
        raise MalformedCandid("it is not a list of chunk hashes")
    return tuple(fields(chunk).blob("hash") for chunk in chunks)


async def list_canister_snapshots(agent: Agent, canister: Principal) -> tuple[Snapshot, ...]:
    """The snapshots that the network keeps of this canister (at most 10)."""
    argument = encode([interface.CANISTER], [{"canister_id": canister}])
    return decode_snapshots(await _ask(agent, "list_canister_snapshots", argument, canister))


async def read_snapshot_metadata(agent: Agent, canister: Principal, snapshot_id: bytes) -> SnapshotMetadata:
    """Everything of a snapshot but its bytes."""
    argument = encode([interface.SNAPSHOT], [{"canister_id": canister, "snapshot_id": snapshot_id}])
    return decode_metadata(await _ask(agent, "read_canister_snapshot_metadata", argument, canister))


async def read_snapshot_slice(
    agent: Agent, canister: Principal, snapshot_id: bytes, blob: SnapshotBlob, offset: int, size: int
) -> memoryview:
    """`size` bytes (at most 2,000,000) of a blob from `offset` on; CorruptionError when another number comes back.

    The view keeps the whole reply alive: copy what is kept for long.
    """
    if not 0 < size <= MAX_SLICE_BYTES:
        raise ValueError(f"a slice has 1 to {MAX_SLICE_BYTES} bytes, not {size}")
    kind: dict[str, Any] = {blob: {"offset": offset, "size": size}}
    received = decode_slice(await _read_snapshot_data(agent, canister, snapshot_id, kind))
    if len(received) != size:
        raise CorruptionError(
            f"The network answered {len(received):,} bytes of {blob} at {offset:,} instead of {size:,}",
            next_step="Take the backup again; the snapshot may have been replaced meanwhile.",
        )
    return received


async def read_snapshot_chunk(agent: Agent, canister: Principal, snapshot_id: bytes, digest: bytes) -> bytes:
    """One chunk of the snapshot's chunk store by its SHA-256; CorruptionError when its digest is another."""
    kind = {"wasm_chunk": {"hash": digest}}
    chunk = bytes(decode_slice(await _read_snapshot_data(agent, canister, snapshot_id, kind)))
    if hashlib.sha256(chunk).digest() != digest:
        raise CorruptionError(
            f"The network answered a chunk that is not {digest.hex()}",
            next_step="Take the backup again.",
        )
    return chunk


async def _read_snapshot_data(agent: Agent, canister: Principal, snapshot_id: bytes, kind: dict[str, Any]) -> bytes:
    argument = encode(
        [interface.READ_SNAPSHOT_DATA], [{"canister_id": canister, "snapshot_id": snapshot_id, "kind": kind}]
    )
    return await _read(agent, "read_canister_snapshot_data", argument, canister, bulk=True)


async def _ask(agent: Agent, method: str, argument: bytes, canister: Principal, form: Form = "update") -> bytes:
    if form == "query":
        return await agent.query(MANAGEMENT, method, argument, effective_canister=canister)
    return await _read(agent, method, argument, canister)


async def _read(agent: Agent, method: str, argument: bytes, canister: Principal, *, bulk: bool = False) -> bytes:
    update = agent.update(MANAGEMENT, method, argument, effective_canister=canister, bulk=bulk)
    return await _answered(update, method, canister)


async def _answered(update: Awaitable[bytes], method: str, canister: Principal) -> bytes:
    try:
        return await update
    except CallUndecided as error:
        # whether a read was executed is of no interest: it may simply be asked again
        raise ReadFailed(
            f"{method} of {canister.to_str()} got no usable answer",
            why=error.why,
            next_step=_next_step(error) or "Try again; nothing was changed.",
        ) from error


def _next_step(undecided: CallUndecided) -> str:
    """What the failure behind it advises, such as setting the clock."""
    cause = undecided.__cause__
    return cause.next_step if isinstance(cause, QuriError) else ""
