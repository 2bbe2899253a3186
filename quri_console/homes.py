"""Home folders: the user's own, and the one that `~NAME` names in a path."""

from __future__ import annotations

from pathlib import Path

from quri_console.errors import UsageError


class NoHome(UsageError):
    """Nobody tells which folder is somebody's home."""


def home() -> Path:
    """The user's home folder. Raises NoHome where neither HOME nor the system's list of users tells it."""
    try:
        return Path.home()
    except RuntimeError as error:
        raise NoHome(
            "it cannot be told which folder is your home",
            why="HOME is not set, and the system does not know the user of this process",
            next_step="Set HOME; or name the configuration by --config, and in it all our folders by [paths] root.",
        ) from error


def spelt_out(text: str | Path) -> Path:
    """The path with the home folder in place of `~` or `~NAME`. Raises NoHome where there is none."""
    path = Path(text)
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise NoHome(
            f"{str(path)!r} names a home folder that is not known",
            why=str(error).rstrip("."),
            next_step="Write the path without ~; a file whose name begins so is ./~NAME.",
        ) from error
