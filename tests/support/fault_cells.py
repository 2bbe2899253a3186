"""The cells of the fault matrix: which operations, which of their calls, and what can go wrong there."""

from __future__ import annotations

from dataclasses import dataclass

from quri_console.localnet.faults import (
    Action,
    DropAfter,
    DropBefore,
    Refuse,
    RejectCall,
    StaleCertificate,
)
from tests.support.mortal import Mishap

RESTORE, FROM_CHAIN, ROLLBACK = "restore", "restore from chain", "rollback"
WITH_SETTINGS, SETTINGS_BACK = "restore with settings", "rollback with settings"
UNDOES = {ROLLBACK: RESTORE, SETTINGS_BACK: WITH_SETTINGS}

METHODS = {
    RESTORE: (
        "upload_canister_snapshot_metadata",
        "upload_canister_snapshot_data",
        "read_canister_snapshot_metadata",
        "list_canister_snapshots",
        "canister_status",
        "stop_canister",
        "take_canister_snapshot",
        "load_canister_snapshot",
        "start_canister",
        "delete_canister_snapshot",
    ),
    FROM_CHAIN: (
        "read_canister_snapshot_metadata",
        "list_canister_snapshots",
        "canister_status",
        "stop_canister",
        "take_canister_snapshot",
        "load_canister_snapshot",
        "start_canister",
        "delete_canister_snapshot",
    ),
    WITH_SETTINGS: ("update_settings", "load_canister_snapshot", "start_canister"),
    SETTINGS_BACK: ("update_settings", "load_canister_snapshot", "start_canister"),
    ROLLBACK: (
        "read_canister_snapshot_metadata",
        "list_canister_snapshots",
        "canister_status",
        "stop_canister",
        "take_canister_snapshot",
        "load_canister_snapshot",
        "start_canister",
        "delete_canister_snapshot",
    ),
}
"""The management calls of each operation; those that only read come as often as the engine likes."""

FAULTS: dict[str, Action | Mishap] = {
    "request lost": DropBefore(),
    "reply lost": DropAfter(),
    "429": Refuse(429, "1"),
    "503": Refuse(503),
    "IC0210": RejectCall("IC0210"),
    "IC0207": RejectCall("IC0207", "Canister is out of cycles"),
    "IC0207 by one node": RejectCall("IC0207", "Canister is out of cycles", certified=False),
    "stale certificate": StaleCertificate(),
    "killed before": Mishap("", dies=True),
    "killed after": Mishap("", dies=True, after=True),
    "rebooted before": Mishap("", dies=True, with_guard=True),
    "rebooted after": Mishap("", dies=True, after=True, with_guard=True),
    "network gone before": Mishap(""),
    "network gone after": Mishap("", after=True),
}


@dataclass(frozen=True)
class Cell:
    """One operation, one call, one fault; `first` is the number of the call that it hits, `lasting` for ever after."""

    operation: str
    method: str
    fault: str
    first: int = 1
    lasting: bool = False

    def __str__(self) -> str:
        number = f" #{self.first}" if self.first > 1 else ""
        return f"{self.operation}: {self.method}{number}: {self.fault}" + (" for good" if self.lasting else "")


def all_cells() -> list[Cell]:
    """The whole matrix: every call by its first occurrence, reads by their second as well, refusals that last."""
    cells = []
    for operation, methods in METHODS.items():
        for method in methods:
            for name, fault in FAULTS.items():
                cells.append(Cell(operation, method, name))
                if method in ("canister_status", "list_canister_snapshots"):
                    cells.append(Cell(operation, method, name, first=2))
                if isinstance(fault, RejectCall | Refuse):
                    cells.append(Cell(operation, method, name, lasting=True))
    return cells
