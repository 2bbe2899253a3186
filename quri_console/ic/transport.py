"""HTTP to one boundary node or replica: a few httpx clients, bounded replies, failures in the user's words.

httpx serves requests from one large pool in quadratic time (one pool of 100 connections: 22 s for 1,000 queries at
300 ms; ten of 10: 3.5 s), so there are several small ones, made as they are needed. Polling uses HTTP/2 where TLS
offers it; slices use HTTP/1.1, whose connections have no common flow-control window.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import httpcore
import httpx

from quri_console import __version__
from quri_console.errors import NetworkError, UsageError

MAX_REPLY_BYTES = 8 << 20
"""More than any answer of the network: replies end at 2 MiB (queries at 3 MiB), state trees well below this."""

CONNECTIONS_PER_CLIENT = 10
# httpcore reads 64 KiB at a time: a slice of 2 MB then wakes the loop 32 times, and each time it waits for the threads
# that pack what came before; with 1 MiB a backup takes two thirds of the time
httpcore.AsyncHTTP11Connection.READ_NUM_BYTES = 1 << 20
_TIMEOUT = httpx.Timeout(30.0, connect=10.0, pool=None)
_HEADERS = {
    "user-agent": f"quri-console/{__version__}",
    "accept": "application/cbor",
    # A compressed reply could be much larger than it looks.
    "accept-encoding": "identity",
}


class TransportFailed(NetworkError):
    """A request got no complete answer. `sent`: the server may have received and acted on it."""

    sent = True
    retryable = True


class Unreachable(TransportFailed):
    """No connection could be made, so nothing was sent."""

    sent = False


class TlsFailed(TransportFailed):
    """The server's TLS is not to be trusted, so nothing was sent; another attempt would meet the same."""

    sent = False
    retryable = False


class ConnectionLost(TransportFailed):
    """The connection broke, timed out, was closed by GOAWAY, or the reply was cut short."""


class ReplyTooLarge(TransportFailed):
    """The reply is larger than any that the network gives; it was not read to its end."""

    retryable = False


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A complete answer with its status; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class _Client:
    http: httpx.AsyncClient
    in_flight: int = 0


@dataclass(slots=True)
class _Clients:
    """Up to `limit` clients of one kind, the least busy one first."""

    http2: bool
    limit: int
    slots: asyncio.Semaphore
    members: list[_Client] = field(default_factory=list)

    def least_busy(self) -> _Client | None:
        """A client with a free connection; None when another must be made."""
        free = [client for client in self.members if client.in_flight < CONNECTIONS_PER_CLIENT]
        return min(free, key=lambda client: client.in_flight, default=None)


