"""What became of an update call, read from certified state and from the direct answers of the call routes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from quri_console.errors import NetworkError
from quri_console.ic.certificates import Certificate, MalformedCertificate
from quri_console.ic.encoding.cbor import CborValue
from quri_console.ic.encoding.leb128 import decode_unsigned
from quri_console.ic.envelope import SignedCall
from quri_console.ic.rejection import Rejected

State = Literal["unknown", "received", "processing", "replied", "rejected", "done"]
_STATES = frozenset({"received", "processing", "replied", "rejected", "done"})


class CallUndecided(NetworkError):
    """The call was sent and nobody can say what became of it. `call` is the signed request."""

    def __init__(self, call: SignedCall, why: str) -> None:
        super().__init__(
            f"It is not known whether {call.subject} was executed",
            why=why,
            next_step="Look at the canister itself before doing it again.",
        )
        self.call = call


class CallNotExecuted(NetworkError):
    """The network certifies that the call was not accepted before it expired; it will never be executed."""

    def __init__(self, call: SignedCall) -> None:
        super().__init__(
            f"{call.subject} was not executed",
            why="the network did not accept the request before it expired",
            next_step="Try again; nothing was changed.",
        )
        self.call = call


@dataclass(frozen=True, slots=True)
class RequestStatus:
    """Certified status of a request. `unknown`: the network has no record of it at `certified_at_ns`."""

    state: State
    certified_at_ns: int
    reply: bytes | None = None
    rejection: Rejected | None = None

    @property
    def known(self) -> bool:
        """Whether the network has a record of the request."""
        return self.state != "unknown"


def status_in(certificate: Certificate, call: SignedCall) -> RequestStatus:
    """The status of `call` that a certificate proves; raises NotInCertificate or MalformedCertificate."""
    path = call.status_path
    text = certificate.value((*path, b"status"))
    if text is None:
        return RequestStatus("unknown", certificate.time_ns)
    state = text.decode("ascii", "replace")
    if state not in _STATES:
        raise MalformedCertificate(f"it holds the request status {state!r}")
    if state == "replied":
        reply = certificate.value((*path, b"reply"))
        if reply is None:
            raise MalformedCertificate("a replied request has no reply")
        return RequestStatus("replied", certificate.time_ns, reply=reply)
    if state == "rejected":
        return RequestStatus("rejected", certificate.time_ns, rejection=_certified_rejection(certificate, call))
    return RequestStatus(cast(State, state), certificate.time_ns)


def _certified_rejection(certificate: Certificate, call: SignedCall) -> Rejected:
    path = call.status_path
    code = certificate.value((*path, b"reject_code"))
    message = certificate.value((*path, b"reject_message"))
    error_code = certificate.value((*path, b"error_code"))
    if code is None or message is None:
        raise MalformedCertificate("a rejected request has no reject code or message")
    return Rejected(
        call.subject,
        reject_code=decode_unsigned(code),
        error_code=None if error_code is None else error_code.decode("utf-8", "replace"),
        message=message.decode("utf-8", "replace"),
        certified=True,
    )


def rejection_in(answer: Mapping[str, CborValue], subject: str, *, certified: bool = False) -> Rejected | None:
    """The rejection that an answer states directly, if it is one."""
    match answer:
        case {"reject_code": int(code), "reject_message": str(message), **others}:
            error_code = others.get("error_code")
            return Rejected(
                subject,
                reject_code=code,
                error_code=error_code if isinstance(error_code, str) else None,
                message=message,
                certified=certified,
            )
    return None
