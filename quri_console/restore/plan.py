"""The plan of a restore as a value: what differs, what will be done, what it costs, what stands in its way."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from quri_console.backup.plain import NotARecord, from_plain, to_plain
from quri_console.config.model import HealthCheck
from quri_console.effects.durable import compact_json, unusable, write_whole
from quri_console.errors import CorruptionError, ExitCode, QuriError
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.types import CanisterSettings, SettingsChange
from quri_console.restore.bill import Balance

PLAN_NAME = "plan.json"
SourceKind = Literal["backup", "snapshot"]
ReadBack = Literal["metadata", "sampled", "all"]
"""What is compared through a fresh snapshot before the canister starts: no pages, some, or every page."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact that the restore would change or leave, as both sides have it."""

    name: str
    backup: str
    live: str
    restored: bool
    """Whether a restore brings the backup's side back; settings and cycles stay as they are."""


@dataclass(frozen=True, slots=True)
class NotCompared:
    """Something that the difference does not cover, why, and the command that compares it, if any does."""

    text: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class NewestCopy:
    """The newest copy that we hold of the canister: what tells best how its state looks now."""

    label: str
    taken_at_ns: int
    is_source: bool
    """Whether it is the restore point itself, so that nothing newer is known."""
    changes: tuple[str, ...] = ()
    """What differs between the restore point and it, part by part, in words."""
    same_module: bool = True


@dataclass(frozen=True, slots=True)
class Offer:
    """Something that the operator may do besides, why, and the command that does it."""

    text: str
    command: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step in its order; cycles ≈."""

    text: str
    cycles: int = 0
    stopped: bool = False
    """Whether the canister is down meanwhile, if it runs now."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at before; a failed one says what to do, and how a command ends because of it."""

    name: str
    passed: bool
    found: str
    next_step: str = ""
    exit_code: int = ExitCode.REFUSED


@dataclass(frozen=True, slots=True)
class LiveState:
    """The canister as the plan found it; `taken_at_ns` since 1970, sizes in bytes, where the network told them."""

    taken_at_ns: int
    status: str
    module_hash: bytes | None
    version: int | None
    cycles: int
    freezing_limit: int
    memory_bytes: int
    controllers: tuple[Principal, ...]
    snapshots: tuple[bytes, ...]
    heap_bytes: int | None = None
    stable_bytes: int | None = None
    module_bytes: int | None = None
    settings: CanisterSettings | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """The restore point: one canister of one set, or a snapshot on chain. Times since 1970 in ns, sizes in bytes."""

    set_path: str
    """Empty for a snapshot."""
    label: str
    taken_at_ns: int
    mode: str
    module_hash: bytes
    manifest_sha256: bytes
    state_bytes: int
    sent_bytes: int
    skipped_bytes: int
    kind: SourceKind = "backup"
    snapshot_id: bytes | None = None
    """Of a snapshot on chain, which is loaded as it is: nothing is uploaded."""
    canister: Principal | None = None
    """Whose copy it is; None: the canister's own."""


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """Everything that a restore would do; made without effects, confirmed by its hash."""

    network: str
    production: bool
    root_key_hash: bytes
    canister: Principal
    name: str
    made_at_ns: int
    source: Source
    live: LiveState
    differences: tuple[Difference, ...]
    not_coming_back: tuple[str, ...]
    steps: tuple[Step, ...]
    balances: tuple[Balance, ...]
    storage_cycles_per_day: int
    """What the safety snapshot adds to the idle burn for as long as it is kept."""
    downtime_seconds: int
    duration_seconds: int
    checks: tuple[Check, ...]
    safety_snapshot: bool
    send_hook_status: bool
    """False when the recorded low-memory hook status cannot hold now and is sent as unknown instead."""
    stop_timeout_seconds: int
    health_checks: tuple[HealthCheck, ...] = ()
    not_compared: tuple[NotCompared, ...] = ()
    settings: SettingsChange | None = None
    """What of the backup's settings is brought back, too; None leaves all as they are."""
    start_after: bool | None = None
    """Whether the canister runs afterwards; None: if it ran before."""
    read_back: ReadBack = "metadata"
    from_other_network: bool = False
    max_cycles: int | None = None
    """The operator's cap on the bill."""
    expires_at_ns: int = 0
    """When a plan that was written to a file is too old to be carried out; 0: never."""
    subnet: Principal | None = None
    """The subnet that holds the canister, as the root key certifies it."""
    newest_copy: NewestCopy | None = None
    warnings: tuple[str, ...] = ()
    offers: tuple[Offer, ...] = ()
    downtime_high_seconds: int = 0
    """The most that the downtime should be; `downtime_seconds` is the least. 0: no range."""
    duration_high_seconds: int = 0
    max_downtime_seconds: int | None = None
    """The operator's cap on the downtime."""
    no_safety_reason: str = ""
    """Why the operator wants no safety snapshot."""

    @property
    def clone(self) -> bool:
        """Whether the state of another canister is put into this one."""
        return self.source.canister is not None and self.source.canister != self.canister

    @property
    def read_from(self) -> Principal | None:
        """The other canister whose snapshot on chain is loaded, and must be there until it is; None where none is."""
        return self.source.canister if self.clone and self.source.kind == "snapshot" else None

    @property
    def cycles(self) -> int:
        """The whole bill, ≈."""
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


Plan = TypeVar("Plan")


def plan_json(plan: object) -> str:
    """A plan on one line of canonical JSON."""
    return compact_json(to_plain(plan))


def plan_hash(plan: object) -> str:
    """SHA-256 of a plan in hex: what a confirmation is for."""
    return hashlib.sha256(plan_json(plan).encode()).hexdigest()


def write_plan(folder: Path, plan: object) -> None:
    """Keep a plan in an operation's folder. Raises StateFolderUnusable."""
    write_whole(folder / PLAN_NAME, f"{plan_json(plan)}\n")


def read_plan(folder: Path, kind: type[Plan]) -> Plan:
    """The plan in an operation's folder. Raises CorruptionError, StateFolderUnusable."""
    path = folder / PLAN_NAME
    try:
        return from_plain(kind, json.loads(path.read_bytes()))
    except OSError as error:
        raise unusable(path, error) from error
    except (ValueError, NotARecord) as error:
        raise CorruptionError(f"{path} is damaged", why=str(error), next_step="Make a new plan.") from error


class PlanNotFeasible(QuriError):
    """A check of the plan failed; nothing was changed."""


def require_feasible(plan: RestorePlan) -> None:
    """Raise PlanNotFeasible with everything that stands in the way."""
    failed = plan.failed_checks
    if failed:
        raise PlanNotFeasible(
            f"{plan.network}/{plan.name} ({plan.canister.to_str()}) cannot be restored from {plan.source.label}",
            why="; ".join(f"{check.name}: {check.found}" for check in failed),
            next_step=" ".join(check.next_step for check in failed if check.next_step),
            exit_code=ExitCode(failed[0].exit_code),
        )
