"""Whether canisters could be restored this minute; what came of it is kept, so that an alert can tell of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.errors import NetworkError, QuriError
from quri_console.history import History
from quri_console.monitor.not_ready import READY_ALL, READY_DUTY
from quri_console.service.following import operations
from quri_console.service.session import Session

if TYPE_CHECKING:
    from quri_console.repository.store import Repository
    from quri_console.restore.ready import Readiness

AT_ONCE = 8
"""Canisters that are looked at side by side."""
ASK_SECONDS = 60.0
"""Between two looks whether it is time to ask."""


def safety_snapshots(session: Session, *, of_backups: bool = True) -> Mapping[bytes, str]:
    """The snapshots on chain that are not restored from unasked, and why.

    They hold what an operation of this state folder replaced, or what it uploaded, perhaps not to the end.
    `of_backups`: what backups keep on chain as well, so that the copy in the repository is the one that is judged.
    """
    found: dict[bytes, str] = {}
    for done in operations(session):
        if done.kind != "backup":
            found |= dict.fromkeys(done.safety_snapshots, f"safety snapshot: what {done.id} replaced")
            found |= dict.fromkeys(done.own_snapshots, f"made by {done.id} for itself, perhaps not whole")
        elif of_backups:
            found |= dict.fromkeys(done.safety_snapshots, f"kept by {done.id}")
    return found


def repository_if_any(session: Session) -> tuple[Repository | None, tuple[str, ...]]:
    """The configured repository, or None and why it could not be opened."""
    from quri_console.service.remedies import repository_of

    try:
        return repository_of(session), ()
    except QuriError as error:
        return None, (f"No backup could be looked at: {error}",)


async def readiness(session: Session, canisters: Sequence[str] = ()) -> tuple[Readiness, ...]:
    """Whether these canisters (names or ids; all when empty) could be restored now; noted in the history.

    One that could not be looked at hides no other. Raises UsageError, ConfigError, HistoryUnusable; NetworkError when
    none could be looked at.
    """
    names = [session.config.canister(name).name for name in canisters]
    names = names or [canister.name for canister in session.config.canisters]
    repository, notes = repository_if_any(session)
    at_once = asyncio.Semaphore(AT_ONCE)

    async def ready(name: str) -> Readiness:
        async with at_once:
            return await _ready(session, name, repository, notes)

    found = await asyncio.gather(*(ready(name) for name in names))
    if not any(item.answered for item in found):
        failed = found[0].failed_checks[0]
        raise NetworkError(f"{session.network.name}: {failed.found}", next_step=failed.next_step)
    await _note(session, found, whole=not canisters)
    return tuple(found)


async def _ready(session: Session, name: str, repository: Repository | None, notes: tuple[str, ...]) -> Readiness:
    from quri_console.ic.rejection import Rejected
    from quri_console.restore.ready import examine, unanswered
    from quri_console.service.remedies import at_work

    target = session.config.canister(name)
    async with at_work(session, name) as (agent, wish, around):
        try:
            return await examine(
                agent,
                wish,
                around,
                repository,
                safety_snapshots(session),
                backup_age_seconds=target.backup_age_seconds,
                notes=notes,
            )
        except (NetworkError, Rejected) as error:
            return unanswered(wish, error, session.clock.now_ns())


async def _note(session: Session, found: Sequence[Readiness], *, whole: bool) -> None:
    network, now_ns = session.network.name, session.clock.now_ns()
    async with await History.open(session.config.paths.history) as history:
        for item in found:
            if not item.answered:
                continue  # that it cannot be reached is another rule's business
            duty = f"{READY_DUTY}{item.canister}"
            if item.ready:
                await history.duties.succeeded(network, duty, now_ns)
            else:
                await history.duties.failed(network, duty, now_ns, item.why)
        if whole:
            await history.duties.succeeded(network, READY_ALL, now_ns)


async def keep_asking(session: Session) -> None:
    """Ask as often as the configuration says, without end; returns at once where it says never. Raises QuriError."""
    if session.config.monitor.ready_interval_seconds <= 0:
        return
    async with await History.open(session.config.paths.history) as history:
        while True:
            await ask_if_due(session, history)
            await session.clock.sleep(ASK_SECONDS)


async def ask_if_due(session: Session, history: History) -> None:
    """Ask for the whole fleet once in `monitor.ready_interval`; a network that is away is asked again later.

    Raises QuriError when it cannot be asked at all, as without a key.
    """
    interval = session.config.monitor.ready_interval_seconds
    now_ns = session.clock.now_ns()
    last = await history.duties.get(session.network.name, READY_ALL)
    if 0 <= now_ns - (last.started_ns or 0) < interval * NANOSECONDS_PER_SECOND:
        return
    await history.duties.started(session.network.name, READY_ALL, now_ns)
    try:
        await readiness(session)
    except NetworkError as error:
        await history.duties.failed(session.network.name, READY_ALL, now_ns, str(error))
