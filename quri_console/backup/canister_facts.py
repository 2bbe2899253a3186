"""What one side of a comparison tells about a canister, wherever it comes from: one half of a `Comparison`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

from quri_console.backup.comparison import NO_MODULE, Origin, SettingValue, Side
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.types import CanisterSettings, EnvironmentVariable, Visibility
from quri_console.image.sections import ModuleFacts

if TYPE_CHECKING:
    from quri_console.backup.browse import StoredCanister
    from quri_console.backup.legacy import LegacyBackup
    from quri_console.backup.legacy_canister import LegacyCanister
    from quri_console.ic.management.types import CanisterStatus, SnapshotMetadata

SETTING_NAMES = tuple(known.name for known in fields(CanisterSettings) if known.name != "controllers")
"""In the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class CanisterFacts:
    """A side and what it tells; `None` is what it cannot tell. Sizes in bytes."""

    side: Side
    status: str | None = None
    cycles: int | None = None
    canister_version: int | None = None
    memory_bytes: int | None = None
    chunk_store_bytes: int | None = None
    module_hash: bytes | None = None
    """SHA-256, NO_MODULE where none is installed."""
    module_bytes: int | None = None
    heap_bytes: int | None = None
    stable_bytes: int | None = None
    settings: Mapping[str, SettingValue] = field(default_factory=dict)
    """Those that are known, by name, without the controllers."""
    controllers: tuple[Principal, ...] | None = None
    metadata: SnapshotMetadata | None = None
    """Of the snapshot that the state is from: globals, certified data, timer."""
    chunks: tuple[bytes, ...] | None = None
    """SHA-256 of the chunks of the chunk store."""
    module: ModuleFacts | None = None
    interface: str | None = None
    """Candid text, untrusted."""
    notes: tuple[str, ...] = ()
    """Why something that is there could not be told; untrusted text."""

    def with_status(self, status: CanisterStatus) -> CanisterFacts:
        """The same with what a status tells; sizes that a snapshot told stay."""
        metrics = status.memory_metrics
        return replace(
            self,
            status=status.status,
            cycles=status.cycles,
            canister_version=_first(self.canister_version, status.version),
            memory_bytes=status.memory_bytes,
            chunk_store_bytes=metrics.wasm_chunk_store_size,
            module_hash=status.module_hash or NO_MODULE,
            module_bytes=_first(self.module_bytes, metrics.wasm_binary_size),
            heap_bytes=_first(self.heap_bytes, metrics.wasm_memory_size),
            stable_bytes=_first(self.stable_bytes, metrics.stable_memory_size),
            settings=known_settings(status.settings),
            controllers=status.settings.controllers,
        )

    def with_snapshot(self, metadata: SnapshotMetadata) -> CanisterFacts:
        """The same with what a snapshot's metadata tells."""
        return replace(
            self,
            canister_version=metadata.canister_version,
            module_bytes=metadata.wasm_module_size,
            heap_bytes=metadata.wasm_memory_size,
            stable_bytes=metadata.stable_memory_size,
            metadata=metadata,
            chunks=metadata.wasm_chunk_store,
        )

    def with_interface(self, published: str | None) -> CanisterFacts:
        """The same with the interface that the canister publishes."""
        return replace(self, interface=published)

    def with_note(self, note: str) -> CanisterFacts:
        """The same with one more reason."""
        return replace(self, notes=(*self.notes, note))


def _first(told: int | None, otherwise: int | None) -> int | None:
    return otherwise if told is None else told


def known_settings(settings: object) -> dict[str, SettingValue]:
    """Settings by name, as far as they are told, as values that can be compared and shown.

    `settings` is anything with attributes called like those of `CanisterSettings`.
    """
    found = ((name, getattr(settings, name, None)) for name in SETTING_NAMES)
    return {name: setting_value(value) for name, value in found if value is not None}


def setting_value(value: object) -> SettingValue:
    """A setting's value; sets of viewers and variables are sorted, because their order means nothing."""
    if isinstance(value, Visibility):
        viewers = sorted(viewer.to_str() for viewer in value.viewers)
        return f"{value.kind.replace('_', ' ')} {', '.join(viewers)}".rstrip()
    if isinstance(value, tuple):
        return tuple(sorted(str(setting_value(item)) for item in value))
    if isinstance(value, EnvironmentVariable):
        return f"{value.name}={value.value}"
    assert isinstance(value, int | str)
    return value


def facts_of_live(
    side: Side, status: CanisterStatus, *, interface: str | None = None, chunks: tuple[bytes, ...] | None = None
) -> CanisterFacts:
    """What the status of a live canister tells, with what else was read of it."""
    return CanisterFacts(side, interface=interface, chunks=chunks).with_status(status)


def facts_of_stored(stored: StoredCanister, *, archive: str | None = None) -> CanisterFacts:
    """What the records of a stored canister tell; none of its bytes is read, so module and interface stay unknown.

    `archive` is the path of the archive that it lies in, None where it lies in the repository.
    """
    label = stored.label if archive is None else f"{archive}/{stored.name}"
    kind: Origin = "backup" if archive is None else "archive"
    network = stored.network.root_key_hash
    facts = CanisterFacts(Side(kind, label, stored.name, stored.canister, stored.taken_at, network))
    if stored.state is not None:
        facts = facts.with_snapshot(stored.state.metadata)
    if stored.status is not None:
        facts = facts.with_status(stored.status)
    # the manifest's is that of the state, which in mode `reuse` may be another than the status shows
    told = stored.module_hash or (NO_MODULE if stored.mode == "metadata" else None)
    return replace(facts, module_hash=facts.module_hash if told is None else told)


def facts_of_legacy(backup: LegacyBackup, canister: LegacyCanister) -> CanisterFacts:
    """What a legacy backup tells of a canister: at most its status, controllers and module hash."""
    side = Side("legacy", f"{backup.path}/{canister.name}", canister.name, canister.canister_id, backup.taken_at)
    status, absent = canister.status, canister.status is not None and canister.status.installed is False
    facts = CanisterFacts(
        side,
        controllers=canister.controllers or None,
        module_hash=NO_MODULE if absent else canister.module_hash,
        notes=() if canister.error is None else (f"its status could not be read then: {canister.error}",),
    )
    if status is None:
        return facts
    return replace(
        facts,
        status=status.status,
        cycles=status.cycles,
        memory_bytes=status.memory_bytes,
        settings=known_settings(status),
    )
