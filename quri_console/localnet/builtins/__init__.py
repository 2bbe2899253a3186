"""Canisters that tools rely on, written in Python: those of mainnet under their mainnet ids, and a proxy."""

from __future__ import annotations

from collections.abc import Sequence

from quri_console.clock import Clock
from quri_console.localnet.builtins.blackhole import BLACKHOLE_ID, Blackhole
from quri_console.localnet.builtins.cycles_ledger import CYCLES_LEDGER_ID, CyclesLedger
from quri_console.localnet.builtins.cycles_minting import CYCLES_MINTING_ID, CyclesMinting
from quri_console.localnet.builtins.proxy import PROXY_ID, Proxy
from quri_console.localnet.network import Network

__all__ = ["BLACKHOLE_ID", "CYCLES_LEDGER_ID", "CYCLES_MINTING_ID", "PROXY_ID", "register_builtins"]


def register_builtins(network: Network, clock: Clock, *, proxy_controllers: Sequence[bytes] = ()) -> CyclesLedger:
    """Serve all of them on `network`; returns the ledger, the only one that has state to keep.

    The proxy does as `proxy_controllers` say, and without any it serves nobody.
    """
    ledger = CyclesLedger(network, clock)
    network.register_builtin(CYCLES_LEDGER_ID, ledger)
    network.register_builtin(CYCLES_MINTING_ID, CyclesMinting(network))
    network.register_builtin(BLACKHOLE_ID, Blackhole(network))
    network.register_builtin(PROXY_ID, Proxy(network, proxy_controllers))
    return ledger
