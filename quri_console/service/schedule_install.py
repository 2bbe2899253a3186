"""Writes schedules into the system's timers, and takes away exactly what it wrote."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from quri_console.config.schedule_model import ScheduleConfig
from quri_console.errors import ConfigError
from quri_console.history.schedule_views import Installation, InstalledFile
from quri_console.service.schedule_crontab import into_crontab, out_of_crontab
from quri_console.service.schedule_files import heading, planned, removed, sealed, unusable, write
from quri_console.service.schedule_units import (
    Place,
    crontab_lines,
    launchd_agent,
    launchd_label,
    service_unit,
    timer_unit,
    unit_name,
)
from quri_console.service.schedule_user import JobUser, folders_to_make, job_user, unreadable, written
from quri_console.service.session import Session

System = Literal["systemd", "cron", "launchd"]


@dataclass(frozen=True, slots=True)
class Wish:
    """Where schedules are installed: for this user, or for the system under `user`."""

    system: System
    user: str = ""
    """Empty: for the present user."""
    directory: Path | None = None
    """None: where that system looks."""

    @property
    def folder(self) -> Path:
        """The folder of the files."""
        if self.directory is not None:
            return self.directory.absolute()
        home, config = Path.home(), os.environ.get("XDG_CONFIG_HOME", "")
        own = Path(config) if config.startswith("/") else home / ".config"
        if self.system == "systemd":
            return Path("/etc/systemd/system") if self.user else own / "systemd" / "user"
        if self.system == "cron":
            return Path("/etc/cron.d")
        return Path("/Library/LaunchDaemons") if self.user else home / "Library" / "LaunchAgents"

    @property
    def in_crontab(self) -> bool:
        """Whether the lines go into the user's crontab, which is no file of ours."""
        return self.system == "cron" and not self.user and self.directory is None


def install(session: Session, wish: Wish, *, dry_run: bool = False) -> Installation:
    """Write what the active schedules need and remove what they need no longer.

    Raises ConfigError without schedules, UsageError for a cron line that the system cannot express,
    RefusedBySafetyRule before anything is written over that is not ours.
    """
    if not session.config.schedules.active:
        raise ConfigError(
            f"{session.config.path} has no schedule that is on",
            next_step="Add [schedules] with enabled = true, or a [schedules.NAME].",
        )
    user = job_user(session.config, wish.user) if wish.user else None
    place = place_of(session, wish, user)
    config = session.config if user is None else user.config
    wanted = _wanted(session, wish, place, config.schedules.active)
    if wish.in_crontab:
        files: tuple[InstalledFile, ...] = (into_crontab(session, next(iter(wanted.values())), dry_run=dry_run),)
    else:
        files = _into_folder(session, wish, wanted, dry_run=dry_run)
    notes = (*_notes(session, wish), *(_user_notes(place, user) if wish.user else ()), *_timer_notes(files))
    steps = _next_steps(wish, files)
    if steps and user is not None and wish.system == "systemd":
        steps = (*folders_to_make(user), *steps)
    return Installation(files, notes, steps)


def uninstall(session: Session, wish: Wish, *, dry_run: bool = False) -> Installation:
    """Remove what `install` wrote for this configuration and network; what was edited since is left alone."""
    if wish.in_crontab:
        files = out_of_crontab(session, dry_run=dry_run)
    else:
        files = tuple(removed(path, dry_run=dry_run) for path in _ours(session, wish))
    return Installation(files, _timer_notes(files), _next_steps(wish, files))


def place_of(session: Session, wish: Wish, user: JobUser | None) -> Place:
    """What the units are written for: the folders are those of the user whose jobs they are."""
    config = session.config
    program = shutil.which("quri-console", path=str(Path(sys.executable).parent))
    return Place(
        program=(program,) if program else (sys.executable, "-m", "quri_console"),
        config=config.path,
        network=session.network.name,
        writes=written(config if user is None else user.config),
        user=wish.user,
    )


