"""`diff --take-snapshot`: the live canister taken as a hot backup first, so that nothing of it is read twice."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from quri_console.errors import Cancelled, UsageError

if TYPE_CHECKING:
    from quri_console.console import Console


async def with_live_state(console: Console, left: str, right: str, *, yes: bool, as_json: bool) -> tuple[str, str]:
    """The two sides, the live one replaced by a backup of it taken now.

    Bill and steps are shown first. Raises UsageError when no side is one live canister, Cancelled, and what a backup
    raises.
    """
    from quri_console.backup.sides import BackupSide, LiveSide, parse_side

    sides = [parse_side(left), parse_side(right)]
    live = [number for number, side in enumerate(sides) if isinstance(side, LiveSide)]
    if len(live) != 1:
        raise UsageError("--take-snapshot needs one side to be live", next_step="Write one as live:CANISTER or live.")
    side, other = sides[live[0]], sides[1 - live[0]]
    assert isinstance(side, LiveSide)
    name = side.canister or (other.canister if isinstance(other, BackupSide) else None)
    if name is None:
        raise UsageError("--take-snapshot is for one canister", next_step="Write the live side as live:CANISTER.")
    texts = [left, right]
    texts[live[0]] = await _backed_up(console, name, yes=yes, as_json=as_json)
    return texts[0], texts[1]


async def _backed_up(console: Console, name: str, *, yes: bool, as_json: bool) -> str:
    from quri_console.cli.operation import follow_to_end
    from quri_console.render.backup_plan import backup_plan_lines
    from quri_console.render.spans import plain

    plan = await console.plan_backup([name], mode="hot")
    for line in backup_plan_lines(plan):
        sys.stderr.write(f"{plain(line)}\n")
    sys.stderr.flush()
    for part in plan.canisters:
        if part.problem is not None:
            raise part.problem
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(
                "Taking a snapshot costs the canister cycles, and nobody can be asked",
                next_step="Add --yes if that is what you mean.",
            )
        if not click.confirm("Take it?", err=True):
            raise Cancelled("Nothing was taken")
    outcome = await follow_to_end(await console.start_backup([name], mode="hot"), as_json=as_json)
    outcome.raise_failure()
    return f"{outcome.result['backup']}/{name}"
