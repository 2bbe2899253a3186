"""A comparison as JSON values: nothing is rounded or left out, `null` is what a side cannot tell."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, TypeVar

from quri_console.backup.comparison import PARTS, Part
from quri_console.image.page_diff import largest, page_map

if TYPE_CHECKING:
    from quri_console.backup.comparison import ChangedMembers, Comparison, ModuleChanges, Pair, Side
    from quri_console.backup.diff import Diff
    from quri_console.image.candid_interface import InterfaceChanges
    from quri_console.image.page_diff import MemoryChange

MAP_CELLS = 60
LARGEST_RANGES = 10
_Value = TypeVar("_Value")


def diff_json(diff: Diff, parts: Collection[Part] = PARTS, *, all_ranges: bool = False) -> dict[str, Any]:
    """Every comparison and what is on one side only; with `all_ranges` every changed range of memory."""
    return {
        "differs": diff.differs(parts),
        "comparisons": [comparison_json(one, parts, all_ranges=all_ranges) for one in diff.comparisons],
        "only_left": list(diff.only_left),
        "only_right": list(diff.only_right),
        "failures": [
            {"name": one.name, "what": one.error.what, "why": one.error.why, "next": one.error.next_step}
            for one in diff.failures
        ],
    }


def comparison_json(
    comparison: Comparison, parts: Collection[Part] = PARTS, *, all_ranges: bool = False
) -> dict[str, Any]:
    """One comparison; a part that is not wanted is missing."""
    bodies: dict[Part, Callable[[], Any]] = {
        "settings": lambda: _settings(comparison),
        "module": lambda: _module(comparison, all_ranges=all_ranges),
        "interface": lambda: _interface(comparison.interface),
        "memory": lambda: _memory(comparison, all_ranges=all_ranges),
    }
    return {
        "left": _side(comparison.left),
        "right": _side(comparison.right),
        "identical": comparison.identical,
        "differing_parts": [part for part in comparison.differing_parts if part in parts],
        "not_compared": list(comparison.not_compared(parts)),
        "notes": list(comparison.notes),
        **{part: bodies[part]() for part in PARTS if part in parts},
    }


def _side(side: Side) -> dict[str, Any]:
    return {
        "origin": side.origin,
        "label": side.label,
        "name": side.name,
        "canister": None if side.canister is None else side.canister.to_str(),
        "taken_at": None if side.taken_at is None else side.taken_at.isoformat(),
        "root_key_sha256": _hex(side.root_key_hash),
    }


def _settings(comparison: Comparison) -> dict[str, Any]:
    changed = comparison.settings
    return {
        "status": _pair(comparison.status),
        "cycles": _pair(comparison.cycles),
        "controllers": _members(comparison.controllers, lambda one: one.to_str()),
        "changed": None
        if changed is None
        else [{"name": one.name, "left": one.left, "right": one.right} for one in changed],
    }


def _module(comparison: Comparison, *, all_ranges: bool) -> dict[str, Any]:
    return {
        "sha256": _pair(comparison.module_hash, _hex),
        "bytes": _pair(comparison.module_bytes),
        "facts": None if comparison.module is None else _module_facts(comparison.module),
        "content": _change(comparison.memory.get("wasm_module"), all_ranges=all_ranges),
    }


def _module_facts(module: ModuleChanges) -> dict[str, Any]:
    return {
        "exports": _members(module.exports, lambda one: {"kind": one.kind, "name": one.name}),
        "sections": [
            {"name": one.name, "left_bytes": one.left_bytes, "right_bytes": one.right_bytes} for one in module.sections
        ],
        "code_bytes": _pair(module.code_bytes),
        "uncompressed_bytes": _pair(module.plain_bytes),
        "memory_is_64_bit": _pair(module.memory_is_64_bit),
    }


def _interface(changes: InterfaceChanges) -> dict[str, Any]:
    return {
        "known": changes.is_known,
        "compatible": changes.compatible,
        "added": [{"name": one.name, "signature": one.signature} for one in changes.added],
        "removed": [{"name": one.name, "signature": one.signature} for one in changes.removed],
        "changed": [
            {
                "name": one.name,
                "left": one.left,
                "right": one.right,
                "compatible": one.compatible,
                "may_lose_values": one.may_lose_values,
            }
            for one in changes.changed
        ],
    }


def _memory(comparison: Comparison, *, all_ranges: bool) -> dict[str, Any]:
    globals_changed = comparison.globals
    return {
        "heap_bytes": _pair(comparison.heap_bytes),
        "heap": _change(comparison.memory.get("wasm_memory"), all_ranges=all_ranges),
        "stable_bytes": _pair(comparison.stable_bytes),
        "stable": _change(comparison.memory.get("stable_memory"), all_ranges=all_ranges),
        "chunk_store_bytes": _pair(comparison.chunk_store_bytes),
        "chunks": _members(comparison.chunks, bytes.hex),
        "globals": None
        if globals_changed is None
        else {
            "changed": globals_changed.changed,
            "unknown": globals_changed.unknown,
            "total": globals_changed.total,
        },
        "certified_data": _pair(comparison.certified_data, bytes.hex),
        "global_timer": _pair(comparison.global_timer),
        "canister_version": _pair(comparison.canister_version),
        "charged_for_bytes": _pair(comparison.memory_bytes),
    }


def _change(change: MemoryChange | None, *, all_ranges: bool) -> dict[str, Any] | None:
    if change is None:
        return None
    ranges = change.changed if all_ranges else largest(change, LARGEST_RANGES)
    return {
        "left_bytes": change.left_bytes,
        "right_bytes": change.right_bytes,
        "changed_bytes": change.changed_bytes,
        "changed_pages": change.changed_pages,
        "pages": change.pages_total,
        "not_compared_bytes": change.unknown_bytes,
        "changed_ranges": len(change.changed),
        "map": [round(share, 4) for share in page_map(change, MAP_CELLS)],
        "ranges": [{"start": start, "end": end} for start, end in ranges],
    }


def _pair(pair: Pair[_Value], plain: Callable[[_Value], Any] = lambda value: value) -> dict[str, Any]:
    return {
        "left": None if pair.left is None else plain(pair.left),
        "right": None if pair.right is None else plain(pair.right),
    }


def _members(members: ChangedMembers[_Value] | None, plain: Callable[[_Value], Any]) -> dict[str, Any] | None:
    if members is None:
        return None
    return {"added": [plain(one) for one in members.added], "removed": [plain(one) for one in members.removed]}


def _hex(data: bytes | None) -> str | None:
    """In hex; the hash of no module is the empty text, which is not the same as unknown."""
    return None if data is None else data.hex()
