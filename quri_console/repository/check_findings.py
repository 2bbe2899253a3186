"""Where the parts of a check put what they find, and how a failure to read an object becomes damage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from quri_console.errors import QuriError
from quri_console.repository.check_report import Affected, CheckedSet, Damage, DamageKind, Note, NoteKind
from quri_console.repository.errors import NewerFormat, WrongKey
from quri_console.repository.pack_check import is_damage


@dataclass(slots=True)
class Findings:
    """Grows while a check runs."""

    damages: list[Damage] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    sets: list[CheckedSet] = field(default_factory=list)
    files: int = 0
    key_problem: QuriError | None = None

    def damage(
        self,
        kind: DamageKind,
        name: str,
        why: str,
        next_step: str = "",
        affected: Iterable[Affected] = (),
        chunks: Iterable[bytes] = (),
    ) -> None:
        """Something is not as it was written."""
        self.damages.append(Damage(kind, name, why, next_step, tuple(affected), tuple(chunks)))

    def note(self, kind: NoteKind, name: str, text: str) -> None:
        """Something is worth knowing."""
        self.notes.append(Note(kind, name, text))

    def failure(
        self, kind: DamageKind, name: str, error: QuriError, next_step: str = "", affected: Iterable[Affected] = ()
    ) -> None:
        """An object could not be read: it is damaged, or written by a newer version, or for another key.

        Raises `error` again when it says nothing about the object.
        """
        if isinstance(error, NewerFormat):
            self.note("unchecked", name, f"It was not checked: {error.what}.")
        elif isinstance(error, WrongKey):
            self.key_problem = self.key_problem or error
        elif is_damage(error):
            self.damage(kind, name, error.why or error.what, next_step, affected)
        else:
            raise error
