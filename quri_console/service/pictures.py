"""Makes pictures of the fleet out of history and repository; loads nothing that needs a network."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.config import Config, NetworkConfig
from quri_console.errors import QuriError
from quri_console.history import History, Sample
from quri_console.monitor.alert_marks import alert_marks
from quri_console.monitor.burn import ALERT_WINDOWS_SECONDS
from quri_console.monitor.fleet import AlertMark, FleetStatus
from quri_console.monitor.not_ready import not_ready, readiness_marks
from quri_console.monitor.payers import PayerReading, PayerView, fleet_burn_per_day, payer_view
from quri_console.monitor.view import SERIES_SECONDS, Seen, fleet_picture
from quri_console.monitor.windows import HOUR_NS, Segment, segments_of_series, whole_hour
from quri_console.service.session import Session
from quri_console.units import DAY_SECONDS

if TYPE_CHECKING:
    from quri_console.backup.summaries import BackupSummary

# Between processes on one machine clocks agree; what lies further ahead was written before the clock was set back.
AHEAD_SECONDS = 60


async def newest_attempts(history: History, network: str, now_ns: int) -> dict[str, Sample]:
    """The newest attempt of every canister, by id, but for those that a clock running ahead has dated."""
    return await history.newest_samples(network, now_ns + AHEAD_SECONDS * NANOSECONDS_PER_SECOND)


async def read_seen(history: History, network: str, now_ns: int, *, series: bool = True) -> Seen:
    """What the history knows of a network, with a day of balances when `series`."""
    until_ns = now_ns + AHEAD_SECONDS * NANOSECONDS_PER_SECOND
    since_ns = now_ns - SERIES_SECONDS * NANOSECONDS_PER_SECOND if series else whole_hour(now_ns) - HOUR_NS
    balances = await history.cycles_series(network, since_ns, until_ns)
    duties = await history.duties.all(network)
    return Seen(
        attempts=await newest_attempts(history, network, now_ns),
        answers=await history.newest_answers(network, until_ns),
        readings=await history.newest_readings(network, until_ns),
        series=balances if series else {},
        segments=await _segments(history, network, now_ns, balances),
        events=await history.events.newest(network, now_ns - DAY_SECONDS * NANOSECONDS_PER_SECOND),
        not_ready=not_ready(duties),
        readiness=readiness_marks(duties),
        memory_day_ago=await history.rollups.memory_around(network, now_ns - DAY_SECONDS * NANOSECONDS_PER_SECOND),
    )


async def _segments(
    history: History, network: str, now_ns: int, balances: Mapping[str, Sequence[tuple[int, int]]]
) -> dict[str, tuple[Segment, ...]]:
    """Each canister's burn in as many pieces as there are windows to estimate by, and the newest samples."""
    windows = sorted(ALERT_WINDOWS_SECONDS, reverse=True)
    bounds = [whole_hour(now_ns - seconds * NANOSECONDS_PER_SECOND) for seconds in windows]
    sums = await history.rollups.burn_sums(network, bounds)
    segments: dict[str, tuple[Segment, ...]] = {}
    for canister_id in sums.keys() | balances.keys():
        rolled = tuple(
            Segment(part.first_ns, part.last_ns, part.burnt, part.burn_ns) for part in sums.get(canister_id, ())
        )
        newest_ns = rolled[-1].end_ns if rolled else 0
        raw = segments_of_series(balances.get(canister_id, ()))
        segments[canister_id] = rolled + tuple(segment for segment in raw if segment.end_ns > newest_ns)
    return segments


async def picture(
    config: Config,
    network: NetworkConfig,
    history: History,
    now_ns: int,
    *,
    notice: str = "",
    series: bool = True,
    anomalies: Mapping[str, str] | None = None,
    snapshots: Mapping[str, int] | None = None,
) -> FleetStatus:
    """The fleet as history and repository have it now; a repository that cannot be read is a notice, not a failure."""
    seen = await read_seen(history, network.name, now_ns, series=series)
    marks = await _alert_marks(config, network.name, history, now_ns)
    seen = replace(seen, anomalies=anomalies or {}, snapshots=snapshots or {}, alerts=marks)
    backups: Mapping[str, int] | None = None
    try:
        backups, verified = await asyncio.to_thread(_newest_copies_there, config, network.name)
        seen = replace(seen, verified=verified)
    except QuriError as error:
        notice = notice or str(error)
    told = await asyncio.to_thread(_notice_of_operations, config, network.name, now_ns)
    notice = " · ".join(text for text in (told, notice) if text)
    fleet = fleet_picture(config, network, seen, backups, now_ns=now_ns, notice=notice)
    return replace(fleet, payers=await _payers(config, network.name, history, fleet, now_ns))


