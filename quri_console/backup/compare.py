"""Two states of one canister side by side; the same object serves `diff`, a restore's plan and the Compare view.

`left` is what would be brought back, `right` what it would replace. Nothing here
has an effect: what only a snapshot of the live canister could tell is `None` on
the live side, never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from quri_console.ic.encoding.principal import Principal

if TYPE_CHECKING:
    from quri_console.backup.browse import StoredCanister
    from quri_console.ic.management.types import CanisterSettings, CanisterStatus

Value = TypeVar("Value")
SettingValue = int | str | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Side:
    """Where one half of a comparison comes from; `taken_at` is in UTC."""

    origin: Literal["backup", "live"]
    label: str
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class Pair(Generic[Value]):
    """One fact on both sides."""

    left: Value
    right: Value

    @property
    def differs(self) -> bool:
        return self.left != self.right


@dataclass(frozen=True, slots=True)
class ChangedSetting:
    """One setting that differs; `None` means that this side does not know the setting."""

    name: str
    left: SettingValue
    right: SettingValue


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between two states of one canister. Sizes in bytes; `None` is what this side cannot tell."""

    canister: Principal
    left: Side
    right: Side
    status: Pair[str]
    module_hash: Pair[bytes | None]
    module_bytes: Pair[int | None]
    heap_bytes: Pair[int | None]
    stable_bytes: Pair[int | None]
    chunk_store_bytes: Pair[int | None]
    cycles: Pair[int]
    canister_version: Pair[int | None]
    certified_data: Pair[bytes | None]
    global_timer: Pair[str | int | None]
    settings: tuple[ChangedSetting, ...]
    controllers_added: tuple[Principal, ...]
    """Controllers that only the right side has."""
    controllers_removed: tuple[Principal, ...]
    """Controllers that only the left side has."""

    @property
    def module_differs(self) -> bool:
        return self.module_hash.differs

    @property
    def settings_differ(self) -> bool:
        return bool(self.settings or self.controllers_added or self.controllers_removed)


def _setting_value(value: object) -> SettingValue:
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Principal):
        return value.to_str()
    if isinstance(value, tuple | list | frozenset):
        return tuple(str(_setting_value(item)) for item in value)
    if isinstance(value, dict):
        return tuple(f"{name}={content}" for name, content in sorted(value.items()))
    inner = getattr(value, "__dataclass_fields__", None)
    if inner is None:
        return str(value)
    return tuple(f"{name}={_setting_value(getattr(value, name))}" for name in inner)


def changed_settings(left: CanisterSettings, right: CanisterSettings) -> tuple[ChangedSetting, ...]:
    """Every setting but the controllers that differs and that both sides know."""
    changes = []
    for field in fields(left):
        before, after = getattr(left, field.name), getattr(right, field.name)
        if field.name == "controllers" or before is None or after is None or before == after:
            continue
        changes.append(ChangedSetting(field.name, _setting_value(before), _setting_value(after)))
    return tuple(changes)


def _only_in(these: tuple[Principal, ...], those: tuple[Principal, ...]) -> tuple[Principal, ...]:
    return tuple(sorted(set(these) - set(those), key=lambda principal: principal.bytes))


def compare_backup_with_live(backup: StoredCanister, status: CanisterStatus, *, read_at: datetime) -> Comparison:
    """The differences between a backup (left) and the live canister's status (right), read at `read_at`."""
    then, metadata, metrics = backup.status, backup.metadata, status.memory_metrics
    return Comparison(
        canister=backup.canister,
        left=Side("backup", backup.label, backup.taken_at),
        right=Side("live", backup.name, read_at),
        status=Pair(then.status, status.status),
        module_hash=Pair(backup.module_hash, status.module_hash),
        module_bytes=Pair(metadata.wasm_module_size, metrics.wasm_binary_size),
        heap_bytes=Pair(metadata.wasm_memory_size, metrics.wasm_memory_size),
        stable_bytes=Pair(metadata.stable_memory_size, metrics.stable_memory_size),
        chunk_store_bytes=Pair(then.memory_metrics.wasm_chunk_store_size, metrics.wasm_chunk_store_size),
        cycles=Pair(then.cycles, status.cycles),
        canister_version=Pair(metadata.canister_version, status.version),
        certified_data=Pair(metadata.certified_data, None),
        global_timer=Pair(metadata.global_timer, None),
        settings=changed_settings(then.settings, status.settings),
        controllers_added=_only_in(status.settings.controllers, then.settings.controllers),
        controllers_removed=_only_in(then.settings.controllers, status.settings.controllers),
    )
