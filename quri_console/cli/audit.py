"""`quri-console audit`: what was done, by whom and why, and whether the log of it is what was written."""

from __future__ import annotations

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.options import Duration
from quri_console.cli.output import say, show_json, show_lines
from quri_console.errors import ExitCode
from quri_console.render.audit import audit_check_lines, audit_lines

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group("audit")
def command() -> None:
    """What was planned, refused, confirmed and done, by whom and why; in a log that shows if it is changed."""


@command.command("show")
@click.option("--since", type=Duration(), metavar="TIME", help="Only what is younger, like 7d or 12h.")
@click.option("--operation", metavar="ID", help="Only one operation: its name, or how it begins.")
@AS_JSON
@click.pass_obj
def show(invocation: Invocation, since: float | None, operation: str | None, as_json: bool) -> None:
    """Show the events of the audit log, the newest last.

    \b
    Examples:
      quri-console audit show --since 7d
      quri-console audit show --operation 20250124T020000Z-restore
    """
    events = list(invocation.console().audit_events(since_seconds=since, operation=operation))
    if as_json:
        show_json({"events": events})
    elif not events:
        say("No events.")
    else:
        show_lines(audit_lines(events))


@command.command("verify")
@AS_JSON
@click.pass_obj
def verify(invocation: Invocation, as_json: bool) -> int:
    """Check the whole audit log. The first line that is not what was written is named.

    A line that a crash left unfinished is said to be torn, which is no fault. Exit code 0 when the log
    is whole, 13 when something in it was changed, put in or taken away.

    \b
    Examples:
      quri-console audit verify
      quri-console audit verify --json
    """
    check = invocation.console().verify_audit()
    if as_json:
        fault = check.fault
        show_json(
            {
                "whole": check.whole,
                "events": check.events,
                "segments": check.segments,
                "head": {"seq": check.head.seq, "hash": check.head.hash},
                "torn_bytes": check.torn_bytes,
                "torn_before": check.torn_before,
                "fault": None if fault is None else {"segment": fault.segment, "line": fault.line, "why": fault.why},
            }
        )
    else:
        show_lines(audit_check_lines(check))
    return int(ExitCode.OK if check.whole else ExitCode.CORRUPTION)
