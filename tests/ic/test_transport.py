"""Connections: TLS, HTTP versions, GOAWAY, bounded replies, and failures in words."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from quri_console.errors import ExitCode, UsageError
from quri_console.ic.transport import (
    CONNECTIONS_PER_CLIENT,
    MAX_REPLY_BYTES,
    ConnectionLost,
    HttpTransport,
    ReplyTooLarge,
    TlsFailed,
    TransportFailed,
    Unreachable,
    is_loopback,
)
from tests.support.authority import Authority
from tests.support.front import Answer, front_of
from tests.support.raw_server import raw_server, sends


def _echo(seen: object) -> Answer:
    return Answer(200, getattr(seen, "body", b""))


async def _failure(transport: HttpTransport) -> TransportFailed:
    with pytest.raises(TransportFailed) as caught:
        await transport.post("/api/v3/x", b"request")
    await transport.aclose()
    assert caught.value.exit_code is ExitCode.NETWORK
    assert caught.value.why
    assert caught.value.next_step
    return caught.value


async def test_a_reply_comes_with_status_and_lower_case_headers() -> None:
    async with front_of(hook=lambda _: Answer(429, b"later", {"Retry-After": "7"})) as front:
        transport = HttpTransport(front.url + "/")
        answer = await transport.post("/api/v2/x", b"body")
        await transport.aclose()
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (429, b"later", "7")
    assert front.seen[0].body == b"body"


async def test_polling_uses_http2_over_tls_and_slices_http1(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    async with front_of(hook=_echo, tls=authority) as front:
        transport = HttpTransport(front.url, tls=authority.client_context())
        await transport.post("/a", b"poll")
        await transport.post("/b", b"slice" * 100_000, bulk=True)
        await transport.aclose()
    assert [(seen.body[:5], seen.http_version) for seen in front.seen] == [(b"poll", "2"), (b"slice", "1.1")]


async def test_polls_share_one_http2_connection(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    async with front_of(hook=_echo, tls=authority) as front:
        transport = HttpTransport(front.url, tls=authority.client_context())
        await transport.get("/first")
        await asyncio.gather(*(transport.get("/") for _ in range(CONNECTIONS_PER_CLIENT)))
        await transport.aclose()
    assert len({seen.connection for seen in front.seen}) == 1


async def test_goaway_fails_as_a_lost_connection_and_the_next_request_succeeds(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    async with front_of(hook=_echo, tls=authority, requests_per_connection=3) as front:
        transport = HttpTransport(front.url, tls=authority.client_context())
        await transport.get("/settle")
        results = await asyncio.gather(
            *(transport.post("/", b"%d" % n) for n in range(CONNECTIONS_PER_CLIENT)), return_exceptions=True
        )
        failures = [result for result in results if isinstance(result, BaseException)]
        assert failures
        assert all(isinstance(failure, ConnectionLost) and failure.sent for failure in failures)
        assert (await transport.post("/", b"again")).body == b"again"
        await transport.aclose()


async def test_an_unknown_authority_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    async with front_of(hook=_echo, tls=Authority.make(tmp_path)) as front:
        failure = await _failure(HttpTransport(front.url))
    assert isinstance(failure, TlsFailed)
    assert (failure.sent, failure.retryable) == (False, False)
    assert "certificate" in failure.why
    assert front.seen == []


@pytest.mark.parametrize("flaw", [{"expired": True}, {"address": "127.0.0.2"}], ids=["expired", "other host"])
async def test_a_certificate_with_a_flaw_is_refused(tmp_path: Path, flaw: dict[str, object]) -> None:
    authority = Authority.make(tmp_path, **flaw)  # type: ignore[arg-type]
    async with front_of(hook=_echo, tls=authority) as front:
        failure = await _failure(HttpTransport(front.url, tls=authority.client_context()))
    assert isinstance(failure, TlsFailed)
    assert front.seen == []


async def test_plain_http_behind_an_https_url_is_a_tls_failure() -> None:
    async with front_of(hook=_echo) as front:
        failure = await _failure(HttpTransport(front.url.replace("http:", "https:")))
    assert isinstance(failure, TlsFailed)


async def test_an_unreachable_host_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        failure = await _failure(HttpTransport(url))
    assert isinstance(failure, Unreachable)
    assert url in failure.what
    assert not failure.sent


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\ncut short",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n",
        b"\x16\x03\x01 not HTTP at all",
    ],
    ids=["closed", "truncated", "truncated chunks", "not http"],
)
async def test_a_broken_reply_is_a_lost_connection(reply: bytes) -> None:
    async with raw_server(sends(reply)) as url:
        failure = await _failure(HttpTransport(url))
    assert isinstance(failure, ConnectionLost)
    assert failure.sent


async def test_a_reply_that_claims_five_gigabytes_is_not_read() -> None:
    async with raw_server(sends(b"HTTP/1.1 200 OK\r\ncontent-length: 5000000000\r\n\r\nx")) as url:
        failure = await _failure(HttpTransport(url))
    assert isinstance(failure, ReplyTooLarge)
    assert "5,000,000,000" in failure.why


async def test_an_endless_reply_is_left_after_the_limit() -> None:
    sent = 0

    async def endless(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        piece = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        while sent < 10 * MAX_REPLY_BYTES:
            writer.write(piece)
            await writer.drain()
            sent += 0x10000

    async with raw_server(endless) as url:
        failure = await _failure(HttpTransport(url))
    assert isinstance(failure, ReplyTooLarge)
    assert sent < 3 * MAX_REPLY_BYTES


async def test_a_compressed_reply_is_refused() -> None:
    async with front_of(hook=lambda _: Answer(200, b"xx", {"content-encoding": "gzip"})) as front:
        assert isinstance(await _failure(HttpTransport(front.url)), ReplyTooLarge)


async def test_requests_beyond_one_client_open_further_clients() -> None:
    async with front_of(hook=_echo) as front:
        front.hold = asyncio.Event()
        transport = HttpTransport(front.url, clients=3)
        requests = [asyncio.create_task(transport.get("/")) for _ in range(3 * CONNECTIONS_PER_CLIENT + 5)]
        await front.wait_for(3 * CONNECTIONS_PER_CLIENT)
        assert len({seen.connection for seen in front.seen}) == 3 * CONNECTIONS_PER_CLIENT
        assert len(front.seen) == 3 * CONNECTIONS_PER_CLIENT
        front.hold.set()
        assert [answer.status for answer in await asyncio.gather(*requests)] == [200] * len(requests)
        await transport.aclose()


@pytest.mark.parametrize(
    "url", ["", "ftp://host", "http://", "host", "http://u:p@host", "http://host/?q", "http://[::1"]
)
def test_what_is_no_network_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        HttpTransport(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://127.8.9.1", True),
        ("http://[::1]:8000", True),
        ("http://localhost:8000", True),
        ("http://replica.localhost", False),
        ("https://icp-api.io", False),
        ("http://10.0.0.1", False),
        ("http://localhost.example.org", False),
        ("http://127.0.0.1.example.org", False),
    ],
)
def test_loopback_is_told_by_address_or_name(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected
