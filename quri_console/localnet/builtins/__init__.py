"""Canisters of mainnet that tools rely on, written in Python, under their mainnet ids."""

from __future__ import annotations

from quri_console.clock import Clock
from quri_console.localnet.builtins.blackhole import BLACKHOLE_ID, Blackhole
from quri_console.localnet.builtins.cycles_ledger import CYCLES_LEDGER_ID, CyclesLedger
from quri_console.localnet.builtins.cycles_minting import CYCLES_MINTING_ID, CyclesMinting
from quri_console.localnet.network import Network

__all__ = ["BLACKHOLE_ID", "CYCLES_LEDGER_ID", "CYCLES_MINTING_ID", "register_builtins"]


def register_builtins(network: Network, clock: Clock) -> CyclesLedger:
    """Serve all of them on `network`; returns the ledger, the only one that has state to keep."""
    ledger = CyclesLedger(network, clock)
    network.register_builtin(CYCLES_LEDGER_ID, ledger)
    network.register_builtin(CYCLES_MINTING_ID, CyclesMinting(network))
    network.register_builtin(BLACKHOLE_ID, Blackhole(network))
    return ledger
