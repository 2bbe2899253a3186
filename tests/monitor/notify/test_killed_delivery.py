"""kill -9 at any moment of a delivery: nothing is forgotten, and what arrives twice has the same key and words."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections import defaultdict
from pathlib import Path
from random import Random

import pytest

from quri_console.clock import ManualClock
from quri_console.history import History
from quri_console.history.outbox import ChannelCounts
from quri_console.monitor.notify import Deliverer, Outside, open_channels, outbox_message
from tests.support.notifications import channel_config, notification
from tests.support.passing_time import while_time_passes
from tests.support.webhook_receiver import OK, Receiver, Reply, webhook_receiver

SECOND = 1_000_000_000
ROOT = Path(__file__).parents[3]
MESSAGES = 60


async def deliver_for_a_while(database: Path, receiver: Receiver, random: Random) -> None:
    """Start a delivering process, and kill it some random moment after a random number of its requests."""
    receiver.arrived.clear()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.delivering_process",
        str(database),
        receiver.url,
        str(random.randrange(1 << 30)),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        until = len(receiver.received) + random.randint(1, 8)
        async with asyncio.timeout(20):
            while len(receiver.received) < until and process.returncode is None:
                receiver.arrived.clear()
                await receiver.arrived.wait()
        await asyncio.sleep(random.uniform(0, 0.02))
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        assert await process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("seed", [1, 2])
async def test_each_message_arrives_at_least_once_however_often_the_sender_is_killed(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    database = tmp_path / "h.sqlite"
    keys = [f"message-{number}" for number in range(MESSAGES)]
    now_ns = time.time_ns()
    async with (
        await History.open(database) as history,
        webhook_receiver(lambda _: Reply(500) if random.random() < 0.1 else OK) as receiver,
    ):
        for key in keys:
            message = outbox_message(notification(key, group=""))
            await history.outbox.put(message, ["ops"], now_ns=now_ns, expires_ns=now_ns + 86_400 * SECOND)
        for _ in range(6):
            await deliver_for_a_while(database, receiver, random)
        killed = (await history.outbox.counts())["ops"]
        assert killed.waiting > 0
        # the last one finds the claims of the dead, and waits until they have run out
        clock = ManualClock(time.time_ns())
        async with Outside() as outside:
            channels = open_channels(
                [channel_config("ops", "generic")], outside, clock, environ={"URL_ops": receiver.url}
            )
            last = Deliverer(history.outbox, channels, clock=clock, random=random)
            assert await while_time_passes(clock, last.drain(3_600), 2)
        assert (await history.outbox.counts())["ops"] == ChannelCounts(delivered=MESSAGES)
    bodies = defaultdict(set)
    for request in receiver.received:
        bodies[request.key].add(request.body)
        assert request.json()["idempotencyKey"] == request.key
    assert sorted(bodies) == sorted(keys)
    assert all(len(words) == 1 for words in bodies.values())
    print(
        f"{len(receiver.received)} requests for {MESSAGES} messages, {killed.delivered} delivered before the last one"
    )
