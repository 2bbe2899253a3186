"""What a check found, as values: damage with the backups that it reaches, notes, and what was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from quri_console.errors import CorruptionError, ExitCode, QuriError

DamageKind = Literal[
    "repository", "key", "index", "pack", "chunks", "manifest", "record", "begun", "mark", "lock", "trash"
]
NoteKind = Literal["foreign", "leftover", "unfinished", "index", "trash", "unchecked"]


@dataclass(frozen=True, slots=True, order=True)
class Affected:
    """One item of a set that cannot be read as it was written; an empty `folder` is all of the set."""

    set_name: str
    folder: str

    @property
    def words(self) -> str:
        """How the operator names it: `20250124T020000Z/rune-engine`."""
        return f"{self.set_name}/{self.folder}" if self.folder else self.set_name


@dataclass(frozen=True, slots=True)
class Damage:
    """An object that is missing or not as it was written; `name` is its path in the repository.

    `chunks` are the names of those that cannot be read any more, `affected` the items that need them or the object.
    """

    kind: DamageKind
    name: str
    why: str
    next_step: str = ""
    affected: tuple[Affected, ...] = ()
    chunks: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """Something that is no damage, but that an operator may want to know; `name` is a path in the repository."""

    kind: NoteKind
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class CheckedSet:
    """A set whose manifest could be read. `packs` are those that hold its chunks, None when that is not known."""

    name: str
    folders: tuple[str, ...]
    logical_bytes: int
    packs: frozenset[bytes] | None


@dataclass(frozen=True, slots=True)
class DataSummary:
    """How much of the packs was read; sizes in bytes.

    `round_packs` of `total_packs` were read since this round of reading began, in this run or in earlier ones.
    """

    read_packs: int
    read_bytes: int
    content_bytes: int
    """What the packs hold uncompressed."""
    round_packs: int
    total_packs: int
    stopped_early: bool
    """Whether the time was over before all that was to be read."""
    selection: str = ""
    """Which part was to be read, in words; empty for all of it."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check of a whole repository found."""

    repository_id: str
    damages: tuple[Damage, ...]
    notes: tuple[Note, ...]
    sets: tuple[CheckedSet, ...]
    packs: int
    pack_bytes: int
    files: int
    """Records and lists of chunks that were compared with their manifests."""
    key_problem: QuriError | None = None
    """Why nothing encrypted was looked into; None when it was, or nothing is encrypted."""
    data: DataSummary | None = None
    """None when only the structure was checked."""
    marked: tuple[str, ...] = ()
    """Sets beside which the result was noted."""

    @property
    def ok(self) -> bool:
        """Whether nothing that was looked at is damaged."""
        return not self.damages

    @property
    def affected(self) -> tuple[Affected, ...]:
        """Everything that cannot be read as it was written, each once."""
        return tuple(sorted({item for damage in self.damages for item in damage.affected}))

    @property
    def damaged_sets(self) -> frozenset[str]:
        """The sets that are not whole."""
        return frozenset(item.set_name for item in self.affected)

    @property
    def exit_code(self) -> ExitCode:
        """Of a command that ends with this."""
        if self.damages:
            return ExitCode.CORRUPTION
        if self.key_problem is not None:
            return self.key_problem.exit_code
        return ExitCode.FAILED if any(note.kind == "unchecked" for note in self.notes) else ExitCode.OK


@dataclass(frozen=True, slots=True)
class Verification:
    """What reading a set, or one item of it, again came to. Sizes in bytes."""

    set_name: str
    folder: str | None
    """None for all of the set."""
    folders: tuple[str, ...]
    """The items that were read."""
    files: int
    logical_bytes: int
    """Of all blobs, runs of zeros and repeated chunks included."""
    read_bytes: int
    """What had to be read for it."""
    damages: tuple[Damage, ...]

    @property
    def ok(self) -> bool:
        """Whether every byte is the one that was stored."""
        return not self.damages

    def require_whole(self) -> None:
        """Raise CorruptionError unless every byte is the one that was stored."""
        if self.damages:
            first, more = self.damages[0], len(self.damages) - 1
            raise CorruptionError(
                f"Backup {self.set_name} is damaged: {first.name}" + (f" and {more} more" if more else ""),
                why=first.why,
                next_step=first.next_step or "Use another backup; `quri-console check` tells which are whole.",
            )
