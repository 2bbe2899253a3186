"""The user that the system's timers run jobs under: where its folders are, and what it may not read yet."""

from __future__ import annotations

import contextlib
import os
import pwd
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from quri_console.config import Config, Duty, load_config
from quri_console.config.schedule_model import COSTING

_READ, _ENTER = 4, 1


@dataclass(frozen=True, slots=True)
class JobUser:
    """A user of this machine, and the configuration as its jobs will see it."""

    name: str
    uid: int
    groups: frozenset[int]
    config: Config

    def may_read(self, path: Path) -> bool:
        """Whether the modes of a file and of the folders above it let this user read it; True for what is not there."""
        try:
            above = all(self._may(folder, _ENTER) for folder in path.absolute().parents)
            return above and (not path.exists() or self._may(path, _READ))
        except PermissionError:
            return False

    def _may(self, path: Path, wanted: int) -> bool:
        if self.uid == 0 or not path.exists():
            return True
        status = path.stat()
        shift = 6 if status.st_uid == self.uid else 3 if status.st_gid in self.groups else 0
        return bool(status.st_mode >> shift & wanted)


def job_user(config: Config, name: str) -> JobUser | None:
    """The user of that name; None where this machine has none. Raises ConfigError."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    groups = frozenset(os.getgrouplist(name, entry.pw_gid))
    with _at_home(entry.pw_dir):
        return JobUser(name, entry.pw_uid, groups, load_config(config.path))


@contextlib.contextmanager
def _at_home(home: str) -> Iterator[None]:
    """Our folders, and `~` in the configuration, are those of another user meanwhile."""
    names = ("HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    os.environ["HOME"] = home
    try:
        yield
    finally:
        del os.environ["HOME"]
        os.environ.update(before)


def written(config: Config) -> tuple[Path, ...]:
    """The folders that every job writes into."""
    return config.paths.state, config.paths.cache, config.repository.path


def unreadable(user: JobUser) -> tuple[Path, ...]:
    """The configuration and the key files that its jobs need and that the user cannot read."""
    config = user.config
    duties: list[Duty] = ["poll"]
    jobs = {schedule.job for schedule in config.schedules.active}
    duties += ["backup"] if jobs & set(COSTING) else []
    duties += ["operate"] if "ready" in jobs else []
    keys = [identity.pem for duty in duties if (identity := config.identity(duty)) is not None]
    return tuple(path for path in dict.fromkeys((config.path, *keys)) if not user.may_read(path))


def folders_to_make(user: JobUser) -> tuple[str, ...]:
    """The command that makes what its jobs write into and is not there: units may write into nothing else."""
    sealed = [schedule.folder for schedule in user.config.schedules.active if schedule.folder is not None]
    missing = [str(folder) for folder in dict.fromkeys((*written(user.config), *sealed)) if not folder.is_dir()]
    return (shlex.join(("sudo", "-u", user.name, "mkdir", "-p", *missing)),) if missing else ()
