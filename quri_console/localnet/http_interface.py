"""The HTTPS interface of the Internet Computer: v2, v3 and v4 routes with one handler each.

Interface spec, "HTTPS Interface". Answers are CBOR, refusals are text with the
replica's status numbers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route as HttpRoute

from quri_console import __version__
from quri_console.clock import Clock
from quri_console.ic.encoding.cbor import CborValue
from quri_console.ic.encoding.principal import InvalidPrincipal, parse_principal
from quri_console.localnet.certification import Certifier
from quri_console.localnet.faults import Action, FaultedRequest, RejectCall
from quri_console.localnet.ingress import CheckedRequest, RequestRefused, RequestType, check_envelope
from quri_console.localnet.interference import Interference
from quri_console.localnet.messages import Reject, Rejection, Reply
from quri_console.localnet.network import Network
from quri_console.localnet.pieces import Embedded, PiecesResponse, encode_pieces
from quri_console.localnet.read_state_rules import ReadStateRules, Route
from quri_console.localnet.state_tree import REQUEST_STATUS
from quri_console.localnet.update_calls import UpdateCalls

MAX_BODY_BYTES = 5 * 1024 * 1024

CborMap = dict[str, CborValue]
Version = Literal["v2", "v3", "v4"]
Handler = Callable[["Arrival"], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request whose envelope was checked, with the faults that are due for it."""

    request: CheckedRequest
    version: Version
    principal: bytes
    of_subnet: bool
    faults: Sequence[Action]

    @property
    def old_layout(self) -> bool:
        """Newer routes promise canister ranges in shards; v2 and the v3 call still show the old layout."""
        return self.version == "v2" or (self.version == "v3" and self.request.request_type == "call")


