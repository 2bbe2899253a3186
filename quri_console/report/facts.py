"""What a report is made of, as the rooms below know it; whoever makes a report brings an object of this shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from quri_console.backup.summaries import BackupSummary
    from quri_console.config.model import Config
    from quri_console.effects.audit_check import AuditCheck
    from quri_console.history.alerts import AlertEvent, Mute
    from quri_console.history.drills import DrillRecord
    from quri_console.history.events import Event
    from quri_console.history.schedule_views import SchedulePast
    from quri_console.monitor.fleet import FleetStatus
    from quri_console.repository.marks import Mark
    from quri_console.repository.trash import Forgotten


class Facts(Protocol):
    """Everything that was found; times in nanoseconds since 1970."""

    @property
    def config(self) -> Config: ...
    @property
    def network(self) -> str: ...
    @property
    def production(self) -> bool: ...
    @property
    def since_ns(self) -> int: ...
    @property
    def until_ns(self) -> int: ...
    @property
    def fleet(self) -> FleetStatus: ...
    @property
    def burnt(self) -> Mapping[str, int]:
        """Cycles burnt in the period, by canister id."""
        ...

    @property
    def first_seen(self) -> Mapping[str, int]:
        """When the history knew of a canister's balance first within the period, by canister id."""
        ...

    @property
    def seen(self) -> frozenset[str]:
        """Ids of all canisters that the history ever saw on this network."""
        ...

    @property
    def events(self) -> Mapping[str, Sequence[Event]]:
        """Events of the period by canister id, newest first."""
        ...

    @property
    def alerts(self) -> Sequence[AlertEvent]:
        """What happened to alerts, oldest first."""
        ...

    @property
    def mutes(self) -> Sequence[Mute]: ...
    @property
    def backups(self) -> Sequence[BackupSummary] | None:
        """All sets that the repository has, forgotten ones too; None where there is no repository."""
        ...

    @property
    def encrypted(self) -> bool: ...
    @property
    def marks(self) -> Sequence[Mark]: ...
    @property
    def forgotten(self) -> Sequence[Forgotten]: ...
    @property
    def drills(self) -> Sequence[DrillRecord]:
        """The drills of the operator's state folder, oldest first."""
        ...

    @property
    def schedules(self) -> Sequence[SchedulePast]:
        """Every schedule, and how it went in the period."""
        ...

    @property
    def audit_events(self) -> Sequence[Mapping[str, Any]]:
        """Events of the audit log within the period, and of the backups before it, oldest first."""
        ...

    @property
    def audit(self) -> AuditCheck | None: ...
    @property
    def problems(self) -> Sequence[str]:
        """What could not be read, and why."""
        ...
