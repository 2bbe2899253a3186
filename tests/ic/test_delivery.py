"""Re-sending: which failures, how long, always the same bytes, and what is known when it ends."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime

import pytest

from quri_console.clock import NANOSECONDS_PER_SECOND, ManualClock, utc_datetime
from quri_console.ic.delivery import (
    UNREACHABLE_SECONDS,
    ClockSkew,
    Courier,
    Delivery,
    Destination,
    GaveUp,
    ServerBusy,
    UnexpectedAnswer,
    retry_after_seconds,
    unexpected,
)
from quri_console.ic.transport import ConnectionLost, HttpAnswer, HttpTransport, Unreachable
from tests.support.front import Answer, Front, Seen, front_of
from tests.support.passing_time import while_time_passes
from tests.support.raw_server import raw_server, sends

CALL = Destination("call", "rrkah-fqaaa-aaaaa-aaaaq-cai")
QUERY = Destination("query", "rrkah-fqaaa-aaaaa-aaaaq-cai")


def _script(*answers: Answer) -> Iterator[Answer]:
    yield from answers
    while True:
        yield answers[-1]


class _Scripted:
    """Answers in turn; the last one for ever."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = _script(*answers)

    def __call__(self, seen: Seen) -> Answer:
        return next(self._answers)


def _until(clock: ManualClock, seconds: float) -> int:
    return clock.now_ns() + round(seconds * NANOSECONDS_PER_SECOND)


async def _deliver(
    front: Front, clock: ManualClock, *, seconds: float = 240, destination: Destination = CALL
) -> Delivery:
    transport = HttpTransport(front.url)
    try:
        courier = Courier(transport, clock)
        work = courier.deliver(destination, b"signed bytes", until_ns=_until(clock, seconds))
        return await while_time_passes(clock, work, 0.25)
    finally:
        await transport.aclose()


async def test_an_answer_at_once_leaves_no_doubt() -> None:
    clock = ManualClock()
    async with front_of(hook=_Scripted(Answer(200, b"reply"))) as front:
        delivery = await _deliver(front, clock)
    assert (delivery.answer.body, delivery.in_doubt) == (b"reply", False)
    assert front.paths() == ["v4/call"]


async def test_retry_after_is_waited_for_in_seconds() -> None:
    clock = ManualClock()
    start = clock.monotonic()
    async with front_of(hook=_Scripted(Answer(429, b"", {"retry-after": "7"}), Answer(200))) as front:
        delivery = await _deliver(front, clock)
    assert clock.monotonic() - start == 7
    assert not delivery.in_doubt
    assert front.bodies("call") == [b"signed bytes"] * 2


async def test_retry_after_is_waited_for_as_a_date() -> None:
    clock = ManualClock()
    start = clock.monotonic()
    date = format_datetime(utc_datetime(clock.now_ns()) + timedelta(seconds=12), usegmt=True)
    async with front_of(hook=_Scripted(Answer(503, b"", {"retry-after": date}), Answer(200))) as front:
        await _deliver(front, clock)
    assert clock.monotonic() - start == 12


@pytest.mark.parametrize("text", ["", "soon", "-3", "1.5e9999", "Fri, 31 Dec 99999999999999999999 23:59:59 GMT"])
def test_an_unreadable_retry_after_counts_as_none(text: str) -> None:
    assert retry_after_seconds(HttpAnswer(429, {"retry-after": text}, b""), ManualClock()) is None


async def test_a_wait_beyond_the_time_ends_at_once() -> None:
    clock = ManualClock()
    start = clock.monotonic()
    async with front_of(hook=_Scripted(Answer(429, b"", {"retry-after": "600"}))) as front:
        with pytest.raises(GaveUp) as caught:
            await _deliver(front, clock)
    assert clock.monotonic() == start
    assert isinstance(caught.value.cause, ServerBusy)
    assert "600 s" in caught.value.cause.why
    assert not caught.value.maybe_delivered


@pytest.mark.parametrize(("status", "in_doubt"), [(429, False), (502, True), (503, True), (504, True)])
async def test_busy_answers_are_repeated_until_the_time_is_up(status: int, in_doubt: bool) -> None:
    clock = ManualClock()
    start = clock.monotonic()
    async with front_of(hook=_Scripted(Answer(status))) as front:
        with pytest.raises(GaveUp) as caught:
            await _deliver(front, clock, seconds=60)
    assert caught.value.maybe_delivered is in_doubt
    assert 45 < clock.monotonic() - start < 60
    assert 8 < len(front.seen) < 16
    assert set(front.bodies("call")) == {b"signed bytes"}


