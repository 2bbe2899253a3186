"""What a backup set says of the canisters in it: the typed form of the repository's manifest."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast, get_args

from quri_console.backup.modes import STATELESS_MODES
from quri_console.errors import CorruptionError
from quri_console.ic.encoding.principal import Principal
from quri_console.repository.sets import UNFINISHED_FOLDER, SetItem, SetManifest, typed

Mode = Literal["stop", "hot", "reuse", "metadata", "imported", "legacy"]
"""How a copy came about: stopped meanwhile, while it ran, from a snapshot that was there, without state, or from
elsewhere."""
TakenMode = Literal["stop", "hot", "reuse", "metadata"]
"""The modes of a backup that is taken."""
_FOLDER_CHARACTERS = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class NetworkOrigin:
    """The network a set was taken on: its name in the configuration, and the SHA-256 of its root key's DER form."""

    name: str
    root_key_hash: bytes

    def subject(self, canister: Principal) -> str:
        """What the repository knows a canister of this network as."""
        return f"{self.root_key_hash.hex()[:16]}/{canister.to_str()}"


@dataclass(frozen=True, slots=True)
class ManifestCanister:
    """One captured canister; `state_bytes` is module + heap + stable memory + chunk store.

    `snapshot_id`, `module_hash` and sizes are empty or 0 where the set holds no state of it (mode `metadata`).
    """

    canister: Principal
    name: str
    folder: str
    subnet: Principal | None
    taken_at: datetime
    mode: Mode
    status_before: str
    snapshot_id: bytes
    module_hash: bytes
    state_bytes: int
    new_bytes: int = 0
    """Of them what no earlier backup held."""
    cycles_before: int = 0
    cycles_after: int = 0
    """The balance before the first effect and when all was read; the difference is the measured bill."""
    group: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def has_state(self) -> bool:
        """Whether it can be restored from."""
        return self.mode not in STATELESS_MODES

    @property
    def took_snapshot(self) -> bool:
        """Whether its snapshot was taken by the backup, so that it is this tool's to delete."""
        return self.has_state and self.mode in ("stop", "hot")


@dataclass(frozen=True, slots=True)
class ManifestFailure:
    """A canister that was asked for and is not in the set."""

    canister: Principal
    name: str
    reason: str
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class GroupWindow:
    """Canisters that were stopped together, so that their copies are one cut; the window they stood still in."""

    name: str
    consistent: bool
    stopped_at: datetime | None = None
    started_at: datetime | None = None
    reason: str = ""
    """Why it is not consistent."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The commit point of a backup set, as this floor understands it; `raw` is as the repository has it."""

    name: str
    tool: str
    operation: str
    network: NetworkOrigin
    canisters: tuple[ManifestCanister, ...]
    failures: tuple[ManifestFailure, ...]
    groups: tuple[GroupWindow, ...]
    raw: SetManifest

    @property
    def taken_at(self) -> datetime:
        return self.raw.taken_at

    @property
    def partial(self) -> bool:
        """Whether a canister that was asked for is missing."""
        return bool(self.failures)


def folder_name(name: str, canister: Principal, taken: AbstractSet[str]) -> str:
    """The folder of a canister: its name as far as a path allows, its id where that is taken or nothing is left."""
    cleaned = _FOLDER_CHARACTERS.sub("-", name).strip("-._")[:60]
    if not cleaned or cleaned == UNFINISHED_FOLDER:
        return canister.to_str()
    return cleaned if cleaned not in taken else f"{cleaned}-{canister.to_str()}"


def set_items(network: NetworkOrigin, canisters: Sequence[ManifestCanister]) -> tuple[SetItem, ...]:
    """The canisters as the repository keeps them."""
    return tuple(SetItem(c.folder, network.subject(c.canister), _canister_table(c)) for c in canisters)


def document_of(
    *,
    tool: str,
    operation: str,
    network: NetworkOrigin,
    failures: Sequence[ManifestFailure] = (),
    groups: Sequence[GroupWindow] = (),
) -> dict[str, Any]:
    """The tables of a manifest that are not the repository's own."""
    return {
        "tool": tool,
        "operation": operation,
        "state": "partial" if failures else "whole",
        "network": {"name": network.name, "root_key_sha256": network.root_key_hash.hex()},
        "failures": [
            {"id": f.canister.to_str(), "name": f.name, "reason": f.reason, "next_step": f.next_step} for f in failures
        ],
        "groups": [_group_table(group) for group in groups],
    }


