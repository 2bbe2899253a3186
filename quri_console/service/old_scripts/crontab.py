"""Lines of a crontab: when each runs, in which zone, and which of our jobs does what its command did."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from quri_console.config.scheduling import cron_fault
from quri_console.service.old_scripts.cron_zone import MACROS, Zone, zone_named
from quri_console.service.old_scripts.files import ScriptFile
from quri_console.service.old_scripts.notes import Notes, Place
from quri_console.service.old_scripts.shell import logical_lines, value_of, words_of

OldJob = Literal[
    "backup", "monitor", "report-daily", "report-weekly", "compress", "delete", "logs", "rehearse", "other"
]
_ENTRY = re.compile(r"^\s*(@\w+|(?:\S+\s+){4}\S+)\s+(.+)$")
_VARIABLE = re.compile(r"^\s*([A-Za-z_]\w*)\s*=\s*(.*)$")
_DELETES = re.compile(r"\bfind\b.*(-delete\b|\brm\b)")
_PACKS = re.compile(r"(?:^|[;&|(]|-exec|xargs)\s*(?:tar|gzip|zstd|xz)\b|compress")
_INTO_FILES = re.compile(r"\s*\d?(?:>>?|&>)\s*(?:&\d|\S+)")
_LOGS = re.compile(
    r"logrotate|\.log\b.*(\bmv\b|\bgzip\b|-delete\b|\brm\b)|(\bmv\b|\btruncate\b|\bgzip\b|\bfind\b).*\.log\b"
)
LONGEST_TOLD = 2_000
"""By so much of a command it is told what it does: the time that this takes grows with the square of it."""


@dataclass(frozen=True, slots=True)
class CronEntry:
    """A line that runs something: its five fields in `zone`, its command, and the comment that stands above it."""

    place: Place
    cron: str
    zone: Zone
    command: str
    comment: str
    job: OldJob
    words: tuple[str, ...]

    def option(self, *names: str) -> str | None:
        """The value of an option of the command, by any of its names; None where it is not given."""
        for at, word in enumerate(self.words):
            name, equals, value = word.partition("=")
            if name in names:
                return value if equals else self.words[at + 1] if at + 1 < len(self.words) else ""
        return None


@dataclass(frozen=True, slots=True)
class CronVariable:
    """A variable that the crontab sets for its lines."""

    name: str
    value: str | None
    variable: str
    place: Place


def read_crontab(file: ScriptFile, zone: Zone, notes: Notes) -> Iterator[CronEntry | CronVariable]:
    """What a crontab says; lines that are none are noted."""
    comment = ""
    for number, line in logical_lines(file):
        text, place = line.strip(), file.place(number)
        if not text:
            comment = ""
        elif text.startswith("#"):
            comment = f"{comment} {text.lstrip('# ')}".strip()
        elif (variable := _VARIABLE.match(line)) is not None:
            zone = _zone_of(variable, zone, place, notes)
            yield CronVariable(variable[1], *value_of(variable[2]), place)
        else:
            entry = _entry(text, place, zone, comment, notes)
            if entry is not None:
                yield entry
            comment = ""


def _zone_of(variable: re.Match[str], zone: Zone, place: Place, notes: Notes) -> Zone:
    name, value = variable[1], variable[2].strip().strip("\"'")
    if name not in ("CRON_TZ", "TZ"):
        return zone
    found = zone_named(value)
    if found is None:
        notes.add("not understood", f"{name} names no time zone; the lines below are read in {zone.name}", place)
        return zone
    if name == "TZ":
        # cron itself goes by CRON_TZ alone; TZ only reaches the commands
        notes.add("difference", f"TZ reaches the commands only: cron itself ran the lines in {zone.name}", place)
        return zone
    return found


def _entry(text: str, place: Place, zone: Zone, comment: str, notes: Notes) -> CronEntry | None:
    match = _ENTRY.match(text)
    if match is None:
        notes.add("not understood", "neither a comment, nor a variable, nor a line of cron", place)
        return None
    cron = MACROS.get(match[1].casefold(), "") if match[1].startswith("@") else " ".join(match[1].split())
    fault = cron_fault(cron) if cron else f"{match[1]} is no time"
    if fault:
        notes.add("not understood", f"it says no time that a schedule can have: {fault}", place)
        return None
    # an unescaped % ends the command: what follows is its input
    command = re.split(r"(?<!\\)%", match[2])[0].replace("\\%", "%").strip()
    words = words_of(command)
    if words is None:
        notes.add("not understood", "the quotes of its command are not closed", place)
        return None
    return CronEntry(place, cron, zone, command, comment, job_of(command, comment, words), tuple(words))


def job_of(command: str, comment: str, words: list[str]) -> OldJob:
    """Which of the old jobs a command is, by the script that it calls or by what it does."""
    if "restore-canister" in command:
        return "rehearse" if "--dry-run" in words else "other"
    if "backup-canisters" in command:
        return "backup"
    kind = _report(f"{command} {comment}".casefold())
    if "monitor-cycles" in command:
        return (kind or "report-daily") if kind or "--json" in words else "monitor"
    # into which file it writes says nothing of what it does
    does = _INTO_FILES.sub("", command[:LONGEST_TOLD])
    by_tool: tuple[tuple[re.Pattern[str], OldJob], ...] = ((_LOGS, "logs"), (_PACKS, "compress"), (_DELETES, "delete"))
    return next((job for pattern, job in by_tool if pattern.search(does)), kind or "other")


def _report(text: str) -> Literal["report-daily", "report-weekly"] | None:
    if not re.search(r"report|summary", text):
        return None
    return "report-weekly" if "week" in text else "report-daily"
