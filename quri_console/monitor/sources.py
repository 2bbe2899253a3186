"""Asks for one canister's status, in the configured ways one after the other until one of them is allowed."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from quri_console.clock import Clock
from quri_console.config.model import BLACKHOLE, DEFAULT_SOURCES, PollSource
from quri_console.errors import NetworkError, QuriError
from quri_console.history import ErrorKind, Sample
from quri_console.history.samples import Origin
from quri_console.ic.agent import Agent, Rejected
from quri_console.ic.blackhole import blackhole_status
from quri_console.ic.certificates import CertificateError
from quri_console.ic.delivery import ClockSkew
from quri_console.ic.encoding.principal import Principal, parse_principal
from quri_console.ic.management import read
from quri_console.ic.management.types import CanisterStatus
from quri_console.ic.public import CanisterNotFound, public_information

# Error codes of the interface specification's appendix and the replica
NOT_A_CONTROLLER = "IC0512"
CANISTER_NOT_FOUND = "IC0301"


@dataclass(frozen=True, slots=True)
class PollTarget:
    """A canister, and how its status is asked for."""

    canister_id: str
    sources: tuple[PollSource, ...] = DEFAULT_SOURCES
    blackhole: str = BLACKHOLE


async def sample_canister(agent: Agent, target: PollTarget, clock: Clock) -> Sample:
    """Everything that the first source tells that may be asked. Never raises QuriError: a failure is a sample."""
    started = clock.monotonic()
    canister = parse_principal(target.canister_id)
    refusal: Rejected | None = None
    for source in target.sources:
        if source == "update" and refusal is not None and refusal.error_code == NOT_A_CONTROLLER:
            continue  # the query form was refused for the identity, so this would be, too
        try:
            found = await _ASK[source](agent, target, canister, clock)
        except CanisterNotFound as error:
            return _failed(target, clock, "not found", error)
        except Rejected as error:
            if error.error_code == CANISTER_NOT_FOUND and source != "blackhole":
                return _failed(target, clock, "not found", error)
            # an older replica has no query form, a canister may not have the blackhole as a controller
            refusal = refusal or error
        except QuriError as error:
            return _failed(target, clock, _kind(error), error)
        else:
            return _finished(found, refusal, (clock.monotonic() - started) * 1000)
    assert refusal is not None
    return _failed(target, clock, _kind_of_refusal(refusal), refusal)


async def _query(agent: Agent, target: PollTarget, canister: Principal, clock: Clock) -> Sample:
    return _sample(target, "query", await read.canister_status(agent, canister, form="query"), clock.now_ns())


async def _update(agent: Agent, target: PollTarget, canister: Principal, clock: Clock) -> Sample:
    return _sample(target, "update", await read.canister_status(agent, canister, form="update"), clock.now_ns())


async def _blackhole(agent: Agent, target: PollTarget, canister: Principal, clock: Clock) -> Sample:
    status = await blackhole_status(agent, parse_principal(target.blackhole), canister)
    return Sample(
        canister_id=target.canister_id,
        at_ns=clock.now_ns(),
        origin="blackhole",
        status=status.status,
        cycles=status.cycles,
        memory_bytes=status.memory_bytes,
        module_hash=status.module_hash,
        settings=_document({"controllers": status.controllers, "freezing_threshold": status.freezing_threshold}),
    )


async def _public(agent: Agent, target: PollTarget, canister: Principal, clock: Clock) -> Sample:
    found = await public_information(agent, canister)
    return Sample(
        canister_id=target.canister_id,
        at_ns=clock.now_ns(),
        origin="public",
        module_hash=found.module_hash,
        settings=_document({"controllers": found.controllers}),
    )


_Ask = Callable[[Agent, PollTarget, Principal, Clock], Awaitable[Sample]]
_ASK: dict[PollSource, _Ask] = {"query": _query, "update": _update, "blackhole": _blackhole, "public": _public}


def _finished(found: Sample, refusal: Rejected | None, latency_ms: float) -> Sample:
    if found.origin == "public" and refusal is not None:
        # told, because so much less is seen than was asked for
        return replace(found, latency_ms=latency_ms, error_kind=_kind_of_refusal(refusal), error=str(refusal))
    return replace(found, latency_ms=latency_ms)


def _kind_of_refusal(refusal: Rejected) -> ErrorKind:
    return "not authorised" if refusal.error_code == NOT_A_CONTROLLER else "rejected"


def _kind(error: QuriError) -> ErrorKind:
    if isinstance(error, CertificateError):
        return "untrusted"
    return "unreachable" if isinstance(error, NetworkError) else "rejected"


def _failed(target: PollTarget, clock: Clock, kind: ErrorKind, error: QuriError) -> Sample:
    skew = error.seconds if isinstance(error, ClockSkew) else None
    return Sample(target.canister_id, clock.now_ns(), error_kind=kind, error=str(error), clock_skew_seconds=skew)


def _sample(target: PollTarget, origin: Origin, status: CanisterStatus, at_ns: int) -> Sample:
    metrics = status.memory_metrics
    return Sample(
        canister_id=target.canister_id,
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
        chunk_store_bytes=metrics.wasm_chunk_store_size,
        module_hash=status.module_hash,
        settings=_document(_plain(status.settings)),
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
