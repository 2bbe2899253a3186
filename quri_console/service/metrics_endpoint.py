"""`GET /metrics` for Prometheus, on a few sockets of its own.

A web framework would cost the watch more memory than everything else it does, so this reads the
little HTTP/1.1 that a scrape needs: one bounded request for each connection, then it closes.
Nothing a client does may harm the watch: every wait has a deadline, every size a limit.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from quri_console.errors import QuriError
from quri_console.monitor.fleet import FleetStatus
from quri_console.monitor.metrics import CONTENT_TYPES, MetricsFormat, WatchFacts, metrics_text

METRICS_PATH: Final = "/metrics"
HEALTHY_PATH: Final = "/-/healthy"

_REQUEST_LINE = re.compile(r"([A-Za-z]{1,20}) ([!-~]+) (HTTP/\d\.\d)")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([ -~\t\x80-\xff]*)")
_QUALITY = re.compile(r"q=([01](?:\.\d{0,3})?)")
_WRITE_BYTES = 64 * 1024
_LINGER_SECONDS = 0.5
_LINGER_BYTES = 256 * 1024
_CLOSE_SECONDS = 0.5


class MetricsEndpointFailed(QuriError):
    """The metrics endpoint could not listen."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may take: connections at once, bytes of a request, seconds to send it and to read the answer."""

    connections: int = 16
    request_bytes: int = 8 * 1024
    request_seconds: float = 5.0
    answer_seconds: float = 15.0


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    accept: str


@dataclass(frozen=True, slots=True)
class _Answer:
    status: HTTPStatus
    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    more_headers: str = ""
    body_wanted: bool = True


class _Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: HTTPStatus, why: str, more_headers: str = "") -> None:
        super().__init__(why)
        self.answer = _Answer(status, f"{why}\n".encode(), more_headers=more_headers)


