"""Sends a signed call and finds out what became of it, without ever guessing.

An answer to one attempt says nothing about another attempt that may have arrived. So once a request may have been
delivered, only its certified status decides: replied, rejected, or certified as unknown after it expired.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from quri_console.clock import NANOSECONDS_PER_SECOND, Clock
from quri_console.errors import NetworkError, QuriError
from quri_console.ic.certificates import CertificateError
from quri_console.ic.delivery import ClockSkew, Courier, Destination, GaveUp, UnexpectedAnswer, unexpected
from quri_console.ic.encoding import cbor
from quri_console.ic.encoding.cbor import MalformedCbor
from quri_console.ic.encoding.leb128 import MalformedLeb128
from quri_console.ic.envelope import SignedCall
from quri_console.ic.outcome import CallNotExecuted, CallUndecided, RequestStatus, rejection_in
from quri_console.ic.transport import HttpAnswer

STATUS_KEPT_SECONDS = 60
"""The network keeps statuses for 5 minutes; a call expires after 4. Absence within this time proves something."""
EXECUTION_SECONDS = 300
"""How long past its expiry a call that is being executed is waited for."""
DOUBT_SECONDS = 20
"""How long an earlier attempt is given to show up after a later one was refused."""
LAST_SECONDS = 5
"""So little time before its expiry the network may already think a call expired."""
_FIRST_POLL_SECONDS = 0.25
_LONGEST_POLL_SECONDS = 1.5
_UNBELIEVED_ANSWERS = 3

ReadCertified = Callable[[bytes, SignedCall], RequestStatus]
"""Verifies the certificate in an answer to a call; raises CertificateError."""


class ReadStatus(Protocol):
    """Asks the network for the certified status of a call."""

    def __call__(self, call: SignedCall, *, bulk: bool = False) -> Awaitable[RequestStatus]: ...


@dataclass(slots=True)
class _Wait:
    """How far the wait for one call has come."""

    call: SignedCall
    bulk: bool
    limit_ns: int
    cause: QuriError | None
    doubt_until_ns: int | None = None
    unbelieved: int = 0


class CallOutcomes:
    """Delivers calls of one agent and follows them to their end."""

    def __init__(
        self, courier: Courier, clock: Clock, base_url: str, read_certified: ReadCertified, read_status: ReadStatus
    ) -> None:
        self._courier = courier
        self._clock = clock
        self._base_url = base_url
        self._read_certified = read_certified
        self._read_status = read_status

    async def send(self, call: SignedCall, *, bulk: bool, sent_before: bool) -> bytes:
        """The certified reply; raises what `Agent.send` names."""
        if self._clock.now_ns() >= call.ingress_expiry_ns:
            return await self._follow(self._wait(call, bulk, None))
        destination = Destination("call", call.effective_canister.to_str())
        try:
            delivery = await self._courier.deliver(
                destination, call.envelope, until_ns=call.ingress_expiry_ns, bulk=bulk
            )
        except GaveUp as failure:
            if failure.maybe_delivered or sent_before:
                return await self._follow(self._wait(call, bulk, failure.cause))
            raise failure.cause from failure
        in_doubt = delivery.in_doubt or sent_before
        try:
            status = self._read_answer(call, delivery.answer)
        except (CertificateError, MalformedCbor, MalformedLeb128) as error:
            # It was accepted, or somebody is lying; the certified status tells.
            return await self._follow(self._wait(call, bulk, error))
        except QuriError as refusal:
            if not (in_doubt or delivery.answer.status >= 500):
                if self._was_held_back(call, refusal):
                    raise CallNotExecuted(call) from refusal
                raise
            wait = self._wait(call, bulk, refusal)
            wait.doubt_until_ns = self._clock.now_ns() + DOUBT_SECONDS * NANOSECONDS_PER_SECOND
            return await self._follow(wait)
        reply = _settled(status, call)
        return await self._follow(self._wait(call, bulk, None)) if reply is None else reply

    def _was_held_back(self, call: SignedCall, refusal: QuriError) -> bool:
        """Whether the call's expiry was refused because it was sent in its last moment, not for a wrong clock."""
        left_ns = call.ingress_expiry_ns - self._clock.now_ns()
        return isinstance(refusal, ClockSkew) and left_ns < LAST_SECONDS * NANOSECONDS_PER_SECOND

    def _read_answer(self, call: SignedCall, answer: HttpAnswer) -> RequestStatus:
        """What one attempt was answered; raises Rejected (uncertified) and what `unexpected` makes of other answers."""
        if answer.status == 202:
            return RequestStatus("received", self._clock.now_ns())
        if answer.status != 200:
            raise unexpected(self._base_url, answer, self._clock)
        content = cbor.decode(answer.body)
        match content:
            case {"certificate": bytes(certificate)}:
                return self._read_certified(certificate, call)
            case {"status": "accepted"}:
                return RequestStatus("received", self._clock.now_ns())
        rejection = rejection_in(content, call.subject) if isinstance(content, dict) else None
        if rejection is None:
            raise UnexpectedAnswer(
                f"{self._base_url} answered {call.method} with neither a certificate nor a rejection"
            )
        raise rejection

    def _wait(self, call: SignedCall, bulk: bool, cause: QuriError | None) -> _Wait:
        kept_until = call.ingress_expiry_ns + STATUS_KEPT_SECONDS * NANOSECONDS_PER_SECOND
        # A call of long ago gets one look.
        return _Wait(call, bulk, max(kept_until, self._clock.now_ns()), cause)

    async def _follow(self, wait: _Wait) -> bytes:
        pause = _FIRST_POLL_SECONDS
        while True:
            reply = await self._look(wait)
            if reply is not None:
                return reply
            if self._clock.now_ns() + pause * NANOSECONDS_PER_SECOND > wait.limit_ns:
                raise self._undecided(wait, "its answer did not come in time")
            await self._clock.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_POLL_SECONDS)

    async def _look(self, wait: _Wait) -> bytes | None:
        """The reply, or None if it is too early; raises when the call has ended otherwise."""
        try:
            status = await self._read_status(wait.call, bulk=wait.bulk)
        except CallUndecided:
            raise
        except CertificateError as error:
            wait.cause = error
            wait.unbelieved += 1
            if wait.unbelieved >= _UNBELIEVED_ANSWERS:
                raise self._undecided(wait, str(error)) from error
            return None
        except NetworkError as error:
            wait.cause = error
            return None
        if status.state == "unknown":
            self._check_absence(wait, status)
        elif status.state in ("received", "processing"):
            wait.cause = wait.doubt_until_ns = None
            wait.limit_ns = wait.call.ingress_expiry_ns + EXECUTION_SECONDS * NANOSECONDS_PER_SECOND
        return _settled(status, wait.call)

    def _check_absence(self, wait: _Wait, status: RequestStatus) -> None:
        expiry = wait.call.ingress_expiry_ns
        if status.certified_at_ns > expiry + STATUS_KEPT_SECONDS * NANOSECONDS_PER_SECOND:
            raise self._undecided(wait, "the network no longer keeps what became of it")
        if status.certified_at_ns > expiry:
            raise CallNotExecuted(wait.call) from wait.cause
        if wait.doubt_until_ns is not None and status.certified_at_ns > wait.doubt_until_ns:
            raise self._undecided(wait, "an earlier attempt may still arrive")

    def _undecided(self, wait: _Wait, why: str) -> CallUndecided:
        error = CallUndecided(wait.call, why if wait.cause is None else str(wait.cause))
        error.__cause__ = wait.cause
        if isinstance(wait.cause, CertificateError) and wait.cause.next_step:
            error.next_step = wait.cause.next_step
        return error


def _settled(status: RequestStatus, call: SignedCall) -> bytes | None:
    """The reply of a call that has ended, None while it has not; raises Rejected, or CallUndecided when it is gone."""
    if status.rejection is not None:
        raise status.rejection
    if status.state == "done":
        raise CallUndecided(call, "it was executed, but the network no longer keeps its answer")
    return status.reply
