"""Reads what can be read of a damaged database, row by row, around the places that cannot."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

# halving a year that often leaves half an hour
_SEARCH_DEPTH = 14
# from the network's beginning for some decades, where no row tells better
_PLAUSIBLE = (1_600_000_000 * 10**9, 2_600_000_000 * 10**9)
_INT64 = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class _Table:
    """A table to carry over; `time` is the column by which one canister's rows (of each part) lie in order."""

    name: str
    order: str
    time: str = ""
    condition: str = "1"
    parts: tuple[str, ...] = ("1",)


# leases run out by themselves, and what was sent is history
_TABLES = (
    _Table("canisters", "id"),
    _Table("settings", "id"),
    _Table("samples", "canister, at_ns", "at_ns"),
    _Table("rollup_progress", "canister"),
    _Table("rollup_late", "canister, bucket_seconds, start_ns"),
    _Table(
        "rollups",
        "canister, bucket_seconds, start_ns",
        "start_ns",
        parts=("bucket_seconds = 3600", "bucket_seconds = 86400"),
    ),
    _Table("events", "canister, at_ns, kind", "at_ns"),
    _Table("known", "canister"),
    _Table("cause_counters", "canister, at_ns", "at_ns"),
    _Table("alerts", "network, subject, rule"),
    _Table("alert_history", "id"),
    _Table("silences", "id"),
    _Table("alert_groups", "network, group_key"),
    _Table("alert_clocks", "network"),
    _Table("outbox", "id", condition="state = 'waiting'"),
    _Table("duties", "network, duty"),
    _Table("payers", "network, payer, at_ns"),
    _Table("schedule_runs", "network, schedule, slot_ns, attempt", "at_ns"),
)


@dataclass(frozen=True, slots=True)
class Salvage:
    """How many rows of which table were carried over and were unusable, and tables with unreadable parts."""

    carried_over: Mapping[str, int]
    lost: Mapping[str, int]
    unreadable: tuple[str, ...]


def carry_over(damaged: Path, target: sqlite3.Connection) -> Salvage:
    """Copy what can be read into an empty database, within the transaction under way."""
    carried: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    unreadable: list[str] = []
    with closing(_open(damaged)) as source:
        for table in _TABLES:
            columns = _common_columns(source, target, table.name)
            if columns is None:
                unreadable.append(table.name)
            elif columns:
                whole = _carry_table(source, target, table, columns, carried, lost)
                if not whole:
                    unreadable.append(table.name)
    return Salvage(carried, lost, tuple(unreadable))


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.text_factory = lambda data: data.decode(errors="replace")
    return connection


def _common_columns(source: sqlite3.Connection, target: sqlite3.Connection, table: str) -> dict[str, str] | None:
    """Columns of both with their types; empty when one has no such table, None when that cannot be read."""
    try:
        theirs = {row[1] for row in source.execute(f"PRAGMA table_info({table})")}
    except sqlite3.Error:
        return None
    ours = {row[1]: row[2] for row in target.execute(f"PRAGMA table_info({table})")}
    return {name: kind for name, kind in ours.items() if name in theirs}


def _carry_table(
    source: sqlite3.Connection,
    target: sqlite3.Connection,
    table: _Table,
    columns: Mapping[str, str],
    carried: Counter[str],
    lost: Counter[str],
) -> bool:
    marks = ", ".join("?" * len(columns))
    statement = f"INSERT OR IGNORE INTO {table.name} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - names of our own
    kinds = tuple(columns.values())
    settings = list(columns).index("settings") if table.name == "samples" else None
    documents = {row[0] for row in target.execute("SELECT id FROM settings")} if settings is not None else set()

    def keep(row: Sequence[Any]) -> None:
        values = list(row)
        if settings is not None and values[settings] not in documents:
            values[settings] = None
        if not all(_sound(kind, value) for kind, value in zip(kinds, values, strict=True)):
            lost[table.name] += 1
            return
        try:
            carried[table.name] += target.execute(statement, values).rowcount
        except sqlite3.IntegrityError:
            lost[table.name] += 1

    reader = _Reader(source, table, ", ".join(columns), keep)
    canisters = [row[0] for row in target.execute("SELECT id FROM canisters")] if table.time else []
    if not table.time:
        return reader.read(table.condition, ())
    whole = True
    for part, canister in product(table.parts, canisters):
        whole = reader.read(f"canister = ? AND {part}", (canister,)) and whole
    reader.search()
    return whole


