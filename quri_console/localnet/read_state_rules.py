"""Which paths a read_state request may name; interface spec, "Request: Read state"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quri_console.localnet.ingress import CheckedRequest, RequestRefused
from quri_console.localnet.network import Network
from quri_console.localnet.request_history import RequestHistory
from quri_console.localnet.state_tree import CANISTER, CANISTER_RANGES, REQUEST_STATUS, SUBNET, TIME, Path

CANISTER_LEAVES = frozenset({b"module_hash", b"controllers", b"canister_creation_timestamp", b"last_install_timestamp"})
REQUEST_ID_BYTES = 32


@dataclass(frozen=True, slots=True)
class Route:
    """Where a read_state request arrived: `principal` is a canister's, or with `of_subnet` a subnet's."""

    principal: bytes
    of_subnet: bool
    old_layout: bool


class ReadStateRules:
    """Refuses paths with the status and wording of the replica."""

    def __init__(self, network: Network, history: RequestHistory, root_subnet: bytes) -> None:
        self._network = network
        self._history = history
        self._root_subnet = root_subnet

    def check(self, request: CheckedRequest, route: Route) -> None:
        """Raise RequestRefused unless every path may be read by this sender on this route."""
        checks: dict[bytes, Callable[[CheckedRequest, Path, Route], None]] = {
            CANISTER: self._check_canister,
            CANISTER_RANGES: self._check_ranges,
            REQUEST_STATUS: self._check_request_status,
            SUBNET: self._check_subnet,
        }
        for path in request.paths:
            if path == (TIME,):
                continue
            if not path or path[0] not in checks:
                raise _invalid_path(path)
            checks[path[0]](request, path, route)
        _check_single({path[1] for path in request.paths if path[0] == REQUEST_STATUS}, "request ID", "request_status")
        _check_single({path[1] for path in request.paths if path[0] == CANISTER_RANGES}, "subnet", "canister_ranges")

    def _check_canister(self, request: CheckedRequest, path: Path, route: Route) -> None:
        if route.of_subnet or len(path) < 3:
            raise _invalid_path(path)
        canister_id, *rest = path[1:]
        if canister_id != route.principal:
            raise RequestRefused(400, "Effective principal id in URL does not match the canister id in the paths")
        if rest[0] in CANISTER_LEAVES and len(rest) == 1:
            return
        if rest[0] != b"metadata" or len(rest) != 2:
            raise _invalid_path(path)
        name = rest[1]
        private = name in self._network.private_metadata(canister_id)
        if private and not self._network.is_controller(canister_id, request.sender):
            shown = name.decode(errors="replace")[:100]
            raise RequestRefused(
                403, f"Custom section {shown} can only be requested by the controllers of the canister."
            )

    def _check_ranges(self, request: CheckedRequest, path: Path, route: Route) -> None:
        if not route.of_subnet or len(path) < 2:
            raise _invalid_path(path)

    def _check_subnet(self, request: CheckedRequest, path: Path, route: Route) -> None:
        if len(path) < 3 or path[2] in {b"public_key", b"type", b"node"}:
            return
        old_ranges = path[2] == b"canister_ranges" and (route.old_layout or path[1] == self._root_subnet)
        if not old_ranges:
            raise _invalid_path(path)

    def _check_request_status(self, request: CheckedRequest, path: Path, route: Route) -> None:
        if route.of_subnet or len(path) < 2 or len(path[1]) != REQUEST_ID_BYTES:
            raise _invalid_path(path)
        record = self._history.find(path[1])
        if record is None:
            return
        if record.sender != request.sender:
            raise RequestRefused(403, "The user tries to access Request ID not signed by the caller.")
        if record.effective_canister != route.principal:
            raise RequestRefused(403, "The effective canister id of the request differs from the one in the URL.")
        if request.targets is not None and not record.concerns(request.targets):
            raise RequestRefused(
                403, "The user tries to access request IDs for canisters not belonging to sender delegation targets."
            )


def _check_single(named: set[bytes], what: str, label: str) -> None:
    if len(named) > 1:
        raise RequestRefused(400, f"Can only request a single {what} in {label} paths.")


def _invalid_path(path: Path) -> RequestRefused:
    shown = "/".join(_readable(label) for label in path)
    return RequestRefused(404, f"Invalid path requested: /{shown}"[:200])


def _readable(label: bytes) -> str:
    return label.decode() if label.isascii() and label.decode().isprintable() else label.hex()
