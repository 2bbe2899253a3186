"""Working out what differs between two sides whose facts are known; pure."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from quri_console.backup.canister_facts import SETTING_NAMES, CanisterFacts, facts_of_live, facts_of_stored
from quri_console.backup.comparison import (
    ChangedMembers,
    ChangedSection,
    ChangedSetting,
    Comparison,
    Export,
    ExportKind,
    GlobalChanges,
    ModuleChanges,
    Pair,
    SettingValue,
    Side,
)
from quri_console.backup.interchange import Blob
from quri_console.image.candid_interface import InterfaceChanges, UnusableInterface, compare_interfaces
from quri_console.image.page_diff import MemoryChange
from quri_console.image.sections import ModuleFacts

if TYPE_CHECKING:
    from quri_console.backup.browse import StoredCanister
    from quri_console.ic.encoding.principal import Principal
    from quri_console.ic.management.types import CanisterStatus, Global

Member = TypeVar("Member", Export, bytes, str)
_NOTHING: Mapping[Blob, MemoryChange] = MappingProxyType({})


def compare_facts(
    left: CanisterFacts, right: CanisterFacts, *, memory: Mapping[Blob, MemoryChange] = _NOTHING
) -> Comparison:
    """The differences between two sides; `memory` are the changes of the blobs whose bytes were compared."""
    interface, unusable = _interface_changes(left.interface, right.interface)
    before, after = left.metadata, right.metadata
    return Comparison(
        left=left.side,
        right=right.side,
        status=Pair(left.status, right.status),
        cycles=Pair(left.cycles, right.cycles),
        canister_version=Pair(left.canister_version, right.canister_version),
        memory_bytes=Pair(left.memory_bytes, right.memory_bytes),
        module_hash=Pair(left.module_hash, right.module_hash),
        module_bytes=Pair(left.module_bytes, right.module_bytes),
        heap_bytes=Pair(left.heap_bytes, right.heap_bytes),
        stable_bytes=Pair(left.stable_bytes, right.stable_bytes),
        chunk_store_bytes=Pair(left.chunk_store_bytes, right.chunk_store_bytes),
        certified_data=Pair(
            None if before is None else before.certified_data, None if after is None else after.certified_data
        ),
        global_timer=Pair(
            None if before is None else before.global_timer, None if after is None else after.global_timer
        ),
        settings=_settings(left, right),
        controllers=_controllers(left, right),
        module=None if left.module is None or right.module is None else compare_modules(left.module, right.module),
        interface=interface,
        globals=None if before is None or after is None else compare_globals(before.globals, after.globals),
        chunks=None if left.chunks is None or right.chunks is None else changed_members(left.chunks, right.chunks),
        memory=memory,
        notes=(
            *_strangeness(left.side, right.side),
            *_notes("left", left.notes),
            *_notes("right", right.notes),
            *unusable,
        ),
    )


def compare_backup_with_live(backup: StoredCanister, status: CanisterStatus, *, read_at: datetime) -> Comparison:
    """The differences between a backup (left) and the live canister's status (right), read at `read_at`."""
    live = Side("live", f"live:{backup.name}", backup.name, backup.canister, read_at)
    return compare_facts(facts_of_stored(backup), facts_of_live(live, status))


def _strangeness(left: Side, right: Side) -> Iterable[str]:
    """What the operator may not have meant: two canisters, or two networks."""
    if Pair(left.canister, right.canister).differs:
        yield "the sides are of two canisters"
    if Pair(left.root_key_hash, right.root_key_hash).differs:
        yield "the sides are of two networks"


def _notes(name: str, notes: Iterable[str]) -> Iterable[str]:
    return (f"{name}: {note}" for note in notes)


def _settings(left: CanisterFacts, right: CanisterFacts) -> tuple[ChangedSetting, ...] | None:
    """None where a side knows no setting at all."""
    if not left.settings or not right.settings:
        return None
    return changed_settings(left.settings, right.settings)


def changed_settings(left: Mapping[str, SettingValue], right: Mapping[str, SettingValue]) -> tuple[ChangedSetting, ...]:
    """Every setting that both sides know and that differs."""
    return tuple(
        ChangedSetting(name, left[name], right[name])
        for name in SETTING_NAMES
        if name in left and name in right and left[name] != right[name]
    )


def _controllers(left: CanisterFacts, right: CanisterFacts) -> ChangedMembers[Principal] | None:
    if left.controllers is None or right.controllers is None:
        return None
    before, after = set(left.controllers), set(right.controllers)
    return ChangedMembers(_sorted_principals(after - before), _sorted_principals(before - after))


def _sorted_principals(principals: Iterable[Principal]) -> tuple[Principal, ...]:
    return tuple(sorted(principals, key=lambda principal: principal.bytes))


def changed_members(left: Iterable[Member], right: Iterable[Member]) -> ChangedMembers[Member]:
    """What only the right side and what only the left side has."""
    before, after = set(left), set(right)
    return ChangedMembers(tuple(sorted(after - before)), tuple(sorted(before - after)))


def compare_modules(left: ModuleFacts, right: ModuleFacts) -> ModuleChanges:
    """What differs between two modules in what they export and consist of."""
    return ModuleChanges(
        exports=changed_members(exports_of(left), exports_of(right)),
        sections=tuple(_changed_sections(left, right)),
        code_bytes=Pair(left.code_bytes, right.code_bytes),
        plain_bytes=Pair(left.module_bytes, right.module_bytes),
        memory_is_64_bit=Pair(left.memory_is_64_bit, right.memory_is_64_bit),
    )


def exports_of(module: ModuleFacts) -> tuple[Export, ...]:
    """Every function that the network may call."""
    names: dict[ExportKind, tuple[str, ...]] = {
        "update": module.updates,
        "query": module.queries,
        "composite query": module.composite_queries,
        "lifecycle": module.lifecycle,
    }
    return tuple(Export(kind, name) for kind, found in names.items() for name in found)


def _changed_sections(left: ModuleFacts, right: ModuleFacts) -> Iterable[ChangedSection]:
    """By name; where a name occurs more than once, all of its sections count as one."""
    before, after = _sections(left), _sections(right)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield ChangedSection(name, _size(before.get(name)), _size(after.get(name)))


def _sections(module: ModuleFacts) -> dict[str, list[tuple[int, bytes]]]:
    found: dict[str, list[tuple[int, bytes]]] = {}
    for section in module.custom_sections:
        found.setdefault(section.name, []).append((section.size_bytes, section.sha256))
    return found


def _size(sections: list[tuple[int, bytes]] | None) -> int | None:
    return None if sections is None else sum(size for size, _ in sections)


def compare_globals(left: tuple[Global | None, ...], right: tuple[Global | None, ...]) -> GlobalChanges:
    """How many globals differ, to the bit: a float that is no number equals itself, and 0.0 is not -0.0."""
    pairs = list(zip(left, right, strict=False))
    known = [(before, after) for before, after in pairs if before is not None and after is not None]
    extra = abs(len(left) - len(right))
    return GlobalChanges(
        changed=extra + sum(_bits(before) != _bits(after) for before, after in known),
        unknown=len(pairs) - len(known),
        total=max(len(left), len(right)),
    )


def _bits(item: Global) -> tuple[str, bytes | int | float]:
    return item.kind, struct.pack("<d", item.value) if isinstance(item.value, float) else item.value


def _interface_changes(left: str | None, right: str | None) -> tuple[InterfaceChanges, tuple[str, ...]]:
    """What differs, and why that could not be told."""
    try:
        return compare_interfaces(left, right), ()
    except UnusableInterface as error:
        return InterfaceChanges(is_known=False), (str(error),)
