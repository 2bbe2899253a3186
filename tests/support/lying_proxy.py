"""A man in the middle: passes requests on to a real network, and answers some of them himself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from tests.support.raw_server import Behaviour, content_length


@asynccontextmanager
async def lying_proxy(upstream: str, *, about: bytes, lie: Behaviour) -> AsyncIterator[str]:
    """The URL of a proxy of `upstream` that does `lie` with every request that contains `about`."""
    target = urlsplit(upstream)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(content_length(head))
            if about in head + body:
                await lie(writer)
            else:
                await _pass_on(_closing(head) + body, writer)
        writer.close()

    async def _pass_on(request: bytes, writer: asyncio.StreamWriter) -> None:
        source, sink = await asyncio.open_connection(target.hostname, target.port)
        sink.write(request)
        while data := await source.read(1 << 16):
            writer.write(data)
            await writer.drain()
        sink.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def _closing(head: bytes) -> bytes:
    """The same request on a connection that ends with its answer."""
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join([lines[0], b"connection: close", *lines[1:]])
