"""A server between the client and a network: it sees every request and may answer in the network's place.

hypercorn serves it, over TLS and HTTP/2 when it is given a certificate.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from hypercorn.asyncio import serve
from hypercorn.config import Config

from tests.support.authority import Authority


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    body: bytes
    http_version: str
    connection: tuple[str, int]


@dataclass(frozen=True)
class Answer:
    """What the front answers instead of the network."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


Hook = Callable[[Seen], Answer | None]


@dataclass
class Front:
    """`hook` decides per request: an answer, or None to pass it on."""

    url: str
    upstream: str | None
    hook: Hook
    seen: list[Seen] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)
    hold: asyncio.Event | None = None
    """Requests wait for it when there is one."""
    lose_next_answer: bool = False
    """The next request reaches the network, and its answer becomes a 503."""

    def bodies(self, kind: str) -> list[bytes]:
        """Bodies of the requests whose path ends so."""
        return [request.body for request in self.seen if request.path.endswith(kind)]

    def paths(self) -> list[str]:
        """`v3/query` for each request, in order."""
        return ["/".join([parts[2], parts[-1]]) for parts in (request.path.split("/") for request in self.seen)]

    async def wait_for(self, count: int) -> None:
        """Return once `count` requests have arrived."""
        async with self.arrived:
            await self.arrived.wait_for(lambda: len(self.seen) >= count)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        seen = Seen(scope["method"], scope["path"], body, scope["http_version"], tuple(scope["client"]))
        async with self.arrived:
            self.seen.append(seen)
            self.arrived.notify_all()
        if self.hold is not None:
            await self.hold.wait()
        answer = self.hook(seen) or await self._pass_on(seen)
        if self.lose_next_answer:
            self.lose_next_answer = False
            answer = Answer(503)
        headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        if "content-length" not in answer.headers:
            headers.append((b"content-length", str(len(answer.body)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _pass_on(self, seen: Seen) -> Answer:
        if self.upstream is None:
            return Answer(404, b"nothing here")
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            response = await client.request(seen.method, self.upstream + seen.path, content=seen.body)
        return Answer(response.status_code, response.content)


@asynccontextmanager
async def front_of(
    upstream: str | None = None,
    hook: Hook = lambda _: None,
    *,
    tls: Authority | None = None,
    requests_per_connection: int = 1000,
) -> AsyncIterator[Front]:
    """A front on a free port of 127.0.0.1. `requests_per_connection`: after so many it says GOAWAY (or closes)."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(512)
    port = listener.getsockname()[1]
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.keep_alive_max_requests = requests_per_connection
    config.graceful_timeout = 0.2
    config.errorlog = None
    if tls is not None:
        config.certfile, config.keyfile = str(tls.certificate_file), str(tls.key_file)
    front = Front(f"{'http' if tls is None else 'https'}://127.0.0.1:{port}", upstream, hook)
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(front, config, shutdown_trigger=stop.wait))  # type: ignore[arg-type]
    try:
        yield front
    finally:
        stop.set()
        await serving
