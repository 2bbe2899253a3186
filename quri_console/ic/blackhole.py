"""The status of a canister through another that it has as a controller: ninegua's blackhole, as CycleOps once used it.

Its interface is that of an early management canister: what came later (reserved cycles, idle burn, memory metrics) it
does not tell. Anybody may ask it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quri_console.ic.encoding.candid import Types, encode
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.types import RunState
from quri_console.ic.reply import answer, fields
from quri_console.ic.reply import principal as principal_in

if TYPE_CHECKING:
    from quri_console.ic.agent import Agent

_ARGUMENT = Types.Record({"canister_id": Types.Principal})
_STATES: tuple[RunState, ...] = ("running", "stopping", "stopped")


@dataclass(frozen=True, slots=True)
class BlackholeStatus:
    """What it tells. `freezing_threshold` in seconds, memory in bytes."""

    status: RunState | None
    cycles: int
    memory_bytes: int
    controllers: tuple[Principal, ...]
    freezing_threshold: int
    module_hash: bytes | None


async def blackhole_status(agent: Agent, blackhole: Principal, canister: Principal) -> BlackholeStatus:
    """Ask by an update call. Raises Rejected where the canister does not have it as a controller."""
    argument = encode([_ARGUMENT], [{"canister_id": canister}])
    record = fields(answer(await agent.update(blackhole, "canister_status", argument)))
    settings = record.record("settings")
    return BlackholeStatus(
        status=record.case_or_none("status", _STATES),
        cycles=record.natural("cycles"),
        memory_bytes=record.natural("memory_size"),
        controllers=settings.list("controllers", principal_in),
        freezing_threshold=settings.natural("freezing_threshold"),
        module_hash=record.blob_or_none("module_hash"),
    )