class _Reader:
    """Reads one table from both ends, and what lies between two damages by halving it."""

    def __init__(
        self, source: sqlite3.Connection, table: _Table, columns: str, keep: Callable[[Sequence[Any]], None]
    ) -> None:
        self._source = source
        self._table = table
        self._columns = columns
        self._keep = keep
        self._gaps: list[tuple[str, tuple[Any, ...], int, int]] = []
        self._times: tuple[int, int] | None = None

    def read(self, condition: str, parameters: tuple[Any, ...]) -> bool:
        """Keep what can be read from both ends; whether that was all."""
        if self._table.time:
            return self._ends(condition, parameters, 0, _INT64)
        whole = self._run(condition, parameters, "")
        if not whole:
            self._run(condition, parameters, "DESC")
        return whole

    def search(self) -> None:
        """Look into what was left between two damages, wherever other rows say that there was time at all."""
        first, last = self._times or _PLAUSIBLE
        for depth in range(_SEARCH_DEPTH):
            gaps, self._gaps = self._gaps, []
            for condition, parameters, gap_low, gap_high in gaps:
                low, high = (gap_low, gap_high) if depth else (max(gap_low, first), min(gap_high, last))
                middle = (low + high) // 2
                for part in ((low, middle), (middle + 1, high)):
                    if part[0] <= part[1]:
                        self._ends(condition, parameters, *part)

    def _ends(self, condition: str, parameters: tuple[Any, ...], low: int, high: int) -> bool:
        """Read the rows with a time in [low, high] up to a damage, and down to one; note what is left between."""
        bounded = (f"{condition} AND {self._table.time} BETWEEN ? AND ?", (*parameters, low, high))
        up = self._walk(*bounded, "")
        down = self._walk(*bounded, "DESC") if up is not None else None
        if up is not None and down is not None and up + 1 < down:
            self._gaps.append((condition, parameters, up + 1, down - 1))
        return up is None

    def _run(self, condition: str, parameters: tuple[Any, ...], direction: str) -> bool:
        order = ", ".join(f"{column} {direction}" for column in self._table.order.split(", "))
        try:
            for row in self._rows(condition, parameters, order):
                self._keep(row)
        except sqlite3.Error:
            return False
        return True

    def _walk(self, condition: str, parameters: tuple[Any, ...], direction: str) -> int | None:
        """Keep rows until the end (None) or a damage; then the time of the last row before it."""
        low, high = parameters[-2:]
        place = int(high + 1 if direction else low - 1)
        try:
            for row in self._rows(condition, parameters, f"{self._table.time} {direction}", self._table.time):
                place = int(row[0])
                first, last = self._times or (place, place)
                self._times = min(first, place), max(last, place)
                self._keep(row[1:])
        except sqlite3.Error:
            return place
        return None

    def _rows(self, condition: str, parameters: tuple[Any, ...], order: str, *more: str) -> Iterator[Any]:
        columns = ", ".join((*more, self._columns))
        yield from self._source.execute(
            f"SELECT {columns} FROM {self._table.name} WHERE {condition} ORDER BY {order}",  # noqa: S608 - names of our own
            parameters,
        )


def _sound(kind: str, value: Any) -> bool:
    """Whether a value is of its column: what a damaged page tells may be anything."""
    if value is None:
        return True
    match kind:
        case "INTEGER":
            return isinstance(value, int)
        case "REAL":
            return isinstance(value, int | float)
        case "TEXT":
            return isinstance(value, str)
        case "BLOB":
            return isinstance(value, bytes)
    # amounts have no type: an integer, or digits where it is longer
    return isinstance(value, int) or (isinstance(value, str) and value.isascii() and value.isdigit())
