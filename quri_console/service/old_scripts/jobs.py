"""Lines of cron as schedules: when each of our jobs is to run, in UTC, and what is different about it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from quri_console.config.schedule_model import JobKind
from quri_console.redaction import without_secrets
from quri_console.service.old_scripts.cron_zone import in_utc
from quri_console.service.old_scripts.crontab import CronEntry, OldJob
from quri_console.service.old_scripts.fleet import Fleet
from quri_console.service.old_scripts.notes import Notes
from quri_console.service.old_scripts.settings import Settings

_MTIME = re.compile(r"-mtime\s+\+(\d{1,4})\b")
_JOBS: dict[OldJob, JobKind] = {
    "delete": "retention",
    "report-daily": "report-daily",
    "report-weekly": "report-weekly",
    "rehearse": "rehearse",
}
_WORDS: dict[OldJob, str] = {
    "delete": "archives were deleted by their age alone; here `forget --policy` hides what [retention] does not keep, "
    "and `prune` deletes it when the grace time is over",
    "report-daily": "the JSON of monitor-cycles.sh becomes the daily health report in `reports` of the state folder",
    "report-weekly": "becomes the summary of the week in `reports` of the state folder",
    "rehearse": "the dry run of restore-canister.sh compared texts; a rehearsal loads the backups into a sandbox and "
    "asks their health queries",
}


@dataclass(slots=True)
class Jobs:
    """Tables of [schedules] by name, and after how many days archives were deleted."""

    schedules: dict[str, dict[str, Any]] = field(default_factory=dict)
    delete_days: int | None = None
    monitored: bool = False


def jobs_of(entries: tuple[CronEntry, ...], fleet: Fleet, settings: Settings, notes: Notes) -> Jobs:
    """What the lines of cron come to."""
    jobs = Jobs()
    for entry in entries:
        if entry.job == "monitor":
            _monitor(jobs, entry, notes)
        elif entry.job == "backup":
            _backup(jobs, entry, fleet, notes)
        elif entry.job in ("compress", "logs"):
            _not_needed(entry, notes)
        elif entry.job == "other":
            text = f"no job here does this, so it is left to cron: {without_secrets(entry.command)[:160]}"
            notes.add("not understood", text, entry.place, setting="schedules")
        else:
            _plain(jobs, entry, notes)
    _days_of_settings(jobs, settings, notes)
    _say_unattended(jobs, notes)
    return jobs


def _monitor(jobs: Jobs, entry: CronEntry, notes: Notes) -> None:
    jobs.monitored = True
    text = (
        f"monitor-cycles.sh ran by `{entry.cron}`; `watch` asks every [monitor] interval (60 s) and tells of a change "
        "once, then again after repeat_critical and repeat_warning, not at every look. No schedule is needed for it"
    )
    notes.add("difference", text, entry.place, setting="monitor.interval")


def _backup(jobs: Jobs, entry: CronEntry, fleet: Fleet, notes: Notes) -> None:
    cron = _cron(entry, notes)
    levels = fleet.levels()
    others = [table for name, table in jobs.schedules.items() if name.startswith("backup-")]
    if cron in {table["cron"] for table in others}:
        text = "another line backs up at the same time, so one schedule stands for both"
        notes.add("difference", text, entry.place, setting="schedules")
    elif others or not levels:
        jobs.schedules[_free(jobs, "backup-all")] = {"job": "backup", "cron": cron}
    else:
        jobs.schedules.update({f"backup-{level}": {"cron": cron} for level in levels})
    text = (
        "it wrote down status texts; a backup here is the whole state, for which each canister is stopped for seconds "
        "and pays a little. All canisters keep this time; for those of medium criticality once a week is enough: "
        '[schedules.backup-medium] cron = "30 2 * * SUN"'
    )
    notes.add("difference", text, entry.place, setting="schedules")
    folder = entry.option("--output-dir", "-o")
    if folder:
        text = "the old backups stay where they are; `quri-console import DIR` takes over what they hold"
        notes.add("difference", text, entry.place, setting="repository")


def _plain(jobs: Jobs, entry: CronEntry, notes: Notes) -> None:
    kind, cron = _JOBS[entry.job], _cron(entry, notes)
    name = _free(jobs, kind)
    jobs.schedules[name] = {"cron": cron} if name == kind else {"job": kind, "cron": cron}
    notes.add("difference", _WORDS[entry.job], entry.place, setting="schedules")
    if entry.job == "delete":
        days = _MTIME.search(entry.command)
        if days is None:
            notes.add("not understood", "after how many days it deletes cannot be read", entry.place,
                      setting="retention")  # fmt: skip
        else:
            jobs.delete_days = int(days[1])
            _say_days(int(days[1]), entry, notes)


def _say_days(days: int, entry: CronEntry, notes: Notes) -> None:
    text = (
        f"archives older than {days} days were deleted: every backup of {days} days is kept, and beyond them "
        "the newest of each week, month and year, as [retention] has it by default; set those to 0 to keep none"
    )
    notes.add("difference", text, entry.place, setting="retention")


def _not_needed(entry: CronEntry, notes: Notes) -> None:
    text = (
        "backups are compressed and deduplicated when they are made, so nothing compresses them later"
        if entry.job == "compress"
        else "logs give way by themselves ([monitor.log] size and count); `quri-console service-logs` shows them"
    )
    notes.add("not needed", text, entry.place)


def _cron(entry: CronEntry, notes: Notes) -> str:
    """The line in UTC, and what that changes."""
    zone, shifted = entry.zone, in_utc(entry.cron, entry.zone)
    says_utc = re.search(r"\bUTC\b", f"{entry.comment} {entry.command}") is not None
    if shifted.why_not:
        text = f"`{entry.cron}` in {zone.name} is left as it is, which is UTC here: {shifted.why_not}"
        notes.add("decision", text, entry.place, setting="schedules")
    elif not zone.is_utc:
        text = f"`{entry.cron}` ran by the clock of {zone.name}; schedules here are in UTC: `{shifted.line}`"
        if zone.winter != zone.summer:
            text += ", which is that time in winter, and an hour later by that clock in summer"
        if says_utc:
            text += f". Its comment calls the time UTC; if that was meant, write `{entry.cron}`"
        notes.add("decision" if says_utc else "difference", text, entry.place, setting="schedules")
    return shifted.line


def _free(jobs: Jobs, name: str) -> str:
    names = (name if number == 1 else f"{name}-{number}" for number in range(1, 1_000))
    return next(item for item in names if item not in jobs.schedules)


def _days_of_settings(jobs: Jobs, settings: Settings, notes: Notes) -> None:
    for assignment in settings.by_role.get("retention", ()):
        value = assignment.value or ""
        if not (value.isascii() and value.isdigit() and 0 < int(value[:6]) <= 3_650):
            notes.add("not understood", f"{assignment.name} is no number of days", assignment.place,
                      setting="retention")  # fmt: skip
        elif jobs.delete_days is None:
            jobs.delete_days = int(value)
            text = f"{assignment.name}: every backup of {value} days is kept, and [retention]'s own counts beyond them"
            notes.add("difference", text, assignment.place, setting="retention")
        elif jobs.delete_days != int(value):
            text = f"{assignment.name} says {value} days, and {jobs.delete_days} are taken"
            notes.add("decision", text, assignment.place, setting="retention")


def _say_unattended(jobs: Jobs, notes: Notes) -> None:
    if any(name.startswith("backup") for name in jobs.schedules):
        text = (
            "cron worked with whatever identity dfx had. Here a scheduled backup needs [identities.backup] with the "
            "key of a controller, and on a production network the written permit [schedules] production = true; until "
            "both are given it is skipped, and says so"
        )
        notes.add("decision", text, setting="schedules")
    if jobs.schedules:
        text = "verify (weekly) and ready (daily) have no forerunner: [schedules] enabled = true turns them on as well"
        notes.add("difference", text, setting="schedules")
