"""Burn of all canisters over a few windows, added up by SQLite: a thousand canisters need no thousand timelines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.history.access import Access
from quri_console.units import DAY_SECONDS, HOUR_SECONDS


@dataclass(frozen=True, slots=True)
class BurnSum:
    """What one canister's hours from `from_ns` to before the next window's add up to.

    `burnt` is exact to 15 digits; `last_ns` is the time of the last sample in them.
    """

    from_ns: int
    first_ns: int
    last_ns: int
    burnt: int
    burn_ns: int


async def burn_sums(access: Access, network: str, from_ns: Sequence[int]) -> dict[str, tuple[BurnSum, ...]]:
    """The sums of every canister's hours between the given times, which ascend, oldest first, by canister id."""
    cases = " ".join(f"WHEN r.start_ns < ?{number + 2} THEN {number - 1}" for number in range(1, len(from_ns)))
    part = f"CASE {cases} ELSE {len(from_ns) - 1} END" if cases else "0"
    rows = await access.rows(
        f"SELECT c.canister_id, {part}, MIN(r.first_ns), MAX(r.last_ns), TOTAL(r.burnt), SUM(r.burn_ns) "  # noqa: S608
        "FROM canisters c JOIN rollups r ON r.canister = c.id "
        f"WHERE c.network = ?1 AND r.bucket_seconds = {HOUR_SECONDS} AND r.start_ns >= ?2 GROUP BY 1, 2 ORDER BY 1, 2",
        (network, *from_ns),
    )
    found: dict[str, list[BurnSum]] = {}
    for canister_id, window, first_ns, last_ns, burnt, burn_ns in rows:
        entry = BurnSum(from_ns[window], first_ns, last_ns, int(burnt), burn_ns)
        found.setdefault(canister_id, []).append(entry)
    return {canister_id: tuple(sums) for canister_id, sums in found.items()}


async def memory_around(access: Access, network: str, at_ns: int) -> dict[str, int]:
    """Memory (bytes) that canisters had in the last hour known of the day before `at_ns`, by canister id."""
    since_ns = at_ns - DAY_SECONDS * NANOSECONDS_PER_SECOND
    rows = await access.rows(
        "SELECT c.canister_id, r.memory_bytes, MAX(r.start_ns) FROM canisters c JOIN rollups r ON r.canister = c.id "
        "WHERE c.network = ?1 AND r.bucket_seconds = ?4 AND r.start_ns BETWEEN ?2 AND ?3 "
        "AND r.memory_bytes IS NOT NULL GROUP BY c.id",
        (network, since_ns, at_ns, HOUR_SECONDS),
    )
    return {canister_id: memory_bytes for canister_id, memory_bytes, _ in rows}
