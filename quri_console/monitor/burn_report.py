"""What is known of how fast one canister burns cycles, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

from quri_console.monitor.burn import BurnEstimate, Runway
from quri_console.monitor.burn_causes import BurnByCause
from quri_console.monitor.forecast import Forecast, NoForecast
from quri_console.monitor.top_ups import TopUp


@dataclass(frozen=True, slots=True)
class CanisterBurn:
    """One canister: balance (cycles), its estimates, top-ups of the last 14 days, and what is unusual, in words."""

    name: str
    canister_id: str
    cycles: int | None
    freezing_limit: int | None
    idle_burn_per_day: int | None
    estimate: BurnEstimate | None
    runway: Runway
    forecast: Forecast | NoForecast
    top_ups: tuple[TopUp, ...]
    anomaly: str
    causes: BurnByCause | None = None
    """What the last week's burn was for, None where the network or the canister does not tell."""
