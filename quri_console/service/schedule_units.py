"""Schedules as the system's own timers have them: systemd units, crontab lines, a launchd agent; text only."""

from __future__ import annotations

import plistlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cronsim import CronSim

from quri_console.clock import utc_datetime
from quri_console.config.schedule_model import ScheduleConfig
from quri_console.errors import UsageError

_WEEKDAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_ALWAYS = (
    "NoNewPrivileges=yes",
    "UMask=0077",
    "LockPersonality=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "RestrictNamespaces=yes",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallFilter=~@privileged @resources",
    "SystemCallErrorNumber=EPERM",
)
# these need what the manager of a single user may not do everywhere
_SYSTEM_ONLY = (
    "CapabilityBoundingSet=",
    "AmbientCapabilities=",
    "ProtectSystem=strict",
    "ProtectHome=read-only",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "ProtectControlGroups=yes",
    # not ProcSubset=pid: it hides the id of this boot, by which a lock of a process that died is known to be stale
    "ProtectProc=invisible",
    "PrivateTmp=yes",
    "PrivateMounts=yes",
    "PrivateDevices=yes",
    "DevicePolicy=closed",
    "RemoveIPC=yes",
)


@dataclass(frozen=True, slots=True)
class Place:
    """What units are written for: the command before the job, who runs it, and which folders it writes into."""

    program: tuple[str, ...]
    config: Path
    network: str
    writes: tuple[Path, ...]
    user: str = ""
    """Empty: units of the present user."""

    def command(self, schedule: str) -> tuple[str, ...]:
        """The one-shot command of a schedule."""
        options = ("--config", str(self.config), "--network", self.network)
        return (*self.program, *options, "schedule", "run", schedule, "--if-due")


def unit_name(place: Place, schedule: str) -> str:
    """The name of a schedule's units, without ending."""
    return f"quri-console-{place.network}-{schedule}"


def service_unit(place: Place, schedule: ScheduleConfig) -> str:
    """The service that runs a schedule once."""
    seconds = round(schedule.deadline_seconds) + 300
    lines = [
        "[Unit]",
        f"Description=quri-console: {schedule.job} ({schedule.name} on {place.network})",
        "Documentation=man:systemd.timer(5)",
        # the manager of a single user knows no network-online.target
        *(("Wants=network-online.target", "After=network-online.target") if place.user else ()),
        "",
        "[Service]",
        "Type=oneshot",
        f"ExecStart={_line(place.command(schedule.name))}",
        # skipped by lockdown, permit or cap: said by the program, no failure of the unit
        "SuccessExitStatus=14",
        f"TimeoutStartSec={seconds}",
        # what it started brings canisters back by itself, and must not die with it
        "KillMode=process",
        "Nice=10",
        *_ALWAYS,
    ]
    if place.user:
        folders = (*place.writes, *(() if schedule.folder is None else (schedule.folder,)))
        writes = " ".join(_quoted(f"-{path}") for path in folders)
        lines += [f"User={place.user}", *_SYSTEM_ONLY, f"ReadWritePaths={writes}"]
    return "\n".join(lines) + "\n"


def timer_unit(place: Place, schedule: ScheduleConfig) -> str:
    """The timer that starts it, in UTC; what was missed while the machine was off is run once."""
    lines = ["[Unit]", f"Description=quri-console: when {schedule.name} on {place.network} runs", "", "[Timer]"]
    lines += [f"OnCalendar={calendar}" for calendar in calendars(schedule)]
    lines += ["Persistent=true", "AccuracySec=1s"]
    if schedule.jitter_seconds:
        lines += [f"RandomizedDelaySec={round(schedule.jitter_seconds)}", "FixedRandomDelay=true"]
    return "\n".join([*lines, "", "[Install]", "WantedBy=timers.target"]) + "\n"


