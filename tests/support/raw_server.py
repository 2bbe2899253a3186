"""A server of plain sockets, for answers that no HTTP library would send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(behaviour: Behaviour) -> AsyncIterator[str]:
    """The URL of a server that reads each request and then does what `behaviour` does with the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(content_length(head))
            await behaviour(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # the client went first, as it may
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def content_length(head: bytes) -> int:
    """How long the body is that follows this head."""
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            return int(value)
    return 0


def sends(data: bytes) -> Behaviour:
    """Write `data` and close."""

    async def behaviour(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return behaviour
