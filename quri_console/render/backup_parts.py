"""The parts of one canister's copy, each with its size, as far as its records can be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quri_console.render.escape import escape
from quri_console.units import format_bytes

if TYPE_CHECKING:
    from quri_console.backup.closer_look import CanisterLook
    from quri_console.ic.management.types import SnapshotMetadata


@dataclass(frozen=True, slots=True)
class CopyPart:
    """One part: its name, how much of it there is in words, and what else is known of it."""

    name: str
    amount: str
    detail: str = ""
    role: str = "muted"


def copy_parts(look: CanisterLook) -> tuple[CopyPart, ...]:
    """The parts in the order in which a restore needs them; what could not be read says why."""
    return tuple(_parts(look))


def _parts(look: CanisterLook) -> Iterator[CopyPart]:
    stored = look.stored
    if look.problem is not None:
        yield CopyPart("not readable", "", escape(str(look.problem)), "status-critical")
    if stored is not None and stored.state is not None:
        yield from _of_state(stored.state.metadata, look.entry.module_hash.hex())
    if stored is not None and stored.status is not None:
        controllers = len(stored.status.settings.controllers)
        yield CopyPart("settings", _counted(controllers, "controller"))
    if look.extras is not None:
        for name, words in look.extras.present.items():
            yield CopyPart(escape(name), "", escape(words))
        for name, reason in (*look.extras.absent.items(), *look.extras.failed.items()):
            yield CopyPart(escape(name), "none", escape(reason))


def _of_state(metadata: SnapshotMetadata, module_hash: str) -> Iterator[CopyPart]:
    yield CopyPart("module", format_bytes(metadata.wasm_module_size), f"SHA-256 {module_hash[:16]}…")
    yield CopyPart("heap", format_bytes(metadata.wasm_memory_size))
    yield CopyPart("stable memory", format_bytes(metadata.stable_memory_size))
    yield CopyPart("chunk store", _counted(len(metadata.wasm_chunk_store), "chunk"))
    yield CopyPart("globals", _counted(len(metadata.globals), "value"))


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
