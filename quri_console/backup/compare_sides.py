"""Comparing two opened sides: reads what the wanted parts need, no more, and puts the facts side by side."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from quri_console.backup.changed_memory import Reading, changed_memory
from quri_console.backup.compare import compare_facts
from quri_console.backup.comparison import PARTS, Comparison, Part
from quri_console.backup.readable_state import ReadableState
from quri_console.image.sections import UnusableModule, module_facts
from quri_console.progress import NoProgress, Progress

if TYPE_CHECKING:
    from quri_console.backup.canister_facts import CanisterFacts
    from quri_console.backup.interchange import Blob


@dataclass(frozen=True, slots=True)
class OpenSide:
    """What a side tells of one canister without reading its bytes, and the bytes where it has them.

    `facts.interface` is the published one; that of the module itself goes before it.
    """

    facts: CanisterFacts
    state: ReadableState | None = None


async def compare_sides(
    left: OpenSide,
    right: OpenSide,
    *,
    parts: Collection[Part] = PARTS,
    progress: Progress | None = None,
    still_locked: Callable[[], None] = lambda: None,
) -> Comparison:
    """What differs between two sides, in the wanted parts; `still_locked` is called between two slices.

    Raises CorruptionError, WrongKey, NetworkError.
    """
    reading = Reading(progress or NoProgress(), left.facts.side.name, still_locked)
    before, after = left.facts, right.facts
    if wants_module(parts):
        before = await _with_module(left, reading)
        after = await _with_module(right, reading)
    if left.state is None or right.state is None:
        return compare_facts(before, after)
    memory = await changed_memory(left.state, right.state, blobs_to_compare(parts), reading)
    return compare_facts(before, after, memory=memory)


def wants_module(parts: Collection[Part]) -> bool:
    """Whether the module has to be read for these parts."""
    return "module" in parts or "interface" in parts


def blobs_to_read(parts: Collection[Part], *, from_both: bool) -> tuple[Blob, ...]:
    """The blobs of a state without names that are read for these parts; `from_both`: the other side has a state too."""
    module: tuple[Blob, ...] = ("wasm_module",) if wants_module(parts) else ()
    return (*module, *blobs_to_compare(frozenset(parts) - {"module"})) if from_both else module


def blobs_to_compare(parts: Collection[Part]) -> tuple[Blob, ...]:
    """The blobs whose bytes are compared for these parts."""
    module: tuple[Blob, ...] = ("wasm_module",) if "module" in parts else ()
    return (*module, "wasm_memory", "stable_memory") if "memory" in parts else module


async def _with_module(side: OpenSide, reading: Reading) -> CanisterFacts:
    """The side's facts with what its module tells; a module that cannot be understood is a note."""
    facts, state = side.facts, side.state
    if state is None or state.metadata.wasm_module_size == 0:
        return facts
    report = reading.reporter("read module", state.metadata.wasm_module_size)
    module = await state.module(report)
    if facts.module_hash is None:
        digest = await asyncio.to_thread(hashlib.sha256, module)
        facts = replace(facts, module_hash=digest.digest())
    try:
        told = await asyncio.to_thread(module_facts, module)
    except UnusableModule as error:
        return facts.with_note(f"{error.what}: {error.why}")
    return replace(facts, module=told, interface=told.candid_interface or facts.interface)
