"""Balances of the accounts that top-ups are paid from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from quri_console.history.access import Access
from quri_console.history.samples import SQLITE_MAX_INTEGER, exact, stored

SCHEMA = """
CREATE TABLE payers (
    network TEXT NOT NULL,
    payer TEXT NOT NULL,
    at_ns INTEGER NOT NULL,
    cycles,
    error TEXT,
    PRIMARY KEY (network, payer, at_ns)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class PayerBalance:
    """One look at a payer's balance; None when it failed, and why."""

    payer: str
    at_ns: int
    cycles: int | None
    error: str | None = None


class Payers:
    """The payers of one database."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def add(self, network: str, balances: Iterable[PayerBalance]) -> None:
        """Write looks at payers; one of the same payer and time is replaced."""
        rows = [(network, seen.payer, seen.at_ns, stored(seen.cycles), seen.error) for seen in balances]
        async with self._access.transaction() as connection:
            await connection.executemany("INSERT OR REPLACE INTO payers VALUES (?, ?, ?, ?, ?)", rows)

    async def newest(self, network: str, until_ns: int = SQLITE_MAX_INTEGER) -> dict[str, PayerBalance]:
        """The newest look at every payer, by its name."""
        return await self._newest(network, until_ns, "1")

    async def newest_balances(self, network: str, until_ns: int = SQLITE_MAX_INTEGER) -> dict[str, PayerBalance]:
        """The newest look at every payer that gave a balance, by its name."""
        return await self._newest(network, until_ns, "cycles IS NOT NULL")

    async def series(
        self, network: str, payer: str, since_ns: int, until_ns: int = SQLITE_MAX_INTEGER
    ) -> tuple[tuple[int, int], ...]:
        """(time in ns, cycles) of one payer between two times, both included, oldest first."""
        rows = await self._access.rows(
            "SELECT at_ns, cycles FROM payers WHERE network = ? AND payer = ? AND at_ns BETWEEN ? AND ? "
            "AND cycles IS NOT NULL ORDER BY at_ns",
            (network, payer, since_ns, until_ns),
        )
        return tuple((row[0], int(row[1])) for row in rows)

    async def _newest(self, network: str, until_ns: int, condition: str) -> dict[str, PayerBalance]:
        # SQLite gives the other columns of the row that MAX() is of
        statement = (
            "SELECT payer, MAX(at_ns), cycles, error FROM payers "  # noqa: S608 - a condition of our own
            f"WHERE network = ? AND at_ns <= ? AND {condition} GROUP BY payer"
        )
        rows = await self._access.rows(statement, (network, until_ns))
        return {row[0]: PayerBalance(row[0], row[1], exact(row[2]), row[3]) for row in rows}
