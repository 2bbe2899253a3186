"""A backup's plan as lines: which canisters, what is done to them, what it costs, what stands in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quri_console.render.escape import escape
from quri_console.render.operation import error_lines
from quri_console.render.spans import Line, Span
from quri_console.units import format_bytes, format_cycles, format_duration

if TYPE_CHECKING:
    from quri_console.backup.plan import BackupPlan, CanisterPlan
    from quri_console.errors import QuriError


def backup_plan_json(plan: BackupPlan, key_problem: QuriError | None = None) -> dict[str, Any]:
    """The plan as JSON values: cycles and bytes as numbers, a problem instead of a bill.

    `key_problem` is why the repository could not be written: it is encrypted, and no key is at hand.
    """
    return {
        "network": plan.network,
        "repository": str(plan.repository),
        "mode": plan.mode,
        "estimated_cycles": plan.cycles,
        "estimated_bytes": plan.state_bytes,
        "canisters": [_canister_json(part) for part in plan.canisters],
        "key_problem": None if key_problem is None else _problem_json(key_problem),
    }


def _problem_json(problem: QuriError) -> dict[str, str]:
    return {"what": problem.what, "why": problem.why, "next": problem.next_step}


def _canister_json(part: CanisterPlan) -> dict[str, Any]:
    fields: dict[str, Any] = {"name": part.target.name, "id": part.target.canister.to_str(), "status": part.status}
    if part.problem is not None:
        return {**fields, "problem": _problem_json(part.problem)}
    assert part.bill is not None
    return {
        **fields,
        "steps": list(part.steps),
        "bytes": part.bill.snapshot_bytes,
        "cycles": part.bill.cycles,
        "balance": part.bill.balance,
        "freezing_limit_meanwhile": part.bill.freezing_limit,
    }


def backup_plan_lines(plan: BackupPlan, *, titled: bool = True) -> tuple[Line, ...]:
    """The whole plan: per canister its steps, bill or problem, then the sum.

    Without `titled` the first line names only the repository, for a page whose title says the rest.
    """
    size, cycles = format_bytes(plan.state_bytes), format_cycles(plan.cycles)
    repository = escape(str(plan.repository))
    return (
        (Span(f"Back up on {escape(plan.network)} into {repository}" if titled else f"Into {repository}", "title"),),
        *(line for part in plan.canisters for line in _canister(part, plan.stop_timeout_seconds)),
        (Span(f"In all ≈ {size} to store, ≈ {cycles} cycles."),),
    )


def _canister(part: CanisterPlan, stop_timeout_seconds: float) -> tuple[Line, ...]:
    name = escape(part.target.name)
    if part.problem is not None:
        return (
            (Span(f"  {name}: cannot be backed up", "status-critical"),),
            *((Span(f"    {span.text}", span.role),) for span in error_lines(part.problem)),
        )
    assert part.bill is not None
    lines: list[Line] = [
        (
            Span(f"  {name}", "title"),
            Span(f", {part.status}: ≈ {format_bytes(part.bill.snapshot_bytes)}"),
            Span(f", ≈ {format_cycles(part.bill.cycles)} cycles", "muted"),
        ),
        (Span(f"    {' → '.join(part.steps)}"),),
    ]
    if any(step.startswith("keep") for step in part.steps):
        burn = format_cycles(part.bill.storage_cycles_per_day)
        lines.append((Span(f"    What stays on chain costs ≈ {burn} cycles a day.", "muted"),))
    if "stop" in part.steps:
        limit = format_duration(stop_timeout_seconds)
        lines.append((Span(f"    It is down for seconds. If it has not stopped after {limit}, it is started again."),))
    return tuple(lines)