class HttpInterface:
    """Turns HTTP requests into messages for the network, and answers into certified replies."""

    def __init__(
        self,
        network: Network,
        calls: UpdateCalls,
        certifier: Certifier,
        rules: ReadStateRules,
        *,
        clock: Clock,
        interference: Interference,
        always_old_layout: bool = False,
    ) -> None:
        self._network = network
        self._calls = calls
        self._certifier = certifier
        self._rules = rules
        self._clock = clock
        self._interference = interference
        self._always_old_layout = always_old_layout

    def application(self) -> Starlette:
        """The ASGI application."""
        handlers: dict[RequestType, Handler] = {
            "call": self._call,
            "query": self._query,
            "read_state": self._read_state,
        }
        versions: dict[RequestType, Sequence[Version]] = {
            "call": ("v2", "v3", "v4"),
            "query": ("v2", "v3"),
            "read_state": ("v2", "v3"),
        }
        routes = [HttpRoute("/api/v2/status", self._status, methods=["GET"])]
        for kind, handler in handlers.items():
            for version in versions[kind]:
                for owner in ("canister", "subnet"):
                    endpoint = self._endpoint(kind, version, owner == "subnet", handler)
                    routes.append(HttpRoute(f"/api/{version}/{owner}/{{principal}}/{kind}", endpoint, methods=["POST"]))
        return Starlette(routes=routes)

    def _endpoint(
        self, kind: RequestType, version: Version, of_subnet: bool, handler: Handler
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(http_request: Request) -> Response:
            try:
                principal = _principal(http_request.path_params["principal"])
                request = check_envelope(await _body(http_request), kind, self._clock)
                subject = FaultedRequest(kind, principal, request.method)
                return await self._interference.serve(
                    subject, lambda due: handler(Arrival(request, version, principal, of_subnet, due))
                )
            except RequestRefused as refusal:
                return PlainTextResponse(refusal.text, refusal.status)

        return endpoint

    async def _status(self, _: Request) -> Response:
        return await self._interference.serve(FaultedRequest("status"), self._status_answer)

    async def _status_answer(self, _: Sequence[Action]) -> Response:
        return _cbor(
            {
                "impl_version": f"quri-console {__version__}",
                "replica_health_status": "healthy",
                "root_key": self._network.root_key,
            }
        )

    async def _call(self, arrival: Arrival) -> Response:
        if arrival.of_subnet:
            return _rejection(_only_subnet_admins(arrival.request.method), arrival.version)
        turned_down, certified = _turned_down(arrival.faults)
        if turned_down is not None and not certified:
            return _rejection(turned_down, arrival.version)
        record = await self._calls.accept(arrival.request, arrival.principal, instead=turned_down)
        if isinstance(record, Reject):
            return _rejection(record, arrival.version)
        if arrival.version == "v2" or not await self._calls.settle(record):
            return Response(status_code=202)
        certificate = self._certificate(arrival, [(REQUEST_STATUS, record.request_id)])
        return _cbor({"status": "replied", "certificate": certificate})

    async def _query(self, arrival: Arrival) -> Response:
        result = await self._answer_query(arrival)
        if isinstance(result, Reject):
            answer = _rejected(result)
        else:
            answer = {"status": "replied", "reply": {"arg": result.argument}}
        return _cbor(self._certifier.sign_query(answer, arrival.request.request_id, arrival.faults))

    async def _answer_query(self, arrival: Arrival) -> Reply | Reject:
        if arrival.of_subnet:
            return _only_subnet_admins(arrival.request.method)
        turned_down, _ = _turned_down(arrival.faults)
        if turned_down is not None:
            return turned_down
        try:
            ingress = self._calls.ingress(arrival.request, arrival.principal)
        except Rejection as rejection:
            return rejection.reject
        return await self._network.query(ingress)

    async def _read_state(self, arrival: Arrival) -> Response:
        old_layout = arrival.old_layout or self._always_old_layout
        self._rules.check(arrival.request, Route(arrival.principal, arrival.of_subnet, old_layout))
        return _cbor({"certificate": self._certificate(arrival, arrival.request.paths)})

    def _certificate(self, arrival: Arrival, paths: Sequence[tuple[bytes, ...]]) -> Embedded:
        pieces = self._certifier.certify(
            [path for path in paths if path != (b"time",)],
            old_layout=arrival.old_layout or self._always_old_layout,
            faults=arrival.faults,
        )
        return Embedded(pieces)


async def _body(http_request: Request) -> bytes:
    """The whole body; refused as soon as it is longer than any envelope may be."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in http_request.stream():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise RequestRefused(413, f"The request body is larger than {MAX_BODY_BYTES} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _principal(text: str) -> bytes:
    try:
        return bytes(parse_principal(text).bytes)
    except InvalidPrincipal as error:
        raise RequestRefused(400, f"Invalid principal in the URL: {error}") from error


def _cbor(value: Mapping[str, CborValue | Embedded]) -> Response:
    return PiecesResponse(encode_pieces(value), "application/cbor")


def _fields(reject: Reject) -> CborMap:
    fields: CborMap = {"reject_code": reject.code, "reject_message": reject.message}
    # Absent rather than null: the JavaScript agent takes null for a value.
    return {**fields, "error_code": reject.error_code} if reject.error_code else fields


def _rejected(reject: Reject) -> CborMap:
    return {"status": "rejected", **_fields(reject)}


def _rejection(reject: Reject, version: Version) -> Response:
    status = {} if version == "v2" else {"status": "non_replicated_rejection"}
    return _cbor({**status, **_fields(reject)})


def _turned_down(faults: Sequence[Action]) -> tuple[Reject | None, bool]:
    """What a fault answers instead of the network, and whether that is certified."""
    for fault in faults:
        if isinstance(fault, RejectCall):
            return Reject(fault.code, fault.message, fault.error_code), fault.certified
    return None, False


def _only_subnet_admins(method: str) -> Reject:
    return Reject(5, f"Only subnet admins can call {method} on a subnet", "IC0512")
