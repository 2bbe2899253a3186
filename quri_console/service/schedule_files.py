"""Files that say whose they are and whether anybody edited them since: what was written can be taken away again."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from quri_console.errors import QuriError, RefusedBySafetyRule
from quri_console.history.schedule_views import InstalledFile
from quri_console.service.session import Session

_MODE = 0o644


def heading(session: Session) -> str:
    """What a file of this configuration and network says of itself."""
    return f"quri-console schedule install: {session.config.path}, network {session.network.name}"


def sealed(session: Session, path: Path, text: str) -> str:
    """With whose it is and the digest of all before, by which it is known again unless somebody edited it."""
    before, after = ("<!-- ", " -->") if path.suffix == ".plist" else ("# ", "")
    text = f"{text}{before}{heading(session)}{after}\n"
    return f"{text}{before}sha256 {hashlib.sha256(text.encode()).hexdigest()}{after}\n"


def is_whole(text: str) -> bool:
    """Whether a text is as it was sealed."""
    body, _, last = text.rstrip("\n").rpartition("\n")
    return hashlib.sha256(f"{body}\n".encode()).hexdigest() in last


def planned(session: Session, path: Path, text: str) -> InstalledFile:
    """What writing this text would be. Raises RefusedBySafetyRule where something that is not ours would go."""
    try:
        present = path.read_text(errors="replace") if path.exists() else None
    except OSError as error:
        raise unusable(path, error) from error
    if present == text:
        return InstalledFile(path, "unchanged", text)
    if present is not None and not (heading(session) in present and is_whole(present)):
        raise RefusedBySafetyRule(
            f"{path} is there already and was not written by this, or was edited since",
            why="nothing was written",
            next_step="Move it away, then install again.",
        )
    return InstalledFile(path, "written", text)


def write(file: InstalledFile) -> None:
    """Put it in place, whole or not at all."""
    try:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.path.with_name(f".{file.path.name}.{os.getpid()}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(file.text)
        temporary.replace(file.path)
    except OSError as error:
        raise unusable(file.path, error) from error


def removed(path: Path, *, dry_run: bool) -> InstalledFile:
    """Take a file of ours away, and the link by which systemd had it enabled."""
    try:
        text = path.read_text(errors="replace")
        if not is_whole(text):
            return InstalledFile(path, "left alone", text, "it was edited since it was written; remove it by hand")
        if not dry_run:
            enabled = path.parent / "timers.target.wants" / path.name
            if enabled.is_symlink():
                enabled.unlink()
            path.unlink()
    except OSError as error:
        raise unusable(path, error) from error
    return InstalledFile(path, "removed", text)


def unusable(path: Path, error: OSError) -> QuriError:
    """The failure of a place that cannot be read or written, worded."""
    return QuriError(
        f"cannot use {path}",
        why=error.strerror or str(error),
        next_step="Install as the user who may write there, or name another folder: --directory DIR.",
    )
