"""Writes a proposal where nothing is yet, or with force in the place of what was there, which is kept beside it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from quri_console.config import load_config
from quri_console.errors import QuriError, UsageError
from quri_console.folders import make_private_folders
from quri_console.service.first_configuration import write_configuration
from quri_console.service.old_scripts.proposal import Proposal


@dataclass(frozen=True, slots=True)
class Written:
    """Where the configuration is, where what was there before is kept, and which secret files were made or left."""

    path: Path
    kept: Path | None
    secrets: tuple[Path, ...]
    left: tuple[Path, ...]


def write_proposal(proposal: Proposal, path: Path, now: datetime, *, force: bool) -> Written:
    """Write configuration and secret files, readable by you alone. Raises UsageError, QuriError.

    A secret file that is there already is left as it is, with or without force.
    """
    # a link that leads nowhere is something, too
    if os.path.lexists(path) and not force:
        raise UsageError(
            f"{path} is there already",
            next_step="Compare it with what is printed without --write; --force keeps it beside the new one.",
        )
    kept = None
    try:
        make_private_folders(path.parent)
        # first: a disk that has no room for them must not cost the configuration that is there
        made, left = _secrets(proposal, path.parent)
        if os.path.lexists(path):
            kept = path.with_name(f"{path.name}.{now:%Y%m%dT%H%M%S}Z")
            os.link(path, kept, follow_symlinks=False)
            path.unlink()
    except OSError as error:
        raise QuriError(
            f"{path} cannot be written", why=error.strerror or str(error), next_step="Check the folder."
        ) from error
    try:
        write_configuration(path, proposal.text)
        load_config(path)
    except BaseException:
        if kept is not None:
            kept.replace(path)
        raise
    return Written(path, kept, made, left)


def _secrets(proposal: Proposal, folder: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    made, left = [], []
    for name, secret in proposal.secrets.items():
        path = folder / name
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            left.append(path)
            continue
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secret + "\n")
        made.append(path)
    return tuple(made), tuple(left)
