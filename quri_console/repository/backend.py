"""Where the objects of a repository lie: a small interface that a folder implements, and an object store can."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from quri_console.errors import ExitCode, QuriError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}(/[A-Za-z0-9][A-Za-z0-9._+-]{0,199}){0,7}")


class ObjectMissing(QuriError):
    """There is no object of this name."""

    exit_code = ExitCode.CORRUPTION


@dataclass(frozen=True, slots=True)
class Entry:
    """One object. `version` changes whenever its content was replaced, as far as the place where it lies can tell."""

    name: str
    size: int
    version: str


class Backend(Protocol):
    """Named objects. Names are relative paths like `packs/0a/0a1b…`; no part begins with a dot.

    Every method is blocking and may be called from any thread. What was put is on disk when `put` and
    `put_if_absent` return, whole or not at all. Raises StorageFailed, DiskFull, CorruptionError for what is not
    a plain file, ValueError for a name that no object may have.
    """

    @property
    def location(self) -> str:
        """Where this is, for people."""

    def put(self, name: str, data: bytes) -> None:
        """Store an object, replacing the one of that name."""

    def put_if_absent(self, name: str, data: bytes | bytearray) -> bool:
        """Store an object unless there is one of that name; whether it was stored. Atomic between processes."""

    def get(self, name: str) -> bytes:
        """The whole content. Raises ObjectMissing."""

    def get_range(self, name: str, offset: int, size: int) -> bytes:
        """At most `size` bytes from `offset` on; fewer at the object's end. Raises ObjectMissing."""

    def list(self, prefix: str) -> Iterator[Entry]:
        """Every object below the folder `prefix` (as `packs`), at any depth, in the order of names."""

    def folders(self, prefix: str) -> tuple[str, ...]:
        """The names directly below the folder `prefix` that have something below themselves, sorted."""

    def head(self, name: str) -> Entry | None:
        """The object without its content; None when there is none."""

    def delete(self, name: str) -> None:
        """Remove an object for good; one that is not there is as good."""


def check_name(name: str) -> str:
    """`name`, when an object may be called so; ValueError otherwise."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"no object may be called {name!r}")
    return name


def missing(location: str, name: str) -> ObjectMissing:
    """The failure to find an object that should be there."""
    return ObjectMissing(
        f"{name} is missing from {location}",
        why="It was deleted, or never arrived there.",
        next_step="`quri-console check` tells which backups need it.",
    )
