"""What a page about one canister shows beyond its newest picture."""

from __future__ import annotations

from dataclasses import dataclass

from quri_console.effects.operation_summary import OperationSummary
from quri_console.monitor.burn_report import CanisterBurn
from quri_console.monitor.series import HistoryEvent


@dataclass(frozen=True, slots=True)
class CanisterFacts:
    """Events of the last 30 days and operations, each newest first, and how sure the burn is."""

    canister_id: str
    events: tuple[HistoryEvent, ...] = ()
    operations: tuple[OperationSummary, ...] = ()
    burn: CanisterBurn | None = None
    problem: str = ""
    """Why it could not be read; empty when it could."""
