"""One plan for several canisters that belong together; the restore of one canister is a group of one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from quri_console.backup.plain import NotARecord, from_plain
from quri_console.effects.durable import unusable
from quri_console.errors import CorruptionError
from quri_console.restore.plan import PLAN_NAME, Check, RestorePlan, plan_hash


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """Everything that the restore of a group would do. Times in nanoseconds since 1970."""

    network: str
    production: bool
    root_key_hash: bytes
    name: str
    made_at_ns: int
    members: tuple[RestorePlan, ...]
    """In the order in which they are started."""
    expires_at_ns: int = 0

    @property
    def cycles(self) -> int:
        """The whole bill, ≈."""
        return sum(member.cycles for member in self.members)

    @property
    def failed_checks(self) -> tuple[Check, ...]:
        """What stands in the way of any member."""
        return tuple(check for member in self.members for check in member.failed_checks)

    @property
    def feasible(self) -> bool:
        """Whether nothing stands in the way."""
        return not self.failed_checks

    @property
    def hash(self) -> str:
        """SHA-256 of the plan in hex: what a confirmation is for."""
        return plan_hash(self)


def read_any_plan(folder: Path) -> RestorePlan | GroupPlan:
    """The restore's plan in an operation's folder. Raises CorruptionError, StateFolderUnusable."""
    path = folder / PLAN_NAME
    try:
        document = json.loads(path.read_bytes())
        if "members" in document:
            return from_plain(GroupPlan, document)
        return from_plain(RestorePlan, document)
    except OSError as error:
        raise unusable(path, error) from error
    except (ValueError, NotARecord) as error:
        raise CorruptionError(f"{path} is damaged", why=str(error), next_step="Make a new plan.") from error


def members_of(plan: RestorePlan | GroupPlan) -> tuple[RestorePlan, ...]:
    """The canisters' plans, in the order in which they are started."""
    return plan.members if isinstance(plan, GroupPlan) else (plan,)
