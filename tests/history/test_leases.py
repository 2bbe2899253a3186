"""One holder per duty, takeover when a lease has run out."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quri_console.history import History

SECOND = 1_000_000_000
NOW = 1_750_000_000 * SECOND


@pytest.fixture
async def history(tmp_path: Path) -> AsyncIterator[History]:
    async with await History.open(tmp_path / "h.sqlite") as opened:
        yield opened


async def take(history: History, holder: str, at_seconds: float, seconds: float = 10) -> str:
    now_ns = NOW + round(at_seconds * SECOND)
    return (await history.leases.acquire("poll:ic", holder, now_ns=now_ns, seconds=seconds)).holder


async def test_the_first_one_holds_it(history: History) -> None:
    assert await take(history, "a", 0) == "a"
    assert await take(history, "b", 9.9) == "a"


async def test_renewing_keeps_it_and_remembers_since_when(history: History) -> None:
    await take(history, "a", 0)
    lease = await history.leases.acquire("poll:ic", "a", now_ns=NOW + 9 * SECOND, seconds=10)
    assert (lease.acquired_ns, lease.expires_ns) == (NOW, NOW + 19 * SECOND)
    assert await take(history, "b", 18) == "a"


async def test_it_runs_out(history: History) -> None:
    await take(history, "a", 0)
    assert await take(history, "b", 10) == "b"
    assert await take(history, "a", 11) == "b"


async def test_giving_back_frees_it_but_only_for_its_holder(history: History) -> None:
    await take(history, "a", 0)
    await history.leases.release("poll:ic", "b")
    assert await take(history, "b", 1) == "a"
    await history.leases.release("poll:ic", "a")
    assert await take(history, "b", 2) == "b"


async def test_duties_are_separate(history: History) -> None:
    await take(history, "a", 0)
    lease = await history.leases.acquire("poll:local", "b", now_ns=NOW, seconds=10)
    assert lease.holder == "b"


async def test_a_lease_from_a_clock_years_ahead_does_not_block(history: History) -> None:
    await take(history, "a", 10**8)
    assert await take(history, "b", 0) == "b"
