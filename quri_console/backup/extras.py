"""What a capture keeps of a canister besides its snapshot: interface, log, history, consumption, its own export.

None of it is needed to restore, so none may stop a backup: each part has its own deadline and fails on its own, and
what is missing says why. All are reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from quri_console.backup.deadline import answered_within
from quri_console.backup.plain import to_plain
from quri_console.clock import Clock, SystemClock
from quri_console.errors import Cancelled, NetworkError, QuriError
from quri_console.ic.encoding.candid import encode
from quri_console.ic.encoding.candid_budget import MAGIC
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.history_types import CanisterHistory
from quri_console.ic.management.read import canister_history, canister_metrics, fetch_canister_logs
from quri_console.ic.management.types import CyclesConsumed, LogRecord
from quri_console.ic.public import metadata
from quri_console.ic.rejection import Rejected
from quri_console.image.candid_interface import methods_of
from quri_console.units import MIB

if TYPE_CHECKING:
    from quri_console.ic.agent import Agent

EXPORT_METHODS = ("export_state", "get_all_data", "backup_data")
"""The names under which canisters offer their state, the most usual first."""
_QUERIES = ("query", "composite_query")
_INTERFACE_SECTION = "candid:service"
# Who may see logs and consumption is a setting, and methods come with a replica's age: neither is a failure.
_NOT_SHOWN = {
    "IC0406": "the canister does not show it to this identity",
    "IC0512": "the canister does not show it to this identity",
    "IC0407": "this network does not offer it",
    "IC0536": "this network does not offer it",
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Present(Generic[T]):
    """It was read."""

    value: T


@dataclass(frozen=True, slots=True)
class Absent:
    """There is none, and nothing is wrong with that. `reason` may hold untrusted text."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It may be there and could not be read. `reason` may hold untrusted text."""

    reason: str
    next_step: str = ""


Extra: TypeAlias = Present[T] | Absent | Failed


class TooLarge(NetworkError):
    """More than a capture keeps of this."""


class NoExport(QuriError):
    """What should be the canister's export is none."""


@dataclass(frozen=True, slots=True)
class ExportRecord:
    """What the canister itself exports: the Candid reply of one of its queries, byte for byte."""

    method: str
    reply: bytes


@dataclass(frozen=True, slots=True)
class ExtrasBudget:
    """The most that each part may take, in time and in bytes of content; the network replies with 3 MiB at most."""

    seconds: float = 60
    size_bytes: int = 3 * MIB


@dataclass(frozen=True, slots=True)
class Extras:
    """All parts; `interface` is Candid text in UTF-8."""

    interface: Extra[bytes]
    logs: Extra[tuple[LogRecord, ...]]
    history: Extra[CanisterHistory]
    metrics: Extra[CyclesConsumed]
    export: Extra[ExportRecord]

    @property
    def failures(self) -> Mapping[str, Failed]:
        """The parts that a report of the backup has to name."""
        return {name: part for name, part in _parts(self).items() if isinstance(part, Failed)}


async def read_extras(
    agent: Agent,
    canister: Principal,
    *,
    proxy: Principal | None = None,
    export_method: str | None = None,
    clock: Clock | None = None,
    budget: ExtrasBudget | None = None,
) -> Extras:
    """Read everything, side by side; raises nothing but what ends the operation itself, Cancelled for one.

    `proxy` is the canister through which the history is asked for. `export_method` names the canister's export, a
    query without arguments; without it the first of EXPORT_METHODS is taken that the interface offers as such.
    """
    reader = _Reader(agent, canister, SystemClock() if clock is None else clock, budget or ExtrasBudget())
    reading = (
        asyncio.ensure_future(reader.interface_and_export(export_method)),
        asyncio.ensure_future(reader.logs()),
        asyncio.ensure_future(reader.history(proxy)),
        asyncio.ensure_future(reader.metrics()),
    )
    try:
        (interface, export), logs, history, metrics = await asyncio.gather(*reading)
    finally:
        for part in reading:
            part.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
    return Extras(interface, logs, history, metrics, export)


def extras_table(extras: Extras) -> dict[str, Any]:
    """What of it belongs into a TOML record: log, history, consumption, the export's method, and what is missing.

    Interface and export are files of their own; `absent` and `failed` give the reason of each missing part by name.
    """
    parts = _parts(extras)
    table: dict[str, Any] = {}
    for name in ("logs", "history", "metrics"):
        part = parts[name]
        if isinstance(part, Present):
            table[name] = to_plain(part.value)
    if isinstance(extras.export, Present):
        table["export"] = {"method": extras.export.value.method}
    for title, kind in (("absent", Absent), ("failed", Failed)):
        reasons = {name: part.reason for name, part in parts.items() if isinstance(part, kind)}
        if reasons:
            table[title] = reasons
    return table


