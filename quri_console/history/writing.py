"""Puts samples into the database, and with them, in the same transaction, what they show to have happened."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import aiosqlite

from quri_console.history.bucket_rows import DAY, HOUR, fetch, mark_late
from quri_console.history.differences import Difference, Known, differences, learn
from quri_console.history.samples import COLUMNS, Sample, exact, from_row, stored, to_row

SAMPLE_COLUMNS = ", ".join(f"s.{column}" for column in COLUMNS)
_INSERT = (
    f"INSERT OR REPLACE INTO samples (canister, settings, {', '.join(COLUMNS)}) "  # noqa: S608 - column names of our own
    f"VALUES (?, ?{', ?' * len(COLUMNS)})"
)
_STATES = """
SELECT c.canister_id, c.id, p.hours_until_ns, p.samples_from_ns, p.hours_from_ns,
    k.at_ns, k.cycles, k.status, k.module, k.controllers, k.settings, k.present
FROM json_each(?) j JOIN canisters c ON c.network = ? AND c.canister_id = j.value
LEFT JOIN known k ON k.canister = c.id LEFT JOIN rollup_progress p ON p.canister = c.id
"""
_FROM_THEN_ON = f"""
SELECT t.document, {SAMPLE_COLUMNS} FROM samples s LEFT JOIN settings t ON t.id = s.settings
WHERE s.canister = ? AND s.at_ns >= ? AND s.at_ns < ? ORDER BY s.at_ns
"""  # noqa: S608 - as above
_LAST_BEFORE = f"""
SELECT t.document, {SAMPLE_COLUMNS} FROM samples s LEFT JOIN settings t ON t.id = s.settings
WHERE s.canister = ? AND s.at_ns >= ? AND s.at_ns < ? AND {{condition}} ORDER BY s.at_ns DESC LIMIT 1
"""  # noqa: S608 - as above
# the newest sample of each kind together tell all that is known: see differences.learn
_FACTS = (
    "s.cycles IS NOT NULL",
    "s.status IS NOT NULL",
    "s.origin NOT IN ('', 'imported')",
    "s.origin IN ('query', 'update')",
    "(s.origin NOT IN ('', 'imported') OR s.error_kind = 'not found')",
)
FOREVER = (1 << 63) - 1
SETTINGS_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class _State:
    """What the database has of a canister before samples are added."""

    row: int
    hours_until_ns: int = 0
    samples_from_ns: int = 0
    hours_from_ns: int = 0
    known: Known | None = None


class SampleWriter:
    """Writes samples for one connection; remembers the rows of settings documents."""

    def __init__(self) -> None:
        self._settings: dict[str, int] = {}

    def forget(self) -> None:
        """What was remembered may have been rolled back."""
        self._settings.clear()

    async def add(self, connection: aiosqlite.Connection, network: str, samples: Sequence[Sample]) -> None:
        """Write samples, replacing those of the same canister and time."""
        await self._add(connection, samples, await _states(connection, network, samples))

    async def add_missing(self, connection: aiosqlite.Connection, network: str, samples: Sequence[Sample]) -> int:
        """Write those of the samples that are not there yet in any form; how many these were."""
        states = await _states(connection, network, samples)
        missing: list[Sample] = []
        for canister_id, own in _by_canister(samples).items():
            missing += await _missing(connection, states[canister_id], own)
        await self._add(connection, missing, states)
        return len(missing)

    async def _add(
        self, connection: aiosqlite.Connection, samples: Sequence[Sample], states: dict[str, _State]
    ) -> None:
        await self._store_settings(connection, {s.settings for s in samples if s.settings is not None})
        settings = self._settings
        rows = [
            (states[s.canister_id].row, settings[s.settings] if s.settings is not None else None, *to_row(s))
            for s in samples
        ]
        await connection.executemany(_INSERT, rows)
        late: set[tuple[int, int, int]] = set()
        events: list[tuple[int, int, Difference]] = []
        known: list[tuple[int, Known]] = []
        for canister_id, own in _by_canister(samples).items():
            state = states[canister_id]
            late.update((state.row, HOUR.seconds, HOUR.start(s.at_ns)) for s in own if s.at_ns < state.hours_until_ns)
            if state.known is not None and own[0].at_ns <= state.known.at_ns:
                now_known = await _tell_again(connection, canister_id, state, own, events)
            else:
                now_known = _tell(state.row, state.known, own, events)
            if now_known is not None:
                known.append((state.row, now_known))
        if late:
            await mark_late(connection, late)
        await _write_events(connection, events)
        await connection.executemany(
            "INSERT OR REPLACE INTO known VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (row, k.at_ns, stored(k.cycles), k.status, k.module, k.controllers, k.settings, k.present)
                for row, k in known
            ],
        )

    async def _store_settings(self, connection: aiosqlite.Connection, documents: Iterable[str]) -> None:
        if len(self._settings) > SETTINGS_REMEMBERED:
            self.forget()
        for document in documents:
            if document not in self._settings:
                digest = hashlib.sha256(document.encode()).digest()
                await connection.execute(
                    "INSERT OR IGNORE INTO settings (digest, document) VALUES (?, ?)", (digest, document)
                )
                found = await fetch(connection, "SELECT id FROM settings WHERE digest = ?", (digest,))
                self._settings[document] = found[0][0]


async def _states(connection: aiosqlite.Connection, network: str, samples: Sequence[Sample]) -> dict[str, _State]:
    ids = list({sample.canister_id for sample in samples})
    rows = await fetch(connection, _STATES, (json.dumps(ids), network))
    if len(rows) < len(ids):
        await connection.executemany(
            "INSERT OR IGNORE INTO canisters (network, canister_id) VALUES (?, ?)", [(network, one) for one in ids]
        )
        rows = await fetch(connection, _STATES, (json.dumps(ids), network))
    return {row[0]: _state(row) for row in rows}


def _state(row: Any) -> _State:
    known = None
    if row[5] is not None:
        present = bool(row[11]) if row[11] is not None else None
        known = Known(*(row[5], exact(row[6]), *row[7:11], present))
    return _State(row[1], row[2] or 0, row[3] or 0, row[4] or 0, known)


def _by_canister(samples: Iterable[Sample]) -> dict[str, list[Sample]]:
    """Each canister's samples in the order of time, of several at one time the last."""
    found: dict[str, dict[int, Sample]] = {}
    for sample in samples:
        found.setdefault(sample.canister_id, {})[sample.at_ns] = sample
    return {one: [by_time[at_ns] for at_ns in sorted(by_time)] for one, by_time in found.items()}


