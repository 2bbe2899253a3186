"""Dead man's switches elsewhere: a service that raises the alarm when it no longer hears of a duty.

Two protocols: healthchecks (`URL/start`, `URL`, `URL/fail`, `URL/EXIT`) and Uptime Kuma's push monitors. A signal is
handed over and sent in the background; none that fails ever fails the duty it tells of.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import Random
from types import TracebackType
from typing import Literal, Self

from quri_console.clock import Clock
from quri_console.config.alerting import HeartbeatConfig, HeartbeatDuty
from quri_console.errors import QuriError
from quri_console.monitor.notify.address import Address
from quri_console.monitor.notify.outside import Answer, NoAnswer, Outside
from quri_console.monitor.notify.safe_text import fit, safe, safe_lines
from quri_console.monitor.notify.secrets import read_secret
from quri_console.monitor.notify.verdict import Verdict, judge

MAX_RETRIES = 5
PINGS_A_MINUTE = 5
BODY_BYTES = 10_000
"""What healthchecks keep of a body unless their Ping-Body-Limit says otherwise."""
CLOSE_SECONDS = 20.0

_MINUTE = 60.0
_MOST_BODY_BYTES = 100_000
_LONGEST_BACKOFF_SECONDS = 30.0
_MESSAGE = 200
_RUNS = uuid.UUID("6a0b4c0e-6f6e-4f0e-9a53-7d0f3c8f5b1d")

Signal = Literal["start", "up", "down"]


@dataclass(frozen=True, slots=True)
class _Ping:
    signal: Signal
    run: str = ""
    exit_code: int | None = None
    log: str = ""
    message: str = ""
    took_seconds: float | None = None


@dataclass(slots=True)
class SwitchState:
    """How a switch fares: when it last heard of the duty, and what went wrong with the newest signal."""

    duty: HeartbeatDuty
    sent_at_ns: int | None = None
    error: str = ""


class Heartbeats:
    """The switches of a configuration. Methods that signal return at once and raise nothing."""

    def __init__(
        self,
        configs: Iterable[HeartbeatConfig],
        outside: Outside,
        *,
        clock: Clock,
        random: Random,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._clock = clock
        self._switches = [_Switch(config, outside, clock, random, environ) for config in configs]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def states(self) -> tuple[SwitchState, ...]:
        """How each switch fares."""
        return tuple(switch.state for switch in self._switches)

    def started(self, duty: HeartbeatDuty, run: str = "") -> None:
        """A run of the duty begins; `run` pairs it with its end."""
        self._signal(duty, _Ping("start", run))

    def alive(self, duty: HeartbeatDuty, message: str = "", *, took_seconds: float | None = None) -> None:
        """The duty is being done."""
        self._signal(duty, _Ping("up", message=message, took_seconds=took_seconds))

    def ended(
        self, duty: HeartbeatDuty, exit_code: int, run: str = "", *, log: str = "", took_seconds: float | None = None
    ) -> None:
        """A run of the duty ended; of `log` the tail is sent."""
        signal: Signal = "up" if exit_code == 0 else "down"
        message = "" if exit_code == 0 else f"exit code {exit_code}"
        self._signal(duty, _Ping(signal, run, exit_code, log, message, took_seconds))

    def failed(self, duty: HeartbeatDuty, message: str, run: str = "", *, log: str = "") -> None:
        """The duty could not be done."""
        self._signal(duty, _Ping("down", run, None, log or message, message))

    async def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Send what waits, for at most `seconds`."""
        tasks = [switch.task for switch in self._switches if switch.task is not None]
        if not tasks:
            return
        work = asyncio.gather(*tasks, return_exceptions=True)
        deadline = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait((work, deadline), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*tasks, deadline):
                task.cancel()
            await asyncio.gather(*tasks, deadline, return_exceptions=True)

    def _signal(self, duty: HeartbeatDuty, ping: _Ping) -> None:
        for switch in self._switches:
            if switch.state.duty == duty:
                switch.add(ping)


