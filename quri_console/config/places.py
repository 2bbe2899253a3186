"""Where things are kept: the configuration file and our own folders (XDG base directories)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from quri_console.errors import ConfigError
from quri_console.homes import home, spelt_out

APPLICATION = "quri-console"


@dataclass(frozen=True, slots=True)
class Paths:
    """Our own folders; none is created before something is written into it."""

    state: Path
    data: Path
    cache: Path

    @classmethod
    def default(cls) -> Paths:
        """The folders of this user by the XDG base directory specification."""
        return cls(
            state=_xdg("XDG_STATE_HOME", ".local/state") / APPLICATION,
            data=_xdg("XDG_DATA_HOME", ".local/share") / APPLICATION,
            cache=_xdg("XDG_CACHE_HOME", ".cache") / APPLICATION,
        )

    @classmethod
    def below(cls, root: Path) -> Paths:
        """All folders together below `root`."""
        return cls(state=root / "state", data=root / "data", cache=root / "cache")

    @property
    def history(self) -> Path:
        """The database of samples."""
        return self.state / "history.sqlite"

    @property
    def logs(self) -> Path:
        """The service log: what our processes did, one file for each kind of process."""
        return self.state / "logs"

    @property
    def operations(self) -> Path:
        """One folder per operation: journal, log, progress."""
        return self.state / "operations"

    @property
    def repository(self) -> Path:
        """Where backups go unless the configuration says otherwise."""
        return self.data / "repository"


def _xdg(variable: str, default: str) -> Path:
    # the specification: a relative path there is invalid and to be ignored
    value = os.environ.get(variable, "")
    return Path(value) if value.startswith("/") else home() / default


def default_config_path() -> Path:
    """Where the configuration belongs when nobody says otherwise."""
    return _xdg("XDG_CONFIG_HOME", ".config") / APPLICATION / "config.toml"


def find_config_path(explicit: Path | None = None) -> Path:
    """The configuration file to read: `explicit`, else $QURI_CONFIG, else the default place.

    Raises ConfigError when there is none.
    """
    if explicit is not None:
        return _existing(explicit, "--config")
    from_environment = os.environ.get("QURI_CONFIG")
    if from_environment:
        return _existing(spelt_out(from_environment), "QURI_CONFIG")
    default = default_config_path()
    if not default.exists():
        raise ConfigError(
            "there is no configuration yet",
            next_step=f"Try `quri-console demo`, which needs none, let `quri-console init --guided` write {default}, "
            "or write it from config.example.toml.",
        )
    return default


def is_first_run(explicit: Path | None = None) -> bool:
    """Whether nobody named a configuration and none is in the default place."""
    return explicit is None and not os.environ.get("QURI_CONFIG") and not default_config_path().exists()


def _existing(path: Path, source: str) -> Path:
    if not path.exists():
        raise ConfigError(
            f"{path} does not exist",
            why=f"{source} names it",
            next_step="Correct the path, or try `quri-console demo`, which needs no configuration; "
            f"yours belongs in {default_config_path()}.",
        )
    return path
