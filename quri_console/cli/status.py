"""`quri-console status`: the fleet as a table or as JSON."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
import textwrap
from typing import Any

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.output import TableCell, line_width, painted, say, show_json, show_table
from quri_console.clock import utc_datetime
from quri_console.errors import NetworkError
from quri_console.monitor.fleet import CanisterView, FleetStatus
from quri_console.render.ages import utc_text
from quri_console.render.escape import escape
from quri_console.render.fleet_cells import fleet_rows
from quri_console.render.fleet_words import snapshots_words
from quri_console.render.grid import CELL_PADDING, place_columns
from quri_console.render.table import COLUMNS, health_role

UNLIMITED = 1 << 20
"""Wider than any fleet."""
SHORTEST_NAME = 8
INDENT = "  "


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="One JSON document; times in UTC, cycles as whole numbers.")
@click.option("--live", is_flag=True, help="Ask the network even when the history is young.")
@click.pass_obj
def command(invocation: Invocation, as_json: bool, live: bool) -> None:
    """Show every canister: health with all reasons, cycles, runway, memory, and how old each number is.

    Comes from the history; the network is asked when the newest sample is older than two
    intervals. The exit code says whether the command worked (16: no canister answered), not
    whether the fleet is healthy. A narrow terminal gets fewer columns; --json has everything.

    \b
    Examples:
      quri-console status
      quri-console status --live --json
    """
    fleet = asyncio.run(invocation.console().fleet_status(live=live))
    if as_json:
        show_json(fleet_document(fleet))
    else:
        show_fleet(fleet)
    _fail_if_silent(fleet)


def show_fleet(fleet: FleetStatus) -> None:
    """The fleet as a table, then every reason of every canister that is not well."""
    production = "production" if fleet.production else "not production"
    for line in _lines(f"Network {escape(fleet.network)} ({production}), {utc_text(fleet.taken_at_ns)}"):
        say(line)
    if fleet.notice:
        for line in _lines(f"Note: {escape(fleet.notice)}"):
            say(line, role="status-warning")
    if not fleet.canisters:
        say("No canisters are configured: add [canisters.NAME] with an id.")
        return
    _show_table(fleet, line_width(sys.stdout))
    for view in fleet.canisters:
        for reason in view.health.reasons:
            _say_of(view, escape(reason))
        snapshots = snapshots_words(view)
        if snapshots:
            _say_of(view, snapshots)


def show_unwell(fleet: FleetStatus) -> None:
    """Every reason of every canister that is not well; nothing when all are."""
    for view in fleet.canisters:
        for reason in view.health.reasons:
            if view.health.level != "ok":
                _say_of(view, escape(reason))


def _show_table(fleet: FleetStatus, width: int | None) -> None:
    """All columns, or those that fit `width` cells; a name is shortened where even they do not."""
    found = fleet_rows(fleet, fleet.taken_at_ns)
    # between columns stand two cells, which the last column does not need
    placed = place_columns(COLUMNS, found, UNLIMITED if width is None else width + 2 * CELL_PADDING)
    excess = sum(place.width + 2 * CELL_PADDING for place in placed) - 2 * CELL_PADDING - (width or UNLIMITED)
    longest_name = max(placed[0].width - max(excess, 0), SHORTEST_NAME)
    rows: list[list[TableCell]] = []
    for row in found:
        cells: list[TableCell] = [(row.cells[place.index].text, row.cells[place.index].role) for place in placed]
        name = row.cells[placed[0].index]
        cells[0] = (name.text if len(name.text) <= longest_name else f"{name.text[: longest_name - 1]}…", name.role)
        rows.append(cells)
    right = [position for position, place in enumerate(placed) if place.column.right]
    show_table([place.column.title for place in placed], rows, right=right)


def _lines(text: str) -> list[str]:
    """`text` in lines that are no wider than the terminal."""
    width = line_width(sys.stdout)
    return [text] if width is None else textwrap.wrap(text, width, subsequent_indent=INDENT, break_on_hyphens=False)


def _say_of(view: CanisterView, text: str) -> None:
    """A sentence about a canister, on as many lines as it needs; its name in the colour of its health."""
    name = escape(view.name)
    first, *more = _lines(f"{name}: {text}")
    rest = first.removeprefix(name)
    say(f"{_painted_name(view)}{rest}" if rest != first else first)
    for line in more:
        say(line)


def fleet_document(fleet: FleetStatus) -> dict[str, Any]:
    """The fleet for programs: every field of FleetStatus, times as ISO 8601, hashes in hex, no series."""
    return {
        "network": fleet.network,
        "production": fleet.production,
        "taken_at": _time(fleet.taken_at_ns),
        "interval_seconds": fleet.interval_seconds,
        "notice": fleet.notice,
        "canisters": [_canister_document(view) for view in fleet.canisters],
    }


def _canister_document(view: CanisterView) -> dict[str, Any]:
    fields = {field.name: getattr(view, field.name) for field in dataclasses.fields(view)}
    del fields["cycles_series"]
    for name in ("sampled_at", "attempted_at", "last_backup_at", "verified_at", "ready_at", "module_changed_at"):
        fields[name] = _time(fields.pop(f"{name}_ns"))
    fields["module_hash"] = view.module_hash.hex() if view.module_hash is not None else None
    fields["health"] = {"level": view.health.level, "reasons": list(view.health.reasons)}
    fields["controllers"] = list(view.controllers)
    fields["settings"] = json.loads(view.settings) if view.settings else None
    return fields


def _time(at_ns: int | None) -> str | None:
    return utc_datetime(at_ns).isoformat() if at_ns is not None else None


def _painted_name(view: CanisterView) -> str:
    return painted(escape(view.name), health_role(view.health.level), sys.stdout)


def _fail_if_silent(fleet: FleetStatus) -> None:
    if not fleet.canisters or any(view.answering for view in fleet.canisters):
        return
    raise NetworkError(
        f"no canister answered on {fleet.network}",
        why=next((view.error for view in fleet.canisters if view.error), ""),
        next_step="Check the network's url and root_key, this machine's clock and its connection; "
        "what was shown is what is known from before.",
    )