class MetricsEndpoint:
    """Serves the newest published picture until it is closed."""

    def __init__(self, host: str, port: int, *, limits: Limits | None = None) -> None:
        self._host, self._port = host, port
        self._limits = limits or Limits()
        self._server: asyncio.Server | None = None
        self._closing = False
        self._serving: set[asyncio.Task[None]] = set()
        self._picture: tuple[FleetStatus, WatchFacts] | None = None
        self._rendered: dict[MetricsFormat, bytes] = {}

    @property
    def port(self) -> int:
        """The port it listens on; differs from the wanted one when that was 0."""
        assert self._server is not None, "start() first"
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def publish(self, fleet: FleetStatus, facts: WatchFacts) -> None:
        """What the next scrapes are answered with; rendered when the first of them asks."""
        self._picture = (fleet, facts)
        self._rendered = {}

    async def start(self) -> None:
        """Listen. Raises MetricsEndpointFailed."""
        try:
            self._server = await asyncio.start_server(
                self._connected, self._host, self._port, limit=self._limits.request_bytes
            )
        except (OSError, OverflowError) as error:
            raise MetricsEndpointFailed(
                f"The metrics endpoint cannot listen on {self._host}:{self._port}",
                why=getattr(error, "strerror", None) or str(error),
                next_step="Set another address or port for the metrics, or stop the program that holds it.",
            ) from error

    async def aclose(self) -> None:
        """Stop listening and drop every connection; takes less than a second whatever the clients do."""
        self._closing = True
        if self._server is None:
            return
        self._server.close()
        for task in self._serving:
            task.cancel()
        if self._serving:
            await asyncio.wait(self._serving, timeout=_CLOSE_SECONDS)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # a plain function, so that the task is ours to cancel
        if self._closing:
            writer.transport.abort()
            return
        if len(self._serving) >= self._limits.connections:
            refused = _Refused(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections", "Retry-After: 5\r\n")
            writer.write(_head(refused.answer) + refused.answer.body)
            writer.close()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answer = await self._answer(reader)
            async with asyncio.timeout(self._limits.answer_seconds):
                await _send(writer, answer)
                if answer.status is not HTTPStatus.OK:
                    await _linger(reader, writer)
        except (OSError, TimeoutError, EOFError):
            pass  # the client went away or was too slow: its loss
        finally:
            writer.close()
            # what is left to send is not waited for: a client that reads nothing would hold the memory
            if writer.transport.get_write_buffer_size():
                writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader) -> _Answer:
        """The answer to the one request. Raises OSError or EOFError when the client went."""
        try:
            async with asyncio.timeout(self._limits.request_seconds):
                head = await reader.readuntil(b"\r\n\r\n")
        except TimeoutError:
            return _Refused(HTTPStatus.REQUEST_TIMEOUT, "the request took too long").answer
        except asyncio.LimitOverrunError:
            return _Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the request is too large").answer
        try:
            return self._respond(_parse(head))
        except _Refused as refused:
            return refused.answer
        except Exception as error:  # noqa: BLE001 - a bug here must not end the watch; the scraper sees it
            why = f"quri-console itself failed: {type(error).__name__}"
            return _Refused(HTTPStatus.INTERNAL_SERVER_ERROR, why).answer

    def _respond(self, request: _Request) -> _Answer:
        if request.path not in (METRICS_PATH, HEALTHY_PATH):
            raise _Refused(HTTPStatus.NOT_FOUND, f"only {METRICS_PATH} and {HEALTHY_PATH} are here")
        if request.method not in ("GET", "HEAD"):
            raise _Refused(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD are allowed", "Allow: GET, HEAD\r\n")
        wanted = request.method == "GET"
        if request.path == HEALTHY_PATH:
            return _Answer(HTTPStatus.OK, b"quri-console watch is healthy\n", body_wanted=wanted)
        form = metrics_format(request.accept)
        return _Answer(HTTPStatus.OK, self._metrics(form), CONTENT_TYPES[form], "Vary: Accept\r\n", wanted)

    def _metrics(self, form: MetricsFormat) -> bytes:
        if self._picture is None:
            raise _Refused(HTTPStatus.SERVICE_UNAVAILABLE, "nothing was watched yet", "Retry-After: 5\r\n")
        if form not in self._rendered:
            self._rendered[form] = metrics_text(*self._picture, form=form).encode()
        return self._rendered[form]


def metrics_format(accept: str) -> MetricsFormat:
    """OpenMetrics for a reader that likes it at least as much as the older text format, else the latter."""
    likings = {"application/openmetrics-text": 0.0, "text/plain": 0.0}
    for offer in accept.split(","):
        media, *parameters = (part.strip().lower() for part in offer.split(";"))
        if media not in likings:
            continue
        qualities = [float(match[1]) for match in map(_QUALITY.fullmatch, parameters) if match]
        likings[media] = max(likings[media], qualities[0] if qualities else 1.0)
    openmetrics = likings["application/openmetrics-text"]
    return "openmetrics" if openmetrics > 0 and openmetrics >= likings["text/plain"] else "text"


def _parse(head: bytes) -> _Request:
    """The request of these lines; nothing lenient, since only scrapers are expected. Raises _Refused."""
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    request = _REQUEST_LINE.fullmatch(first)
    if request is None:
        raise _Refused(HTTPStatus.BAD_REQUEST, "this is no HTTP request")
    method, target, version = request.groups()
    if version not in ("HTTP/1.0", "HTTP/1.1"):
        raise _Refused(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "only HTTP/1.0 and HTTP/1.1 are spoken")
    headers: dict[str, list[str]] = {}
    for line in lines:
        header = _HEADER.fullmatch(line)
        if header is None:
            raise _Refused(HTTPStatus.BAD_REQUEST, "a header is malformed")
        headers.setdefault(header[1].lower(), []).append(header[2].strip())
    if len(headers.get("host", [])) != 1 and version == "HTTP/1.1":
        raise _Refused(HTTPStatus.BAD_REQUEST, "exactly one Host header is needed")
    if "transfer-encoding" in headers or any(length != "0" for length in headers.get("content-length", [])):
        raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "a request with a body is not taken")
    return _Request(method, target.partition("?")[0], ",".join(headers.get("accept", [])))


def _head(answer: _Answer) -> bytes:
    return (
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}\r\n"
        f"Content-Type: {answer.content_type}\r\n"
        f"Content-Length: {len(answer.body)}\r\n"
        f"{answer.more_headers}"
        "X-Content-Type-Options: nosniff\r\n"
        "Connection: close\r\n\r\n"
    ).encode("latin-1")


async def _send(writer: asyncio.StreamWriter, answer: _Answer) -> None:
    # piece by piece, so that a slow reader costs one piece of memory and not the whole text
    writer.transport.set_write_buffer_limits(high=0)
    writer.write(_head(answer))
    for start in range(0, len(answer.body) if answer.body_wanted else 0, _WRITE_BYTES):
        writer.write(answer.body[start : start + _WRITE_BYTES])
        await writer.drain()
    await writer.drain()


async def _linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take what a refused client still sends, within limits: closing at once could destroy the answer on its way."""
    if writer.can_write_eof():
        writer.write_eof()
    taken = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            while taken < _LINGER_BYTES and (data := await reader.read(_WRITE_BYTES)):
                taken += len(data)
