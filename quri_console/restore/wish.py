"""What an operator asks of a restore."""

from __future__ import annotations

from dataclasses import dataclass

from quri_console.config.model import HealthCheck
from quri_console.ic.encoding.principal import Principal
from quri_console.restore.plan import ReadBack


@dataclass(frozen=True, slots=True)
class RestoreWish:
    """One canister, where its state comes from, and how far the operator wants to go."""

    network: str
    production: bool
    canister: Principal
    name: str
    """The canister that is restored into."""
    source: str
    """What `--from` says."""
    stop_timeout_seconds: int
    health_checks: tuple[HealthCheck, ...] = ()
    """As configured; empty leaves it to the canister's published interface."""
    owner: Principal | None = None
    """The canister whose copy it is; None: the canister's own."""
    owner_name: str = ""
    with_settings: bool = False
    start_after: bool | None = None
    read_back: ReadBack = "metadata"
    from_other_network: bool = False
    max_cycles: int | None = None
    max_downtime_seconds: int | None = None
    no_safety_reason: str = ""
    """Why there shall be no safety snapshot; empty: there is one."""
    with_group: bool = False
    """Whether the other members of its group are restored with it."""
    passed_over: frozenset[bytes] = frozenset()
    """Snapshots that `snapshot:latest` never means: what operations replaced, or uploaded for themselves."""

    @property
    def source_canister(self) -> Principal:
        """Whose copy is restored."""
        return self.canister if self.owner is None else self.owner

    @property
    def source_name(self) -> str:
        return self.owner_name or self.name
