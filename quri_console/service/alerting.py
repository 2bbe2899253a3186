"""Alerts as people ask for and answer them; needs no network."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.errors import QuriError, UsageError
from quri_console.history import History
from quri_console.history.alerts import AlertEvent, AlertRow, Mute
from quri_console.monitor.alert_engine import PAYER
from quri_console.monitor.alert_groups import WATCH
from quri_console.service.session import Session


@dataclass(frozen=True, slots=True)
class AlertsView:
    """Alerts that are not over, what happened to them since a moment, and what is silenced; `names` by subject."""

    current: tuple[AlertRow, ...]
    events: tuple[AlertEvent, ...]
    mutes: tuple[Mute, ...]
    names: Mapping[str, str]


class NoSuchAlert(UsageError):
    """Nothing of that name is firing, or there is no silence of that number."""


async def alerts_view(session: Session, *, since_seconds: float) -> AlertsView:
    """Everything that `alerts list` shows. Raises HistoryUnusable."""
    network, now_ns = session.network.name, session.clock.now_ns()
    async with await History.open(session.config.paths.history) as history:
        mutes = await history.alerts.mutes(network)
        return AlertsView(
            await history.alerts.current(network),
            await history.alerts.events(network, now_ns - round(since_seconds * NANOSECONDS_PER_SECOND)),
            tuple(mute for mute in mutes if mute.until_ns is None or mute.until_ns > now_ns),
            subject_names(session),
        )


async def acknowledge(session: Session, what: str, rule: str, *, note: str, for_seconds: float | None) -> int:
    """Somebody cares about these alerts: they are not sent again until they get worse. How many there were.

    Raises NoSuchAlert, UsageError, HistoryUnusable.
    """
    now_ns = session.clock.now_ns()
    async with await History.open(session.config.paths.history) as history:
        count = await history.alerts.acknowledge(
            session.network.name,
            _subject(session, what),
            rule,
            by_whom=operator_name(),
            note=note,
            now_ns=now_ns,
            until_ns=_until(now_ns, for_seconds),
        )
    if not count:
        raise NoSuchAlert(
            f"no alert of {what} {'' if rule == '*' else f'and rule {rule} '}is firing",
            next_step="`quri-console alerts list` shows what is.",
        )
    return count


async def silence(session: Session, what: str, rule: str, *, note: str, for_seconds: float | None) -> int:
    """Send nothing about these alerts for a while; the silence's number. Raises UsageError, HistoryUnusable."""
    now_ns = session.clock.now_ns()
    async with await History.open(session.config.paths.history) as history:
        return await history.alerts.silence(
            session.network.name,
            _subject(session, what),
            rule,
            by_whom=operator_name(),
            note=note,
            now_ns=now_ns,
            until_ns=_until(now_ns, for_seconds),
        )


async def unsilence(session: Session, number: int) -> None:
    """End a silence or take an acknowledgement back. Raises NoSuchAlert, HistoryUnusable."""
    async with await History.open(session.config.paths.history) as history:
        if not await history.alerts.unsilence(session.network.name, number):
            raise NoSuchAlert(
                f"there is no silence or acknowledgement {number}",
                next_step="`quri-console alerts list` shows their numbers.",
            )


async def send_test(session: Session, channel: str) -> str:
    """Send a test message to one channel, past the outbox; what its receiver answered in words.

    Raises UsageError for a channel that is not there, and NotDelivered.
    """
    from quri_console.monitor.notify.channel import open_channels
    from quri_console.monitor.notify.outside import Outside
    from quri_console.monitor.notify.wording import test_notification

    config = session.config.channel(channel)
    async with Outside() as outside:
        (opened,) = open_channels([config], outside, session.clock)
        verdict = await opened.send(test_notification(channel, now_ns=session.clock.now_ns()))
    if verdict.outcome != "delivered":
        raise NotDelivered(
            f"channel {channel} did not take the test message",
            why=verdict.why,
            next_step="Check its address in the file, variable or keyring that [channels] names.",
        )
    return verdict.why


class NotDelivered(QuriError):
    """A receiver did not take a message."""


def operator_name() -> str:
    """Who is at this machine, as user@host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def subject_names(session: Session) -> dict[str, str]:
    """What people call the subjects of alerts, by subject."""
    names = session.config.canister_names
    names |= {f"{PAYER}{payer.name}": f"payer {payer.name}" for payer in session.config.monitor.payers}
    return {**names, WATCH: "quri-console"}


def _subject(session: Session, what: str) -> str:
    """The subject that a person names: a canister by name or id, a payer, the watch itself, or * for all."""
    if what in ("*", WATCH):
        return what
    payers = {payer.name for payer in session.config.monitor.payers}
    if what.removeprefix(PAYER) in payers:
        return f"{PAYER}{what.removeprefix(PAYER)}"
    return session.config.canister(what).id


def _until(now_ns: int, for_seconds: float | None) -> int | None:
    return None if for_seconds is None else now_ns + round(for_seconds * NANOSECONDS_PER_SECOND)
