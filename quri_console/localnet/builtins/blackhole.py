"""The blackhole: tells anybody the status of a canister that lists it as controller.

Update call with the short record of ninegua/ic-blackhole 0.0.0; newer status fields are dropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from quri_console.ic.encoding.candid import Types
from quri_console.ic.encoding.principal import parse_principal
from quri_console.localnet.builtins.methods import CandidBuiltin, Method, Result
from quri_console.localnet.messages import BuiltinCall, ErrorCode, Rejection
from quri_console.localnet.network import Network

BLACKHOLE_ID = bytes(parse_principal("e3mmv-5qaaa-aaaah-aadma-cai").bytes)

STATUS = Types.Record(
    {
        "status": Types.Variant({"running": Types.Null, "stopping": Types.Null, "stopped": Types.Null}),
        "memory_size": Types.Nat,
        "cycles": Types.Nat,
        "settings": Types.Record(
            {
                "freezing_threshold": Types.Nat,
                "controllers": Types.Vec(Types.Principal),
                "memory_allocation": Types.Nat,
                "compute_allocation": Types.Nat,
            }
        ),
        "module_hash": Types.Opt(Types.Vec(Types.Nat8)),
    }
)
SETTINGS = ("freezing_threshold", "controllers", "memory_allocation", "compute_allocation")

INTERFACE = b"""service : {
  canister_status : (record { canister_id : principal }) -> (record {
    status : variant { running; stopping; stopped };
    memory_size : nat;
    cycles : nat;
    settings : record {
      freezing_threshold : nat; controllers : vec principal; memory_allocation : nat; compute_allocation : nat;
    };
    module_hash : opt vec nat8;
  });
}"""


class Blackhole(CandidBuiltin):
    """`canister_status` for everybody."""

    def __init__(self, network: Network) -> None:
        argument = Types.Record({"canister_id": Types.Principal})
        methods = {"canister_status": Method([argument], [STATUS], self._canister_status)}
        super().__init__(BLACKHOLE_ID, INTERFACE, methods)
        self._network = network

    async def _canister_status(self, _call: BuiltinCall, arguments: Sequence[Any]) -> Result:
        canister = bytes(arguments[0]["canister_id"].bytes)
        try:
            status: Mapping[str, Any] = await self._network.canister_status(canister, caller=BLACKHOLE_ID)
        except Rejection as rejection:
            # What Motoko does with an error nobody catches: a reject by the canister with the same text.
            raise Rejection(ErrorCode.CANISTER_REJECTED_MESSAGE, rejection.message) from rejection
        short = {name: status[name] for name in ("status", "memory_size", "cycles", "module_hash")}
        short["settings"] = {name: status["settings"][name] for name in SETTINGS}
        return Result([short])
