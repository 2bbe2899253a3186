"""Which files of a folder are read, and why the others are not: links, binaries, what is too large or not ours."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from quri_console.errors import QuriError, UsageError
from quri_console.service.old_scripts.notes import Notes, Place
from quri_console.units import MIB, format_bytes

FileKind = Literal["crontab", "shell", "environment", "ids"]
MAX_FILE_BYTES = MIB
MAX_FILES = 300
MAX_DEPTH = 4
SKIPPED_FOLDERS = frozenset({".git", ".dfx", ".icp", "node_modules", "target", "backups", ".venv", "__pycache__"})


@dataclass(frozen=True, slots=True)
class ScriptFile:
    """A text file by its path below the folder, and its lines."""

    name: str
    kind: FileKind
    lines: tuple[str, ...]

    def place(self, line: int) -> Place:
        """A line of it, from 1."""
        return Place(self.name, line)

    def text(self) -> str:
        """All of it."""
        return "\n".join(self.lines)


def read_scripts(folder: Path, notes: Notes) -> tuple[ScriptFile, ...]:
    """The files that say something, in the order of their names. Raises UsageError, QuriError."""
    _check(folder)
    files: list[ScriptFile] = []
    for count, path in enumerate(_walk(folder, folder, notes)):
        if count >= MAX_FILES:
            notes.add("not read", f"there are more than {MAX_FILES} files; name the folder of the scripts alone")
            break
        name = path.relative_to(folder).as_posix()
        kind = kind_of(path.name)
        if kind is None:
            notes.add("not needed", "files of kinds that say nothing here", Place(name))
        elif (text := _text(path, name, notes)) is not None:
            files.append(ScriptFile(name, kind, tuple(text.splitlines())))
    if not files:
        raise UsageError(
            f"there is nothing to read in {folder}",
            why="no script (*.sh), crontab, .env file or canister_ids.json is in it that can be read",
            next_step="Name the folder that backup-canisters.sh, monitor-cycles.sh and crontab.example are in.",
        )
    return tuple(_without_examples(files, notes))


def kind_of(name: str) -> FileKind | None:
    """What a file is by its name; None for what says nothing here."""
    low = name.casefold()
    if low.startswith("crontab") or low.endswith((".cron", ".crontab")):
        return "crontab"
    if low.endswith((".sh", ".bash")):
        return "shell"
    if low == ".env" or low.startswith(".env.") or low.endswith((".env", ".conf")):
        return "environment"
    return "ids" if low == "canister_ids.json" else None


def _check(folder: Path) -> None:
    try:
        if not stat.S_ISDIR(folder.stat().st_mode):
            raise UsageError(f"{folder} is not a folder", next_step="Name the folder that the scripts are in.")
        os.scandir(folder).close()
    except FileNotFoundError as error:
        raise UsageError(f"{folder} does not exist", next_step="Name the folder that the scripts are in.") from error
    except OSError as error:
        raise QuriError(
            f"{folder} cannot be read", why=error.strerror or str(error), next_step="Check who owns it."
        ) from error


def _walk(folder: Path, top: Path, notes: Notes, depth: int = 0) -> Iterator[Path]:
    name = Place(folder.relative_to(top).as_posix())
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        notes.add("not read", f"the folder cannot be read: {error.strerror}", name)
        return
    for entry in entries:
        path = folder / entry.name
        if entry.is_symlink():
            notes.add("not read", "a link is not followed", Place(path.relative_to(top).as_posix()))
        elif not entry.is_dir(follow_symlinks=False):
            yield path
        elif entry.name not in SKIPPED_FOLDERS and depth < MAX_DEPTH:
            yield from _walk(path, top, notes, depth + 1)
        else:
            notes.add("not needed", "folders that are not looked into", Place(path.relative_to(top).as_posix()))


def _text(path: Path, name: str, notes: Notes) -> str | None:
    """A file's text; None when it has none that can be read, which is noted."""
    try:
        data = _bytes(path)
    except OSError as error:
        notes.add("not read", f"cannot be read: {error.strerror or error}", Place(name))
        return None
    if len(data) > MAX_FILE_BYTES:
        notes.add("not read", f"larger than {format_bytes(MAX_FILE_BYTES)}, which no such file is", Place(name))
        return None
    if b"\0" in data:
        notes.add("not read", "not a text", Place(name))
        return None
    return data.decode("utf-8", "replace")


def _bytes(path: Path) -> bytes:
    """What is in a plain file, one byte beyond the limit at most. Raises OSError."""
    # without O_NONBLOCK a pipe of that name would be waited for
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no plain file")
        return file.read(MAX_FILE_BYTES + 1)


def _without_examples(files: list[ScriptFile], notes: Notes) -> Iterator[ScriptFile]:
    """A crontab that somebody has edited stands for the example that it was made from."""
    edited = [file for file in files if file.kind == "crontab" and "example" not in file.name]
    for file in files:
        if edited and file.kind == "crontab" and "example" in file.name:
            text = f"the example is left out, because {edited[0].name} is there, which was made from such a one"
            notes.add("difference", text, file.place(0))
        else:
            yield file
