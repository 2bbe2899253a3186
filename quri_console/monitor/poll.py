"""Asks the network for every canister's status, at once but not all at once, and never waits for ever."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from quri_console.clock import Clock
from quri_console.errors import NetworkError, QuriError
from quri_console.history import ErrorKind, Sample
from quri_console.history.samples import Origin
from quri_console.ic.agent import Agent, Rejected
from quri_console.ic.certificates import CertificateError
from quri_console.ic.encoding.principal import Principal, parse_principal
from quri_console.ic.management import read
from quri_console.ic.management.types import CanisterStatus
from quri_console.ic.public import controllers, module_hash

# Error codes of the interface specification's appendix and the replica
NOT_A_CONTROLLER = "IC0512"
CANISTER_NOT_FOUND = "IC0301"

OpenAgent = Callable[[], Awaitable[Agent]]


class Poller:
    """Rounds over one network's canisters; one round at a time, whoever asks."""

    def __init__(
        self,
        open_agent: OpenAgent,
        canister_ids: Sequence[str],
        *,
        clock: Clock,
        concurrency: int,
        deadline_seconds: float,
    ) -> None:
        self._open_agent = open_agent
        self._canister_ids = tuple(canister_ids)
        self._clock = clock
        self._deadline_seconds = deadline_seconds
        self._slots = asyncio.Semaphore(concurrency)
        self._round = asyncio.Lock()
        self._agent: Agent | None = None

    @property
    def root_key(self) -> bytes | None:
        """The DER root key of the network that answers, None before the first connection."""
        return self._agent.root_key if self._agent is not None else None

    async def round(self) -> tuple[Sample, ...]:
        """One sample per canister, in their order; failures are samples too, and after the deadline all have failed.

        Raises QuriError when there is no agent to ask with for a reason that is not the network's,
        such as an unreadable key.
        """
        async with self._round:
            started = self._clock.monotonic()
            try:
                async with asyncio.timeout(self._deadline_seconds):
                    agent = await self._connected()
            except (NetworkError, TimeoutError) as error:
                return tuple(self._unreachable(canister_id, error) for canister_id in self._canister_ids)
            left = max(self._deadline_seconds - (self._clock.monotonic() - started), 0.0)
            samples = await self._sample_all(agent, left)
            if not any(sample.answered for sample in samples):
                # the address may mean another machine by now, or a local network another root key
                await self.aclose()
            return samples

    async def aclose(self) -> None:
        """Close the connections; the next round opens new ones."""
        agent, self._agent = self._agent, None
        if agent is not None:
            await agent.aclose()

    async def _connected(self) -> Agent:
        if self._agent is None:
            self._agent = await self._open_agent()
        return self._agent

    async def _sample_all(self, agent: Agent, seconds: float) -> tuple[Sample, ...]:
        tasks = [asyncio.create_task(self._limited(agent, canister_id)) for canister_id in self._canister_ids]
        try:
            if tasks:
                await asyncio.wait(tasks, timeout=seconds)
        finally:
            for task in tasks:
                task.cancel()
            # a cancelled call has let go of its connection only when it has ended
            await asyncio.gather(*tasks, return_exceptions=True)
        late = TimeoutError(f"no answer within {self._deadline_seconds:g} s")
        return tuple(
            self._unreachable(canister_id, late) if task.cancelled() else task.result()
            for canister_id, task in zip(self._canister_ids, tasks, strict=True)
        )

    async def _limited(self, agent: Agent, canister_id: str) -> Sample:
        async with self._slots:
            return await sample_canister(agent, canister_id, self._clock)

    def _unreachable(self, canister_id: str, error: Exception) -> Sample:
        why = f"no answer within {self._deadline_seconds:g} s" if isinstance(error, TimeoutError) else str(error)
        return Sample(canister_id, self._clock.now_ns(), error_kind="unreachable", error=why)


async def sample_canister(agent: Agent, canister_id: str, clock: Clock) -> Sample:
    """Everything the identity may see of one canister.

    Asks by a node-signed query, by a certified update where the query form is refused, and reads
    the public state tree where the identity is not authorised. Never raises QuriError: a failure
    is a sample.
    """
    started = clock.monotonic()
    canister = parse_principal(canister_id)
    try:
        origin, status = await _status(agent, canister)
    except Rejected as error:
        if error.error_code == CANISTER_NOT_FOUND:
            return _failed(canister_id, clock, "not found", error)
        if error.error_code != NOT_A_CONTROLLER:
            return _failed(canister_id, clock, "rejected", error)
        return await _public(agent, canister, clock, error)
    except QuriError as error:
        return _failed(canister_id, clock, _kind(error), error)
    return _sample(canister_id, origin, status, clock.now_ns(), (clock.monotonic() - started) * 1000)


async def _status(agent: Agent, canister: Principal) -> tuple[Origin, CanisterStatus]:
    try:
        return "query", await read.canister_status(agent, canister, form="query")
    except Rejected as error:
        # an older replica has no query form; these two would be the same again
        if error.error_code in (NOT_A_CONTROLLER, CANISTER_NOT_FOUND):
            raise
    return "update", await read.canister_status(agent, canister, form="update")


async def _public(agent: Agent, canister: Principal, clock: Clock, refusal: Rejected) -> Sample:
    started = clock.monotonic()
    canister_id = canister.to_str()
    try:
        known_controllers = await controllers(agent, canister)
        known_hash = await module_hash(agent, canister)
    except QuriError as error:
        return _failed(canister_id, clock, _kind(error), error)
    return Sample(
        canister_id,
        clock.now_ns(),
        origin="public",
        module_hash=known_hash,
        settings=_document({"controllers": known_controllers}),
        latency_ms=(clock.monotonic() - started) * 1000,
        error_kind="not authorised",
        error=str(refusal),
    )


def _kind(error: QuriError) -> ErrorKind:
    if isinstance(error, CertificateError):
        return "untrusted"
    return "unreachable" if isinstance(error, NetworkError) else "rejected"


def _failed(canister_id: str, clock: Clock, kind: ErrorKind, error: QuriError) -> Sample:
    return Sample(canister_id, clock.now_ns(), error_kind=kind, error=str(error))


def _sample(canister_id: str, origin: Origin, status: CanisterStatus, at_ns: int, latency_ms: float) -> Sample:
    metrics = status.memory_metrics
    return Sample(
        canister_id=canister_id,
        at_ns=at_ns,
        origin=origin,
        status=status.status,
        cycles=status.cycles,
        reserved_cycles=status.reserved_cycles,
        idle_burn_per_day=status.idle_cycles_burned_per_day,
        freezing_limit=status.freezing_limit_cycles,
        memory_bytes=status.memory_bytes,
        heap_bytes=metrics.wasm_memory_size,
        stable_bytes=metrics.stable_memory_size,
        snapshot_bytes=metrics.snapshots_size,
        module_hash=status.module_hash,
        settings=_document(_plain(status.settings)),
        latency_ms=latency_ms,
    )


def _document(settings: dict[str, Any]) -> str:
    """Canonical JSON, so that equal settings are equal texts; the order of controllers means nothing."""
    plain = {key: _plain(value) for key, value in settings.items()}
    plain["controllers"] = sorted(plain["controllers"])
    return json.dumps(plain, sort_keys=True, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, Principal):
        return value.to_str()
    if is_dataclass(value):
        return {entry.name: _plain(getattr(value, entry.name)) for entry in fields(value)}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return value
