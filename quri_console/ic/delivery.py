"""One request, the same bytes, until it gets an answer or its time is up.

Repeated are only broken connections and the answers 429, 502, 503 and 504. Whether an earlier attempt may have
arrived is kept, because a later answer alone does not tell then what became of the request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from quri_console.clock import NANOSECONDS_PER_SECOND, Clock
from quri_console.errors import NetworkError
from quri_console.ic.transport import HttpAnswer, HttpTransport, TransportFailed

RequestKind = Literal["call", "query", "read_state"]
Owner = Literal["canister", "subnet"]

_NEWEST = {"call": "v4", "query": "v3", "read_state": "v3"}
_OLD = "v2"
_REPEATED = frozenset({429, 502, 503, 504})
_TOO_MANY_REQUESTS = 429
_NO_SUCH_ROUTE = frozenset({404, 405})
_FIRST_WAIT_SECONDS = 0.25
_LONGEST_WAIT_SECONDS = 8.0
UNREACHABLE_SECONDS = 10.0
"""How long attempts go on when not even a connection can be made."""
_SNIPPET = 300
_EXPIRY_REFUSED = "Invalid request expiry"
_EARLIEST = re.compile(r"Minimum allowed expiry: (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")


class ServerBusy(NetworkError):
    """The server asked to come back later, until the time was up."""


class UnexpectedAnswer(NetworkError):
    """The server answered what no Internet Computer node answers to this request."""


class ClockSkew(NetworkError):
    """This machine's clock differs from the network's so much that requests are refused. `seconds`: ours less theirs,
    None if the network did not say."""

    def __init__(self, seconds: float | None, text: str) -> None:
        known = "" if seconds is None else f" by about {abs(seconds):,.0f} s"
        direction = "" if seconds is None else (" (it is ahead)" if seconds > 0 else " (it is behind)")
        super().__init__(
            f"This machine's clock differs from the network's{known}{direction}",
            why=text,
            next_step="Set the clock (`timedatectl` shows it); less than 4 minutes of difference are allowed.",
        )
        self.seconds = seconds


class GaveUp(NetworkError):
    """No answer within the time. `maybe_delivered`: the network may have received the request all the same."""

    def __init__(self, cause: NetworkError, maybe_delivered: bool) -> None:
        super().__init__(cause.what, why=cause.why, next_step=cause.next_step)
        self.cause = cause
        self.maybe_delivered = maybe_delivered


@dataclass(frozen=True, slots=True)
class Delivery:
    """An answer; `in_doubt` when an earlier attempt may have arrived too."""

    answer: HttpAnswer
    in_doubt: bool


@dataclass(frozen=True, slots=True)
class Destination:
    """What a request is about and whose route it takes; `principal` is in textual form."""

    kind: RequestKind
    principal: str
    owner: Owner = "canister"

    def path(self, version: str) -> str:
        """The route of the interface specification, "HTTPS Interface"."""
        return f"/api/{version}/{self.owner}/{self.principal}/{self.kind}"


class Courier:
    """Delivers requests over one transport; remembers which routes the server does not have.

    `busy_answers` counts the answers 429, 502, 503 and 504 that were waited out.
    """

    def __init__(self, transport: HttpTransport, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self._old_routes: set[RequestKind] = set()
        self.busy_answers = 0

    async def deliver(self, destination: Destination, body: bytes, *, until_ns: int, bulk: bool = False) -> Delivery:
        """The answer to `body`, re-sent unchanged until `until_ns`; raises GaveUp, TransportFailed, UnexpectedAnswer.

        A server without the newest route is asked on v2, from then on at once.
        """
        if destination.kind in self._old_routes:
            return await self._repeat(destination.path(_OLD), body, until_ns, bulk)
        delivery = await self._repeat(destination.path(_NEWEST[destination.kind]), body, until_ns, bulk)
        if delivery.answer.status not in _NO_SUCH_ROUTE:
            return delivery
        older = await self._repeat(destination.path(_OLD), body, until_ns, bulk)
        if older.answer.status not in _NO_SUCH_ROUTE:
            self._old_routes.add(destination.kind)
        return Delivery(older.answer, delivery.in_doubt or older.in_doubt)

    async def _repeat(self, path: str, body: bytes, until_ns: int, bulk: bool) -> Delivery:
        started = self._clock.monotonic()
        wait = _FIRST_WAIT_SECONDS
        in_doubt = False
        while True:
            failure: NetworkError
            asked_wait: float | None = None
            try:
                answer = await self._transport.post(path, body, bulk=bulk)
            except TransportFailed as error:
                in_doubt |= error.sent
                if not error.retryable:
                    raise GaveUp(error, in_doubt) from error
                failure = error
            else:
                if answer.status not in _REPEATED:
                    return Delivery(answer, in_doubt)
                self.busy_answers += 1
                in_doubt |= answer.status != _TOO_MANY_REQUESTS
                asked_wait = retry_after_seconds(answer, self._clock)
                failure = _busy(answer, asked_wait)
            pause = wait if asked_wait is None else max(asked_wait, _FIRST_WAIT_SECONDS)
            if self._is_over(pause, until_ns, started, failure, in_doubt):
                raise GaveUp(failure, in_doubt) from failure
            await self._clock.sleep(pause)
            wait = min(wait * 2, _LONGEST_WAIT_SECONDS)

    def _is_over(self, pause: float, until_ns: int, started: float, failure: NetworkError, in_doubt: bool) -> bool:
        if self._clock.now_ns() + pause * NANOSECONDS_PER_SECOND >= until_ns:
            return True
        never_connected = isinstance(failure, TransportFailed) and not in_doubt
        return never_connected and self._clock.monotonic() + pause - started > UNREACHABLE_SECONDS


def retry_after_seconds(answer: HttpAnswer, clock: Clock) -> float | None:
    """How long the server asks to wait, from seconds or a date; None when it does not say (RFC 9110, 10.2.3)."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - clock.now_ns() / NANOSECONDS_PER_SECOND)


def _busy(answer: HttpAnswer, asked_wait: float | None) -> ServerBusy:
    if answer.status == _TOO_MANY_REQUESTS:
        what = "The network limits how many requests it takes"
    else:
        what = "The network cannot answer at the moment"
    asked = "" if asked_wait is None else f"; it asks to wait {asked_wait:,.0f} s"
    return ServerBusy(
        what,
        why=f"HTTP {answer.status}{asked}",
        next_step="Try again later, or poll less often (monitor.interval in the configuration).",
    )


def unexpected(base_url: str, answer: HttpAnswer, clock: Clock) -> NetworkError:
    """What to raise for an HTTP status that carries no protocol answer."""
    text = answer.body[:_SNIPPET].decode("utf-8", "replace").strip()
    if answer.status == 400 and _EXPIRY_REFUSED in text:
        return ClockSkew(_skew_seconds(text, clock), text)
    if 400 <= answer.status < 500 and answer.status not in _NO_SUCH_ROUTE:
        return UnexpectedAnswer(
            f"The network refused the request (HTTP {answer.status})",
            why=text,
            next_step="Check the identity and the canister's id; the network's own words are above.",
        )
    return UnexpectedAnswer(
        f"{base_url} answered HTTP {answer.status}, as no Internet Computer node does",
        why=text,
        next_step="Check the network's URL in the configuration, like https://icp-api.io or http://127.0.0.1:8000.",
    )


def _skew_seconds(text: str, clock: Clock) -> float | None:
    match = _EARLIEST.search(text)
    if match is None:
        return None
    try:
        theirs = datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None  # figures that are no time
    return clock.now_ns() / NANOSECONDS_PER_SECOND - theirs.timestamp()
