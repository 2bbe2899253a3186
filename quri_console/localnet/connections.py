"""Connections that can be cut: how a lost reply is produced.

uvicorn gives an application no way to drop a connection, so its protocol is
taught to tell which transport a request came through.
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from quri_console.localnet.pieces import PiecesResponse

Address = tuple[str, int]


class Connections:
    """The open connections of one server, by the client's address."""

    def __init__(self) -> None:
        self._transports: dict[Address, asyncio.Transport] = {}

    def protocol_class(self) -> type[H11Protocol]:
        """A uvicorn protocol that registers its connections here."""
        transports = self._transports

        class Registered(H11Protocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                super().connection_made(transport)
                if self.client is not None:
                    transports[self.client] = transport

            def connection_lost(self, exc: Exception | None) -> None:
                if self.client is not None:
                    transports.pop(self.client, None)
                super().connection_lost(exc)

        return Registered

    def cutting(self, application: ASGIApp) -> ASGIApp:
        """The application, whose requests lose their connection when they are cancelled, as the server's end does.

        uvicorn takes a cancelled request for a failed one: it prints a traceback and answers 500.
        """

        async def served(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await application(scope, receive, send)
            except asyncio.CancelledError:
                self.cut(scope, after_sending=False)
                await _disconnected(receive)

        return served

    def cut(self, scope: Scope, *, after_sending: bool) -> None:
        """Close the connection of a request: at once, or once what was written has left."""
        transport = self._transports.get(tuple(scope["client"]))
        if transport is None:  # the client was quicker
            return
        if after_sending:
            transport.close()
        else:
            transport.abort()


class Dropped(Response):
    """No answer at all: the connection ends."""

    def __init__(self, connections: Connections) -> None:
        super().__init__()
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._connections.cut(scope, after_sending=False)
        await _disconnected(receive)


class Truncated(Response):
    """The head of a whole reply, then fewer bytes than it announces."""

    def __init__(self, connections: Connections, whole: Response, keep_bytes: int) -> None:
        super().__init__()
        self._connections = connections
        self._whole = whole
        self._keep_bytes = keep_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: dict[str, Any] = {"status": self._whole.status_code, "headers": self._whole.raw_headers}
        await send({"type": "http.response.start", **start})
        whole = self._whole
        body = b"".join(whole.pieces) if isinstance(whole, PiecesResponse) else bytes(whole.body)
        kept = body[: self._keep_bytes]
        await send({"type": "http.response.body", "body": kept, "more_body": True})
        self._connections.cut(scope, after_sending=True)
        await _disconnected(receive)


async def _disconnected(receive: Receive) -> None:
    """Until the server noticed: it would otherwise complain of the missing answer."""
    while (await receive())["type"] != "http.disconnect":
        continue
