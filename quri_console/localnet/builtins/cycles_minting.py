"""The cycles minting canister, as far as creating a canister needs it: which subnets there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from quri_console.ic.encoding.candid import Types
from quri_console.ic.encoding.principal import Principal, parse_principal
from quri_console.localnet.builtins.methods import CandidBuiltin, Method, Result
from quri_console.localnet.messages import BuiltinCall
from quri_console.localnet.network import Network

CYCLES_MINTING_ID = bytes(parse_principal("rkp4c-7iaaa-aaaaa-aaaca-cai").bytes)

INTERFACE = b"service : { get_default_subnets : () -> (vec principal) query }"


class CyclesMinting(CandidBuiltin):
    """`get_default_subnets`; minting against ICP is not modelled."""

    def __init__(self, network: Network) -> None:
        methods = {"get_default_subnets": Method([], [Types.Vec(Types.Principal)], self._subnets, is_query=True)}
        super().__init__(CYCLES_MINTING_ID, INTERFACE, methods)
        self._network = network

    async def _subnets(self, _call: BuiltinCall, _arguments: Sequence[Any]) -> Result:
        return Result([[Principal(self._network.subnet_id)]])
