"""The metrics endpoint serves scrapers and outlives every other client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from quri_console.monitor.fleet import FleetStatus
from quri_console.monitor.metrics import CONTENT_TYPES, WatchFacts, metrics_text
from quri_console.service import metrics_endpoint
from quri_console.service.metrics_endpoint import Limits, MetricsEndpoint, MetricsEndpointFailed, metrics_format
from tests.support.fleets import HEALTHY, NOW_NS, fleet, view

FACTS = WatchFacts(heartbeat_at_ns=NOW_NS)
PROMETHEUS_ACCEPT = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
QUICK = Limits(connections=4, request_seconds=0.1, answer_seconds=0.3)
GOOD = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"


@asynccontextmanager
async def endpoint(limits: Limits | None = None, picture: FleetStatus | None = None) -> AsyncIterator[MetricsEndpoint]:
    """A started endpoint with a picture, which must have dropped every client when it is closed."""
    server = MetricsEndpoint("127.0.0.1", 0, limits=limits)
    await server.start()
    try:
        server.publish(picture or fleet(HEALTHY), FACTS)
        yield server
    finally:
        await server.aclose()
        assert not [task for task in asyncio.all_tasks() if "MetricsEndpoint._serve" in repr(task)]


async def get(server: MetricsEndpoint, path: str = "/metrics", method: str = "GET", **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=10) as client:
        return await client.request(method, path, headers=headers)


async def say(server: MetricsEndpoint, request: bytes) -> bytes:
    """Everything that is answered to these bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer


async def test_a_scrape_gets_the_newest_picture() -> None:
    async with endpoint() as server:
        assert (await get(server)).text == metrics_text(fleet(HEALTHY), FACTS)
        newer = fleet(view(cycles=7))
        server.publish(newer, FACTS)
        answer = await get(server)
        assert answer.text == metrics_text(newer, FACTS)
        assert answer.headers["content-type"] == CONTENT_TYPES["text"]


async def test_prometheus_is_given_openmetrics_and_others_the_old_format() -> None:
    async with endpoint() as server:
        answer = await get(server, accept=PROMETHEUS_ACCEPT)
        assert answer.headers["content-type"] == CONTENT_TYPES["openmetrics"]
        assert answer.text == metrics_text(fleet(HEALTHY), FACTS, form="openmetrics")


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", "text"),
        ("*/*", "text"),
        ("text/html, text/plain;q=0.9", "text"),
        ("application/openmetrics-text", "openmetrics"),
        ("application/openmetrics-text;q=0", "text"),
        ("application/openmetrics-text;q=0.4, text/plain", "text"),
        ("Application/OpenMetrics-Text; version=1.0.0; Q=0.6, text/plain;q=0.5", "openmetrics"),
        (PROMETHEUS_ACCEPT, "openmetrics"),
        (";;,,=;q=,", "text"),
    ],
)
def test_the_format_is_the_one_that_is_liked_better(accept: str, form: str) -> None:
    assert metrics_format(accept) == form


