"""When each duty was last begun and ended, and how: what `doctor` and the dead man's switch go by."""

from __future__ import annotations

from dataclasses import dataclass

from quri_console.history.access import Access

SCHEMA = """
CREATE TABLE duties (
    network TEXT NOT NULL,
    duty TEXT NOT NULL,
    started_ns INTEGER,
    succeeded_ns INTEGER,
    failed_ns INTEGER,
    note TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (network, duty)
) WITHOUT ROWID;
"""

EVERYWHERE = ""
"""The network of a duty that is of none, such as checking the database."""


@dataclass(frozen=True, slots=True)
class Duty:
    """When a duty last began, succeeded and failed (nanoseconds since 1970, None: never), and what was noted."""

    network: str
    duty: str
    started_ns: int | None = None
    succeeded_ns: int | None = None
    failed_ns: int | None = None
    note: str = ""

    @property
    def failing(self) -> bool:
        """Whether the last run that ended has failed."""
        return self.failed_ns is not None and (self.succeeded_ns is None or self.failed_ns > self.succeeded_ns)


class Duties:
    """The duties of one database."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def started(self, network: str, duty: str, at_ns: int) -> None:
        """A run has begun; the note of the last one stays until this one ends."""
        await self._note(network, duty, "started_ns", at_ns, None)

    async def succeeded(self, network: str, duty: str, at_ns: int, note: str = "") -> None:
        """A run has done what it should."""
        await self._note(network, duty, "succeeded_ns", at_ns, note)

    async def failed(self, network: str, duty: str, at_ns: int, note: str) -> None:
        """A run has failed; the note says why."""
        await self._note(network, duty, "failed_ns", at_ns, note)

    async def get(self, network: str, duty: str) -> Duty:
        """What is known of one duty."""
        return (await self.all(network)).get(duty, Duty(network, duty))

    async def all(self, network: str) -> dict[str, Duty]:
        """Every duty that was ever begun on that network, by its name."""
        rows = await self._access.rows(
            "SELECT network, duty, started_ns, succeeded_ns, failed_ns, note FROM duties "
            "WHERE network = ? ORDER BY duty",
            (network,),
        )
        return {row[1]: Duty(*row) for row in rows}

    async def _note(self, network: str, duty: str, column: str, at_ns: int, note: str | None) -> None:
        statement = (
            f"INSERT INTO duties (network, duty, {column}, note) VALUES (?1, ?2, ?3, COALESCE(?4, '')) "  # noqa: S608 - a column of our own
            f"ON CONFLICT DO UPDATE SET {column} = ?3, note = COALESCE(?4, note)"
        )
        async with self._access.transaction() as connection:
            await connection.execute(statement, (network, duty, at_ns, note))
