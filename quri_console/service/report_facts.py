"""Gathers what a report is made of: history, repository, marks, audit log. Asks no network and needs no key."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from quri_console.clock import NANOSECONDS_PER_SECOND, utc_datetime
from quri_console.config import Config
from quri_console.effects.audit import ENDED_EFFECT, INTENDED, UPLOAD_BEGUN, UPLOADED
from quri_console.errors import QuriError
from quri_console.history import History
from quri_console.history.alerts import AlertEvent, Mute
from quri_console.history.drills import DrillRecord, read_drills
from quri_console.history.events import Event
from quri_console.history.schedule_views import SchedulePast
from quri_console.monitor.fleet import FleetStatus
from quri_console.monitor.view import fleet_picture
from quri_console.service.pictures import newest_copies, read_seen
from quri_console.service.report_schedules import past_of_schedules
from quri_console.service.session import Session
from quri_console.units import DAY_SECONDS

if TYPE_CHECKING:
    from quri_console.backup.summaries import BackupSummary
    from quri_console.effects.audit_check import AuditCheck
    from quri_console.repository.marks import Mark
    from quri_console.repository.trash import Forgotten

LOOK_BACK_SECONDS = 62 * DAY_SECONDS
"""So far before the period the past is read: a gap that ends in the period began before it, as alerts may have."""
_UNTOLD = tuple(f'{{"action":"{action}"'.encode() for action in (INTENDED, ENDED_EFFECT, UPLOAD_BEGUN, UPLOADED))
"""How the lines of nine of ten events begin, of which a report does not tell."""
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class _Stored:
    backups: Sequence[BackupSummary] | None = None
    encrypted: bool = False
    marks: Sequence[Mark] = ()
    forgotten: Sequence[Forgotten] = ()


@dataclass(frozen=True, slots=True)
class _Audited:
    events: Sequence[Mapping[str, Any]] = ()
    check: AuditCheck | None = None


# asyncio.run spells the result of its task out when it puts the signal handler back: half a second for a year
@dataclass(frozen=True, slots=True, repr=False)
class ReportFacts:
    """See `report.facts.Facts`, whose shape this has."""

    config: Config
    network: str
    production: bool
    since_ns: int
    until_ns: int
    fleet: FleetStatus
    burnt: Mapping[str, int]
    first_seen: Mapping[str, int]
    seen: frozenset[str]
    events: Mapping[str, Sequence[Event]]
    alerts: Sequence[AlertEvent]
    mutes: Sequence[Mute]
    backups: Sequence[BackupSummary] | None
    encrypted: bool
    marks: Sequence[Mark]
    forgotten: Sequence[Forgotten]
    drills: Sequence[DrillRecord]
    schedules: Sequence[SchedulePast]
    audit_events: Sequence[Mapping[str, Any]]
    audit: AuditCheck | None
    problems: Sequence[str] = field(default=())


async def report_facts(session: Session, *, since_seconds: float) -> ReportFacts:
    """All that is known of the time from `since_seconds` ago until now; what cannot be read is a problem in it.

    Raises HistoryUnusable.
    """
    until_ns = session.clock.now_ns()
    since_ns = max(0, until_ns - round(since_seconds * NANOSECONDS_PER_SECOND))
    problems: list[str] = []
    read = asyncio.to_thread(_or_problem, lambda: _stored(session), _Stored(), problems)
    audited = asyncio.to_thread(_or_problem, lambda: _audited(session, since_seconds), _Audited(), problems)
    reading, auditing = asyncio.create_task(read), asyncio.create_task(audited)
    network = session.network.name
    async with await History.open(session.config.paths.history) as history:
        await history.rollups.update(network, until_ns)
        seen = await read_seen(history, network, until_ns, series=False)
        sums = await history.rollups.burn_sums(network, [since_ns])
        events = await history.events.newest(network, since_ns)
        alerts = await history.alerts.events(network, max(0, since_ns - LOOK_BACK_SECONDS * NANOSECONDS_PER_SECOND))
        mutes = await history.alerts.mutes(network)
        schedules = await past_of_schedules(session, history, since_ns, until_ns)
    stored, log = await reading, await auditing
    drills = read_drills(session.config.paths.state)
    problems += [f"The drill {problem}." for problem in drills.problems]
    fleet = fleet_picture(session.config, session.network, seen, _newest(stored, network), now_ns=until_ns)
    return ReportFacts(
        config=session.config,
        network=network,
        production=session.network.production,
        since_ns=since_ns,
        until_ns=until_ns,
        fleet=fleet,
        burnt={identifier: sum(part.burnt for part in parts) for identifier, parts in sums.items()},
        first_seen={identifier: parts[0].first_ns for identifier, parts in sums.items()},
        seen=frozenset(seen.attempts),
        events=events,
        alerts=alerts,
        mutes=mutes,
        backups=stored.backups,
        encrypted=stored.encrypted,
        marks=stored.marks,
        forgotten=stored.forgotten,
        drills=drills.records,
        schedules=schedules,
        audit_events=log.events,
        audit=log.check,
        problems=tuple(dict.fromkeys(problems)),
    )


def _newest(stored: _Stored, network: str) -> Mapping[str, int] | None:
    if stored.backups is None:
        return None
    return newest_copies((backup for backup in stored.backups if backup.forgotten_at is None), network)


def _or_problem(read: Callable[[], _Found], otherwise: _Found, problems: list[str]) -> _Found:
    try:
        return read()
    except QuriError as error:
        problems.append(f"{error}.")
        return otherwise


def _stored(session: Session) -> _Stored:
    from quri_console.backup.summaries import list_backups
    from quri_console.repository.errors import RepositoryMissing
    from quri_console.repository.marks import MARKS_FOLDER, read_marks
    from quri_console.repository.trash import read_trash
    from quri_console.service.repositories import open_repository

    try:
        repository = open_repository(session.config, session.clock)
    except RepositoryMissing:
        return _Stored()
    backend = repository.backend
    marks = [mark for name in backend.folders(MARKS_FOLDER) for mark in read_marks(backend, name)[0]]
    return _Stored(
        list_backups(repository, session.config.paths.cache),
        repository.encrypted,
        sorted(marks, key=lambda mark: (mark.at, mark.set_name, mark.kind)),
        tuple(read_trash(backend).sets.values()),
    )


def _audited(session: Session, since_seconds: float) -> _Audited:
    from quri_console.service.audit import verify_audit

    since = utc_datetime(max(0, session.clock.now_ns() - round((since_seconds + LOOK_BACK_SECONDS) * 1e9)))
    events = _audit_events(session.config.paths.state, f"{since:%Y-%m-%dT%H:%M:%S}")
    return _Audited(events, verify_audit(session))


def _audit_events(state: Path, since: str) -> tuple[Mapping[str, Any], ...]:
    """The events that reports tell of; the others are not even read as JSON."""
    from quri_console.effects.audit_log import AUDIT_FOLDER, segments
    from quri_console.effects.durable import unusable

    found: list[Mapping[str, Any]] = []
    for path in segments(state / AUDIT_FOLDER):
        try:
            data = path.read_bytes()
        except OSError as error:
            raise unusable(path, error) from error
        for line in data.splitlines():
            if line.startswith(_UNTOLD):
                continue
            # a damaged line is named by the check
            with contextlib.suppress(ValueError, RecursionError):
                event = json.loads(line)
                if isinstance(event, dict) and str(event.get("ts", "")) >= since:
                    found.append(event)
    return tuple(found)
