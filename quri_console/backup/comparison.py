"""Two states of one canister side by side; the same object serves `diff`, a restore's plan and the Compare view.

`left` is what would be brought back, `right` what it would replace. What a side cannot tell is `None`, never guessed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Literal, TypeVar

from quri_console.backup.interchange import Blob
from quri_console.ic.encoding.principal import Principal
from quri_console.image.candid_interface import InterfaceChanges
from quri_console.image.page_diff import MemoryChange

Value = TypeVar("Value")
SettingValue = int | str | tuple[str, ...]
Origin = Literal["backup", "archive", "directory", "legacy", "live", "snapshot"]
"""`directory` is a snapshot directory on disk, `legacy` a backup of the scripts, `snapshot` one that is on chain."""
Part = Literal["settings", "module", "interface", "memory"]
PARTS: tuple[Part, ...] = ("settings", "module", "interface", "memory")
ExportKind = Literal["update", "query", "composite query", "lifecycle"]
NO_MODULE = b""
"""Stands for the hash of the module of a canister that has none."""


@dataclass(frozen=True, slots=True)
class Side:
    """Where one half of a comparison comes from; `taken_at` is in UTC, None when nothing tells it.

    `label` is how the operator names it, and untrusted text like `name`.
    """

    origin: Origin
    label: str
    name: str
    canister: Principal | None
    taken_at: datetime | None
    root_key_hash: bytes | None = None
    """SHA-256 of the root key of the network that it is from; None when nothing tells it."""


@dataclass(frozen=True, slots=True)
class Pair(Generic[Value]):
    """One fact on both sides; `None` is what a side cannot tell."""

    left: Value | None
    right: Value | None

    @property
    def is_known(self) -> bool:
        """Whether both sides tell it."""
        return self.left is not None and self.right is not None

    @property
    def differs(self) -> bool:
        """Whether both sides tell it, and not the same."""
        return self.is_known and self.left != self.right


@dataclass(frozen=True, slots=True)
class ChangedSetting:
    """One setting that both sides know and that differs, in the units of `CanisterSettings`."""

    name: str
    left: SettingValue
    right: SettingValue


@dataclass(frozen=True, slots=True)
class ChangedMembers(Generic[Value]):
    """How two sets differ: `added` are only on the right side, `removed` only on the left; both are sorted."""

    added: tuple[Value, ...] = ()
    removed: tuple[Value, ...] = ()

    @property
    def differs(self) -> bool:
        return bool(self.added or self.removed)


@dataclass(frozen=True, slots=True, order=True)
class Export:
    """A function that a module exports to the network; the name is untrusted text."""

    kind: ExportKind
    name: str


@dataclass(frozen=True, slots=True)
class ChangedSection:
    """A custom section that differs; sizes in bytes, None where a side has none of that name."""

    name: str
    left_bytes: int | None
    right_bytes: int | None


@dataclass(frozen=True, slots=True)
class ModuleChanges:
    """What two modules tell without being run; sizes in bytes."""

    exports: ChangedMembers[Export]
    sections: tuple[ChangedSection, ...]
    code_bytes: Pair[int]
    plain_bytes: Pair[int]
    """The modules uncompressed."""
    memory_is_64_bit: Pair[bool]

    @property
    def differs(self) -> bool:
        sizes = (self.code_bytes, self.plain_bytes, self.memory_is_64_bit)
        return self.exports.differs or bool(self.sections) or any(pair.differs for pair in sizes)


@dataclass(frozen=True, slots=True)
class GlobalChanges:
    """How many globals differ by position; those that only one side has are changed."""

    changed: int
    unknown: int
    """Of a type that the network does not tell; not among the changed."""
    total: int
    """Of the side that has more."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between two states of one canister. Sizes in bytes; `None` is what a side cannot tell."""

    left: Side
    right: Side
    status: Pair[str]
    cycles: Pair[int]
    canister_version: Pair[int]
    memory_bytes: Pair[int]
    """All that the network charges for: snapshots, logs and history too."""
    module_hash: Pair[bytes]
    """SHA-256, NO_MODULE where none is installed."""
    module_bytes: Pair[int]
    heap_bytes: Pair[int]
    stable_bytes: Pair[int]
    chunk_store_bytes: Pair[int]
    """As the status tells it, which on mainnet counts 1 MiB for each chunk."""
    certified_data: Pair[bytes]
    global_timer: Pair[str | int]
    settings: tuple[ChangedSetting, ...] | None
    controllers: ChangedMembers[Principal] | None
    module: ModuleChanges | None
    interface: InterfaceChanges
    globals: GlobalChanges | None
    chunks: ChangedMembers[bytes] | None
    """SHA-256 of the chunks of the chunk store."""
    memory: Mapping[Blob, MemoryChange]
    """By blob; a blob is missing where its bytes were not compared."""
    notes: tuple[str, ...] = ()
    """Why something that is there could not be told; untrusted text."""

    @property
    def canister(self) -> Principal | None:
        """The canister that it is about: the left side's where the sides are of two."""
        return self.left.canister or self.right.canister

    @property
    def module_differs(self) -> bool:
        return self.module_hash.differs

    @property
    def settings_differ(self) -> bool:
        """Whether a setting or a controller differs."""
        return bool(self.settings) or (self.controllers is not None and self.controllers.differs)

    @property
    def differing_parts(self) -> tuple[Part, ...]:
        """The parts in which something is known to differ, in the order of PARTS.

        Cycles, the version and what the network charges for change by themselves and count nowhere; the status counts
        with the settings.
        """
        found: dict[Part, bool] = {
            "settings": self.settings_differ or self.status.differs,
            "module": self.module_differs or (self.module is not None and self.module.differs),
            "interface": self.interface.differs,
            "memory": self._memory_differs,
        }
        return tuple(part for part in PARTS if found[part])

    @property
    def _memory_differs(self) -> bool:
        pairs = (self.heap_bytes, self.stable_bytes, self.certified_data, self.global_timer)
        return (
            any(pair.differs for pair in pairs)
            or (self.globals is not None and self.globals.changed > 0)
            or (self.chunks is not None and self.chunks.differs)
            or any(change.changed_bytes > 0 for blob, change in self.memory.items() if blob != "wasm_module")
        )

    @property
    def differs(self) -> bool:
        """Whether anything is known to differ."""
        return bool(self.differing_parts)

    def not_compared(self, parts: Collection[Part] = PARTS) -> tuple[str, ...]:
        """What of these parts could not be compared, or not to the last byte, in words."""
        modules_equal = self.module_hash.is_known and not self.module_differs
        compared: dict[str, tuple[Part, bool]] = {
            "settings": ("settings", self.settings is not None),
            "controllers": ("settings", self.controllers is not None),
            "exports": ("module", self.module is not None or modules_equal),
            "interface": ("interface", self.interface.is_known or modules_equal),
            **self._state_compared,
        }
        return tuple(name for name, (part, known) in compared.items() if part in parts and not known)

    @property
    def _state_compared(self) -> dict[str, tuple[Part, bool]]:
        """What a canister's state consists of, and whether it was compared."""
        return {
            "module": ("module", self.module_hash.is_known),
            "heap": ("memory", self._is_exact("wasm_memory")),
            "stable memory": ("memory", self._is_exact("stable_memory")),
            "chunk store": ("memory", self.chunks is not None),
            "globals": ("memory", self.globals is not None and self.globals.unknown == 0),
            "certified data": ("memory", self.certified_data.is_known),
            "global timer": ("memory", self.global_timer.is_known),
        }

    def _is_exact(self, blob: Blob) -> bool:
        return blob in self.memory and self.memory[blob].exact

    @property
    def identical(self) -> bool:
        """Whether the whole state was compared and is equal, and nothing else is known to differ."""
        return not self.differs and all(known for _, known in self._state_compared.values())
