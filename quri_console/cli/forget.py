"""`quri-console forget`: hide backups, by name or by the retention policy, and bring them back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.options import Duration
from quri_console.cli.output import say, show_json
from quri_console.errors import UsageError
from quri_console.render.escape import escape
from quri_console.units import format_duration

if TYPE_CHECKING:
    from quri_console.console import Console
    from quri_console.service.forgetting import ForgetChoice, ForgetPlan

_NAMED = 3
"""How many names are written out in the command that undoes."""


@click.command("forget")
@click.argument("backups", nargs=-1, metavar="[BACKUP]...")
@click.option("--policy", is_flag=True, help="Forget what the [retention] of the configuration keeps no longer.")
@click.option("--undo", is_flag=True, help="Bring forgotten backups back, as long as `prune` has not removed them.")
@click.option("--dry-run", is_flag=True, help="Show what would be forgotten, and with --policy what is kept and why.")
@click.option("--reason", default="", help="Why; kept with the mark.")
@click.option("--wait", type=Duration(), default="0s", help="How long to wait for others who use the repository.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def command(
    invocation: Invocation,
    backups: tuple[str, ...],
    policy: bool,
    undo: bool,
    dry_run: bool,
    reason: str,
    wait: float,
    as_json: bool,
) -> None:
    """Hide each BACKUP (a whole name from `list`, or latest) from every list; nothing is deleted.

    `quri-console prune` deletes what was forgotten longer ago than the grace time; until then --undo brings it back.
    Pinned and held backups, and the last verified one of a canister, are not forgotten.

    \b
    Examples:
      quri-console forget --policy --dry-run
      quri-console forget 20250124T020000Z --reason "taken by mistake"
      quri-console forget --undo 20250124T020000Z
    """
    if undo and not (backups or policy or dry_run):
        raise UsageError(
            "--undo needs the names of the backups to bring back",
            next_step="`quri-console list --all` shows forgotten ones, too.",
        )
    if policy == bool(backups) or (undo and (policy or dry_run)):
        raise UsageError(
            "forget takes names of backups, or --policy, or --undo and names",
            next_step="`quri-console list` shows the names.",
        )
    console = invocation.console()
    if undo:
        _bring_back(console, backups, wait, as_json=as_json)
        return
    plan = console.forget(backups, by_policy=policy, reason=reason, dry_run=dry_run, wait_seconds=wait)
    if as_json:
        show_json({"dry_run": dry_run, **_as_plain(plan)})
    else:
        _tell(plan, dry_run=dry_run)


def _bring_back(console: Console, backups: tuple[str, ...], wait: float, *, as_json: bool) -> None:
    back = console.unforget(backups, wait_seconds=wait)
    if as_json:
        show_json({"brought_back": list(back)})
        return
    for name in dict.fromkeys(backups):
        say(f"{name} is back." if name in back else f"{name} had not been forgotten.")


def _as_plain(plan: ForgetPlan) -> dict[str, Any]:
    return {
        "grace_seconds": plan.grace_seconds,
        "forgotten": [_choice_as_plain(choice) for choice in plan.forgotten],
        "kept": [_choice_as_plain(choice) for choice in plan.kept],
        "already_forgotten": [{"backup": mark.set_name, "since": mark.at.isoformat()} for mark in plan.already],
    }


def _choice_as_plain(choice: ForgetChoice) -> dict[str, Any]:
    return {"backup": choice.name, "canisters": list(choice.holds), "why": choice.why}


def _tell(plan: ForgetPlan, *, dry_run: bool) -> None:
    if dry_run:
        for choice in plan.kept:
            say(f"keep    {_words(choice)}", role="muted")
    for mark in plan.already:
        say(f"{escape(mark.set_name)} is forgotten already, since {mark.at:%Y-%m-%d %H:%M:%S} UTC.")
    for choice in plan.forgotten:
        say(f"forget  {_words(choice)}")
    if plan.forgotten:
        _tell_the_rest(plan, dry_run=dry_run)
    elif not plan.already:
        say("There is nothing to forget.")


def _tell_the_rest(plan: ForgetPlan, *, dry_run: bool) -> None:
    """What becomes of the backups that were, or would be, forgotten, and the way back."""
    count, grace = len(plan.forgotten), format_duration(plan.grace_seconds)
    verb, them = "would be forgotten" if dry_run else "forgotten", "it" if count == 1 else "them"
    say(f"{count} backup{'' if count == 1 else 's'} {verb}; `quri-console prune` deletes {them} after {grace}.")
    if not dry_run:
        names = " ".join(escape(choice.name) for choice in plan.forgotten[:_NAMED])
        more = "" if count <= _NAMED else " …"
        say(f"Until then `quri-console forget --undo {names}{more}` brings {them} back.")


def _words(choice: ForgetChoice) -> str:
    why = f": {escape(choice.why)}" if choice.why else ""
    return f"{escape(choice.name)} ({escape(', '.join(choice.holds)) or 'unknown'}){why}"
