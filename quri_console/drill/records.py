"""Keeps what drills came to in the operator's own state folder; the network of a drill vanishes with it."""

from __future__ import annotations

from pathlib import Path

from quri_console.config.places import Paths, find_config_path, is_first_run
from quri_console.effects.durable import make_private_directory, write_whole
from quri_console.errors import CorruptionError
from quri_console.history.drills import DRILLS_FOLDER, DrillRecord, drill_text


def operator_state(config: Path | None) -> Path:
    """The state folder of the configuration in use; that of this user where there is none yet. Raises ConfigError."""
    if is_first_run(config):
        return Paths.default().state
    from quri_console.config import load_config

    return load_config(find_config_path(config)).paths.state


def records_folder(state: Path) -> Path:
    """Where records lie; made where it is missing. Raises StateFolderUnusable."""
    folder = state / DRILLS_FOLDER
    make_private_directory(folder)
    return folder


def keep_record(state: Path, record: DrillRecord) -> Path:
    """Write the record into a new file. Raises StateFolderUnusable, CorruptionError for one that is there already."""
    path = records_folder(state) / record.file_name
    if path.exists():
        raise CorruptionError(f"{path} is there already", why="a drill is recorded once")
    write_whole(path, drill_text(record))
    return path
