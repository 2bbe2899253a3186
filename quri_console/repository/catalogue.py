"""Every set with all that decides whether it may go: its manifest, what its marks come to, whether it was forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from quri_console.errors import CorruptionError
from quri_console.repository.backend import Backend, ObjectMissing
from quri_console.repository.marks import Standing, read_marks, standing
from quri_console.repository.set_writer import begun_by
from quri_console.repository.sets import SetManifest, set_names, set_time
from quri_console.repository.store import Repository
from quri_console.repository.trash import Forgotten, Trash, read_trash


@dataclass(frozen=True, slots=True)
class SetState:
    """One committed set. `damage` says why its manifest cannot be read; then there is none."""

    name: str
    manifest: SetManifest | None
    damage: str
    standing: Standing
    forgotten: Forgotten | None = None

    @property
    def taken_at(self) -> datetime:
        """The time in its name."""
        return set_time(self.name)

    @property
    def subjects(self) -> frozenset[str]:
        """What it holds the content of; nothing when its manifest cannot be read, or lists records only."""
        if self.manifest is None:
            return frozenset()
        with_content = {file.path.split("/")[0] for file in self.manifest.chunk_lists()}
        return frozenset(item.subject for item in self.manifest.items if item.folder in with_content)

    @property
    def known_damage(self) -> str:
        """Why it is known to be damaged without reading all of it; empty when it is not."""
        if self.damage:
            return self.damage
        found = self.standing.damaged_at
        return "" if found is None else f"A check found damage on {found:%Y-%m-%d %H:%M} UTC."


@dataclass(frozen=True, slots=True)
class UnfinishedSet:
    """A set that was begun and not committed; `begun` is what it says of who made it."""

    name: str
    begun: Mapping[str, Any]

    @property
    def maker(self) -> str:
        """The operation that makes it, in words."""
        operation, host = self.begun.get("operation"), self.begun.get("host")
        words = f"operation {operation}" if isinstance(operation, str) and operation else "an unknown operation"
        return f"{words} on {host}" if isinstance(host, str) and host else words


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All sets of a repository, oldest first."""

    remaining: tuple[SetState, ...]
    forgotten: tuple[SetState, ...]
    unfinished: tuple[UnfinishedSet, ...]
    half_removed: tuple[Forgotten, ...]
    """Forgotten sets whose manifest is gone: prune was interrupted while it removed them."""
    unreadable_trash: tuple[str, ...]
    """Sets whose mark in the trash cannot be read; they are among the remaining ones."""

    def future(self, now: datetime) -> tuple[str, ...]:
        """The remaining sets that are dated later than now."""
        return tuple(state.name for state in self.remaining if state.taken_at > now)

    def in_progress(self) -> tuple[UnfinishedSet, ...]:
        """The unfinished sets that are younger than every remaining one: what keeps the others from being surplus."""
        newest = self.remaining[-1].name if self.remaining else ""
        return tuple(item for item in self.unfinished if item.name > newest)


def read_catalogue(repository: Repository, now: datetime) -> Catalogue:
    """All sets and what their marks come to now. Raises NewerFormat, StorageFailed."""
    backend = repository.backend
    trash = read_trash(backend)
    committed, unfinished = set_names(backend)
    states = [_state(repository, name, trash, now) for name in committed]
    return Catalogue(
        remaining=tuple(state for state in states if state.forgotten is None),
        forgotten=tuple(state for state in states if state.forgotten is not None),
        unfinished=tuple(_unfinished(backend, name) for name in unfinished if name not in trash.sets),
        half_removed=tuple(mark for name, mark in sorted(trash.sets.items()) if name not in committed),
        unreadable_trash=trash.unreadable,
    )


def _state(repository: Repository, name: str, trash: Trash, now: datetime) -> SetState:
    marks, unreadable = read_marks(repository.backend, name)
    stands = standing(marks, unreadable, now)
    try:
        manifest, damage = repository.manifest(name), ""
    except (CorruptionError, ObjectMissing) as error:
        manifest, damage = None, str(error)
    return SetState(name, manifest, damage, stands, trash.sets.get(name))


def _unfinished(backend: Backend, name: str) -> UnfinishedSet:
    try:
        return UnfinishedSet(name, begun_by(backend, name))
    except (CorruptionError, ObjectMissing):
        return UnfinishedSet(name, {})