def calendars(schedule: ScheduleConfig) -> tuple[str, ...]:
    """A cron line as systemd's calendar events; two where either of two kinds of day is meant. Raises UsageError."""
    cron = CronSim(schedule.cron, utc_datetime(0))
    weekdays = [item for item in cron.weekdays if isinstance(item, int)]
    if len(weekdays) != len(cron.weekdays) or min(cron.days) < 1:
        raise UsageError(
            f"systemd cannot express {schedule.cron!r} of schedule {schedule.name}",
            why="L and # have no counterpart there",
            next_step="Use days by their number, or run the schedules within `quri-console watch`.",
        )
    names = ",".join(_WEEKDAYS[day] for day in sorted({day % 7 for day in weekdays}))
    every_weekday, every_day = len({day % 7 for day in weekdays}) == 7, len(cron.days) == 31
    months, days = _listed(cron.months, 12), _listed(cron.days, 31)
    time = f"{_listed(cron.hours, 24)}:{_listed(cron.minutes, 60)}:00 UTC"
    if cron.day_and or every_weekday or every_day:
        return (f"{'' if every_weekday else f'{names} '}*-{months}-{days} {time}",)
    return (f"*-{months}-{days} {time}", f"{names} *-{months}-* {time}")


def _listed(values: set[int], of: int) -> str:
    return "*" if len(values) == of else ",".join(f"{value:02}" for value in sorted(values))


def crontab_lines(place: Place, schedules: Sequence[ScheduleConfig], *, utc: bool) -> tuple[str, ...]:
    """The lines of a crontab; with a user's name in them for a system's. Where its clock is not UTC it asks hourly."""
    lines = ["CRON_TZ=UTC"] if utc else ["# this machine's clock is not UTC: every hour is asked whether it is time"]
    for schedule in schedules:
        when = crontab_time(schedule) if utc else f"{_every_hour(schedule)} * * * *"
        command = shlex.join(place.command(schedule.name)).replace("%", "\\%")
        user = f"{place.user}\t" if place.user else ""
        lines.append(f"{when}\t{user}{command} >/dev/null")
    return tuple(lines)


def crontab_time(schedule: ScheduleConfig) -> str:
    """A cron line as every cron reads it. Raises UsageError."""
    if any(character in schedule.cron.split()[2] + schedule.cron.split()[4] for character in "#L"):
        raise UsageError(
            f"a crontab cannot express {schedule.cron!r} of schedule {schedule.name}",
            next_step="Use days by their number, or run the schedules within `quri-console watch`.",
        )
    return schedule.cron


def _every_hour(schedule: ScheduleConfig) -> str:
    minutes = _minutes(schedule)
    return "*" if len(minutes) == 60 else ",".join(map(str, sorted(minutes)))


def _minutes(schedule: ScheduleConfig) -> set[int]:
    minutes: set[int] = CronSim(schedule.cron, utc_datetime(0)).minutes
    return minutes


def launchd_agent(place: Place, schedule: ScheduleConfig) -> str:
    """A launchd agent, asked every hour because its calendar is local time. Nobody has tried it on a Mac yet."""
    document = {
        "Label": launchd_label(place, schedule.name),
        "ProgramArguments": list(place.command(schedule.name)),
        "StartCalendarInterval": [{"Minute": minute} for minute in sorted(_minutes(schedule))],
        "RunAtLoad": True,
        "ProcessType": "Background",
        "LowPriorityIO": True,
        "Umask": 0o077,
        **({"UserName": place.user} if place.user else {}),
    }
    return plistlib.dumps(document).decode()


def launchd_label(place: Place, schedule: str) -> str:
    """The label of a launchd agent."""
    return f"console.quri.{place.network}.{schedule}"


def _line(words: Sequence[str]) -> str:
    """A command line, its variables taken literally."""
    return " ".join(_quoted(word).replace("$", "$$") for word in words)


def _quoted(word: str) -> str:
    """A word as systemd reads it, its specifiers taken literally."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"' if any(character in escaped for character in " \t'\"\\;") else escaped
