"""The network without its HTTP side: canisters, cycles, calls and the clock they live on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from quri_console.clock import Clock
from quri_console.localnet.messages import Builtin, BuiltinCall, Ingress, Reject, Reply

__all__ = ["Builtin", "BuiltinCall", "Ingress", "Network", "Reject", "Reply"]


class Network:
    """All canisters of the local network; one asyncio loop, no HTTP, no signatures."""

    root_key: bytes = b""
    """DER root key that canisters see through `ic0.root_key_copy`; the server sets it before it serves."""
    subnet_id: bytes = b""
    """Principal of the subnet that hosts everything; the server sets it."""
    state_version: int = 0
    """Grows with every change of what `canister_ids` or any `canister_tree` answers; certificates are cached by it."""

    def __init__(self, clock: Clock, *, time_scale: float = 1.0) -> None: ...

    async def start(self) -> None:
        """Arm timers; call inside the loop that serves."""

    async def aclose(self) -> None:
        """Cancel timers and pending stops."""

    async def inspect(self, ingress: Ingress) -> Reject | None:
        """What the network refuses before a call enters the ledger of requests: a non-replicated rejection."""

    async def update(self, ingress: Ingress) -> Reply | Reject:
        """Execute an update call; stays pending for as long as the canister does not answer (maybe for ever)."""

    async def query(self, ingress: Ingress) -> Reply | Reject:
        """Execute a query; leaves no trace."""

    def effective_canister(self, ingress: Ingress) -> bytes | None:
        """The id that the route of this call must name; None: any id inside the subnet's ranges. Raises Rejection."""

    def canister_ids(self) -> Sequence[bytes]:
        """Ids of all canisters and built-ins, sorted."""

    def canister_ranges(self) -> Sequence[tuple[bytes, bytes]]:
        """Inclusive id ranges of the subnet, sorted; every hosted id lies in one."""

    def canister_tree(self, canister_id: bytes) -> Mapping[bytes, Mapping[bytes, bytes] | bytes]:
        """`/canister/<id>` of the state tree (all metadata, also private); empty for an unknown id."""

    def private_metadata(self, canister_id: bytes) -> frozenset[bytes]:
        """Names of the metadata sections that only controllers may read."""

    def is_controller(self, canister_id: bytes, principal: bytes) -> bool:
        """Whether `principal` controls the canister."""

    def register_builtin(self, canister_id: bytes, builtin: Builtin) -> None:
        """Serve `builtin` under `canister_id`."""

    def create_canister(
        self,
        *,
        controllers: Sequence[bytes],
        cycles: int,
        canister_id: bytes | None = None,
        settings: object | None = None,
    ) -> bytes:
        """Create an empty canister (used by built-ins); returns its id. `settings`: decoded Candid record."""

    def deposit_cycles(self, canister_id: bytes, amount: int) -> None:
        """Add cycles; raises Rejection IC0301 for an unknown canister."""

    async def canister_status(self, canister_id: bytes, *, caller: bytes) -> Mapping[str, object]:
        """Decoded `canister_status` record as `caller` sees it (used by the blackhole); raises Rejection."""