def _canister_table(canister: ManifestCanister) -> dict[str, object]:
    table: dict[str, object] = {
        "id": canister.canister.to_str(),
        "name": canister.name,
        "taken_at": canister.taken_at,
        "mode": canister.mode,
        "status_before": canister.status_before,
        "snapshot_id": canister.snapshot_id.hex(),
        "module_sha256": canister.module_hash.hex(),
        "state_bytes": canister.state_bytes,
        "new_bytes": canister.new_bytes,
        # as text: balances may be larger than what every TOML reader takes
        "cycles_before": str(canister.cycles_before),
        "cycles_after": str(canister.cycles_after),
        "group": canister.group,
        "warnings": list(canister.warnings),
    }
    if canister.subnet is not None:
        table["subnet"] = canister.subnet.to_str()
    return table


def _group_table(group: GroupWindow) -> dict[str, object]:
    table: dict[str, object] = {"name": group.name, "consistent": group.consistent, "reason": group.reason}
    if group.stopped_at is not None:
        table["stopped_at"] = group.stopped_at
    if group.started_at is not None:
        table["started_at"] = group.started_at
    return table


def manifest_of(raw: SetManifest) -> Manifest:
    """The typed form of a manifest; CorruptionError when it is not one of ours."""
    document = raw.document
    try:
        network = typed(document, "network", dict)
        return Manifest(
            name=raw.name,
            tool=typed(document, "tool", str),
            operation=typed(document, "operation", str),
            network=NetworkOrigin(typed(network, "name", str), _digest(network, "root_key_sha256")),
            canisters=tuple(canister_of(item) for item in raw.items),
            failures=tuple(_failure(table) for table in typed(document, "failures", list)),
            groups=tuple(_group(table) for table in typed(document, "groups", list)),
            raw=raw,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptionError(
            f"The manifest of backup {raw.name} is not that of canisters", why=f"{type(error).__name__}: {error}"
        ) from error


def canister_of(item: SetItem) -> ManifestCanister:
    """One canister from the repository's item; KeyError, ValueError when it is none."""
    table = item.fields
    mode, subnet = typed(table, "mode", str), table.get("subnet")
    if mode not in get_args(Mode):
        raise ValueError(f"mode {mode!r}")
    return ManifestCanister(
        canister=Principal.from_str(typed(table, "id", str)),
        name=typed(table, "name", str),
        folder=item.folder,
        subnet=None if subnet is None else Principal.from_str(subnet),
        taken_at=typed(table, "taken_at", datetime).astimezone(UTC),
        mode=cast(Mode, mode),
        status_before=typed(table, "status_before", str),
        snapshot_id=bytes.fromhex(typed(table, "snapshot_id", str)),
        module_hash=_digest_or_empty(table, "module_sha256"),
        state_bytes=_natural(table, "state_bytes"),
        new_bytes=_natural(table, "new_bytes"),
        cycles_before=int(typed(table, "cycles_before", str)),
        cycles_after=int(typed(table, "cycles_after", str)),
        group=typed(table, "group", str),
        warnings=tuple(str(warning) for warning in typed(table, "warnings", list)),
    )


def _failure(table: Mapping[str, Any]) -> ManifestFailure:
    return ManifestFailure(
        canister=Principal.from_str(typed(table, "id", str)),
        name=typed(table, "name", str),
        reason=typed(table, "reason", str),
        next_step=typed(table, "next_step", str),
    )


def _group(table: Mapping[str, Any]) -> GroupWindow:
    stopped, started = table.get("stopped_at"), table.get("started_at")
    return GroupWindow(
        name=typed(table, "name", str),
        consistent=typed(table, "consistent", bool),
        stopped_at=stopped.astimezone(UTC) if isinstance(stopped, datetime) else None,
        started_at=started.astimezone(UTC) if isinstance(started, datetime) else None,
        reason=typed(table, "reason", str),
    )


def _digest(table: Mapping[str, Any], key: str) -> bytes:
    digest = bytes.fromhex(typed(table, key, str))
    if len(digest) != 32:
        raise ValueError(f"{key} has {len(digest)} bytes")
    return digest


def _digest_or_empty(table: Mapping[str, Any], key: str) -> bytes:
    return _digest(table, key) if table.get(key) else b""


def _natural(table: Mapping[str, Any], key: str) -> int:
    value = typed(table, key, int)
    if isinstance(value, bool) or value < 0:
        raise ValueError(f"{key} is {value}")
    return value
