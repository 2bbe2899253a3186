"""What is overdue or stuck: the look at the watch itself that nobody else takes."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.errors import QuriError
from quri_console.history import History
from quri_console.history.integrity import quick_check
from quri_console.service.pictures import newest_attempts, newest_copies, remaining_backups
from quri_console.service.session import Session
from quri_console.units import DAY_SECONDS, GIB, format_bytes, format_duration

if TYPE_CHECKING:
    from quri_console.backup.summaries import BackupSummary

Level = Literal["ok", "warning", "critical"]
MISSED_INTERVALS = 3
STUCK_SECONDS = 10 * 60
VERIFY_SECONDS = 35 * DAY_SECONDS
"""Data that nobody read for longer is worth reading."""
LEAST_FREE_BYTES = GIB


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at: how it fares, and what to do about it where something is to be done."""

    what: str
    level: Level
    text: str
    next_step: str = ""


async def examine(session: Session) -> tuple[Diagnosis, ...]:
    """Look at everything; a part that cannot be looked at is a diagnosis, too."""
    return tuple([diagnosis async for diagnosis in _everything(session)])


async def _everything(session: Session) -> AsyncIterator[Diagnosis]:
    config = session.config
    yield Diagnosis("configuration", "ok", f"{config.path} is read and makes sense")
    yield _lockdown(session)
    async for diagnosis in _left_stopped(session):
        yield diagnosis
    yield await asyncio.to_thread(_audit, session)
    yield await asyncio.to_thread(_service_log, session)
    try:
        async with await History.open(config.paths.history) as history:
            faults = await quick_check(config.paths.history)
            if faults:
                step = "`quri-console watch`, or the console, sets it aside and carries over what is readable."
                yield Diagnosis("history", "critical", f"the history is damaged: {'; '.join(faults[:3])}", step)
            else:
                yield Diagnosis("history", "ok", "the history is whole")
            async for diagnosis in _rounds(session, history):
                yield diagnosis
            async for diagnosis in _messages(session, history):
                yield diagnosis
            async for diagnosis in _schedules(session, history):
                yield diagnosis
    except QuriError as error:
        yield Diagnosis("history", "critical", str(error), error.next_step)
    for diagnosis in await asyncio.to_thread(lambda: list(_on_disk(session))):
        yield diagnosis
    async for diagnosis in _channels(session):
        yield diagnosis


def _lockdown(session: Session) -> Diagnosis:
    from quri_console.effects.lockdown import LIFT
    from quri_console.service.lockdowns import lockdown_notice

    notice = lockdown_notice(session.config)
    if notice:
        return Diagnosis("lockdown", "warning", notice, LIFT)
    return Diagnosis("lockdown", "ok", "lockdown is off")


async def _left_stopped(session: Session) -> AsyncIterator[Diagnosis]:
    """What an operation that died left stopped; it is started again here, unless the console is read-only."""
    from quri_console.service.left_stopped import bring_back

    found = await bring_back(session)
    for item in found:
        level: Level = "warning" if item.ended else "critical"
        step = "" if item.ended else f"`quri-console operations resume {item.operation}` starts it and goes on."
        yield Diagnosis("left stopped", level, item.words, step)
    if not found:
        yield Diagnosis("left stopped", "ok", "no canister was left stopped by an operation that died")


def _audit(session: Session) -> Diagnosis:
    from quri_console.service.audit import verify_audit

    try:
        check = verify_audit(session)
    except QuriError as error:
        return Diagnosis("audit", "critical", str(error), error.next_step)
    if check.fault is None:
        return Diagnosis("audit", "ok", f"the audit log is whole: {check.events} events")
    return Diagnosis("audit", "critical", f"the audit log was changed: {check.fault.words}", "See `audit verify`.")


def _service_log(session: Session) -> Diagnosis:
    from quri_console.service.process_log import log_problem

    problem = log_problem(session.config, session.clock)
    if problem:
        return Diagnosis("service log", "warning", problem, "Check the disk and the owner of the folder.")
    return Diagnosis("service log", "ok", f"the service log in {session.config.paths.logs} can be written")


async def _rounds(session: Session, history: History) -> AsyncIterator[Diagnosis]:
    now_ns = session.clock.now_ns()
    attempts = await newest_attempts(history, session.network.name, now_ns)
    late = []
    for canister in session.config.canisters:
        attempt = attempts.get(canister.id)
        age = None if attempt is None else (now_ns - attempt.at_ns) / NANOSECONDS_PER_SECOND
        if age is None:
            late.append(f"{canister.name} was never asked")
        elif age > MISSED_INTERVALS * canister.interval_seconds:
            late.append(f"{canister.name} was last asked {format_duration(age)} ago")
    if late:
        step = "Is `quri-console watch` running? `quri-console monitor` makes one round now."
        yield Diagnosis("rounds", "critical", "; ".join(late), step)
    else:
        yield Diagnosis("rounds", "ok", "every canister was asked lately")