@pytest.mark.parametrize("status", [400, 401, 403, 413, 500, 501])
async def test_other_answers_are_not_repeated(status: int) -> None:
    clock = ManualClock()
    async with front_of(hook=_Scripted(Answer(status, b"words"))) as front:
        delivery = await _deliver(front, clock)
    assert delivery.answer.status == status
    assert len(front.seen) == 1


async def test_a_lost_connection_is_repeated_and_leaves_doubt() -> None:
    clock = ManualClock()
    async with raw_server(sends(b"")) as url:
        transport = HttpTransport(url)
        work = Courier(transport, clock).deliver(CALL, b"x", until_ns=_until(clock, 30))
        with pytest.raises(GaveUp) as caught:
            await while_time_passes(clock, work, 0.25)
        await transport.aclose()
    assert isinstance(caught.value.cause, ConnectionLost)
    assert caught.value.maybe_delivered


async def test_a_host_that_never_answered_is_given_up_soon() -> None:
    clock = ManualClock()
    start = clock.monotonic()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        transport = HttpTransport(f"http://127.0.0.1:{taken.getsockname()[1]}")
        work = Courier(transport, clock).deliver(CALL, b"x", until_ns=_until(clock, 240))
        with pytest.raises(GaveUp) as caught:
            await while_time_passes(clock, work, 0.25)
        await transport.aclose()
    assert isinstance(caught.value.cause, Unreachable)
    assert not caught.value.maybe_delivered
    assert clock.monotonic() - start <= UNREACHABLE_SECONDS


def _old_replica(seen: Seen) -> Answer:
    return Answer(200, b"old") if "/v2/" in seen.path else Answer(404, b"no such route")


async def test_a_server_without_the_new_route_is_asked_on_v2_and_from_then_on_at_once() -> None:
    clock = ManualClock()
    async with front_of(hook=_old_replica) as front:
        transport = HttpTransport(front.url)
        courier = Courier(transport, clock)
        for destination in (CALL, CALL, QUERY, CALL):
            delivery = await courier.deliver(destination, b"x", until_ns=_until(clock, 30))
            assert delivery.answer.body == b"old"
        await transport.aclose()
    assert front.paths() == ["v4/call", "v2/call", "v2/call", "v3/query", "v2/query", "v2/call"]


async def test_a_server_with_neither_route_is_not_remembered_as_old() -> None:
    clock = ManualClock()
    async with front_of(hook=_Scripted(Answer(404))) as front:
        transport = HttpTransport(front.url)
        courier = Courier(transport, clock)
        for _ in range(2):
            assert (await courier.deliver(CALL, b"x", until_ns=_until(clock, 30))).answer.status == 404
        await transport.aclose()
    assert front.paths() == ["v4/call", "v2/call"] * 2


def test_a_refused_expiry_names_the_skew() -> None:
    clock = ManualClock()
    theirs = utc_datetime(clock.now_ns()) + timedelta(seconds=600)
    text = f"Invalid request expiry: … Minimum allowed expiry: {theirs:%Y-%m-%d %H:%M:%S} UTC, Maximum …"
    error = unexpected("http://x", HttpAnswer(400, {}, text.encode()), clock)
    assert isinstance(error, ClockSkew)
    assert error.seconds == -600
    assert "600 s" in error.what
    assert "behind" in error.what
    assert error.next_step


@pytest.mark.parametrize("words", ["no idea", "Minimum allowed expiry: 2024-99-99 99:99:99"])
def test_a_refused_expiry_without_times_is_still_a_skew(words: str) -> None:
    text = f"Invalid request expiry: {words}"
    error = unexpected("http://x", HttpAnswer(400, {}, text.encode()), ManualClock())
    assert isinstance(error, ClockSkew)
    assert error.seconds is None


@pytest.mark.parametrize(
    ("status", "words"), [(400, "refused the request"), (403, "refused the request"), (404, "as no Internet Computer")]
)
def test_other_statuses_say_what_the_server_said(status: int, words: str) -> None:
    error = unexpected("http://x", HttpAnswer(status, {}, b"its own words" + b"\xff" * 1000), ManualClock())
    assert isinstance(error, UnexpectedAnswer)
    assert words in error.what
    assert "its own words" in error.why
    assert len(error.why) <= 300
    assert error.next_step
