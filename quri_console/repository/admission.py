"""Which names and sizes of a tree that comes from elsewhere are accepted; the same rules for archives and folders."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath

from quri_console.errors import CorruptionError

# controls, bidirectional and zero-width characters, undecodable bytes, line and paragraph separators
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_SHOWN_CHARACTERS = 160

RENAME = "Rename it where it comes from and make the archive or folder anew."
PLAIN_ONLY = "Import a copy that holds only plain files and folders (`cp -rL` makes one, `tar` packs it)."
SMALLER = "If its origin is trusted, import it in smaller parts; otherwise do not unpack it anywhere."


class RefusedImport(CorruptionError):
    """Something in an archive or folder from elsewhere is not accepted; nothing of it was taken over."""


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What a tree from elsewhere may cost at most.

    `max_files` counts files and folders together; `max_depth` the parts of a path; `max_name_bytes` is for one
    part and `max_path_bytes` for the whole path, in UTF-8. An archive may unpack to `max_ratio` times its own
    size, or to `ratio_floor_bytes` where that is more.
    """

    max_files: int = 20_000
    max_total_bytes: int = 64 << 30
    max_file_bytes: int = 64 << 30
    max_depth: int = 16
    max_name_bytes: int = 255
    max_path_bytes: int = 1024
    max_ratio: int = 100
    ratio_floor_bytes: int = 64 << 20

    def unpacked_limit(self, packed_bytes: int) -> int:
        """The most that an archive of `packed_bytes` may unpack to, headers included."""
        return max(self.ratio_floor_bytes, packed_bytes * self.max_ratio)


DEFAULT_LIMITS = ArchiveLimits()


@dataclass(frozen=True, slots=True)
class TreeFile:
    """A plain file of a checked tree: its path relative to the tree's root, and its size."""

    path: PurePosixPath
    size_bytes: int


@dataclass(slots=True)
class _Admitted:
    path: str
    folder: bool
    listed: bool
    """False for a folder that is known only because something lies in it."""


class Admission:
    """Takes the entries of one tree in their order and refuses the first that breaks a rule.

    `origin` names the archive or folder in errors. Every method raises RefusedImport.
    """

    def __init__(self, origin: str, limits: ArchiveLimits) -> None:
        self._origin = origin
        self._limits = limits
        self._admitted: dict[str, _Admitted] = {}
        self._total_bytes = 0

    def folder(self, name: str) -> PurePosixPath:
        """The relative path of a folder that is accepted."""
        return self._entered(name, folder=True)

    def file(self, name: str, size_bytes: int) -> PurePosixPath:
        """The relative path of a plain file that is accepted, its size counted."""
        path = self._entered(name, folder=False)
        limits = self._limits
        if size_bytes > limits.max_file_bytes:
            why = f"It has {size_bytes} bytes; one file may have {limits.max_file_bytes}."
            raise self.refusal(name, why, SMALLER)
        self._total_bytes += size_bytes
        if self._total_bytes > limits.max_total_bytes:
            why = f"With it, the files have {self._total_bytes} bytes; {limits.max_total_bytes} are allowed together."
            raise self.refusal(name, why, SMALLER)
        return path

    def refusal(self, name: str, why: str, next_step: str) -> RefusedImport:
        """The error that refuses the entry `name`; the text of the name is untrusted."""
        return refusal(self._origin, name, why, next_step)

    def _entered(self, name: str, *, folder: bool) -> PurePosixPath:
        parts = self._checked_parts(name)
        for end in range(1, len(parts)):
            self._enter(name, "/".join(parts[:end]), folder=True, listed=False)
        self._enter(name, name, folder=folder, listed=True)
        return PurePosixPath(*parts)

    def _checked_parts(self, name: str) -> list[str]:
        parts = name.split("/")
        fault = _text_fault(name) or _path_fault(parts) or self._length_fault(name, parts)
        if fault is not None:
            raise self.refusal(name, fault, RENAME)
        return parts

    def _length_fault(self, name: str, parts: list[str]) -> str | None:
        limits = self._limits
        if len(parts) > limits.max_depth:
            return f"It lies {len(parts)} levels deep; {limits.max_depth} are allowed."
        if any(len(part.encode()) > limits.max_name_bytes for part in parts):
            return f"A part of its name has more than {limits.max_name_bytes} bytes."
        if len(name.encode()) > limits.max_path_bytes:
            return f"Its path has more than {limits.max_path_bytes} bytes."
        return None

    def _enter(self, name: str, path: str, *, folder: bool, listed: bool) -> None:
        key = _folded(path)
        known = self._admitted.get(key)
        if known is None:
            if len(self._admitted) >= self._limits.max_files:
                why = f"There are more than {self._limits.max_files} files and folders."
                raise self.refusal(name, why, SMALLER)
            self._admitted[key] = _Admitted(path, folder, listed)
        elif known.path != path:
            why = f"Its path differs from {shown(known.path)} only in letter case or Unicode form."
            raise self.refusal(name, f"{why} Some disks take both for one file.", RENAME)
        elif known.folder and folder and not (known.listed and listed):
            known.listed = known.listed or listed
        else:
            why = "It stands there twice." if known.folder == folder else f"{shown(path)} is both file and folder."
            raise self.refusal(name, why, RENAME)


def refusal(origin: str, name: str, why: str, next_step: str) -> RefusedImport:
    """The error that refuses the entry `name` of `origin`."""
    return RefusedImport(f"{origin}: the entry {shown(name)} is refused", why=why, next_step=next_step)


def shown(name: str) -> str:
    """A name short enough for an error; bytes that are not UTF-8 are spelt out, controls are left to the edge."""
    text = name if len(name) <= _SHOWN_CHARACTERS else f"{name[:_SHOWN_CHARACTERS]}…"
    return text.encode(errors="backslashreplace").decode()


def _text_fault(name: str) -> str | None:
    for character in name:
        category = unicodedata.category(character)
        if category == "Cs":
            return "Its name is not UTF-8."
        if category in _HIDDEN_CATEGORIES:
            return f"Its name holds the control character U+{ord(character):04X}."
    return None


def _path_fault(parts: list[str]) -> str | None:
    if parts == [""]:
        return "It has no name."
    if parts[0] == "":
        return "Its path is absolute; everything must lie below one folder."
    if ".." in parts:
        return "Its path leads out of the folder by `..`."
    if "" in parts or "." in parts:
        return "Its path has an empty part or a `.`, so that one file could have several names."
    return None


def _folded(path: str) -> str:
    """What is equal for all paths that some file system takes for one."""
    folded = unicodedata.normalize("NFKC", path).casefold()
    return unicodedata.normalize("NFKC", folded)
