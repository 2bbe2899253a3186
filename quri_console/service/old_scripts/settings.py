"""What the assignments of scripts, .env files and crontabs mean: each is taken over, or it is said that it is not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from quri_console.service.old_scripts.crontab import CronEntry
from quri_console.service.old_scripts.files import ScriptFile
from quri_console.service.old_scripts.notes import Notes, Place
from quri_console.service.old_scripts.shell import Assignment, assignments, value_of
from quri_console.service.old_scripts.webhooks import Webhook

Role = Literal["critical", "warning", "webhook", "webhook type", "network", "retention", "backups", "history", "other"]
_ROLES: tuple[tuple[re.Pattern[str], Role], ...] = (
    (re.compile(r"(?i)(WEBHOOK|HOOK)_?(TYPE|KIND|FORMAT)"), "webhook type"),
    (re.compile(r"(?i)WEBHOOK|HOOK_URL|(SLACK|DISCORD)_URL"), "webhook"),
    (re.compile(r"(?i)COUNT|COLOU?R|EMOJI|ICON|EXIT|STATUS|CANISTERS$|MESSAGE|LOG"), "other"),
    (re.compile(r"(?i)(^|_)CRIT(ICAL)?(_|$)"), "critical"),
    (re.compile(r"(?i)(^|_)WARN(ING)?(_|$)"), "warning"),
    (re.compile(r"(?i)(^|_)NETWORK$"), "network"),
    (re.compile(r"(?i)RETENTION|(^|_)(KEEP|DELETE|CLEANUP|MAX_AGE)\w*DAYS?"), "retention"),
    (re.compile(r"(?i)(^|_)(BACKUPS?|OUTPUT)_(DIR|DIRECTORY|ROOT|PATH|FOLDER)$"), "backups"),
    (re.compile(r"(?i)(^|_)HISTORY_(FILE|PATH)$"), "history"),
)
_URL = re.compile(r"(?i)^[a-z][a-z0-9+.-]*://")
_SETTING_NAME = re.compile(r"[A-Z][A-Z0-9_]*")


def role_of(name: str) -> Role:
    """What a variable is for, by its name."""
    return next((role for pattern, role in _ROLES if pattern.search(name)), "other")


@dataclass(slots=True)
class Settings:
    """What was found, by role; of several the one that a shell would have seen last comes first."""

    by_role: dict[Role, list[Assignment]] = field(default_factory=dict)
    by_name: dict[str, Assignment] = field(default_factory=dict)

    def first(self, role: Role) -> Assignment | None:
        """The one that counts."""
        return next(iter(self.by_role.get(role, ())), None)


def settings_of(files: Iterable[ScriptFile], crontab: Iterable[Assignment], notes: Notes) -> Settings:
    """Everything that is assigned: in the crontab, which wins, in .env files, and in scripts."""
    settings = Settings()
    ordered = sorted(files, key=lambda file: file.kind != "environment")
    for assignment in (*crontab, *_of_files(ordered)):
        role = role_of(assignment.name)
        if assignment.value is None and not assignment.variable:
            if role != "other" and not assignment.indented:
                notes.add("not understood", f"what {assignment.name} becomes only running it would tell",
                          assignment.place)  # fmt: skip
            continue
        if assignment.variable.isdigit() or (assignment.value is None and role != "webhook"):
            continue  # it takes over an argument or another variable, which is looked at by itself
        if role == "other":
            _say_unused(assignment, notes)
        else:
            settings.by_role.setdefault(role, []).append(assignment)
        settings.by_name.setdefault(assignment.name, assignment)
    return settings


def _of_files(files: Iterable[ScriptFile]) -> Iterator[Assignment]:
    for file in files:
        if file.kind in ("shell", "environment"):
            yield from assignments(file)


def _say_unused(assignment: Assignment, notes: Notes) -> None:
    in_code = assignment.indented or not _SETTING_NAME.fullmatch(assignment.name)
    is_id = re.fullmatch(r"[a-z0-9]{5}(-[a-z0-9]{5}){3}-[a-z0-9]{3}", assignment.value or "")
    if not in_code and not is_id:
        notes.add("not needed", f"{assignment.name} has no counterpart", assignment.place)


def webhooks_of(settings: Settings, entries: Iterable[CronEntry], notes: Notes) -> Iterator[Webhook]:
    """Every webhook of the scripts and of the lines of cron."""
    for assignment in settings.by_role.get("webhook", ()):
        by_name = next((kind for kind in ("slack", "discord") if kind in assignment.name.casefold()), "")
        if assignment.value and _URL.match(assignment.value):
            yield Webhook(assignment.place, assignment.value, told=by_name)
        elif assignment.value is None and assignment.variable not in settings.by_name:
            yield Webhook(assignment.place, variable=assignment.variable, told=by_name)
        elif assignment.value:
            notes.add("not understood", f"{assignment.name} is no address", assignment.place)
        elif assignment.variable and not _is_url(settings.by_name.get(assignment.variable)):
            text = f"{assignment.variable} of the environment may hold a webhook; if it did, add a channel with url_env"
            notes.add("decision", text, assignment.place, setting="channels")
    for entry in entries:
        given = entry.option("--webhook", "-w")
        if given:
            yield from _of_option(given, entry.option("--webhook-type") or "", entry.place, settings)


def _is_url(assignment: Assignment | None) -> bool:
    return assignment is not None and _URL.match(assignment.value or "") is not None


def usual_kind(settings: Settings) -> str:
    """What kind webhooks are that do not say it; empty where that is not set either."""
    told = settings.first("webhook type")
    return (told.value or "") if told is not None else ""


def _of_option(given: str, told: str, place: Place, settings: Settings) -> Iterator[Webhook]:
    value, variable = value_of(f'"{given}"')
    assigned = settings.by_name.get(variable)
    if value is None and assigned is not None:
        value, variable = assigned.value, assigned.variable or variable
    if value and _URL.match(value):
        yield Webhook(place, value, told=told)
    elif variable:
        yield Webhook(place, variable=variable, told=told)
