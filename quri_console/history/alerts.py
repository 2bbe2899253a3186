"""The state of every alert, and what was acknowledged or silenced: a restart neither repeats nor forgets.

What an alert's state means is the monitor's business: here it is a document beside the few columns
that people ask for. Everything that one step of the monitor changes goes into one transaction.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

import aiosqlite

from quri_console.history.access import Access

SCHEMA = """
CREATE TABLE alerts (
    network TEXT NOT NULL,
    subject TEXT NOT NULL,
    rule TEXT NOT NULL,
    state TEXT NOT NULL,
    level TEXT NOT NULL,
    since_ns INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (network, subject, rule)
) WITHOUT ROWID;
CREATE TABLE alert_history (
    id INTEGER PRIMARY KEY,
    network TEXT NOT NULL,
    subject TEXT NOT NULL,
    rule TEXT NOT NULL,
    at_ns INTEGER NOT NULL,
    state TEXT NOT NULL,
    level TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX alert_history_by_time ON alert_history (network, at_ns);
CREATE TABLE silences (
    id INTEGER PRIMARY KEY,
    network TEXT NOT NULL,
    subject TEXT NOT NULL,
    rule TEXT NOT NULL,
    kind TEXT NOT NULL,
    level TEXT NOT NULL DEFAULT '',
    by_whom TEXT NOT NULL,
    note TEXT NOT NULL,
    from_ns INTEGER NOT NULL,
    until_ns INTEGER
);
CREATE TABLE alert_groups (
    network TEXT NOT NULL,
    group_key TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (network, group_key)
) WITHOUT ROWID;
CREATE TABLE alert_clocks (
    network TEXT PRIMARY KEY,
    document TEXT NOT NULL
) WITHOUT ROWID;
"""

# States in which an alert can be acknowledged.
LIVE_STATES = ("pending", "firing", "resolving")

_MUTE_COLUMNS = "id, subject, rule, kind, level, by_whom, note, from_ns, until_ns"
_INSERT_MUTE = (
    "INSERT INTO silences (network, subject, rule, kind, level, by_whom, note, from_ns, until_ns) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_EVENT = (
    "INSERT INTO alert_history (network, subject, rule, at_ns, state, level, text) VALUES (?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert as stored; `since_ns` is when it came into its state, `document` the rest as JSON."""

    subject: str
    rule: str
    state: str
    level: str
    since_ns: int
    document: str


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """One line of the past: what happened to an alert, when (ns since 1970)."""

    subject: str
    rule: str
    at_ns: int
    state: str
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class Mute:
    """A silence (subject and rule may hold `*` and `?`) or an acknowledgement of one alert, up to `level`.

    `until_ns` None: until it is taken back, an acknowledgement until its alert is resolved.
    """

    id: int
    subject: str
    rule: str
    kind: Literal["silence", "ack"]
    level: str
    by_whom: str
    note: str
    from_ns: int
    until_ns: int | None


@dataclass(frozen=True, slots=True)
class AlertPages:
    """All that is stored of one network's alerts; `clock` is empty before the first step."""

    alerts: tuple[AlertRow, ...] = ()
    groups: Mapping[str, str] = field(default_factory=dict)
    mutes: tuple[Mute, ...] = ()
    clock: str = ""


@dataclass(frozen=True, slots=True)
class AlertChange:
    """What one step changed; a group whose document is None is forgotten."""

    clock: str
    alerts: tuple[AlertRow, ...] = ()
    removed: tuple[tuple[str, str], ...] = ()
    """(subject, rule)"""
    groups: Mapping[str, str | None] = field(default_factory=dict)
    events: tuple[AlertEvent, ...] = ()
    ended_mutes: tuple[int, ...] = ()


class AlertTransaction:
    """The alerts of one network while nobody else writes; all of it is kept, or nothing."""

    def __init__(self, connection: aiosqlite.Connection, network: str) -> None:
        self.connection = connection
        """For what has to be kept together with the alerts: the messages about them."""
        self._network = network

    async def pages(self) -> AlertPages:
        """What is stored now."""
        alerts = await self._fetch("SELECT subject, rule, state, level, since_ns, document FROM alerts")
        groups = await self._fetch("SELECT group_key, document FROM alert_groups")
        mutes = await self._fetch(f"SELECT {_MUTE_COLUMNS} FROM silences")  # noqa: S608 - column names of our own
        clock = await self._fetch("SELECT document FROM alert_clocks")
        return AlertPages(
            tuple(AlertRow(*row) for row in alerts),
            {row[0]: row[1] for row in groups},
            tuple(Mute(*row) for row in mutes),
            clock[0][0] if clock else "",
        )

    async def save(self, change: AlertChange) -> None:
        """Write what a step changed."""
        network, execute = self._network, self.connection.executemany
        await execute(
            "INSERT OR REPLACE INTO alerts (network, subject, rule, state, level, since_ns, document) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(network, r.subject, r.rule, r.state, r.level, r.since_ns, r.document) for r in change.alerts],
        )
        await execute(
            "DELETE FROM alerts WHERE network = ? AND subject = ? AND rule = ?",
            [(network, *key) for key in change.removed],
        )
        await execute(
            "INSERT OR REPLACE INTO alert_groups (network, group_key, document) VALUES (?, ?, ?)",
            [(network, key, document) for key, document in change.groups.items() if document is not None],
        )
        await execute(
            "DELETE FROM alert_groups WHERE network = ? AND group_key = ?",
            [(network, key) for key, document in change.groups.items() if document is None],
        )
        await execute(
            "DELETE FROM silences WHERE network = ? AND id = ?", [(network, number) for number in change.ended_mutes]
        )
        await execute("INSERT OR REPLACE INTO alert_clocks VALUES (?, ?)", [(network, change.clock)])
        await self._add_events(change.events)

    async def acknowledge(self, subject: str, rule: str, mute: Mute) -> int:
        """Put `mute` on every live alert of those patterns, instead of an earlier acknowledgement; how many."""
        live = [
            row
            for row in await self._fetch("SELECT subject, rule, level, state FROM alerts")
            if row[3] in LIVE_STATES and fnmatchcase(row[0], subject) and fnmatchcase(row[1], rule)
        ]
        for row in live:
            await self.connection.execute(
                "DELETE FROM silences WHERE network = ? AND subject = ? AND rule = ? AND kind = 'ack'",
                (self._network, row[0], row[1]),
            )
            values = ("ack", row[2], _storable(mute.by_whom), _storable(mute.note), mute.from_ns, mute.until_ns)
            await self.connection.execute(_INSERT_MUTE, (self._network, row[0], row[1], *values))
        text = _by(mute)
        await self._add_events(AlertEvent(r[0], r[1], mute.from_ns, "acknowledged", r[2], text) for r in live)
        return len(live)

    async def silence(self, mute: Mute) -> int:
        """Add a silence; its number."""
        values = ("silence", "", _storable(mute.by_whom), _storable(mute.note), mute.from_ns, mute.until_ns)
        cursor = await self.connection.execute(_INSERT_MUTE, (self._network, mute.subject, mute.rule, *values))
        await self._add_events([AlertEvent(mute.subject, mute.rule, mute.from_ns, "silenced", "", _by(mute))])
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    async def _add_events(self, events: Iterable[AlertEvent]) -> None:
        rows = [(self._network, e.subject, e.rule, e.at_ns, e.state, e.level, _storable(e.text)) for e in events]
        await self.connection.executemany(_INSERT_EVENT, rows)

    async def _fetch(self, statement: str) -> list[aiosqlite.Row]:
        async with self.connection.execute(f"{statement} WHERE network = ?", (self._network,)) as cursor:
            return list(await cursor.fetchall())


class Alerts:
    """The alerts of one database."""

    def __init__(self, access: Access) -> None:
        self._access = access

    @asynccontextmanager
    async def changing(self, network: str) -> AsyncIterator[AlertTransaction]:
        """Read and write one network's alerts in one transaction. Raises HistoryUnusable."""
        async with self._access.transaction() as connection:
            yield AlertTransaction(connection, network)

    async def current(self, network: str) -> tuple[AlertRow, ...]:
        """Every alert that is pending, firing, resolving or lately resolved, by subject and rule."""
        rows = await self._access.rows(
            "SELECT subject, rule, state, level, since_ns, document FROM alerts "
            "WHERE network = ? AND state <> 'gone' ORDER BY subject, rule",
            (network,),
        )
        return tuple(AlertRow(*row) for row in rows)

    async def events(self, network: str, since_ns: int) -> tuple[AlertEvent, ...]:
        """What happened to alerts from `since_ns` on, oldest first."""
        rows = await self._access.rows(
            "SELECT subject, rule, at_ns, state, level, text FROM alert_history "
            "WHERE network = ? AND at_ns >= ? ORDER BY at_ns, id",
            (network, since_ns),
        )
        return tuple(AlertEvent(*row) for row in rows)

    async def mutes(self, network: str) -> tuple[Mute, ...]:
        """All silences and acknowledgements, those that ran out too, oldest first."""
        statement = f"SELECT {_MUTE_COLUMNS} FROM silences WHERE network = ? ORDER BY id"  # noqa: S608 - as above
        return tuple(Mute(*row) for row in await self._access.rows(statement, (network,)))

    async def acknowledge(
        self,
        network: str,
        subject: str,
        rule: str = "*",
        *,
        by_whom: str,
        note: str = "",
        now_ns: int,
        until_ns: int | None = None,
    ) -> int:
        """Acknowledge every live alert of those patterns: it is not sent again until it gets worse. How many."""
        async with self.changing(network) as alerts:
            mute = Mute(0, subject, rule, "ack", "", by_whom, note, now_ns, until_ns)
            return await alerts.acknowledge(subject, rule, mute)

    async def silence(
        self,
        network: str,
        subject: str,
        rule: str = "*",
        *,
        by_whom: str,
        note: str = "",
        now_ns: int,
        until_ns: int | None = None,
    ) -> int:
        """Send nothing about alerts of those patterns; the silence's number."""
        async with self.changing(network) as alerts:
            return await alerts.silence(Mute(0, subject, rule, "silence", "", by_whom, note, now_ns, until_ns))

    async def unsilence(self, network: str, number: int) -> bool:
        """Take a silence or an acknowledgement back; whether there was one of that number."""
        async with self._access.transaction() as connection:
            cursor = await connection.execute("DELETE FROM silences WHERE network = ? AND id = ?", (network, number))
            return cursor.rowcount > 0

    async def prune(self, network: str, before_ns: int) -> None:
        """Forget what happened before that time, and the silences that ran out before it."""
        async with self._access.transaction() as connection:
            await connection.execute("DELETE FROM alert_history WHERE network = ? AND at_ns < ?", (network, before_ns))
            await connection.execute("DELETE FROM silences WHERE network = ? AND until_ns < ?", (network, before_ns))


def _by(mute: Mute) -> str:
    return f"by {mute.by_whom}: {mute.note}" if mute.note else f"by {mute.by_whom}"


def _storable(text: str) -> str:
    # half a surrogate pair, as an error text may hold, is not UTF-8
    return text.encode("utf-8", "replace").decode()
