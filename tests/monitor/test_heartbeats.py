"""A switch hears of every run at a pace it bears, and whatever it answers, the duty goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quri_console.clock import ManualClock
from quri_console.config.alerting import HeartbeatConfig, HeartbeatKind, SecretSource
from quri_console.monitor.heartbeats import Heartbeats, tail
from quri_console.monitor.notify.outside import Outside
from tests.support.passing_time import while_time_passes
from tests.support.webhook_receiver import HANG, OK, RESET, Behaviour, Receiver, Reply, webhook_receiver

RUN = "0b7d3b0e-8d6f-4c57-9d5b-0b8a2a0f7a11"


@asynccontextmanager
async def switch(
    *script: Behaviour, kind: HeartbeatKind = "healthchecks", usual: Behaviour = OK, query: str = ""
) -> AsyncIterator[tuple[Heartbeats, Receiver, ManualClock]]:
    clock = ManualClock()
    async with (
        webhook_receiver(usual, script=list(script), clock=clock) as receiver,
        Outside(timeout_seconds=0.2) as out,
    ):
        config = HeartbeatConfig("backup", kind, SecretSource(env="URL"))
        environ = {"URL": receiver.url + query}
        yield Heartbeats([config], out, clock=clock, random=Random(1), environ=environ), receiver, clock


def paths(receiver: Receiver) -> list[str]:
    base = urlsplit(receiver.url).path
    return [urlsplit(request.target).path.removeprefix(base) for request in receiver.received]


def queries(receiver: Receiver) -> list[dict[str, list[str]]]:
    return [parse_qs(urlsplit(request.target).query, keep_blank_values=True) for request in receiver.received]


async def close(beats: Heartbeats, clock: ManualClock, seconds: float = 600) -> None:
    await while_time_passes(clock, beats.close(seconds), 0.5)


async def test_a_run_is_told_with_its_beginning_its_end_and_its_log() -> None:
    async with switch() as (beats, receiver, clock):
        beats.started("backup", RUN)
        beats.ended("backup", 0, RUN, log="one\ntwo\x1b[31m")
        await close(beats, clock)
    assert paths(receiver) == ["/start", "/0"]
    assert [query["rid"] for query in queries(receiver)] == [[RUN], [RUN]]
    assert [request.body for request in receiver.received] == [b"", b"one\ntwo\\x1b[31m"]
    assert {request.method for request in receiver.received} == {"POST"}


@pytest.mark.parametrize(("code", "path"), [(3, "/3"), (130, "/130"), (-9, "/9"), (1000, "/255")])
async def test_a_failed_run_is_told_with_its_exit_code(code: int, path: str) -> None:
    async with switch() as (beats, receiver, clock):
        beats.ended("backup", code)
        await close(beats, clock)
    assert paths(receiver) == [path]


async def test_a_sign_of_life_and_a_failure_without_a_code() -> None:
    async with switch(query="?create=1") as (beats, receiver, clock):
        beats.alive("backup")
        beats.failed("backup", "no disk space", "backup-7")
        beats.alive("watch")
        await close(beats, clock)
    assert paths(receiver) == ["", "/fail"]
    assert receiver.received[1].body == b"no disk space"
    assert [query["create"] for query in queries(receiver)] == [["1"], ["1"]]
    # a run's name that is no UUID becomes one
    assert len(queries(receiver)[1]["rid"][0]) == 36


async def test_uptime_kuma_is_pushed_up_and_down() -> None:
    async with switch(kind="uptime-kuma", query="?status=up&msg=OK&ping=") as (beats, receiver, clock):
        beats.started("backup", RUN)
        beats.ended("backup", 0, RUN, took_seconds=1.5)
        beats.ended("backup", 3, RUN)
        await close(beats, clock)
    assert paths(receiver) == ["", ""]
    assert queries(receiver) == [
        {"status": ["up"], "msg": ["OK"], "ping": ["1500"]},
        {"status": ["down"], "msg": ["exit code 3"], "ping": [""]},
    ]
    assert {request.method for request in receiver.received} == {"GET"}


@pytest.mark.parametrize("reply", [Reply(500), Reply(429), HANG, RESET, Reply(200, body=b"OK (rate limited)")])
async def test_what_may_pass_is_tried_again(reply: Behaviour) -> None:
    async with switch(reply, reply) as (beats, receiver, clock):
        beats.alive("backup")
        await close(beats, clock)
    assert len(receiver.received) == 3
    assert beats.states[0].error == ""
    assert beats.states[0].sent_at_ns is not None


async def test_it_gives_up_after_five_retries_and_says_why() -> None:
    async with switch(usual=Reply(503)) as (beats, receiver, clock):
        beats.alive("backup")
        await close(beats, clock)
    assert len(receiver.received) == 6
    assert beats.states[0].error == "HTTP 503"


@pytest.mark.parametrize(
    ("kind", "reply"),
    [
        ("healthchecks", Reply(404)),
        ("healthchecks", Reply(200, body=b"OK (not found)")),
        ("healthchecks", Reply(302, {"location": "http://10.0.0.1/"})),
        ("uptime-kuma", Reply(404, body=b'{"ok":false,"msg":"Monitor not found"}')),
        ("uptime-kuma", Reply(200, body=b'{"ok":false}')),
    ],
)
async def test_a_refusal_is_not_repeated(kind: HeartbeatKind, reply: Behaviour) -> None:
    async with switch(usual=reply, kind=kind) as (beats, receiver, clock):
        beats.alive("backup")
        await close(beats, clock)
    assert len(receiver.received) == 1
    assert beats.states[0].error


async def test_no_more_than_five_pings_a_minute_and_the_newest_counts() -> None:
    async with switch() as (beats, receiver, clock):
        for number in range(40):
            beats.ended("backup", 0, f"run-{number}", log=f"run {number}")
            await asyncio.sleep(0.01)
            await clock.advance(3)
        beats.failed("backup", "the end")
        await close(beats, clock)
    times = [request.at for request in receiver.received]
    # a request is dated when it arrives, up to one step of the clock after it was sent
    assert all(later - earlier >= 56 for earlier, later in zip(times, times[5:], strict=False))
    assert len(times) <= 16
    assert [request.body for request in receiver.received][-2:] == [b"run 39", b"the end"]


async def test_a_failure_is_not_replaced_by_a_later_success() -> None:
    async with switch() as (beats, receiver, clock):
        for _ in range(6):
            beats.failed("backup", "no")
            beats.alive("backup")
            beats.started("backup")
        await close(beats, clock)
    assert paths(receiver) == ["/fail", "", "/start"]


async def test_an_unusable_address_never_fails_the_duty() -> None:
    config = HeartbeatConfig("backup", "healthchecks", SecretSource(env="NO"))
    async with Outside() as out, Heartbeats([config], out, clock=ManualClock(), random=Random(1), environ={}) as beats:
        beats.alive("backup")
        await asyncio.sleep(0.01)
        assert "NO is not set" in beats.states[0].error


async def test_closing_waits_no_longer_than_it_was_told() -> None:
    async with switch(usual=Reply(503)) as (beats, receiver, clock):
        beats.alive("backup")
        before = clock.monotonic()
        await close(beats, clock, 1.0)
        assert clock.monotonic() - before <= 2
    assert receiver.received


async def test_the_service_may_ask_for_shorter_logs() -> None:
    async with switch(Reply(200, {"ping-body-limit": "15"}, b"OK")) as (beats, receiver, clock):
        beats.ended("backup", 0, log="x" * 50_000)
        await asyncio.wait_for(receiver.arrived.wait(), 5)
        beats.ended("backup", 0, log="first line\n" * 9 + "last line")
        await close(beats, clock)
    assert len(receiver.received[0].body) == 10_000
    assert receiver.received[1].body == b"last line"


@given(st.text(max_size=300), st.integers(min_value=0, max_value=200))
@settings(max_examples=50, deadline=None)
def test_a_tail_keeps_its_limit_and_is_text(log: str, limit: int) -> None:
    cut = tail(log, limit)
    assert len(cut) <= limit
    assert "\x1b" not in cut.decode()