class _Switch:
    """One switch: what waits for it, and the task that sends it."""

    def __init__(
        self,
        config: HeartbeatConfig,
        outside: Outside,
        clock: Clock,
        random: Random,
        environ: Mapping[str, str] | None,
    ) -> None:
        self.state = SwitchState(config.duty)
        self.task: asyncio.Task[None] | None = None
        self._config = config
        self._outside = outside
        self._clock = clock
        self._random = random
        self._environ = environ
        self._address: Address | None = None
        self._waiting: list[_Ping] = []
        self._sent_at: deque[float] = deque(maxlen=PINGS_A_MINUTE)
        self._body_bytes = BODY_BYTES

    def add(self, ping: _Ping) -> None:
        """Send a signal soon; one of its kind that still waits says nothing new and is dropped."""
        if ping.signal == "start" and self._config.kind == "uptime-kuma":
            return  # it knows no beginnings
        self._waiting = [*(old for old in self._waiting if old.signal != ping.signal), ping]
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self._send_all())

    async def _send_all(self) -> None:
        while self._waiting:
            try:
                await self._send(await self._next())
            except QuriError as error:
                self.state.error = " ".join(filter(None, (f"{error}.", error.next_step)))
            except Exception as error:  # noqa: BLE001 - whatever it is, the duty goes on
                self.state.error = f"an error of quri-console itself ({type(error).__name__})"

    async def _next(self) -> _Ping:
        # the turn first, the signal after: meanwhile a newer one may have replaced it
        await self._turn()
        return self._waiting.pop(0)

    async def _send(self, ping: _Ping) -> None:
        for attempt in range(1 + MAX_RETRIES):
            if attempt:
                await self._turn()
            self._sent_at.append(self._clock.monotonic())
            verdict = await self._attempt(ping)
            if verdict.outcome == "delivered":
                self.state.sent_at_ns, self.state.error = self._clock.now_ns(), ""
                return
            self.state.error = verdict.why
            if verdict.outcome == "dead":
                self._address = None
                return
            if any(newer.signal == ping.signal for newer in self._waiting):
                return
            await self._clock.sleep(self._backoff_seconds(attempt, verdict.wait_seconds))

    async def _turn(self) -> None:
        """Wait until one more ping keeps within what the service takes in a minute."""
        while len(self._sent_at) == PINGS_A_MINUTE:
            left = self._sent_at[0] + _MINUTE - self._clock.monotonic()
            if left <= 0:
                return
            await self._clock.sleep(left)

    def _backoff_seconds(self, attempt: int, asked_seconds: float | None) -> float:
        if asked_seconds is not None:
            return min(asked_seconds, _MINUTE)
        return self._random.uniform(0, min(2.0 ** (attempt + 1), _LONGEST_BACKOFF_SECONDS))

    async def _attempt(self, ping: _Ping) -> Verdict:
        if self._address is None:
            what = f"the heartbeat of {self._config.duty}"
            url = await read_secret(self._config.url, f"the address of {what}", environ=self._environ)
            self._address = Address.parse(url, what)
        if self._config.kind == "uptime-kuma":
            answer = await self._outside.request("GET", _kuma(self._address, ping))
            return judge("generic", answer, now_ns=self._clock.now_ns()) if not _kuma_refused(answer) else _NOT_KNOWN
        answer = await self._outside.request(
            "POST",
            _healthchecks(self._address, ping),
            body=tail(ping.log, self._body_bytes),
            headers={"content-type": "text/plain; charset=utf-8"},
        )
        self._learn_limit(answer)
        return _healthchecks_verdict(answer, now_ns=self._clock.now_ns())

    def _learn_limit(self, answer: Answer | NoAnswer) -> None:
        limit = answer.headers.get("ping-body-limit", "") if isinstance(answer, Answer) else ""
        if limit.isascii() and limit.isdigit() and len(limit) < 12:
            self._body_bytes = min(int(limit), _MOST_BODY_BYTES)


_NOT_KNOWN = Verdict("dead", "the service does not know this address")


def tail(log: str, limit_bytes: int) -> bytes:
    """The end of a log in at most `limit_bytes` of UTF-8, made harmless; it begins with a whole line where possible."""
    # one character of the log becomes at least one byte: no more of a long log need be looked at
    data = safe_lines(log[-limit_bytes:] if limit_bytes else "").encode("utf-8", "backslashreplace")
    if len(log) <= limit_bytes and len(data) <= limit_bytes:
        return data
    cut = data[max(len(data) - limit_bytes, 0) :].decode("utf-8", "ignore")
    _, found, lines = cut.partition("\n")
    return (lines if found and lines else cut).encode()


def _healthchecks(address: Address, ping: _Ping) -> Address:
    if ping.signal == "start":
        suffix = "/start"
    elif ping.exit_code is not None:
        # a process killed by a signal has a negative code
        suffix = f"/{min(abs(ping.exit_code), 255)}"
    else:
        suffix = "" if ping.signal == "up" else "/fail"
    return address.variant(suffix, **({"rid": _rid(ping.run)} if ping.run else {}))


def _rid(run: str) -> str:
    try:
        return str(uuid.UUID(run))
    except ValueError:
        return str(uuid.uuid5(_RUNS, run))


def _healthchecks_verdict(answer: Answer | NoAnswer, *, now_ns: int) -> Verdict:
    # older servers answer 200 to everything and say in words what became of it
    if isinstance(answer, Answer) and answer.status == 200 and answer.body.startswith(b"OK ("):
        if answer.body.startswith(b"OK (not found)"):
            return _NOT_KNOWN
        if answer.body.startswith(b"OK (rate limited)"):
            return Verdict("retry", "the service hears of this duty too often", _MINUTE)
    return judge("generic", answer, now_ns=now_ns)


def _kuma(address: Address, ping: _Ping) -> Address:
    took = "" if ping.took_seconds is None else str(round(ping.took_seconds * 1_000))
    # the address that Uptime Kuma shows ends with these parameters; they are replaced
    return address.variant("", status=ping.signal, msg=fit(safe(ping.message), _MESSAGE) or "OK", ping=took)


def _kuma_refused(answer: Answer | NoAnswer) -> bool:
    if isinstance(answer, NoAnswer) or answer.status != 200:
        return False
    try:
        values = json.loads(answer.body)
    except (ValueError, RecursionError):
        return False
    return isinstance(values, dict) and values.get("ok") is False
