"""Makes pictures of the fleet out of history and repository; loads nothing that needs a network."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.config import Config, NetworkConfig
from quri_console.errors import QuriError
from quri_console.history import History, Sample
from quri_console.monitor.fleet import FleetStatus
from quri_console.monitor.view import SERIES_SECONDS, Seen, fleet_picture
from quri_console.service.session import Session

# Between processes on one machine clocks agree; what lies further ahead was written before the clock was set back.
AHEAD_SECONDS = 60


async def newest_attempts(history: History, network: str, now_ns: int) -> dict[str, Sample]:
    """The newest attempt of every canister, by id, but for those that a clock running ahead has dated."""
    return await history.newest_samples(network, now_ns + AHEAD_SECONDS * NANOSECONDS_PER_SECOND)


async def read_seen(history: History, network: str, now_ns: int) -> Seen:
    """What the history knows of a network, with a day of balances."""
    until_ns = now_ns + AHEAD_SECONDS * NANOSECONDS_PER_SECOND
    return Seen(
        attempts=await newest_attempts(history, network, now_ns),
        answers=await history.newest_answers(network, until_ns),
        readings=await history.newest_readings(network, until_ns),
        series=await history.cycles_series(network, now_ns - SERIES_SECONDS * NANOSECONDS_PER_SECOND, until_ns),
    )


async def picture(
    config: Config, network: NetworkConfig, history: History, now_ns: int, *, notice: str = ""
) -> FleetStatus:
    """The fleet as history and repository have it now; a repository that cannot be read is a notice, not a failure."""
    seen = await read_seen(history, network.name, now_ns)
    try:
        backups = await asyncio.to_thread(newest_backups, config, network.name)
    except QuriError as error:
        backups, notice = {}, notice or str(error)
    notice = notice or await asyncio.to_thread(_notice_of_operations, config, network.name, now_ns)
    return fleet_picture(config, network, seen, backups, now_ns=now_ns, notice=notice)


def _notice_of_operations(config: Config, network: str, now_ns: int) -> str:
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
    return fleet_picture(session.config, session.network, Seen(), {}, now_ns=now_ns, notice=str(error))


def newest_backups(config: Config, network: str) -> Mapping[str, int]:
    """When the newest undamaged copy of each canister's state was taken (ns since 1970), by canister id.

    Raises NotARepository, NewerFormat, CorruptionError, StorageFailed.
    """
    if not config.repository.path.exists():
        # spares the import, too: most of `status`' time from history is imports
        return {}
    from quri_console.backup.summaries import list_backups, remaining
    from quri_console.repository.errors import RepositoryMissing
    from quri_console.service.repositories import open_repository

    try:
        repository = open_repository(config)
    except RepositoryMissing:
        return {}
    newest: dict[str, int] = {}
    for backup in remaining(list_backups(repository, config.paths.cache)):
        if backup.network != network or backup.state == "damaged":
            continue
        for canister in backup.canisters:
            if canister.has_state:
                taken_ns = round(canister.taken_at.timestamp() * NANOSECONDS_PER_SECOND)
                newest[canister.canister_id] = max(taken_ns, newest.get(canister.canister_id, 0))
    return newest
