"""The client of one network: queries, update calls and state reads, every answer verified.

Interface specification, "HTTPS Interface". Only broken connections and the answers 429, 502, 503 and 504 are
repeated, always with the same signed bytes; the network executes a request id once.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType

from quri_console.clock import NANOSECONDS_PER_SECOND, Clock, SystemClock
from quri_console.errors import RefusedBySafetyRule
from quri_console.ic.call_outcome import CallOutcomes
from quri_console.ic.certificates import (
    Certificate,
    CertificateVerifier,
    UnknownNode,
    certificate_in,
    verify_query_signatures,
)
from quri_console.ic.delivery import Courier, Destination, GaveUp, UnexpectedAnswer, unexpected
from quri_console.ic.encoding import cbor
from quri_console.ic.encoding.cbor import CborValue
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.envelope import INGRESS_SECONDS, Path, SignedCall, sign_call, sign_query, sign_read_state
from quri_console.ic.identity import AnonymousIdentity, Identity
from quri_console.ic.node_keys import NodeKeys
from quri_console.ic.outcome import CallNotExecuted, CallUndecided, RequestStatus, rejection_in, status_in
from quri_console.ic.rejection import Rejected
from quri_console.ic.transport import HttpTransport, is_loopback

__all__ = [
    "Agent",
    "CallNotExecuted",
    "CallUndecided",
    "Rejected",
    "ReplicaStatus",
    "RequestStatus",
    "SignedCall",
    "fetch_root_key",
]

READ_SECONDS = 30
"""How long a query or a state read is tried."""


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """What a node says of itself, without proof."""

    implementation: str | None
    health: str | None
    root_key: bytes | None


class Agent:
    """Speaks to one network as one identity.

    `root_key` is the network's DER-encoded key, 133 bytes: everything but `status` is verified against it. Every
    method raises NetworkError where no answer came, and CertificateError (a NetworkError) where none is believed.
    """

    def __init__(
        self,
        url: str,
        *,
        root_key: bytes,
        identity: Identity | None = None,
        clock: Clock | None = None,
        transport: HttpTransport | None = None,
        randomness: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.url = url
        self.root_key = root_key
        self.identity: Identity = AnonymousIdentity() if identity is None else identity
        self._clock = SystemClock() if clock is None else clock
        self._transport = HttpTransport(url) if transport is None else transport
        self._randomness = randomness
        self._verifier = CertificateVerifier(root_key, self._clock)
        self._courier = Courier(self._transport, self._clock)
        self._nodes = NodeKeys(self._read_subnet, self._clock)
        self._outcomes = CallOutcomes(
            self._courier, self._clock, self._transport.base_url, self._read_certified, self.request_status
        )

    async def __aenter__(self) -> Agent:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    @property
    def busy_answers(self) -> int:
        """How often the server asked for patience so far, although the request was answered in the end."""
        return self._courier.busy_answers

    async def status(self) -> ReplicaStatus:
        """What the node that answers says of itself. Nothing of it is certified."""
        return await _status(self._transport, self._clock)

    async def query(
        self, canister: Principal, method: str, argument: bytes, *, effective_canister: Principal | None = None
    ) -> bytes:
        """The reply to a query, signed by a node of the canister's subnet.

        Raises Rejected when the query was turned down (the rejection is signed by a node, too).
        """
        effective = canister if effective_canister is None else effective_canister
        expiry = self._in_seconds(INGRESS_SECONDS)
        identifier, envelope = sign_query(self.identity, canister, method, argument, expiry)
        answer, keys = await self._ask_with_node_keys(Destination("query", effective.to_str()), envelope, effective)
        try:
            verify_query_signatures(answer, identifier, keys, self._clock)
        except UnknownNode:
            # It may have joined since the keys were read.
            verify_query_signatures(answer, identifier, await self._nodes.refetch(effective), self._clock)
        rejection = rejection_in(answer, f"{method} of {effective.to_str()}")
        if rejection is not None:
            raise rejection
        match answer:
            case {"reply": {"arg": bytes(reply)}}:
                return reply
        raise UnexpectedAnswer("The answer to the query is neither a reply nor a rejection")

    async def _ask_with_node_keys(
        self, destination: Destination, envelope: bytes, canister: Principal
    ) -> tuple[Mapping[str, CborValue], Mapping[bytes, bytes]]:
        """The answer, and the keys to check it with, side by side: a first query takes one round trip, not two."""
        reading = asyncio.create_task(self._nodes.of_canister(canister))
        try:
            return await self._ask(destination, envelope), await reading
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    def sign_update(
        self,
        canister: Principal,
        method: str,
        argument: bytes,
        *,
        effective_canister: Principal | None = None,
        valid_seconds: float = INGRESS_SECONDS,
    ) -> SignedCall:
        """An update call ready to be sent, as often as wanted, for the next `valid_seconds`; sends nothing.

        At most 300, which leaves nothing for clocks that differ; less where a late execution would harm.
        """
        return sign_call(
            self.identity,
            canister,
            method,
            argument,
            effective_canister=canister if effective_canister is None else effective_canister,
            now_ns=self._clock.now_ns(),
            randomness=self._randomness,
            valid_seconds=valid_seconds,
        )

    async def send(self, call: SignedCall, *, bulk: bool = False, sent_before: bool = False) -> bytes:
        """The certified reply to a call, which is re-sent unchanged until it expires.

        `sent_before`: another process may have sent it already, so a refusal of this attempt decides nothing.
        Raises Rejected, CallNotExecuted, CallUndecided, or another NetworkError when the call surely was not accepted.
        """
        return await self._outcomes.send(call, bulk=bulk, sent_before=sent_before)

    async def update(
        self,
        canister: Principal,
        method: str,
        argument: bytes,
        *,
        effective_canister: Principal | None = None,
        bulk: bool = False,
    ) -> bytes:
        """Sign and send; raises what `send` raises."""
        call = self.sign_update(canister, method, argument, effective_canister=effective_canister)
        return await self.send(call, bulk=bulk)

    async def request_status(self, call: SignedCall, *, bulk: bool = False) -> RequestStatus:
        """The certified status of a call; needs the key only after the read signed with the call has expired."""
        if self.identity.sender == call.sender:
            envelope = sign_read_state(self.identity, [call.status_path], self._in_seconds(INGRESS_SECONDS))
        elif self._clock.now_ns() < call.status_expiry_ns:
            envelope = call.status_envelope
        else:
            raise CallUndecided(call, "only its sender may ask for its status, and the signed request has expired")
        destination = Destination("read_state", call.effective_canister.to_str())
        return self._read_certified(await self._certificate(destination, envelope, bulk=bulk), call)

    def _read_certified(self, certificate: bytes, call: SignedCall) -> RequestStatus:
        return status_in(self._verifier.verify_for_canister(certificate, call.effective_canister), call)

    async def read_state(self, paths: Sequence[Path], canister: Principal) -> Certificate:
        """A certificate that shows `paths`, or that they do not exist, from the subnet that holds `canister`."""
        envelope = sign_read_state(self.identity, paths, self._in_seconds(INGRESS_SECONDS))
        certificate = await self._certificate(Destination("read_state", canister.to_str()), envelope)
        return self._verifier.verify_for_canister(certificate, canister)

    async def read_subnet_state(self, paths: Sequence[Path], subnet: Principal) -> Certificate:
        """A certificate that shows `paths`, signed by `subnet`."""
        envelope = sign_read_state(self.identity, paths, self._in_seconds(INGRESS_SECONDS))
        certificate = await self._certificate(Destination("read_state", subnet.to_str(), "subnet"), envelope)
        return self._verifier.verify_for_subnet(certificate, subnet)

    async def _read_subnet(self, canister: Principal) -> Certificate:
        return await self.read_state([[b"subnet"]], canister)

    async def _certificate(self, destination: Destination, envelope: bytes, *, bulk: bool = False) -> bytes:
        return certificate_in(await self._body(destination, envelope, bulk=bulk))

    async def _ask(self, destination: Destination, envelope: bytes) -> Mapping[str, CborValue]:
        match cbor.decode(await self._body(destination, envelope)):
            case dict(answer):
                return answer
        raise _not_the_protocol(self.url)

    async def _body(self, destination: Destination, envelope: bytes, *, bulk: bool = False) -> bytes:
        try:
            delivery = await self._courier.deliver(
                destination, envelope, until_ns=self._in_seconds(READ_SECONDS), bulk=bulk
            )
        except GaveUp as failure:
            raise failure.cause from failure
        if delivery.answer.status != 200:
            raise unexpected(self._transport.base_url, delivery.answer, self._clock)
        return delivery.answer.body

    def _in_seconds(self, seconds: int) -> int:
        return self._clock.now_ns() + seconds * NANOSECONDS_PER_SECOND


async def fetch_root_key(url: str) -> bytes:
    """The root key that a node on this machine states; RefusedBySafetyRule for any other host.

    A root key from the network itself proves nothing, so only a development network's is taken.
    """
    if not is_loopback(url):
        raise RefusedBySafetyRule(
            f"The root key of {url} was not fetched",
            why="a key that the network itself states proves nothing; it is fetched only from this machine",
            next_step="Put the network's root key into the configuration; main network's is built in.",
        )
    transport = HttpTransport(url)
    try:
        status = await _status(transport, SystemClock())
    finally:
        await transport.aclose()
    if status.root_key is None:
        raise UnexpectedAnswer(
            f"{url} states no root key",
            next_step="Put the network's root key into the configuration.",
        )
    return status.root_key


async def _status(transport: HttpTransport, clock: Clock) -> ReplicaStatus:
    answer = await transport.get("/api/v2/status")
    if answer.status != 200:
        raise unexpected(transport.base_url, answer, clock)
    match cbor.decode(answer.body):
        case dict(fields):
            version, health = fields.get("impl_version"), fields.get("replica_health_status")
            root_key = fields.get("root_key")
            return ReplicaStatus(
                version if isinstance(version, str) else None,
                health if isinstance(health, str) else None,
                root_key if isinstance(root_key, bytes) else None,
            )
    raise _not_the_protocol(transport.base_url)


def _not_the_protocol(url: str) -> UnexpectedAnswer:
    return UnexpectedAnswer(
        f"{url} answered something else than the Internet Computer does",
        next_step="Check the network's URL in the configuration, like https://icp-api.io or http://127.0.0.1:8000.",
    )
