"""What is to be backed up."""

from __future__ import annotations

from dataclasses import dataclass

from quri_console.config.model import HealthCheck
from quri_console.ic.encoding.principal import Principal


@dataclass(frozen=True, slots=True)
class BackupTarget:
    """A canister to back up, and what the operator calls it."""

    canister: Principal
    name: str
    group: str = ""
    """Its consistent group: members are stopped together, so that their copies are one cut."""
    keep_on_chain: int = 0
    """How many of this tool's newest snapshots stay on chain after a backup."""
    export_method: str | None = None
    """The query that exports its state; None looks for one by its usual names."""
    health_checks: tuple[HealthCheck, ...] = ()
    """Queries whose replies are recorded beside its copy."""
    reuse: bytes | None = None
    """In mode `reuse`: the snapshot to copy, which somebody took."""
