"""The live canister as a plan finds it; nothing here changes anything."""

from __future__ import annotations

from dataclasses import dataclass

from quri_console.backup.plan import read_status
from quri_console.backup.target import BackupTarget
from quri_console.clock import NANOSECONDS_PER_SECOND, Clock
from quri_console.errors import NetworkError
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.read import list_canister_snapshots
from quri_console.ic.management.types import CanisterStatus, Snapshot
from quri_console.ic.public import metadata
from quri_console.restore.health import INTERFACE
from quri_console.restore.plan import LiveState


@dataclass(frozen=True, slots=True)
class Looked:
    """The canister as it was read, how long a certified answer took, and what the network says of itself."""

    status: CanisterStatus
    snapshots: tuple[Snapshot, ...]
    at_ns: int
    seconds_per_call: float
    subnet: Principal
    ahead_seconds: float
    """How far our clock is ahead of the network's certified time."""
    interface: str | None = None
    """The published one; None where there is none, or where it is private."""

    def live(self) -> LiveState:
        """As the plan keeps it."""
        metrics = self.status.memory_metrics
        return LiveState(
            taken_at_ns=self.at_ns,
            status=self.status.status,
            module_hash=self.status.module_hash,
            version=self.status.version,
            cycles=self.status.cycles,
            freezing_limit=self.status.freezing_limit_cycles,
            memory_bytes=self.status.memory_bytes,
            controllers=self.status.settings.controllers,
            snapshots=tuple(snapshot.id for snapshot in self.snapshots),
            heap_bytes=metrics.wasm_memory_size,
            stable_bytes=metrics.stable_memory_size,
            module_bytes=metrics.wasm_binary_size,
            settings=self.status.settings,
        )


async def look_at(agent: Agent, canister: Principal, name: str, clock: Clock) -> Looked:
    """Read status, snapshots, subnet and time of the network. Raises NotAuthorised, NetworkError."""
    # the status first, because its refusal is worded
    await read_status(agent, BackupTarget(canister, name))
    snapshots = await list_canister_snapshots(agent, canister)
    started = clock.monotonic()
    status = await read_status(agent, BackupTarget(canister, name))
    seconds = clock.monotonic() - started
    certificate = await agent.read_state([[b"time"]], canister)
    now_ns = clock.now_ns()
    return Looked(
        status=status,
        snapshots=snapshots,
        at_ns=now_ns,
        seconds_per_call=seconds,
        subnet=certificate.subnet,
        ahead_seconds=(now_ns - certificate.time_ns) / NANOSECONDS_PER_SECOND,
        interface=await _interface(agent, canister),
    )


async def _interface(agent: Agent, canister: Principal) -> str | None:
    try:
        section = await metadata(agent, canister, INTERFACE)
    except NetworkError:
        return None  # a private section is refused so; what could not be compared is said
    return None if section is None else section.decode(errors="replace")
