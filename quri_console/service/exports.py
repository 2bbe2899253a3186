"""Puts what a view shows into a file: nobody else can read it, and nothing is overwritten."""

from __future__ import annotations

from pathlib import Path

from quri_console.effects.durable import make_private_directory, write_whole
from quri_console.errors import UsageError
from quri_console.homes import spelt_out
from quri_console.service.session import Session

FOLDER = "exports"


def exports_folder(session: Session) -> Path:
    """Where exports go unless another place is named."""
    return session.config.paths.state / FOLDER


def save_export(session: Session, path: Path, text: str) -> Path:
    """Write a new file; where it is. A relative path begins in the folder of exports.

    Raises UsageError, StateFolderUnusable.
    """
    own = exports_folder(session)
    whole = own / spelt_out(path)
    if whole.exists():
        raise UsageError(f"{whole} is there already", next_step="Name another file; nothing is overwritten.")
    if whole.parent == own:
        make_private_directory(own)
    write_whole(whole, text)
    return whole