async def _alert_marks(config: Config, network: str, history: History, now_ns: int) -> Mapping[str, AlertMark]:
    alerts = await history.alerts.current(network)
    if not alerts:
        return {}
    names = config.canister_names
    return alert_marks(alerts, await history.alerts.mutes(network), names, now_ns)


async def _payers(
    config: Config, network: str, history: History, fleet: FleetStatus, now_ns: int
) -> tuple[PayerView, ...]:
    if not config.monitor.payers:
        return ()
    newest = await history.payers.newest(network, now_ns)
    balances = await history.payers.newest_balances(network, now_ns)
    burn = fleet_burn_per_day(fleet.canisters)
    views = []
    for payer in config.monitor.payers:
        balance, attempt = balances.get(payer.name), newest.get(payer.name)
        reading = None if balance is None else PayerReading(payer.name, balance.at_ns, balance.cycles)
        error = attempt.error or "" if attempt is not None else ""
        views.append(payer_view(payer, reading, error, burn, config.monitor.thresholds))
    return tuple(views)


def _notice_of_operations(config: Config, network: str, now_ns: int) -> str:
    notices = (_notice_of_lockdown(config), _notice_of_dead(config, network, now_ns))
    return " · ".join(notice for notice in notices if notice)


def _notice_of_lockdown(config: Config) -> str:
    if not (config.paths.state / "lockdown.json").exists():
        # spares the import where there is none
        return ""
    from quri_console.service.lockdowns import lockdown_notice

    return lockdown_notice(config)


def _notice_of_dead(config: Config, network: str, now_ns: int) -> str:
    if not config.paths.operations.is_dir():
        # spares the import where nothing was ever done
        return ""
    from quri_console.service.interrupted import interrupted_notice

    return interrupted_notice(config, network, now_ns)


async def first_picture(session: Session) -> FleetStatus:
    """The fleet as the history has it; when that cannot be used, an empty picture whose notice says so."""
    now_ns = session.clock.now_ns()
    try:
        async with await History.open(session.config.paths.history) as history:
            return await picture(session.config, session.network, history, now_ns)
    except QuriError as error:
        return empty_picture(session, error)


def empty_picture(session: Session, error: QuriError) -> FleetStatus:
    """A fleet of which nothing is known, and why."""
    now_ns = session.clock.now_ns()
    return fleet_picture(session.config, session.network, Seen(), None, now_ns=now_ns, notice=str(error))


def newest_backups(config: Config, network: str) -> Mapping[str, int] | None:
    """When the newest undamaged copy of each canister's state was taken (ns since 1970), by canister id.

    None where there is no repository yet.
    Raises NotARepository, NewerFormat, CorruptionError, StorageFailed.
    """
    return _newest_copies_there(config, network)[0]


def _newest_copies_there(config: Config, network: str) -> tuple[Mapping[str, int] | None, Mapping[str, int]]:
    """As `newest_backups`, and beside it the same of those backups that were read again and found whole."""
    backups = remaining_backups(config)
    if backups is None:
        return None, {}
    verified = [backup for backup in backups if backup.standing.verified_at is not None]
    return newest_copies(backups, network), newest_copies(verified, network)


def remaining_backups(config: Config) -> Sequence[BackupSummary] | None:
    """The backups that nobody forgot, None where there is no repository yet. Raises as `newest_backups`."""
    if not config.repository.path.exists():
        # spares the import, too: most of `status`' time from history is imports
        return None
    from quri_console.backup.summaries import list_backups, remaining
    from quri_console.repository.errors import RepositoryMissing
    from quri_console.service.repositories import open_repository

    try:
        repository = open_repository(config)
    except RepositoryMissing:
        return None
    return remaining(list_backups(repository, config.paths.cache))


def newest_copies(backups: Iterable[BackupSummary], network: str) -> dict[str, int]:
    """When the newest undamaged copy of each canister's state was taken (ns since 1970), by canister id."""
    newest: dict[str, int] = {}
    for backup in backups:
        if backup.network != network or backup.state == "damaged":
            continue
        for canister in backup.canisters:
            if canister.has_state:
                taken_ns = round(canister.taken_at.timestamp() * NANOSECONDS_PER_SECOND)
                newest[canister.canister_id] = max(taken_ns, newest.get(canister.canister_id, 0))
    return newest
