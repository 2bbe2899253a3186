"""One HTTP request to a service elsewhere: bounded in time and size, never redirected, its address told to nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from quri_console import __version__
from quri_console.monitor.notify.address import Address, is_loopback
from quri_console.monitor.notify.quiet_logs import quiet_logs

if TYPE_CHECKING:
    import ssl

    import httpx

TIMEOUT_SECONDS = 10.0
MAX_ANSWER_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered; header names in lower case, of the body what came within the limits."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    complete: bool = True


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Why there is no answer. The request may have arrived all the same."""

    why: str


class Outside:
    """The HTTP client of channels and heartbeats; httpx is imported with the first request."""

    def __init__(self, *, timeout_seconds: float = TIMEOUT_SECONDS, tls: ssl.SSLContext | None = None) -> None:
        self._timeout_seconds = timeout_seconds
        self._tls = tls
        self._clients: dict[bool, httpx.AsyncClient] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            await client.aclose()

    async def request(
        self,
        method: Literal["GET", "POST"],
        address: Address,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer | NoAnswer:
        """The answer to one request. Raises nothing: a failure comes back as its words, without the address."""
        import httpx

        try:
            with quiet_logs():
                return await self._request(method, address, body, headers or {})
        except httpx.TimeoutException:
            return NoAnswer(f"{address.host} did not answer within {self._timeout_seconds:g} s")
        except httpx.HTTPError as error:
            return NoAnswer(_words(error, address))
        except (httpx.InvalidURL, UnicodeError, ValueError):
            return NoAnswer("the address is malformed")

    async def _request(
        self, method: str, address: Address, body: bytes, headers: Mapping[str, str]
    ) -> Answer | NoAnswer:
        client = self._client(address)
        answer: Answer | None = None
        received = bytearray()
        try:
            # httpx counts each read for itself; a service that drips must not hold the queue
            async with (
                asyncio.timeout(self._timeout_seconds),
                client.stream(method, address.url, content=body, headers=dict(headers)) as response,
            ):
                status, names = response.status_code, {k.lower(): v for k, v in response.headers.items()}
                answer = Answer(status, names, b"", complete=False)
                async for part in response.aiter_raw():
                    received += part
                    if len(received) > MAX_ANSWER_BYTES:
                        return Answer(status, names, bytes(received[:MAX_ANSWER_BYTES]), complete=False)
                return Answer(status, names, bytes(received))
        except TimeoutError:
            if answer is None:
                return NoAnswer(f"{address.host} did not answer within {self._timeout_seconds:g} s")
        except Exception:
            # the status is what counts: with it, a body that breaks off changes nothing
            if answer is None:
                raise
        return Answer(answer.status, answer.headers, bytes(received), complete=False)

    def _client(self, address: Address) -> httpx.AsyncClient:
        import httpx

        loopback = is_loopback(address.host)
        client = self._clients.get(loopback)
        if client is None:
            client = self._clients[loopback] = httpx.AsyncClient(
                verify=True if self._tls is None else self._tls,
                # HTTP/2's header tables would be logged with the address in debug mode
                http2=False,
                follow_redirects=False,
                timeout=self._timeout_seconds,
                # a proxy of the environment is for other machines
                trust_env=not loopback,
                # an encoded body could be much larger than it looks
                headers={"user-agent": f"quri-console/{__version__}", "accept-encoding": "identity"},
            )
        return client


def _words(error: Exception, address: Address) -> str:
    import httpx

    if isinstance(error, httpx.ConnectError):
        text = str(error)
        if "CERTIFICATE" in text or "SSL" in text:
            return f"the TLS certificate of {address.host} is not to be trusted"
        return f"no connection to {address.host} could be made"
    if isinstance(error, httpx.ProxyError):
        return f"the proxy made no connection to {address.host}"
    return f"the connection to {address.host} broke ({type(error).__name__})"