async def _messages(session: Session, history: History) -> AsyncIterator[Diagnosis]:
    now_ns = session.clock.now_ns()
    stuck = await history.outbox.stuck(before_ns=now_ns - STUCK_SECONDS * NANOSECONDS_PER_SECOND)
    dead = await history.outbox.failures(since_ns=now_ns - DAY_SECONDS * NANOSECONDS_PER_SECOND)
    for message in stuck:
        age = format_duration((now_ns - message.created_ns) / NANOSECONDS_PER_SECOND)
        text = f"a message has waited {age} for {message.channel}: {message.error or 'nobody delivers'}"
        yield Diagnosis("messages", "critical", text, f"`quri-console notify test {message.channel}` tries it.")
    for message in dead:
        text = f"a message to {message.channel} was given up: {message.error}"
        yield Diagnosis("messages", "warning", text, f"`quri-console notify test {message.channel}` tries it.")
    if not stuck and not dead:
        yield Diagnosis("messages", "ok", "no message is stuck")


async def _schedules(session: Session, history: History) -> AsyncIterator[Diagnosis]:
    if session.config.schedules.active:
        from quri_console.service.schedule_health import examine_schedules

        async for diagnosis in examine_schedules(session, history):
            yield diagnosis


def _on_disk(session: Session) -> Iterator[Diagnosis]:
    yield from _operations(session)
    yield from _backups(session)
    yield from _room(session)


def _operations(session: Session) -> Iterator[Diagnosis]:
    from quri_console.service.interrupted import died_notice, mixed_groups

    mixed = tuple(mixed_groups(session.config, session.network.name))
    for words, command in mixed:
        yield Diagnosis("operations", "critical", words, f"`{command}` ends that.")
    notice = died_notice(session.config, session.network.name, session.clock.now_ns())
    if notice:
        text = f"{notice}: a canister may have been left stopped"
        yield Diagnosis("operations", "critical", text, "Resume it, abort it, or mark it resolved.")
    elif not mixed:
        yield Diagnosis("operations", "ok", "no operation was left in the middle")


def _backups(session: Session) -> Iterator[Diagnosis]:
    config, now_ns = session.config, session.clock.now_ns()
    try:
        backups = remaining_backups(config)
    except QuriError as error:
        yield Diagnosis("backups", "critical", str(error), error.next_step)
        return
    if backups is None:
        yield Diagnosis("backups", "warning", "there is no repository yet", "`quri-console init` makes it.")
        return
    newest, fine = newest_copies(backups, session.network.name), True
    for canister in config.canisters:
        allowed = canister.backup_age_seconds
        at_ns = newest.get(canister.id)
        age = None if at_ns is None else (now_ns - at_ns) / NANOSECONDS_PER_SECOND
        if allowed <= 0 or (age is not None and age <= allowed):
            continue
        fine = False
        told = "has no backup" if age is None else f"has its newest backup from {format_duration(age)} ago"
        text = f"{canister.name} {told}, {format_duration(allowed)} are allowed"
        yield Diagnosis("backups", "warning", text, f"`quri-console backup {canister.name}`")
    if fine:
        yield Diagnosis("backups", "ok", "every canister has a backup that is young enough")
    yield from _verification(session, backups)


def _verification(session: Session, backups: Sequence[BackupSummary]) -> Iterator[Diagnosis]:
    times = [backup.standing.verified_at for backup in backups if backup.standing.verified_at is not None]
    if not backups:
        return
    newest = max(times, default=None)
    age = None if newest is None else session.clock.now_ns() / NANOSECONDS_PER_SECOND - newest.timestamp()
    if age is None or age > VERIFY_SECONDS:
        told = "no backup was ever read again" if age is None else f"none was read again for {format_duration(age)}"
        yield Diagnosis("verification", "warning", told, "`quri-console verify latest`, or check --read-data.")
    else:
        yield Diagnosis("verification", "ok", f"a backup was read again {format_duration(age)} ago")


def _room(session: Session) -> Iterator[Diagnosis]:
    for what, path in (("history", session.config.paths.history), ("repository", session.config.repository.path)):
        place = next((parent for parent in (path, *path.parents) if parent.exists()), None)
        if place is None:
            continue
        free = shutil.disk_usage(place).free
        level: Level = "ok" if free >= LEAST_FREE_BYTES else "critical"
        step = "" if level == "ok" else "Free some space, or move it with [paths] root or [repository] path."
        yield Diagnosis("disk", level, f"{format_bytes(free)} are free for the {what}", step)


async def _channels(session: Session) -> AsyncIterator[Diagnosis]:
    from quri_console.monitor.notify.secrets import read_secret

    channels = session.config.channels
    if not channels:
        yield Diagnosis("channels", "warning", "no channel is configured: nobody is told", "Add [channels.NAME].")
    for channel in channels:
        try:
            await read_secret(channel.url, f"the address of channel {channel.name}")
        except QuriError as error:
            yield Diagnosis("channels", "critical", str(error), error.next_step)
        else:
            yield Diagnosis("channels", "ok", f"the address of {channel.name} can be read")