def _parts(extras: Extras) -> dict[str, Extra[Any]]:
    return {field.name: getattr(extras, field.name) for field in fields(extras)}


@dataclass(frozen=True, slots=True)
class _Reader:
    agent: Agent
    canister: Principal
    clock: Clock
    budget: ExtrasBudget

    async def interface_and_export(self, export_method: str | None) -> tuple[Extra[bytes], Extra[ExportRecord]]:
        """Both, because the interface tells which export there is."""
        interface = await self._extra(self._interface())
        return interface, await self._extra(self._export(interface, export_method))

    async def logs(self) -> Extra[tuple[LogRecord, ...]]:
        """The log, where the identity may see it."""
        return await self._extra(self._logs())

    async def history(self, proxy: Principal | None) -> Extra[CanisterHistory]:
        """The newest changes, where there is a proxy."""
        if proxy is None:
            return Absent("no proxy canister is configured, and the network tells the history to canisters only")
        return await self._extra(self._history(proxy))

    async def metrics(self) -> Extra[CyclesConsumed]:
        """What cycles went into, where the network offers it."""
        return await self._extra(self._metrics())

    async def _interface(self) -> Extra[bytes]:
        section = await metadata(self.agent, self.canister, _INTERFACE_SECTION)
        if section is None:
            return Absent(f"the module has no section {_INTERFACE_SECTION}")
        self._require_size("interface", len(section))
        return Present(section)

    async def _logs(self) -> Extra[tuple[LogRecord, ...]]:
        try:
            lines = await fetch_canister_logs(self.agent, self.canister)
        except Rejected as rejection:
            return _not_shown(rejection)
        self._require_size("log", sum(len(line.content) for line in lines))
        return Present(lines)

    async def _history(self, proxy: Principal) -> Extra[CanisterHistory]:
        return Present(await canister_history(self.agent, self.canister, proxy=proxy))

    async def _metrics(self) -> Extra[CyclesConsumed]:
        try:
            return Present(await canister_metrics(self.agent, self.canister))
        except Rejected as rejection:
            return _not_shown(rejection)

    async def _export(self, interface: Extra[bytes], wanted: str | None) -> Extra[ExportRecord]:
        method = wanted or _offered_export(interface)
        if not isinstance(method, str):
            return method
        # a query executes no update method, whatever is configured: this never has an effect
        reply = await self.agent.query(self.canister, method, encode([], []))
        self._require_size("export", len(reply))
        if not reply.startswith(MAGIC):
            raise NoExport(
                f"{method} of {self.canister.to_str()} answered no Candid",
                next_step="Name another query as the canister's export.",
            )
        return Present(ExportRecord(method, reply))

    async def _extra(self, work: Coroutine[Any, Any, Extra[T]]) -> Extra[T]:
        """The part, or why it could not be read; lets through what ends the whole operation."""
        try:
            return await answered_within(work, self.clock, self.budget.seconds)
        except Cancelled:
            raise
        except QuriError as error:
            return Failed(str(error), error.next_step)

    def _require_size(self, name: str, size: int) -> None:
        if size > self.budget.size_bytes:
            raise TooLarge(
                f"The {name} of {self.canister.to_str()} is too large to keep",
                why=f"it has {size:,} bytes; a backup takes {self.budget.size_bytes:,} at most",
            )


def _not_shown(rejection: Rejected) -> Absent:
    reason = _NOT_SHOWN.get(rejection.error_code or "")
    if reason is None:
        raise rejection
    return Absent(f"{reason}: {rejection.why}")


def _offered_export(interface: Extra[bytes]) -> str | Absent | Failed:
    """The name of the export, or why there is none; raises UnusableInterface."""
    match interface:
        case Present(value=text):
            methods = methods_of(text.decode("utf-8", "replace"))
            offered = {method.name for method in methods if method.annotation in _QUERIES and method.arguments == "()"}
            known = ", ".join(EXPORT_METHODS)
            return next(
                (name for name in EXPORT_METHODS if name in offered),
                Absent(f"the interface offers none of {known} as a query without arguments"),
            )
        case Absent():
            return Absent("the canister has no interface that would name one")
        case Failed():
            return Failed("the interface, which would name it, could not be read", interface.next_step)
