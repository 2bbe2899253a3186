"""`quri-console drill`: incidents played on a local network, to be solved, judged and kept."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.opening import require_terminal
from quri_console.cli.options import Duration
from quri_console.cli.output import say, show_json, show_lines, show_table
from quri_console.errors import UsageError
from quri_console.render.escape import escape
from quri_console.render.spans import Span

if TYPE_CHECKING:
    from quri_console.history.drills import DrillMode, Drills
    from quri_console.render.drill import Listed

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group("drill")
def command() -> None:
    """Play incidents on a local network of their own, and keep what they came to.

    A drill sets up the demo fleet, backs it up, lets a disaster of the runbook happen to it for real, and
    opens the console on it. The canisters themselves are asked how it ended. No network of yours is
    touched; only the record of the drill is kept, in your state folder and in reports.

    \b
    Examples:
      quri-console drill list
      quri-console drill start frozen
      quri-console drill start lost-machine --keep
      quri-console drill start failed-upgrade --script
      quri-console drill score
    """


@command.command("list")
@AS_JSON
@click.pass_obj
def list_(invocation: Invocation, as_json: bool) -> None:
    """List the drills that there are, and when each was played last.

    \b
    Examples:
      quri-console drill list
      quri-console drill list --json
    """
    from quri_console.render.drill import LIST_HEADINGS, STARRED, list_json, list_rows

    played = _played(invocation)
    if as_json:
        show_json({"drills": list_json(_listed(), played.records), "problems": list(played.problems)})
        return
    show_table(LIST_HEADINGS, list_rows(_listed(), played.records))
    say(f"{STARRED}. Play one: quri-console drill start DRILL", role="muted")


@command.command("start", short_help="Play SCENARIO until you leave the console.")
@click.argument("name", metavar="SCENARIO")
@click.option("--script", is_flag=True, help="Solve it by the commands of the runbook's page, and print the times.")
@click.option("--shell", is_flag=True, help="Solve it in a shell instead of the console.")
@click.option("--keep", is_flag=True, help="Keep the drill's folder: network, machine, logs.")
@AS_JSON
@click.pass_obj
def start(invocation: Invocation, name: str, script: bool, shell: bool, keep: bool, as_json: bool) -> int:
    """Play SCENARIO (a name of `drill list`, or how it begins) until you leave the console.

    You are told the task and the page of the runbook. Leaving ends the drill with a verdict.
    Where the machine itself is lost there is no console to open, and you get a shell.
    Ends with 0 when all is well again, with 1 when it is not.

    \b
    Examples:
      quri-console drill start out-of-cycles
      quri-console drill start deleted --shell
      quri-console drill start data-corruption --script
      quri-console drill start stopped --script --json
    """
    from quri_console.drill.records import operator_state
    from quri_console.drill.scenarios import scenario

    if script and shell:
        raise UsageError("--script and --shell exclude each other", next_step="Choose one of them.")
    if invocation.read_only:
        raise UsageError(
            "a drill cannot be solved with --read-only",
            why="whoever solves it changes canisters, though only those of the drill",
            next_step="Leave --read-only out.",
        )
    chosen = scenario(name)
    mode: DrillMode = "script" if script else "shell" if shell or chosen.on_machine else "console"
    if mode == "console":
        _require_terminal()
    state = operator_state(invocation.config)
    from quri_console.cli.drill_play import play

    return play(chosen, mode, state=state, options=invocation.console_options, keep=keep, as_json=as_json)


def _require_terminal() -> None:
    try:
        require_terminal()
    except UsageError as error:
        step = "Play it at a terminal, with --shell in a shell, or with --script by the runbook's commands."
        raise UsageError(error.what, why=error.why, next_step=step) from error


@command.command("score")
@click.argument("name", metavar="[SCENARIO]", required=False)
@click.option("--since", type=Duration(), metavar="TIME", help="How far back: 30d, 52w. Default: all.")
@AS_JSON
@click.pass_obj
def score(invocation: Invocation, name: str | None, since: float | None, as_json: bool) -> None:
    """Show the drills that were played: times, wrong turns, data lost.

    With SCENARIO each drill of that kind is shown whole. LIMIT is the time in which it should be over; `drill list`
    has a star where the old runbook promised it. LOST is how many entries are gone of those that were written between
    the backup and the incident; WRONG counts wrong turns.

    \b
    Examples:
      quri-console drill score
      quri-console drill score failed-upgrade
      quri-console drill score --since 90d --json
    """
    from quri_console.render import drill as rendered

    played = _played(invocation, since)
    records, listed = played.records, _listed()
    if name is not None:
        from quri_console.drill.scenarios import scenario

        wanted = scenario(name).name
        records = tuple(record for record in records if record.scenario == wanted)
        listed = [item for item in listed if item.name == wanted]
    if as_json:
        from quri_console.history.drills import drill_json

        drills = [drill_json(record) for record in records]
        summary = rendered.list_json(listed, records)
        show_json({"drills": drills, "scenarios": summary, "problems": list(played.problems)})
        return
    if not records:
        say("No drill was played yet." if since is None else "No drill was played since then.")
    elif name is None:
        show_table(rendered.SCORE_HEADINGS, rendered.score_rows(records), right=rendered.RIGHT)
    for record in records if name is not None else ():
        show_lines(rendered.verdict_lines(record))
    show_lines(rendered.never_played_lines(listed, records))
    for problem in played.problems:
        show_lines([(Span(escape(problem), "status-warning"),)], stream=sys.stderr)


def _played(invocation: Invocation, since: float | None = None) -> Drills:
    from quri_console.clock import SystemClock, utc_datetime
    from quri_console.drill.records import operator_state
    from quri_console.history.drills import Drills, read_drills

    found = read_drills(operator_state(invocation.config))
    if since is None:
        return found
    oldest = utc_datetime(max(0, SystemClock().now_ns() - round(since * 1e9)))
    return Drills(tuple(record for record in found.records if record.started_at >= oldest), found.problems)


def _listed() -> list[Listed]:
    from quri_console.drill.scenarios import SCENARIOS
    from quri_console.render.drill import Listed

    return [Listed(item.name, item.title, item.page, item.limit_seconds, item.limit_of) for item in SCENARIOS]
