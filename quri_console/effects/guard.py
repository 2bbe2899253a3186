"""The parent's side of the start guard: arm it before a stop, renew its request, disarm it after the start."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from quri_console.clock import NANOSECONDS_PER_SECOND, Clock
from quri_console.effects.durable import compact_json
from quri_console.effects.start_guard import StartRequest
from quri_console.errors import QuriError

# a request is valid for at most 5 minutes; renewed well before, so that a long stop stays guarded
RENEW_SECONDS = 120.0
LEAVE_SECONDS = 5.0

PACKAGE_FOLDER = Path(__file__).resolve().parent.parent.parent


class GuardUnavailable(QuriError):
    """The child that would start the canister again cannot be started or has died; nothing may be stopped."""


# A guard that was let go outlives us; kept here so that it is not taken for a leak.
_let_go: list[subprocess.Popen[bytes]] = []


class StartGuard:
    """A running child that holds a signed start request for one canister."""

    def __init__(self, sign: Callable[[], StartRequest], clock: Clock) -> None:
        self._process = _spawn()
        self._sign = sign
        self._clock = clock
        self._renewal: asyncio.Task[None] | None = None

    @classmethod
    async def arm(cls, sign: Callable[[], StartRequest], clock: Clock) -> StartGuard:
        """Start the child, give it a request that `sign` makes, and wait until it has it. Raises GuardUnavailable."""
        guard = cls(sign, clock)
        await guard._arm()
        guard._renewal = asyncio.create_task(guard._renew())
        return guard

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    async def _arm(self) -> None:
        self._hand_over()
        assert self._process.stdout is not None
        answer = await asyncio.to_thread(self._process.stdout.readline)
        if answer != b"armed\n":
            self._close()
            self._process.wait(LEAVE_SECONDS)
            raise _unavailable("it ended at once")

    def _hand_over(self) -> None:
        request = self._sign()
        fields = {
            "urls": list(request.urls),
            "envelope": request.envelope.hex(),
            "expires_at": request.expires_at,
        }
        self._write(compact_json(fields))

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            # far less than a pipe holds, so this never waits
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError) as error:
            # ValueError: closed by us, when a replacement ended at once
            raise _unavailable("it has died") from error

    async def _renew(self) -> None:
        while True:
            await self._clock.sleep(RENEW_SECONDS)
            # one that cannot be replaced now is tried again at the next renewal
            with contextlib.suppress(GuardUnavailable):
                await self._renew_once()

    async def _renew_once(self) -> None:
        try:
            self._hand_over()
        except GuardUnavailable:
            self._close()
            self._process = _spawn()
            await self._arm()

    async def _end_renewal(self) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.gather(self._renewal, return_exceptions=True)

    async def let_go(self) -> None:
        """End the child's input without disarming it, so that it starts the canister now."""
        await self._end_renewal()
        self._close()
        _let_go.append(self._process)

    async def disarm(self) -> None:
        """Tell the child to leave without sending anything; to be called only after the start is journalled."""
        await self._end_renewal()
        # one that has died will send nothing either
        with contextlib.suppress(GuardUnavailable):
            self._write("disarm")
        self._close()
        await asyncio.to_thread(self._process.wait, LEAVE_SECONDS)

    def _close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def _spawn() -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "quri_console.effects.start_guard"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=PACKAGE_FOLDER,
            start_new_session=True,
        )
    except OSError as error:
        raise _unavailable(str(error)) from error


def start_request(urls: tuple[str, ...], envelope: bytes, ingress_expiry_ns: int) -> StartRequest:
    """What the child is given; `ingress_expiry_ns` in nanoseconds since 1970."""
    return StartRequest(urls, envelope, ingress_expiry_ns / NANOSECONDS_PER_SECOND)


def _unavailable(why: str) -> GuardUnavailable:
    return GuardUnavailable(
        "the child process that starts the canister again if this one dies is not there",
        why=why,
        next_step="Nothing was stopped. Try again; if it repeats, check the limits on processes of this user.",
    )