def _wanted(session: Session, wish: Wish, place: Place, schedules: Sequence[ScheduleConfig]) -> dict[Path, str]:
    """The content of every file by its path; of a user's crontab one block, whatever its path."""
    found = {}
    if wish.system == "cron":
        lines = crontab_lines(place, schedules, utc=time.timezone == 0 and time.daylight == 0)
        found[wish.folder / f"quri-console-{session.network.name}"] = "\n".join(lines) + "\n"
    for schedule in schedules if wish.system == "systemd" else ():
        name = unit_name(place, schedule.name)
        found[wish.folder / f"{name}.service"] = service_unit(place, schedule)
        found[wish.folder / f"{name}.timer"] = timer_unit(place, schedule)
    for schedule in schedules if wish.system == "launchd" else ():
        found[wish.folder / f"{launchd_label(place, schedule.name)}.plist"] = launchd_agent(place, schedule)
    return {path: sealed(session, path, text) for path, text in found.items()}


def _ours(session: Session, wish: Wish) -> tuple[Path, ...]:
    """The files in the folder that say that they were written for this configuration and network."""
    pattern = "console.quri.*.plist" if wish.system == "launchd" else f"quri-console-{session.network.name}*"
    try:
        found = sorted(wish.folder.glob(pattern))
        return tuple(path for path in found if heading(session) in path.read_text(errors="replace"))
    except OSError as error:
        raise unusable(wish.folder, error) from error


def _into_folder(session: Session, wish: Wish, wanted: dict[Path, str], *, dry_run: bool) -> tuple[InstalledFile, ...]:
    files = [planned(session, path, text) for path, text in wanted.items()]
    stale = [path for path in _ours(session, wish) if path not in wanted]
    if not dry_run:
        for file in files:
            if file.change == "written":
                write(file)
    return (*files, *(removed(path, dry_run=dry_run) for path in stale))


def _notes(session: Session, wish: Wish) -> tuple[str, ...]:
    notes = []
    if session.config.schedules.in_watch:
        notes.append("`watch` runs the schedules, too; set [schedules] in_watch = false to leave them to these timers.")
    if wish.system == "launchd":
        notes.append("The launchd agents were never tried on a Mac; tell us what happens.")
    if not wish.user:
        notes.append("The jobs run as you, with your keys. A user of their own is better: --system --as USER.")
    return tuple(notes)


def _user_notes(place: Place, user: JobUser | None) -> tuple[str, ...]:
    if user is None:
        return (
            f"This machine has no user {place.user} yet: create it, then install again, because the folders that its "
            "jobs write into depend on its home.",
        )
    # an environment's interpreter may lie in the home of whoever made it
    programs = (Path(place.program[0]), Path(sys.executable).resolve())
    hidden = [*unreadable(user), *(path for path in programs if not user.may_read(path))]
    return tuple(f"{user.name} cannot read {path}: without it the jobs fail." for path in dict.fromkeys(hidden))


def _without_service(files: Sequence[InstalledFile]) -> tuple[Path, ...]:
    """Timers that somebody edited, so that they stay, and whose service does not."""
    stay = [file.path for file in files if file.change != "removed"]
    edited = [file.path for file in files if file.change == "left alone" and file.path.suffix == ".timer"]
    return tuple(path for path in edited if path.with_suffix(".service") not in stay)


def _timer_notes(files: Sequence[InstalledFile]) -> tuple[str, ...]:
    return tuple(
        f"{path.name} was edited and stays without its service: it fails at each of its times until it is switched off "
        f"(see Next) and {path} is removed."
        for path in _without_service(files)
    )


def _next_steps(wish: Wish, files: Sequence[InstalledFile]) -> tuple[str, ...]:
    changed = [file.path.name for file in files if file.change in ("written", "removed")]
    if not (changed or _without_service(files)) or wish.system == "cron":
        return ()
    if wish.system == "launchd":
        domain = "system" if wish.user else "gui/$(id -u)"
        verbs = {"written": f"bootstrap {domain}", "removed": f"bootout {domain}"}
        return tuple(f"launchctl {verbs[file.change]} {file.path}" for file in files if file.change in verbs)
    control = "systemctl" if wish.user else "systemctl --user"
    timers = {change: [f.path.name for f in files if f.change == change and f.path.suffix == ".timer"] for change in
              ("written", "removed")}  # fmt: skip
    steps = [f"{control} stop {' '.join(timers['removed'])}"] if timers["removed"] else []
    if left := [path.name for path in _without_service(files)]:
        steps.append(f"{control} disable --now {' '.join(left)}")
    steps.append(f"{control} daemon-reload")
    if timers["written"]:
        steps.append(f"{control} enable --now {' '.join(timers['written'])}")
    if timers["written"] and not wish.user:
        steps.append("loginctl enable-linger   # else they run only while you are logged in")
    return tuple(steps)
