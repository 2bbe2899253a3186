"""How long the network remembers, and how much."""

from __future__ import annotations

from quri_console.clock import ManualClock
from quri_console.localnet.ingress import CheckedRequest
from quri_console.localnet.messages import Reply
from quri_console.localnet.request_history import LARGE_REPLY_BYTES, RequestHistory, RequestRecord, Status

CLOCK = ManualClock()
LARGE = LARGE_REPLY_BYTES + 1


def answered(history: RequestHistory, number: int, size: int, clock: ManualClock = CLOCK) -> RequestRecord:
    expiry_ns = clock.now_ns() + 10**11
    request = CheckedRequest("call", number.to_bytes(32, "big"), b"\x04", expiry_ns, b"c", "m")
    record = history.receive(request, b"c")
    history.process(record)
    history.finish(record, Reply(bytes(size)))
    return record


def test_large_replies_beyond_the_limit_are_done_early_and_small_ones_stay() -> None:
    history = RequestHistory(CLOCK, large_replies_memory_bytes=3 * LARGE)
    records = [answered(history, number, size) for number, size in enumerate([LARGE, 5, LARGE, LARGE, LARGE, LARGE])]
    statuses = [history.find(record.request_id).status for record in records]
    assert statuses == [Status.DONE, Status.REPLIED, Status.DONE, Status.REPLIED, Status.REPLIED, Status.REPLIED]


def test_the_newest_reply_stays_however_large() -> None:
    history = RequestHistory(CLOCK, large_replies_memory_bytes=1)
    record = answered(history, 1, LARGE)
    assert history.find(record.request_id).status is Status.REPLIED


async def test_everything_is_forgotten_in_the_end() -> None:
    clock = ManualClock()
    history = RequestHistory(clock, large_replies_memory_bytes=2 * LARGE)
    empty = history.root
    for number in range(6):
        answered(history, number, LARGE if number % 2 else 1, clock)
        await clock.advance(1)
    assert history.root is not empty
    await clock.advance(10_000)
    assert history.root is empty
    assert history.find(bytes(32)) is None
    assert not history._large
    assert history._held_bytes == 0
