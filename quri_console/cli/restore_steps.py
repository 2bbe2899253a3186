"""What `restore` does besides a whole restore: show the points, take the present state, a smaller remedy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from quri_console.cli.operation import show_plan_lines
from quri_console.cli.output import show_json
from quri_console.errors import ExitCode, NetworkError, NotAuthorised, UsageError

if TYPE_CHECKING:
    from quri_console.console import Console
    from quri_console.restore.group_plan import GroupPlan
    from quri_console.restore.plan import RestorePlan
    from quri_console.restore.remedies import Proposal
    from quri_console.restore.remedy_plan import RemedyPlan
    from quri_console.service.restores import RestoreWishes


@dataclass(frozen=True, slots=True)
class RestoreOptions:
    """What the command line says besides the canister and the wishes."""

    source: str | None
    dry_run: bool
    force: bool
    confirmation: str | None
    reason: str | None
    only: str | None
    with_snapshot: bool
    plan_out: Path | None
    plan_seconds: float
    apply: Path | None
    undo_if_unhealthy: bool
    pause: bool
    as_json: bool


def is_group(console: Console, name: str) -> bool:
    """Whether a group is meant; a canister of the same name goes first."""
    canisters = {known for canister in console.config.canisters for known in (canister.name, canister.id)}
    return name not in canisters and any(group.name == name for group in console.config.groups)


async def show_points(console: Console, canister: str, options: RestoreOptions) -> int:
    """Show what there is to restore from; a success only where nothing else was asked for."""
    if is_group(console, canister):
        raise UsageError(
            f"restore {canister} needs --from: which backup the group is restored from",
            next_step="`quri-console list` shows the backups; --from latest takes the newest in which it is one cut.",
        )
    found = await console.restore_points(canister)
    # one that was deleted is not there to be looked at, and what helps then is to create it anew
    known = found.looked or any("IC0301" in note for note in found.notes)
    proposal = await _proposal(console, canister) if known else None
    if options.as_json:
        from quri_console.render.remedies import proposal_json
        from quri_console.render.restore_points import restore_points_json

        document = restore_points_json(found)
        show_json({**document, "remedies": None if proposal is None else proposal_json(proposal)["remedies"]})
        return int(ExitCode.OK)
    from quri_console.render.restore_points import restore_point_lines

    show_plan_lines(restore_point_lines(found), to_errors=False)
    if proposal is not None:
        from quri_console.render.remedies import proposal_lines

        show_plan_lines([(), *proposal_lines(proposal)], to_errors=False)
    if options.dry_run:
        return int(ExitCode.OK)
    best = "--from latest" if found.recommended is None else f"--from {found.recommended.source}"
    raise UsageError(
        "restore needs --from: which of the restore points above it is to restore",
        next_step=f"Add {best} --dry-run to see what that would do.",
    )


async def _proposal(console: Console, canister: str) -> Proposal | None:
    """The smaller remedies; None where the canister cannot be looked at, which the restore points say already."""
    try:
        return await console.remedies(canister)
    except (NetworkError, NotAuthorised):
        return None


async def remedy(console: Console, canister: str, options: RestoreOptions, wishes: RestoreWishes) -> int:
    """Settings or module alone: a smaller remedy with a plan of its own."""
    from quri_console.cli.remedy import RemedyOptions, run_remedy

    source, timeout = options.source or "latest", wishes.stop_timeout_seconds

    async def plan() -> RemedyPlan:
        if options.only == "settings":
            return await console.plan_settings(canister, source)
        return await console.plan_module(canister, source, stop_timeout_seconds=timeout)

    shared = RemedyOptions(options.dry_run, options.force, options.confirmation, options.reason, options.as_json)
    return await run_remedy(console, str(options.only), shared, plan)


async def with_snapshot(
    console: Console,
    plan: RestorePlan | GroupPlan,
    canister: str,
    options: RestoreOptions,
    wishes: RestoreWishes,
) -> RestorePlan | GroupPlan:
    """The same plan once more, after the present state was taken: `latest` stays what it meant before."""
    from quri_console.restore.plan import RestorePlan

    if not isinstance(plan, RestorePlan) or options.apply is not None or plan.source.kind == "snapshot":
        raise UsageError(
            "--with-snapshot is for a new plan of one canister from a backup",
            next_step="A backup's snapshot may take the place of an older one on chain; `quri-console diff` compares "
            "snapshots.",
        )
    await _take_snapshot(console, plan.name, options)
    return await console.plan_restore(canister, plan.source.set_path, wishes)


async def _take_snapshot(console: Console, canister: str, options: RestoreOptions) -> None:
    """Back the present state up while the canister runs, so that the plan can compare its pages."""
    import sys

    from quri_console.cli.operation import follow_to_end
    from quri_console.render.backup_plan import backup_plan_lines
    from quri_console.render.spans import plain

    taken = await console.plan_backup([canister], mode="hot")
    for line in backup_plan_lines(taken):
        sys.stderr.write(f"{plain(line)}\n")
    for part in taken.canisters:
        if part.problem is not None:
            raise part.problem
    handle = await console.start_present_state(
        canister, confirmation=options.confirmation or "", force=options.force, reason=options.reason
    )
    (await follow_to_end(handle, as_json=options.as_json)).raise_failure()
    sys.stderr.write("From now on `latest` is this copy of the present state: name the restore point to restore it.\n")
