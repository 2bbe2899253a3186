"""A service on loopback that messages are posted to, and that answers as a test tells it."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from quri_console.clock import Clock


@dataclass(frozen=True)
class Received:
    """One request; `at` is on the test's clock."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    at: float = 0.0

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def key(self) -> str:
        return self.headers.get("idempotency-key", "")


@dataclass(frozen=True)
class Reply:
    """An answer; `size` zeros follow its body."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    size: int = 0


OK = Reply(200, body=b"ok")
HANG = "hang"
RESET = "reset"
DRIP = "drip"
"""A good status, and then a body that never ends."""
Behaviour = Reply | str
Choose = Callable[[Received], Behaviour]


@dataclass
class Receiver:
    """What was received, and what is answered: the replies of `script` in turn, then `usual`."""

    url: str
    usual: Behaviour | Choose = OK
    script: list[Behaviour] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def keys(self) -> list[str]:
        return [request.key for request in self.received]

    def choose(self, request: Received) -> Behaviour:
        if self.script:
            return self.script.pop(0)
        if isinstance(self.usual, Reply | str):
            return self.usual
        return self.usual(request)


@asynccontextmanager
async def webhook_receiver(
    usual: Behaviour | Choose = OK,
    *,
    script: list[Behaviour] | None = None,
    clock: Clock | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Receiver]:
    """A receiver for as long as the block runs."""
    writers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        try:
            request = await _read(reader, clock)
            receiver.received.append(request)
            receiver.arrived.set()
            await _answer(writer, receiver.choose(request))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return  # the client went first, or the test is over
        finally:
            writers.discard(writer)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    scheme = "http" if tls is None else "https"
    port = server.sockets[0].getsockname()[1]
    receiver = Receiver(f"{scheme}://127.0.0.1:{port}/services/T000/B000/s3cr3t-t0ken-abcd", usual, script or [])
    try:
        yield receiver
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()


async def _read(reader: asyncio.StreamReader, clock: Clock | None) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(method, target, headers, body, 0.0 if clock is None else clock.monotonic())


async def _answer(writer: asyncio.StreamWriter, behaviour: Behaviour) -> None:
    if behaviour == HANG:
        await asyncio.sleep(3_600)
    elif behaviour == RESET:
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    elif behaviour == DRIP:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\no")
        while True:
            await asyncio.sleep(0.02)
            writer.write(b"k")
            await writer.drain()
    else:
        assert isinstance(behaviour, Reply)
        length = "" if behaviour.status == 204 else f"content-length: {len(behaviour.body) + behaviour.size}\r\n"
        extra = "".join(f"{name}: {value}\r\n" for name, value in behaviour.headers.items())
        head = f"HTTP/1.1 {behaviour.status} Said\r\n{length}connection: close\r\n{extra}\r\n"
        writer.write(head.encode() + behaviour.body)
        for _ in range(behaviour.size // 65_536):
            writer.write(bytes(65_536))
            await writer.drain()
        writer.write(bytes(behaviour.size % 65_536))
        await writer.drain()
