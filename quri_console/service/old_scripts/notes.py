"""What a person has to know of a proposal: where the old meaning and ours differ, and what was not understood."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

NoteKind = Literal["decision", "difference", "not understood", "not read", "not needed"]
"""To be decided by a person; said by the way; a line that means nothing here; a file; what needs no counterpart."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line (from 1; 0: the whole) of a file, by its path below the folder."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to know; `setting` is the key of the configuration that it is about, if it is about one."""

    kind: NoteKind
    text: str
    places: tuple[Place, ...] = ()
    setting: str = ""


@dataclass(slots=True)
class Notes:
    """Collects notes in the order in which they come up."""

    found: list[Note] = field(default_factory=list)

    def add(self, kind: NoteKind, text: str, *places: Place, setting: str = "") -> None:
        """One more, unless it was said of the same lines."""
        note = Note(kind, text, places, setting)
        if note not in self.found:
            self.found.append(note)


def gathered(notes: Iterable[Note]) -> tuple[Note, ...]:
    """The same said of several lines once, with all of them, where it was said first."""
    found: dict[tuple[str, str], Note] = {}
    for note in notes:
        before = found.setdefault((note.kind, note.text), replace(note, places=()))
        found[note.kind, note.text] = replace(before, places=(*before.places, *note.places))
    return tuple(found.values())
