"""The table `[schedules]`: what runs by itself, when (cron lines in UTC), and what it may do unattended."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast, get_args

from quri_console.config.fields import Table
from quri_console.config.model import Criticality
from quri_console.config.schedule_model import REPORTS, WITH_CANISTERS, JobKind, ScheduleConfig, SchedulesConfig
from quri_console.errors import ConfigError
from quri_console.units import DAY_SECONDS, HOUR_SECONDS, TRILLION

LONGEST_JITTER_SECONDS = 6 * HOUR_SECONDS
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_SETTINGS = ("enabled", "in_watch", "production", "max_cycles_per_day", "reason")
_FIELDS = ("job", "cron", "jitter", "criticality", "canisters", "enabled", "deadline", "folder", "channels")
_CRON_RULE = (
    'Allowed: five fields "MINUTE HOUR DAY MONTH WEEKDAY" in UTC, like "0 2 * * *" (daily at 02:00), '
    '"30 2 * * SUN" (weekly) or "0 5 15 * *" (monthly).'
)
_EXAMPLE_START = datetime(2024, 1, 1, tzinfo=UTC)


DEFAULTS = (
    ScheduleConfig("backup-high", "backup", "0 2 * * *", 300, "high"),
    ScheduleConfig("backup-medium", "backup", "30 2 * * SUN", 300, "medium"),
    ScheduleConfig("backup-low", "backup", "0 3 1 * *", 300, "low"),
    ScheduleConfig("verify", "verify", "0 4 * * MON", 300),
    ScheduleConfig("rehearse", "rehearse", "0 5 15 * *", 300),
    ScheduleConfig("ready", "ready", "0 6 * * *", 300),
    ScheduleConfig("retention", "retention", "0 7 * * SUN", 300),
    ScheduleConfig("report-daily", "report-daily", "0 9 * * *"),
    ScheduleConfig("report-weekly", "report-weekly", "0 8 * * MON"),
)
"""What `[schedules] enabled = true` turns on; a table of one of these names changes it."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """What schedules may name: the canisters and how critical each is, and the channels."""

    criticality: Mapping[str, Criticality]
    channels: tuple[str, ...] = ()

    def has(self, criticality: Criticality | None) -> bool:
        """Whether any canister is that critical."""
        return criticality is None or criticality in self.criticality.values()


def schedules_of(table: Table, fleet: Fleet) -> SchedulesConfig:
    """What the table says. Without `enabled` only named schedules run; with false none does. Raises ConfigError."""
    usual = {entry.name: entry for entry in DEFAULTS}
    for key in table.names():
        if key not in _SETTINGS and not table.is_table(key):
            table.done((*_SETTINGS, *usual))
    all_off = table.has("enabled") and not table.boolean("enabled", default=True)
    named = [
        _schedule(table.table(key), usual.get(key), fleet, off=all_off) for key in table.names() if key not in _SETTINGS
    ]
    _require_distinct(table, named)
    if table.has("enabled") and not all_off:
        taken = {entry.name for entry in named}
        added = [entry for entry in DEFAULTS if entry.name not in taken and fleet.has(entry.criticality)]
        named = sorted((*named, *added), key=lambda entry: [*usual, entry.name].index(entry.name))
    return SchedulesConfig(
        entries=tuple(named),
        in_watch=table.boolean("in_watch", default=True),
        production=table.boolean("production", default=False),
        max_cycles_per_day=table.cycles("max_cycles_per_day", TRILLION),
        reason=table.text("reason", 'Allowed: a text like "CHG-7: standing schedule".') or "",
    )


def _schedule(table: Table, usual: ScheduleConfig | None, fleet: Fleet, *, off: bool) -> ScheduleConfig:
    if not _NAME.fullmatch(table.name):
        rule = "A schedule's name has up to 40 letters, digits, '_' and '-', and starts with a letter or a digit."
        raise table.document.fault(table.key, f"{table.name!r} cannot be the name of a schedule", allowed=rule)
    table.done(_FIELDS)
    job = _job(table, usual)
    criticality, canisters = _whose(table, job, usual, fleet)
    return ScheduleConfig(
        name=table.name,
        job=job,
        cron=_cron(table, usual),
        jitter_seconds=_duration(table, "jitter", usual.jitter_seconds if usual else 0, 0, LONGEST_JITTER_SECONDS),
        criticality=criticality,
        canisters=canisters,
        enabled=table.boolean("enabled", default=True) and not off,
        deadline_seconds=_duration(table, "deadline", 6 * HOUR_SECONDS, 60, 7 * DAY_SECONDS),
        folder=_folder(table, job),
        channels=_channels(table, job, fleet),
    )


def _job(table: Table, usual: ScheduleConfig | None) -> JobKind:
    if usual is None and not table.has("job"):
        raise table.fault("job", "is missing", allowed=f"Allowed: {', '.join(get_args(JobKind))}.")
    return cast("JobKind", table.choice("job", get_args(JobKind), usual.job if usual else ""))


def _cron(table: Table, usual: ScheduleConfig | None) -> str:
    text = table.text("cron", _CRON_RULE)
    if text is None:
        if usual is None:
            raise table.fault("cron", "is missing", allowed=_CRON_RULE)
        return usual.cron
    line = " ".join(text.split())
    fault = cron_fault(line)
    if fault:
        raise table.fault("cron", f"is {text!r}", why=fault, allowed=_CRON_RULE)
    return line


def cron_fault(line: str) -> str:
    """Why a cron line cannot be one here; empty when it can."""
    # imported only where there are schedules: every command reads the configuration
    from cronsim import CronSim, CronSimError

    if len(line.split()) != 5:
        return f"it has {len(line.split())} fields, not 5"
    try:
        next(CronSim(line, _EXAMPLE_START))
    except CronSimError as error:
        return str(error)
    except StopIteration:
        return "it never comes: no such day is in any year"
    return ""


def _whose(
    table: Table, job: JobKind, usual: ScheduleConfig | None, fleet: Fleet
) -> tuple[Criticality | None, tuple[str, ...]]:
    for field in ("criticality", "canisters"):
        if table.has(field) and job not in WITH_CANISTERS:
            raise table.fault(field, f"means nothing for {job}", allowed=f"It goes with {', '.join(WITH_CANISTERS)}.")
    if table.has("criticality") and table.has("canisters"):
        raise table.fault("canisters", "stands beside criticality", allowed="Leave one of the two out.")
    if table.has("canisters"):
        allowed = 'Allowed: names of [canisters.NAME] tables, like ["registry"]; without it, the whole fleet.'
        names = table.texts("canisters", allowed)
        for name in names:
            if name not in fleet.criticality:
                raise table.fault("canisters", f"names {name!r}, which is no canister here", allowed=allowed)
        return None, names
    word = table.choice(
        "criticality", get_args(Criticality), (usual.criticality if usual and usual.job == job else "") or ""
    )
    criticality = cast("Criticality", word) if word else None
    if table.has("criticality") and not fleet.has(criticality):
        raise table.fault(
            "criticality", f"is {word!r}, and no canister is", allowed="Give a canister this criticality."
        )
    return criticality, ()


def _folder(table: Table, job: JobKind) -> Path | None:
    rule = "Allowed: the path of a folder that sealed backups are written to."
    folder = table.file("folder", rule)
    if (job == "seal") != (folder is not None):
        raise table.fault("folder", "is missing" if folder is None else f"means nothing for {job}", allowed=rule)
    return folder


def _channels(table: Table, job: JobKind, fleet: Fleet) -> tuple[str, ...]:
    if not table.has("channels"):
        return ()
    if job not in REPORTS:
        raise table.fault("channels", f"means nothing for {job}", allowed=f"It goes with {', '.join(REPORTS)}.")
    allowed = 'Allowed: names of [channels.NAME] tables, like ["ops"].'
    names = table.texts("channels", allowed)
    for name in names:
        if name not in fleet.channels:
            raise table.fault("channels", f"names {name!r}, which is no channel here", allowed=allowed)
    return tuple(dict.fromkeys(names))


def _duration(table: Table, field: str, usual: float, low: float, high: float) -> float:
    return table.duration(field, usual, low=low, high=high, examples='"5m" or "2h"')


def _require_distinct(table: Table, entries: Sequence[ScheduleConfig]) -> None:
    """TOML itself refuses a name twice; names that differ in case alone would share their files."""
    seen: dict[str, str] = {}
    for entry in entries:
        other = seen.setdefault(entry.name.casefold(), entry.name)
        if other != entry.name:
            raise _same_name(table, entry.name, other)
    for entry in DEFAULTS:
        name = seen.get(entry.name.casefold(), entry.name)
        if name != entry.name:
            raise _same_name(table, name, entry.name)


def _same_name(table: Table, name: str, other: str) -> ConfigError:
    why = f"it differs from {other!r} in case alone"
    return table.fault(name, "is a second schedule of one name", why=why, allowed="Give each schedule its own name.")