async def test_a_text_is_made_once_however_often_it_is_scraped(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def counted(*arguments: object, form: str) -> str:
        made.append(form)
        return "a 1\n"

    monkeypatch.setattr(metrics_endpoint, "metrics_text", counted)
    async with endpoint() as server:
        for _ in range(3):
            assert (await get(server)).text == "a 1\n"
        assert made == ["text"]


async def test_before_the_first_picture_it_is_healthy_and_has_no_metrics() -> None:
    server = MetricsEndpoint("127.0.0.1", 0)
    await server.start()
    assert (await get(server)).status_code == 503
    assert (await get(server, "/-/healthy")).status_code == 200
    await server.aclose()


async def test_other_methods_and_paths_are_refused_by_name() -> None:
    async with endpoint() as server:
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            answer = await get(server, method=method)
            assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
        for path in ("/", "/metrics/", "/metricsx", "/../metrics", "//metrics", "/%6detrics"):
            assert (await say(server, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())).startswith(b"HTTP/1.1 404 ")
        assert (await get(server, "/metrics?name=x")).status_code == 200


async def test_head_tells_the_length_and_sends_nothing() -> None:
    async with endpoint() as server:
        answer = await get(server, method="HEAD")
        assert answer.status_code == 200
        assert int(answer.headers["content-length"]) == len(metrics_text(fleet(HEALTHY), FACTS))
        assert answer.content == b""


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),  # somebody speaks TLS
        (b"GET /metrics\r\n\r\n", 400),
        (b"GET  /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nHost : x\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nHost: \x00\r\n\r\n", 400),
        (b"GET /metrics HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        (b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 413),
        (b"GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413),
        (b"GET /metrics HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 9000 + b"\r\n\r\n", 431),
        (b"GET /" + b"a" * 200_000, 431),
        (b"GET /metrics HTTP/1.0\r\n\r\n", 200),
    ],
)
async def test_a_request_is_taken_strictly(request_bytes: bytes, status: int) -> None:
    async with endpoint() as server:
        assert (await say(server, request_bytes)).startswith(f"HTTP/1.1 {status} ".encode())
        assert (await get(server)).status_code == 200


async def test_a_request_in_small_pieces_is_one_request() -> None:
    async with endpoint() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for byte in GOOD:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        assert (await asyncio.wait_for(reader.read(), 10)).startswith(b"HTTP/1.1 200 ")
        writer.close()


async def test_a_client_that_never_ends_its_request_is_let_go() -> None:
    async with endpoint(QUICK) as server:
        assert (await say(server, b"GET /metrics HT")).startswith(b"HTTP/1.1 408 ")


def many() -> FleetStatus:
    """A fleet whose text is larger than what sockets hold."""
    return fleet(*(view(name=f"canister-{number}", canister_id=f"id-{number}") for number in range(4000)))


async def test_a_client_that_does_not_read_is_let_go_and_disturbs_no_other() -> None:
    async with endpoint(QUICK, many()) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(GOOD)
        whole = await get(server)
        assert whole.text == metrics_text(many(), FACTS)
        await eventually(lambda: not server._serving)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(len(whole.content))
        writer.close()


async def test_connections_beyond_the_limit_are_refused_and_the_rest_recover() -> None:
    async with endpoint(Limits(connections=4)) as server:
        held = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(4)]
        await eventually(lambda: len(server._serving) == 4)
        for _ in range(20):
            assert (await asyncio.wait_for(refusal(server), 5)).startswith(b"HTTP/1.1 503 ")
        assert len(server._serving) == 4
        for _, writer in held:
            writer.close()
        await eventually(lambda: not server._serving)
        assert (await get(server)).status_code == 200


async def refusal(server: MetricsEndpoint) -> bytes:
    """What a client is told that has said nothing yet."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    answer = await reader.read()
    writer.close()
    return answer


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.005)


async def test_a_client_that_leaves_in_the_middle_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    async with endpoint(picture=many()) as server:
        for said in (b"", b"GET /met", GOOD):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(said)
            await writer.drain()
            writer.transport.abort()
        await eventually(lambda: not server._serving)
        assert (await get(server, "/-/healthy")).status_code == 200
    assert caplog.records == []


async def test_a_bug_in_the_text_is_answered_and_does_not_end_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    async with endpoint() as server:
        with monkeypatch.context() as broken:
            broken.setattr(metrics_endpoint, "metrics_text", lambda *_, **__: 1 / 0)
            answer = await get(server)
            assert (answer.status_code, answer.text) == (500, "quri-console itself failed: ZeroDivisionError\n")
        assert (await get(server)).status_code == 200


async def test_it_stops_at_once_whatever_its_clients_do() -> None:
    async with endpoint(picture=many()) as server:
        silent = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(5)]
        deaf = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(5)]
        for _, writer in deaf:
            writer.write(GOOD)
        await eventually(lambda: len(server._serving) == 10)
        port, before = server.port, time.monotonic()
        await server.aclose()
        assert time.monotonic() - before < 1
        assert not server._serving
        with pytest.raises(OSError, match="onnect"):
            await asyncio.open_connection("127.0.0.1", port)
        for _, writer in silent + deaf:
            writer.close()


async def test_a_taken_port_is_said_with_what_to_do() -> None:
    async with endpoint() as server:
        with pytest.raises(MetricsEndpointFailed) as failed:
            await MetricsEndpoint("127.0.0.1", server.port).start()
        assert "in use" in failed.value.why
        assert failed.value.next_step
    for host, port in (("192.0.2.1", 0), ("127.0.0.1", 70_000)):
        with pytest.raises(MetricsEndpointFailed):
            await MetricsEndpoint(host, port).start()


async def test_closing_what_never_started_is_fine() -> None:
    await MetricsEndpoint("127.0.0.1", 0).aclose()
