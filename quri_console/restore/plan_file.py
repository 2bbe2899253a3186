"""A plan in a file, to be read by somebody else and carried out within its time: canonical JSON with its hash.

Sorted keys, no spaces, numbers as RFC 8785 writes them, whole numbers beyond 2^53 as text; besides, everything but
ASCII is escaped, so that what a canister answered does nothing to the terminal of whoever looks into the file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from quri_console.backup.plain import NotARecord, from_plain, to_plain
from quri_console.clock import NANOSECONDS_PER_SECOND, utc_datetime
from quri_console.effects.durable import compact_json, write_whole
from quri_console.errors import RefusedBySafetyRule, UsageError
from quri_console.repository.files import read_small
from quri_console.restore.group_plan import GroupPlan
from quri_console.restore.plan import RestorePlan
from quri_console.units import MIB

FORMAT = "quri-console restore plan 1"
PlanKind = Literal["restore", "group"]
LIMIT_BYTES = 64 * MIB
_EXACT = 2**53 - 1


@dataclass(frozen=True, slots=True)
class PlanFile:
    """What a plan's file holds."""

    path: Path
    plan: RestorePlan | GroupPlan
    hash: str


def expiring(plan: RestorePlan | GroupPlan, seconds: float) -> RestorePlan | GroupPlan:
    """The plan with its end: this many seconds after it was made."""
    return replace(plan, expires_at_ns=plan.made_at_ns + round(seconds * NANOSECONDS_PER_SECOND))


def write_plan_file(path: Path, plan: RestorePlan | GroupPlan) -> None:
    """Write a plan for its owner alone to read. Raises StateFolderUnusable."""
    write_whole(path, f"{_text(plan)}\n")


def _text(plan: RestorePlan | GroupPlan) -> str:
    kind: PlanKind = "group" if isinstance(plan, GroupPlan) else "restore"
    document = {
        "format": FORMAT,
        "kind": kind,
        "hash": plan.hash,
        "expires_at": utc_datetime(plan.expires_at_ns).isoformat(timespec="seconds"),
        "plan": to_plain(plan),
    }
    return compact_json(_exact(document))


def _exact(value: Any) -> Any:
    """With the numbers that a JSON reader may not read exactly as text, and whole ones without a fraction."""
    match value:
        case dict():
            return {key: _exact(item) for key, item in value.items()}
        case list():
            return [_exact(item) for item in value]
        case bool():
            return value
        case int() if abs(value) > _EXACT:
            return str(value)
        case float() if value.is_integer() and abs(value) <= _EXACT:
            return int(value)
    return value


def read_plan_file(path: Path) -> PlanFile:
    """The plan in a file. Raises UsageError for what is none, RefusedBySafetyRule for one that was edited."""
    if not path.exists():
        raise UsageError(f"There is no plan at {path}", next_step="Write one with restore --plan-out FILE.")
    data = read_small(path, LIMIT_BYTES)
    try:
        document = json.loads(data)
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise NotARecord("it has another format")
        plan = _plan(document.get("kind"), document.get("plan"))
        shown = str(document.get("hash"))
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{path} is no plan of a restore", why=str(error), next_step="Write one with restore --plan-out FILE."
        ) from error
    if plan.hash != shown or data.decode("utf-8", "replace").strip() != _text(plan):
        raise RefusedBySafetyRule(
            f"{path} was edited since it was written",
            why=f"its content has not the hash {shown[:16]}… that it states",
            next_step="Make and read a new plan: restore --plan-out FILE.",
        )
    return PlanFile(path, plan, shown)


def _plan(kind: object, value: object) -> RestorePlan | GroupPlan:
    return from_plain(GroupPlan, value) if kind == "group" else from_plain(RestorePlan, value)


def require_not_expired(file: PlanFile, now_ns: int) -> None:
    """Raise RefusedBySafetyRule when the plan's time is over."""
    require_in_time(file.plan, now_ns, f"the plan in {file.path}")


def require_in_time(plan: RestorePlan | GroupPlan, now_ns: int, called: str = "the plan") -> None:
    """The same of a plan that was read already: a question may wait for its answer for hours."""
    expires = plan.expires_at_ns
    if expires and now_ns > expires:
        raise RefusedBySafetyRule(
            f"{called} has expired",
            why=f"it was valid until {utc_datetime(expires):%Y-%m-%d %H:%M:%S} UTC",
            next_step="Make and read a new plan; --plan-expires gives it more time.",
        )
