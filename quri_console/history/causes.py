"""What canisters' cycles were burnt for since they were made, as counters that were read from time to time."""

from __future__ import annotations

import json
from collections.abc import Mapping

from quri_console.history.access import Access

SCHEMA = """
CREATE TABLE cause_counters (
    canister INTEGER NOT NULL REFERENCES canisters (id) ON DELETE CASCADE,
    at_ns INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (canister, at_ns)
) WITHOUT ROWID;
"""

Counters = Mapping[str, int | None]
"""Cycles by cause."""


class Causes:
    """The counters of one database."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def add(self, network: str, at_ns: int, counters: Mapping[str, Counters]) -> None:
        """Write one reading of several canisters, by canister id; those that were never sampled are left out."""
        async with self._access.transaction() as connection:
            await connection.executemany(
                "INSERT OR REPLACE INTO cause_counters (canister, at_ns, document) "
                "SELECT id, ?3, ?4 FROM canisters WHERE network = ?1 AND canister_id = ?2",
                [(network, canister_id, at_ns, json.dumps(dict(found))) for canister_id, found in counters.items()],
            )

    async def of(self, network: str, canister_id: str, since_ns: int) -> tuple[tuple[int, Counters], ...]:
        """(time in ns, counters) of a canister, oldest first."""
        rows = await self._access.rows(
            "SELECT k.at_ns, k.document FROM canisters c JOIN cause_counters k ON k.canister = c.id "
            "WHERE c.network = ? AND c.canister_id = ? AND k.at_ns >= ? ORDER BY k.at_ns",
            (network, canister_id, since_ns),
        )
        return tuple((at_ns, json.loads(document)) for at_ns, document in rows)

    async def prune(self, before_ns: int) -> None:
        """Forget readings from before that time."""
        async with self._access.transaction() as connection:
            await connection.execute("DELETE FROM cause_counters WHERE at_ns < ?", (before_ns,))
