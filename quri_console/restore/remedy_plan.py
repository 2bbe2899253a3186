"""The plan of a smaller remedy as a value: start, stop, top-up, settings, module, or a new canister."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from quri_console.config.model import HealthCheck
from quri_console.errors import ExitCode
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.types import SettingsChange
from quri_console.restore.bill import Balance
from quri_console.restore.plan import Check, Difference, LiveState, PlanNotFeasible, Source, Step, plan_hash
from quri_console.restore.words import named

RemedyKind = Literal["start", "stop", "top-up", "settings", "module", "create"]

VERBS: dict[RemedyKind, str] = {
    "start": "Start",
    "stop": "Stop",
    "top-up": "Top up",
    "settings": "Put back the settings of",
    "module": "Put back the module of",
    "create": "Create anew",
}


@dataclass(frozen=True, slots=True)
class Payment:
    """Cycles that the cycles ledger pays; all amounts in cycles, runways in seconds to the freezing limit."""

    amount: int
    fee: int
    """The ledger's own, besides the amount."""
    creation_fee: int
    """What the network takes of the amount for a new canister; 0 for a top-up."""
    created_at_ns: int
    """What the ledger knows this payment by, for a day: asked again, it pays nothing."""
    ledger_balance: int
    """Of the account that pays, before."""
    from_subaccount: bytes | None = None
    runway_before_seconds: float | None = None
    """None where the burn is not known."""
    runway_after_seconds: float | None = None

    @property
    def ledger_after(self) -> int:
        """Balance of the account that pays, afterwards."""
        return self.ledger_balance - self.amount - self.fee


@dataclass(frozen=True, slots=True)
class RemedyPlan:
    """Everything that one of the smaller remedies would do; made without effects, confirmed by its hash.

    `live` is None where the canister does not exist or does not show its status to this identity. Times in
    nanoseconds since 1970 or in seconds, as their names say.
    """

    kind: RemedyKind
    network: str
    production: bool
    root_key_hash: bytes
    canister: Principal
    """For `create` the one that is gone."""
    name: str
    made_at_ns: int
    live: LiveState | None
    consequences: tuple[str, ...]
    """What happens and what does not, in sentences."""
    steps: tuple[Step, ...]
    checks: tuple[Check, ...]
    differences: tuple[Difference, ...] = ()
    balances: tuple[Balance, ...] = ()
    downtime_low_seconds: int = 0
    downtime_high_seconds: int = 0
    stop_timeout_seconds: int = 60
    health_checks: tuple[HealthCheck, ...] = ()
    source: Source | None = None
    """The backup that settings or module come from."""
    settings: SettingsChange | None = None
    settings_before: SettingsChange | None = None
    """The same settings as they are now: what the way back puts in force again."""
    undoes: str = ""
    """The operation whose settings this takes back."""
    keep_main_memory: bool = False
    """Whether an upgrade keeps the heap: for modules with enhanced orthogonal persistence."""
    subnet: Principal | None = None
    """Where a new canister goes; None leaves it to the ledger."""
    payment: Payment | None = None

    @property
    def cycles(self) -> int:
        """What the canister itself pays, ≈; what the ledger pays is in `payment`."""
        return sum(step.cycles for step in self.steps)

    @property
    def failed_checks(self) -> tuple[Check, ...]:
        """What stands in the way."""
        return tuple(check for check in self.checks if not check.passed)

    @property
    def feasible(self) -> bool:
        """Whether nothing stands in the way."""
        return not self.failed_checks

    @property
    def hash(self) -> str:
        """SHA-256 of the plan in hex: what a confirmation is for."""
        return plan_hash(self)


def require_possible(plan: RemedyPlan) -> None:
    """Raise PlanNotFeasible with everything that stands in the way."""
    failed = plan.failed_checks
    if failed:
        raise PlanNotFeasible(
            f"{plan.kind} of {plan.network}/{named(plan.name, plan.canister)} was not done",
            why="; ".join(f"{check.name}: {check.found}" for check in failed),
            next_step=" ".join(check.next_step for check in failed if check.next_step),
            exit_code=ExitCode(failed[0].exit_code),
        )
