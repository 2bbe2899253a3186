"""Every message arrives at least once, at a pace its receiver bears, and what cannot arrive is told elsewhere."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from quri_console.clock import ManualClock, utc_datetime
from quri_console.config.alerting import ChannelKind
from quri_console.history import History
from quri_console.history.outbox import ChannelCounts
from quri_console.monitor.notify import Deliverer, Outside, open_channels, outbox_message
from tests.support.notifications import channel_config, notification
from tests.support.passing_time import while_time_passes
from tests.support.webhook_receiver import DRIP, HANG, OK, RESET, Behaviour, Receiver, Reply, webhook_receiver

SECOND = 1_000_000_000
DAY = 86_400.0
Waits = list[float]


@dataclass
class Desk:
    """A deliverer with its outbox, on a clock that the test moves."""

    history: History
    outside: Outside
    clock: ManualClock
    environ: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, ChannelKind] = field(default_factory=dict)

    def channel(self, name: str, url: str, kind: ChannelKind = "slack") -> None:
        self.environ[f"URL_{name}"] = url
        self.kinds[name] = kind

    def deliverer(self, seed: int = 1) -> Deliverer:
        configs = [channel_config(name, kind) for name, kind in self.kinds.items()]
        channels = open_channels(configs, self.outside, self.clock, environ=self.environ)
        return Deliverer(self.history.outbox, channels, clock=self.clock, random=Random(seed))

    async def put(self, *keys: str, channels: tuple[str, ...] = (), seconds: float = DAY) -> None:
        now_ns = self.clock.now_ns()
        for key in keys:
            await self.history.outbox.put(
                outbox_message(notification(key, group="")),
                channels or tuple(self.kinds)[:1],
                now_ns=now_ns,
                expires_ns=now_ns + round(seconds * SECOND),
            )

    async def drain(self, seconds: float = 2 * DAY, step: float = 0.25) -> bool:
        return await while_time_passes(self.clock, self.deliverer().drain(seconds), step)

    async def counts(self, channel: str = "ops") -> ChannelCounts:
        return (await self.history.outbox.counts()).get(channel, ChannelCounts())

    async def why(self) -> str:
        (failure,) = await self.history.outbox.failures(since_ns=0)
        return failure.error


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with await History.open(tmp_path / "h.sqlite") as history, Outside(timeout_seconds=0.3) as outside:
        yield Desk(history, outside, ManualClock())


@asynccontextmanager
async def answering(
    desk: Desk, *script: Behaviour, kind: ChannelKind = "slack", name: str = "ops", usual: Behaviour = OK
) -> AsyncIterator[Receiver]:
    async with webhook_receiver(usual, script=list(script), clock=desk.clock) as receiver:
        desk.channel(name, receiver.url, kind)
        yield receiver


def gaps(receiver: Receiver) -> Waits:
    times = [request.at for request in receiver.received]
    return [later - earlier for earlier, later in pairwise(times)]


@pytest.mark.parametrize(
    ("kind", "reply"),
    [
        ("slack", OK),
        ("slack", Reply(200, body=b'{"ok":true}')),
        ("discord", Reply(204)),
        ("discord", Reply(200, body=b'{"id":"1"}')),
        ("generic", Reply(202)),
        ("generic", Reply(200, size=50 << 20)),
        ("generic", DRIP),
    ],
)
async def test_a_success_ends_it_however_long_its_body_is(desk: Desk, kind: ChannelKind, reply: Behaviour) -> None:
    async with answering(desk, reply, kind=kind) as receiver:
        await desk.put("k")
        assert await desk.drain()
    assert receiver.keys() == ["k"]
    assert (await desk.counts()).delivered == 1


@pytest.mark.parametrize(
    "reply", [Reply(500), Reply(503), Reply(408), Reply(425), Reply(429), HANG, RESET, Reply(500, size=1 << 20)]
)
async def test_what_may_pass_is_tried_again_with_the_same_key(desk: Desk, reply: Behaviour) -> None:
    async with answering(desk, reply, reply) as receiver:
        await desk.put("k")
        assert await desk.drain()
    assert receiver.keys() == ["k", "k", "k"]
    assert len({request.body for request in receiver.received}) == 1
    assert (await desk.counts()).delivered == 1


async def test_a_receiver_that_is_not_there_is_tried_again(desk: Desk) -> None:
    async with answering(desk) as receiver:
        pass
    await desk.put("k")
    await desk.drain(60)
    assert (await desk.counts()).waiting == 1
    (message,) = await desk.history.outbox.stuck(before_ns=desk.clock.now_ns())
    assert message.attempts > 2
    assert message.error == "no connection to 127.0.0.1 could be made"
    assert receiver.received == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413])
async def test_a_refusal_ends_it_after_one_attempt(desk: Desk, status: int) -> None:
    async with answering(desk, Reply(status, body=b"no_service")) as receiver:
        await desk.put("k")
        assert await desk.drain()
    assert receiver.keys() == ["k"]
    assert (await desk.counts()).dead == 1
    assert await desk.why() == f"HTTP {status}: no_service"


async def test_a_redirect_is_not_followed_and_named(desk: Desk) -> None:
    async with webhook_receiver() as inside:
        redirect = Reply(307, {"location": inside.url})
        async with answering(desk, redirect, Reply(302, {"location": "http://169.254.169.254/latest"})) as receiver:
            await desk.put("k")
            assert await desk.drain()
            assert await desk.why() == "HTTP 307: it redirects to 127.0.0.1, which is never followed"
            await desk.put("k2")
            assert await desk.drain()
        assert inside.received == []
    assert receiver.keys() == ["k", "k2"]
    assert (await desk.counts()).dead == 2


async def test_a_slack_answer_that_is_not_ok_counts_as_lost(desk: Desk) -> None:
    async with answering(desk, Reply(200, body=b"<html>Sign in to the wireless network</html>")):
        await desk.put("k")
        assert await desk.drain()
    assert "HTTP 200 without Slack's ok" in await desk.why()


async def test_retry_after_in_seconds_is_honoured_for_the_whole_channel(desk: Desk) -> None:
    async with answering(desk, Reply(429, {"retry-after": "30"})) as receiver:
        await desk.put("1", "2")
        assert await desk.drain()
    assert receiver.keys() == ["1", "1", "2"] or receiver.keys() == ["1", "2", "1"]
    assert gaps(receiver)[0] >= 30
    assert gaps(receiver)[0] < 35


async def test_retry_after_as_a_date_is_honoured(desk: Desk) -> None:
    at = utc_datetime(desk.clock.now_ns() + 100 * SECOND)
    async with answering(desk, Reply(503, {"retry-after": format_datetime(at, usegmt=True)})) as receiver:
        await desk.put("k")
        assert await desk.drain()
    assert 95 <= gaps(receiver)[0] <= 110


async def test_discords_exact_wait_is_honoured(desk: Desk) -> None:
    body = b'{"message":"You are being rate limited.","retry_after":7.5,"global":false}'
    async with answering(desk, Reply(429, {"retry-after": "8"}, body), kind="discord", usual=Reply(204)) as receiver:
        await desk.put("k")
        assert await desk.drain()
    assert 7.5 <= gaps(receiver)[0] < 10


async def test_a_global_limit_of_discord_stops_all_its_channels_and_no_others(desk: Desk) -> None:
    body = b'{"retry_after":40.0,"global":true}'
    async with (
        answering(desk, Reply(429, {}, body), kind="discord", name="one", usual=Reply(204)) as one,
        answering(desk, kind="discord", name="two", usual=Reply(204)) as two,
        answering(desk, name="slack") as slack,
    ):
        await desk.put("first", channels=("one",))
        task = asyncio.ensure_future(desk.drain(100))
        await one.arrived.wait()
        await asyncio.sleep(0.02)
        await desk.put("k", channels=("two", "slack"))
        await task
        await desk.drain(100)
    assert two.received[0].at - one.received[0].at >= 40
    assert slack.received[0].at - one.received[0].at < 40


async def test_discords_headers_set_the_pace_after_a_success(desk: Desk) -> None:
    last = Reply(204, {"x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "12.5"})
    async with answering(desk, last, kind="discord", usual=Reply(204)) as receiver:
        await desk.put("1", "2", "3")
        assert await desk.drain()
    first, second = gaps(receiver)
    assert 12.5 <= first < 15
    assert 1 <= second < 3


async def test_a_channel_gets_one_message_a_second(desk: Desk) -> None:
    async with answering(desk) as receiver:
        await desk.put(*"12345")
        assert await desk.drain()
    assert receiver.keys() == list("12345")
    assert all(gap >= 1 for gap in gaps(receiver))


async def test_waits_grow_with_full_jitter_up_to_five_minutes(desk: Desk) -> None:
    async with answering(desk, usual=Reply(500)) as receiver:
        await desk.put("k", seconds=3_600)
        assert await desk.drain(step=4)
    waits = gaps(receiver)
    for attempt, wait in enumerate(waits, 1):
        assert wait <= min(300, 2.0**attempt) + 16
    late = waits[8:]
    assert len(late) > 12
    assert min(late) < 100
    assert max(late) > 200


async def test_what_never_arrives_is_given_up_after_its_time_and_told_elsewhere(desk: Desk) -> None:
    async with answering(desk, usual=Reply(500)), answering(desk, name="other") as other:
        await desk.put("k", seconds=DAY)
        assert await desk.drain(step=300)
    assert (await desk.counts()).expired == 1
    (told,) = other.received
    assert "Channel ops lost a message" in told.json()["text"]
    assert "HTTP 500" in told.json()["text"]


async def test_a_dead_channel_is_told_elsewhere_once_and_not_to_itself(desk: Desk) -> None:
    async with (
        answering(desk, usual=Reply(404, body=b"no_service")) as ops,
        answering(desk, name="other") as other,
        answering(desk, name="third", usual=Reply(410)) as third,
    ):
        await desk.put("1", "2", "3")
        assert await desk.drain()
    assert ops.keys()[:3] == ["1", "2", "3"]
    titles = Counter(request.json()["text"].splitlines()[0] for request in other.received)
    assert titles == {"Channel ops lost a message": 1, "Channel third lost a message": 1}
    assert "no_service" in other.received[0].json()["text"]
    assert "1 critical alert on ic" in other.received[0].json()["text"]
    assert len(third.received) == 1
    # the third's own trouble is told to ops, too, and that is the end of it
    assert len(ops.received) == 4


async def test_a_channel_set_up_wrongly_keeps_its_messages_and_is_told_elsewhere(desk: Desk) -> None:
    async with answering(desk, name="ops") as ops, answering(desk, name="other") as other:
        url = desk.environ.pop("URL_ops")
        await desk.put("k")
        await desk.drain(100)
        assert (await desk.counts()).waiting == 1
        assert len(other.received) == 1
        assert "URL_ops is not set" in other.received[0].json()["text"]
        desk.environ["URL_ops"] = url
        assert await desk.drain()
    assert ops.keys() == ["k"]


async def test_a_new_message_is_sent_at_once_although_nothing_was_due(desk: Desk) -> None:
    async with answering(desk) as receiver:
        task = asyncio.ensure_future(desk.deliverer().run())
        for _ in range(50):
            await asyncio.sleep(0.001)
        before = desk.clock.monotonic()
        await desk.put("k")
        # the clock stands still: only the bell can have woken the worker
        await asyncio.wait_for(receiver.arrived.wait(), 5)
        assert desk.clock.monotonic() == before
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_another_process_put_is_found_within_seconds(desk: Desk, tmp_path: Path) -> None:
    async with answering(desk) as receiver, await History.open(tmp_path / "h.sqlite") as other:
        task = asyncio.ensure_future(desk.deliverer().run())
        await other.outbox.put(
            outbox_message(notification("k")),
            ["ops"],
            now_ns=desk.clock.now_ns(),
            expires_ns=desk.clock.now_ns() + SECOND * 3_600,
        )
        await while_time_passes(desk.clock, receiver.arrived.wait())
        assert receiver.received[0].at <= 5
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_two_processes_send_each_message_once(desk: Desk, tmp_path: Path) -> None:
    keys = [str(number) for number in range(12)]
    async with answering(desk) as receiver, await History.open(tmp_path / "h.sqlite") as second_history:
        await desk.put(*keys)
        second = Desk(second_history, desk.outside, desk.clock, desk.environ, desk.kinds)
        both = asyncio.gather(desk.deliverer(1).drain(DAY), second.deliverer(2).drain(DAY))
        assert await while_time_passes(desk.clock, both) == [True, True]
    assert sorted(receiver.keys(), key=int) == keys
    # and together they keep the pace
    assert all(gap >= 1 for gap in gaps(receiver))


async def test_a_worker_that_is_told_to_go_gives_its_message_back(desk: Desk) -> None:
    async with answering(desk, HANG) as receiver:
        await desk.put("k")
        task = asyncio.ensure_future(desk.deliverer().run())
        await asyncio.wait_for(receiver.arrived.wait(), 5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        # the claim would hold for a minute
        await desk.drain(5)
    assert receiver.keys() == ["k", "k"]
    assert (await desk.counts()).delivered == 1


async def test_a_stored_message_that_cannot_be_read_does_not_stop_the_others(desk: Desk) -> None:
    async with answering(desk) as receiver:
        async with desk.history.outbox.transaction() as connection:
            await connection.execute(
                "INSERT INTO outbox (key, channel, document, created_ns, due_ns, expires_ns) "
                "VALUES ('bad', 'ops', '[1]', 0, 0, 9223372036854775807)"
            )
        await desk.put("k")
        assert await desk.drain()
    assert receiver.keys() == ["k"]
    assert await desk.why() == "a stored message cannot be read: TypeError"


async def test_old_messages_are_forgotten_and_orphans_come_to_their_end(desk: Desk) -> None:
    async with answering(desk) as receiver:
        await desk.put("k")
        await desk.drain(5)
        await desk.put("orphan", channels=("gone",), seconds=60)
        await desk.clock.advance(31 * DAY)
        task = asyncio.ensure_future(desk.deliverer().run())
        await asyncio.wait_for(receiver.arrived.wait(), 5)
        while "internal" not in receiver.keys()[-1]:
            receiver.arrived.clear()
            await while_time_passes(desk.clock, receiver.arrived.wait())
        # it arrives before the answer is written down
        async with asyncio.timeout(5):
            while (await desk.counts()).delivered != 1:  # noqa: ASYNC110 - the deliverer tells nobody
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert "Channel gone lost a message" in receiver.received[-1].json()["text"]
    assert (await desk.counts("gone")).expired == 1
    assert (await desk.counts()).delivered == 1
