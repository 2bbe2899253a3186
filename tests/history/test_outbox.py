"""No message is lost, none is in two hands at once, and order is kept within a group."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quri_console.history import History
from quri_console.history.outbox import PATIENCE_ATTEMPTS, ChannelCounts, Outbox, OutboxMessage, WaitingMessage

SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
NOW = 1_750_000_000 * SECOND
HOLD = 60 * SECOND


@pytest.fixture
async def history(tmp_path: Path) -> AsyncIterator[History]:
    async with await History.open(tmp_path / "h.sqlite") as opened:
        yield opened


async def put(outbox: Outbox, key: str, *channels: str, group: str = "", at: int = NOW, life: int = 24 * HOUR) -> int:
    message = OutboxMessage(key, f'{{"key":"{key}"}}', group)
    return await outbox.put(message, channels or ("ops",), now_ns=at, expires_ns=at + life)


async def claim(
    outbox: Outbox, holder: str = "a", at: int = NOW, channel: str = "ops", pace: int = 0
) -> WaitingMessage | None:
    return await outbox.claim(channel, holder, now_ns=at, hold_ns=HOLD, pace_ns=pace)


async def claimed(outbox: Outbox, holder: str = "a", at: int = NOW) -> WaitingMessage:
    message = await claim(outbox, holder, at)
    assert message is not None
    return message


async def test_the_same_key_goes_to_a_channel_once(history: History) -> None:
    assert await put(history.outbox, "k", "ops", "team", "ops") == 2
    assert await put(history.outbox, "k", "ops", "new") == 1
    assert await history.outbox.counts() == {name: ChannelCounts(1, 0, 0, 0, NOW) for name in ("ops", "team", "new")}


async def test_a_delivered_message_is_not_sent_again_when_it_is_put_again(history: History) -> None:
    await put(history.outbox, "k")
    await history.outbox.settle((await claimed(history.outbox)).id, "delivered", now_ns=NOW)
    assert await put(history.outbox, "k") == 0
    assert await claim(history.outbox) is None


async def test_a_message_is_written_with_the_fact_it_tells_of_or_not_at_all(history: History) -> None:
    message = OutboxMessage("k", "{}")

    async def both(fails: bool) -> None:
        async with history.outbox.transaction() as connection:
            await connection.execute("INSERT INTO alerts VALUES ('ic', 's', 'frozen', 'firing', 'critical', 0, '{}')")
            await history.outbox.put_in(connection, message, ["ops"], now_ns=NOW, expires_ns=NOW + HOUR)
            if fails:
                raise RuntimeError

    with pytest.raises(RuntimeError):
        await both(fails=True)
    assert await history.outbox.counts() == {}
    await both(fails=False)
    assert (await history.outbox.counts())["ops"].waiting == 1


async def test_what_was_put_is_there_for_the_next_process(tmp_path: Path) -> None:
    async with await History.open(tmp_path / "h.sqlite") as first:
        await put(first.outbox, "k")
    async with await History.open(tmp_path / "h.sqlite") as second:
        message = await claimed(second.outbox)
        assert (message.key, message.document, message.attempts) == ("k", '{"key":"k"}', 1)


async def test_a_claimed_message_is_free_again_when_the_claim_ran_out(history: History) -> None:
    await put(history.outbox, "k")
    await claimed(history.outbox, "a")
    assert await claim(history.outbox, "b", NOW + HOLD - 1) is None
    assert (await claimed(history.outbox, "b", NOW + HOLD)).attempts == 2


async def test_a_claim_of_a_clock_years_ahead_does_not_block(history: History) -> None:
    await put(history.outbox, "k", life=24 * HOUR * 365 * 20)
    await claimed(history.outbox, "a", NOW + 10**9 * SECOND // 4)
    assert (await claimed(history.outbox, "b", NOW)).key == "k"


async def test_a_message_due_years_ahead_counts_as_due(history: History) -> None:
    await put(history.outbox, "k", at=NOW + 10**8 * SECOND)
    assert await history.outbox.next_ready_ns("ops", now_ns=NOW, hold_ns=HOLD) == NOW
    assert (await claimed(history.outbox)).key == "k"


async def test_only_its_holder_postpones_a_message_but_anybody_may_deliver_it(history: History) -> None:
    await put(history.outbox, "k")
    message = await claimed(history.outbox, "a")
    await claimed(history.outbox, "b", NOW + HOLD)
    assert not await history.outbox.postpone(message.id, "a", due_ns=NOW + HOUR, error="late")
    assert await history.outbox.settle(message.id, "delivered", now_ns=NOW)
    assert not await history.outbox.postpone(message.id, "b", due_ns=NOW + HOUR, error="late")
    assert not await history.outbox.settle(message.id, "dead", now_ns=NOW)


async def test_a_postponed_message_is_due_later_and_never_after_its_end(history: History) -> None:
    await put(history.outbox, "k", life=2 * HOUR)
    message = await claimed(history.outbox)
    await history.outbox.postpone(message.id, "a", due_ns=NOW + HOUR, error="HTTP 500")
    assert await claim(history.outbox, at=NOW + HOUR - 1) is None
    assert await history.outbox.next_ready_ns("ops", now_ns=NOW, hold_ns=HOLD) == NOW + HOUR
    again = await claimed(history.outbox, at=NOW + HOUR)
    assert again.error == "HTTP 500"
    await history.outbox.postpone(message.id, "a", due_ns=NOW + 9 * HOUR, error="HTTP 500")
    (waiting,) = await history.outbox.stuck(before_ns=NOW + 1)
    assert waiting.due_ns == NOW + 2 * HOUR


async def test_a_released_message_is_free_at_once(history: History) -> None:
    await put(history.outbox, "k")
    message = await claimed(history.outbox)
    await history.outbox.release(message.id, "b")
    assert await claim(history.outbox, "b") is None
    await history.outbox.release(message.id, "a")
    assert await claim(history.outbox, "b") is not None


async def test_later_messages_of_a_group_wait_for_earlier_ones_but_not_for_ever(history: History) -> None:
    await put(history.outbox, "firing", group="g")
    await put(history.outbox, "resolved", group="g")
    await put(history.outbox, "other", group="h")
    for _ in range(PATIENCE_ATTEMPTS):
        first = await claimed(history.outbox)
        assert first.key == "firing"
        await history.outbox.postpone(first.id, "a", due_ns=NOW, error="HTTP 500")
    await history.outbox.postpone((await claimed(history.outbox)).id, "a", due_ns=NOW + HOUR, error="HTTP 500")
    assert [(await claimed(history.outbox)).key for _ in range(2)] == ["resolved", "other"]


async def test_another_group_does_not_wait(history: History) -> None:
    await put(history.outbox, "firing", group="g")
    await put(history.outbox, "resolved", group="g")
    await put(history.outbox, "other", group="h")
    assert [(await claimed(history.outbox)).key for _ in range(2)] == ["firing", "other"]
    assert await claim(history.outbox) is None


async def test_the_pace_of_a_channel_holds_for_all_holders(history: History) -> None:
    for key in ("1", "2"):
        await put(history.outbox, key)
        await put(history.outbox, key, "team")
    await claimed(history.outbox, "a")
    assert await claim(history.outbox, "b", NOW + SECOND - 1, pace=SECOND) is None
    assert await claim(history.outbox, "b", NOW + SECOND - 1, "team", pace=SECOND) is not None
    assert await claim(history.outbox, "b", NOW + SECOND, pace=SECOND) is not None


async def test_a_pause_holds_back_what_waits_already(history: History) -> None:
    await put(history.outbox, "1")
    await put(history.outbox, "2", "team")
    await history.outbox.hold_back("ops", until_ns=NOW + HOUR)
    assert await claim(history.outbox, at=NOW + HOUR - 1) is None
    assert await claim(history.outbox, channel="team") is not None


async def test_what_is_past_its_time_is_given_up_unless_somebody_sends_it_just_now(history: History) -> None:
    await put(history.outbox, "old", life=HOUR)
    await put(history.outbox, "held", life=HOUR)
    await put(history.outbox, "new", life=2 * HOUR)
    await history.outbox.postpone((await claimed(history.outbox)).id, "a", due_ns=NOW + HOUR, error="HTTP 500")
    await claimed(history.outbox, at=NOW + HOUR - 1)
    assert not await history.outbox.overdue(now_ns=NOW + HOUR - 1)
    assert await history.outbox.overdue(now_ns=NOW + HOUR)
    async with history.outbox.transaction() as connection:
        gone = await history.outbox.expire_in(connection, now_ns=NOW + HOUR)
    assert [(message.key, message.error) for message in gone] == [("old", "HTTP 500")]
    assert (await claimed(history.outbox, at=NOW + HOUR)).key == "new"
    assert [message.key for message in await history.outbox.failures(since_ns=NOW)] == ["old"]


async def test_counts_tell_every_state_and_pruning_keeps_what_waits(history: History) -> None:
    for key in ("delivered", "dead", "waiting"):
        await put(history.outbox, key)
    for state in ("delivered", "dead"):
        message = await claimed(history.outbox)
        await history.outbox.settle(message.id, state, now_ns=NOW + SECOND, error="why")  # type: ignore[arg-type]
    assert await history.outbox.counts() == {"ops": ChannelCounts(1, 1, 1, 0, NOW)}
    assert await history.outbox.prune(before_ns=NOW + SECOND) == 0
    assert await history.outbox.prune(before_ns=NOW + SECOND + 1) == 2
    assert [message.key for message in await history.outbox.stuck(before_ns=NOW + 1)] == ["waiting"]


async def test_the_bell_of_a_channel_rings_for_what_is_new_to_it(history: History) -> None:
    bell, other = history.outbox.bell("ops"), history.outbox.bell("team")
    await put(history.outbox, "k")
    assert (bell.is_set(), other.is_set()) == (True, False)
    bell.clear()
    await put(history.outbox, "k")
    assert not bell.is_set()


async def test_two_connections_share_the_messages_and_none_is_claimed_twice(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    async with await History.open(path) as one, await History.open(path) as two:
        for number in range(40):
            await put(one.outbox, str(number))

        async def take(outbox: Outbox, holder: str) -> list[str]:
            keys = []
            while (message := await claim(outbox, holder)) is not None:
                keys.append(message.key)
                await asyncio.sleep(0)
            return keys

        first, second = await asyncio.gather(take(one.outbox, "a"), take(two.outbox, "b"))
    assert sorted(first + second, key=int) == [str(number) for number in range(40)]


async def test_finding_the_next_message_reads_an_index(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    async with await History.open(path) as history:
        await put(history.outbox, "k")
    with sqlite3.connect(path) as connection:
        plan = connection.execute(
            "EXPLAIN QUERY PLAN SELECT 1 FROM outbox WHERE channel = 'ops' AND state = 'waiting'"
        ).fetchall()
    assert "outbox_by_channel" in str(plan)