class HttpTransport:
    """Posts and gets under one base URL. Raises TransportFailed; every HTTP status is an answer, not a failure.

    `clients` bounds the clients of each kind; `tls` replaces the system's trust (an `ssl.SSLContext` that knows a
    private authority). Proxies of the environment are used except towards loopback. UsageError for an unusable URL.
    """

    def __init__(self, base_url: str, *, clients: int = 10, tls: ssl.SSLContext | None = None) -> None:
        self.base_url = _checked_url(base_url)
        self._tls = tls
        self._polling = _Clients(True, clients, asyncio.Semaphore(clients * CONNECTIONS_PER_CLIENT))
        self._bulk = _Clients(False, clients, asyncio.Semaphore(clients * CONNECTIONS_PER_CLIENT))

    async def post(self, path: str, body: bytes, *, bulk: bool = False) -> HttpAnswer:
        """Send CBOR and read the whole answer; `bulk` keeps to HTTP/1.1, for slices."""
        return await self._request("POST", path, body, self._bulk if bulk else self._polling)

    async def get(self, path: str) -> HttpAnswer:
        """Read a resource."""
        return await self._request("GET", path, None, self._polling)

    async def aclose(self) -> None:
        """Close every connection."""
        clients = [*self._polling.members, *self._bulk.members]
        self._polling.members.clear()
        self._bulk.members.clear()
        await asyncio.gather(*(client.http.aclose() for client in clients))

    async def _request(self, method: str, path: str, body: bytes | None, clients: _Clients) -> HttpAnswer:
        headers = {} if body is None else {"content-type": "application/cbor"}
        async with self._client(clients) as http:
            with self._failures_in_words():
                async with http.stream(method, self.base_url + path, content=body, headers=headers) as response:
                    received = await _read_bounded(response)
        return HttpAnswer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, received)

    @asynccontextmanager
    async def _client(self, clients: _Clients) -> AsyncIterator[httpx.AsyncClient]:
        async with clients.slots:
            client = clients.least_busy()
            if client is None:
                client = _Client(self._make_client(clients.http2))
                clients.members.append(client)
            client.in_flight += 1
            try:
                yield client.http
            finally:
                client.in_flight -= 1

    def _make_client(self, http2: bool) -> httpx.AsyncClient:
        secure = self.base_url.startswith("https:")
        if secure and self._tls is None:
            # Reading the system's authorities takes 20 ms; the clients share them.
            self._tls = httpx.create_ssl_context()
        return httpx.AsyncClient(
            verify=self._tls if secure and self._tls is not None else False,
            http2=http2 and secure,
            timeout=_TIMEOUT,
            headers=_HEADERS,
            trust_env=not is_loopback(self.base_url),
            limits=httpx.Limits(
                max_connections=CONNECTIONS_PER_CLIENT, max_keepalive_connections=CONNECTIONS_PER_CLIENT
            ),
        )

    @contextmanager
    def _failures_in_words(self) -> Iterator[None]:
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            raise self._unconnected(error) from error
        except httpx.TransportError as error:
            raise ConnectionLost(
                f"The connection to {self.base_url} broke",
                why=str(error) or type(error).__name__,
                next_step="Try again; if it persists, check the network between here and the server.",
            ) from error

    def _unconnected(self, error: httpx.TransportError) -> TransportFailed:
        tls = _tls_error(error)
        if tls is not None:
            return TlsFailed(
                f"No trustworthy TLS connection to {self.base_url}",
                why=getattr(tls, "verify_message", "") or str(tls),
                next_step="Check the URL, this machine's clock and its certificate authorities; "
                "nothing was sent to that server.",
            )
        return Unreachable(
            f"{self.base_url} cannot be reached",
            why=str(error) or type(error).__name__,
            next_step="Check the network's URL in the configuration and this machine's connection; "
            "a local network must be running.",
        )


async def _read_bounded(response: httpx.Response) -> bytes:
    claimed = response.headers.get("content-length", "")
    if claimed.isdecimal() and int(claimed) > MAX_REPLY_BYTES:
        raise _too_large(f"it claims {int(claimed):,} bytes")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise ReplyTooLarge(
            "The server compressed its reply although it was asked not to",
            why="its size cannot be bounded",
            next_step="Check that the URL is an Internet Computer boundary node or replica.",
        )
    parts, size = [], 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > MAX_REPLY_BYTES:
            raise _too_large(f"it did not end after {MAX_REPLY_BYTES:,} bytes")
        parts.append(part)
    return b"".join(parts)


def _too_large(why: str) -> ReplyTooLarge:
    return ReplyTooLarge(
        "The reply is larger than any that the Internet Computer gives",
        why=why,
        next_step="Check that the URL is an Internet Computer boundary node or replica.",
    )


def _tls_error(error: BaseException | None) -> ssl.SSLError | None:
    """The TLS failure behind an httpx error, if that is what it was."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, ssl.SSLError):
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


def _checked_url(text: str) -> str:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise UsageError(f"{text!r} is not a URL", why=str(error)) from error
    if url.scheme not in ("http", "https") or not url.host or url.query or url.fragment or url.userinfo:
        raise UsageError(
            f"{text!r} is not the URL of a network",
            next_step="Use http:// or https:// and a host, like https://icp-api.io or http://127.0.0.1:8000.",
        )
    return text.rstrip("/")


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine by a loopback address or as localhost.

    Names below localhost are not taken: a name server may answer anything for them.
    """
    host = httpx.URL(url).host
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