def _tell(
    row: int, known: Known | None, samples: Iterable[Sample], events: list[tuple[int, int, Difference]]
) -> Known | None:
    for sample in samples:
        if known is not None:
            events.extend((row, sample.at_ns, difference) for difference in differences(known, sample))
        known = learn(known, sample)
    return known


async def _tell_again(
    connection: aiosqlite.Connection,
    canister_id: str,
    state: _State,
    late: Sequence[Sample],
    events: list[tuple[int, int, Difference]],
) -> Known | None:
    """Make the events anew from the first of the late samples on; what is known at the end of it.

    What is older than the samples that are kept stays as it was told when they were there.
    """
    from_ns = next((sample.at_ns for sample in late if sample.at_ns >= state.samples_from_ns), None)
    if from_ns is None:
        return None
    known: Known | None = None
    before: dict[int, Sample] = {}
    for fact in _FACTS:
        statement = _LAST_BEFORE.format(condition=fact)
        for found in await fetch(connection, statement, (state.row, state.samples_from_ns, from_ns)):
            before[found[1]] = from_row(canister_id, found[0], found[1:])
    for at_ns in sorted(before):
        known = learn(known, before[at_ns])
    await connection.execute("DELETE FROM events WHERE canister = ? AND at_ns >= ?", (state.row, from_ns))
    rows = await fetch(connection, _FROM_THEN_ON, (state.row, from_ns, FOREVER))
    return _tell(state.row, known, (from_row(canister_id, row[0], row[1:]) for row in rows), events)


async def _write_events(connection: aiosqlite.Connection, events: list[tuple[int, int, Difference]]) -> None:
    if events:
        await connection.executemany(
            "INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?, ?, ?)",
            [(row, at_ns, d.kind, d.before, d.after, stored(d.cycles)) for row, at_ns, d in events],
        )


async def _missing(connection: aiosqlite.Connection, state: _State, samples: list[Sample]) -> list[Sample]:
    first_ns, last_ns = samples[0].at_ns, samples[-1].at_ns
    there = await fetch(
        connection,
        "SELECT at_ns FROM samples WHERE canister = ? AND at_ns BETWEEN ? AND ?",
        (state.row, first_ns, last_ns),
    )
    times = {row[0] for row in there}
    covered = await _covered(connection, state, first_ns, last_ns)
    return [s for s in samples if s.at_ns not in times and not _within(covered, s.at_ns)]


async def _covered(
    connection: aiosqlite.Connection, state: _State, first_ns: int, last_ns: int
) -> list[tuple[int, int]]:
    """From when to when buckets stand for samples that are not kept any more."""
    if first_ns >= state.samples_from_ns:
        return []
    spans: list[tuple[int, int]] = []
    for level, from_ns, until_ns in (
        (DAY, 0, state.hours_from_ns),
        (HOUR, state.hours_from_ns, state.samples_from_ns),
    ):
        spans += await fetch(
            connection,
            "SELECT first_ns, last_ns FROM rollups WHERE canister = ? AND bucket_seconds = ? "
            "AND start_ns >= MAX(?, ?) AND start_ns < ? AND start_ns <= ? ORDER BY start_ns",
            (state.row, level.seconds, from_ns, level.start(first_ns), until_ns, last_ns),
        )
    return [(span[0], span[1]) for span in spans]


def _within(spans: Sequence[tuple[int, int]], at_ns: int) -> bool:
    place = bisect_right(spans, (at_ns, FOREVER)) - 1
    return place >= 0 and at_ns <= spans[place][1]
