"""The proxy canister of the official tools (`icp … --proxy`): makes a call as a canister, for its controllers.

Some methods answer canisters only, `canister_info` for one. The texts of failures are those of dfinity/proxy-canister.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from quri_console.ic.encoding.candid import Types
from quri_console.localnet.builtins.methods import CandidBuiltin, Method, Result
from quri_console.localnet.messages import MANAGEMENT_CANISTER, BuiltinCall, Ingress, Reject, Rejection, Reply
from quri_console.localnet.network import Network
from quri_console.localnet.settings import principal_bytes
from quri_console.localnet.subnet import FIRST_LOCAL_ID, canister_id
from quri_console.units import TRILLION

PROXY_ID = canister_id(FIRST_LOCAL_ID - 1)
"""The last id before those that the network gives out; main network has no proxy under an id of its own."""
ENDOWMENT_CYCLES = 1000 * TRILLION

T = Types
ARGUMENT = T.Record({"canister_id": T.Principal, "method": T.Text, "args": T.Vec(T.Nat8), "cycles": T.Nat})
RESULT = T.Variant(
    {
        "Ok": T.Record({"result": T.Vec(T.Nat8)}),
        "Err": T.Variant(
            {
                "InsufficientCycles": T.Record({"available": T.Nat, "required": T.Nat}),
                "CallFailed": T.Record({"reason": T.Text}),
                "UnauthorizedUser": T.Null,
            }
        ),
    }
)

INTERFACE = b"""type ProxyResult = variant {
  Ok : record { result : blob };
  Err : variant {
    InsufficientCycles : record { available : nat; required : nat };
    CallFailed : record { reason : text };
    UnauthorizedUser;
  };
};
service : {
  proxy : (record { canister_id : principal; method : text; args : blob; cycles : nat }) -> (ProxyResult);
}"""

_REJECT_NAMES = {
    1: "SYS_FATAL",
    2: "SYS_TRANSIENT",
    3: "DESTINATION_INVALID",
    4: "CANISTER_REJECT",
    5: "CANISTER_ERROR",
    6: "SYS_UNKNOWN",
}
_NO_CYCLES_HERE = "the local network's proxy attaches cycles only to calls of the management canister and of built-ins"


class Proxy(CandidBuiltin):
    """`proxy` for `controllers`, paid from a purse of 1,000 T that is full again with every start of the network.

    Calls of ordinary canisters carry no cycles and are charged to them as if they came from outside; the official
    proxy gives up on an answer after 300 s, this one waits.
    """

    def __init__(self, network: Network, controllers: Sequence[bytes]) -> None:
        super().__init__(PROXY_ID, INTERFACE, {"proxy": Method([ARGUMENT], [RESULT], self._proxy)})
        self.controllers = tuple(controllers)
        self.cycles = ENDOWMENT_CYCLES
        self._network = network

    async def _proxy(self, call: BuiltinCall, arguments: Sequence[Any]) -> Result:
        if call.caller not in self.controllers:
            return _error("UnauthorizedUser")
        request: Mapping[str, Any] = arguments[0]
        attached = int(request["cycles"])
        if attached > self.cycles:
            return _error("InsufficientCycles", {"available": self.cycles, "required": attached})
        callee = principal_bytes(request["canister_id"])
        # taken before the call, so that two calls at once cannot spend the same cycles
        self.cycles -= attached
        try:
            answer = await self._forward(callee, request["method"], bytes(request["args"]), attached)
        except Rejection as rejection:
            answer = rejection.reject
        if isinstance(answer, Reject):
            self.cycles += attached
            name = _REJECT_NAMES.get(answer.code, "UnrecognizedRejectCode")
            reason = f"Call Rejected, reject_code: {name} ({answer.code}), reject_message: {answer.message}"
            return _error("CallFailed", {"reason": reason})
        self.cycles += attached - answer.cycles_accepted
        return Result([{"Ok": {"result": answer.argument}}])

    async def _forward(self, callee: bytes, method: str, argument: bytes, cycles: int) -> Reply | Reject:
        if callee == MANAGEMENT_CANISTER:
            return await self._network.management.call(
                self.canister_id, method, argument, is_canister=True, cycles=cycles
            )
        builtin = self._network.subnet.builtins.get(callee)
        if builtin is not None:
            return await builtin.update(BuiltinCall(self.canister_id, method, argument, cycles))
        if cycles:
            return Reject(1, _NO_CYCLES_HERE)
        return await self._network.update(Ingress(self.canister_id, callee, method, argument))


def _error(case: str, content: object = None) -> Result:
    return Result([{"Err": {case: content}}])
