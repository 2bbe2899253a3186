"""`quri-console pin`: keep a backup from being forgotten and pruned."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.options import Duration
from quri_console.cli.output import say, show_json
from quri_console.clock import utc_datetime
from quri_console.errors import UsageError
from quri_console.render.escape import escape
from quri_console.units import parse_duration

if TYPE_CHECKING:
    from quri_console.service.keeping import Keep


@click.command("pin")
@click.argument("backup")
@click.option("--reason", default="", help="Why; kept with the mark. Required, but for taking a pin away.")
@click.option("--expires", metavar="DURATION|DATE", help="When the pin ends, like 90d or 2025-12-31; else never.")
@click.option("--hold", is_flag=True, help="Put on hold instead: kept until it is released, whatever its pins say.")
@click.option("--undo", is_flag=True, help="Take the pin away; with --hold, release it.")
@click.option("--wait", type=Duration(), default="0s", help="How long to wait for a prune to end.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def command(
    invocation: Invocation,
    backup: str,
    reason: str,
    expires: str | None,
    hold: bool,
    undo: bool,
    wait: float,
    as_json: bool,
) -> None:
    """Keep BACKUP (its name, how it begins, or latest) from being forgotten and pruned.

    latest/CANISTER is the newest backup that holds CANISTER; a backup is kept whole.

    \b
    Examples:
      quri-console pin latest --reason "before the migration" --expires 90d
      quri-console pin 20250124T020000Z --hold --reason "case 17"
      quri-console pin 20250124T020000Z --undo
    """
    if expires is not None and (hold or undo):
        raise UsageError("--expires goes with a new pin only", next_step="A hold lasts until it is released.")
    console = invocation.console()
    action = _action(hold=hold, undo=undo)
    ends = None if expires is None else expiry(expires, utc_datetime(console.clock.now_ns()))
    mark = console.keep(backup, action, reason=reason, expires_at=ends, wait_seconds=wait)
    if as_json:
        until = None if ends is None else ends.isoformat()
        show_json({"backup": mark.set_name, "action": action, "reason": reason, "expires_at": until})
        return
    until = "" if ends is None else f" until {ends:%Y-%m-%d %H:%M} UTC"
    words = {"pin": "is pinned", "unpin": "is not pinned any more", "hold": "is on hold", "release": "is released"}
    say(f"{mark.set_name} {words[action]}{until}" + (f": {escape(reason)}" if reason else "."))


def _action(*, hold: bool, undo: bool) -> Keep:
    if hold:
        return "release" if undo else "hold"
    return "unpin" if undo else "pin"


def expiry(text: str, now: datetime) -> datetime:
    """When a pin ends: a duration from now, the end of a day in UTC, or a moment (UTC unless it says its zone)."""
    try:
        return now + timedelta(seconds=parse_duration(text))
    except UsageError:
        pass
    except OverflowError as error:
        raise UsageError(f"{text!r} is too long", next_step="Leave --expires away for a pin without an end.") from error
    try:
        moment = datetime.fromisoformat(text)
        if len(text) == len("2025-12-31"):
            return datetime.combine(moment.date() + timedelta(days=1), time(), UTC)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{text!r} is neither a duration nor a date", next_step="Write it like 90d, 2025-12-31 or 2025-12-31T12:00."
        ) from error
