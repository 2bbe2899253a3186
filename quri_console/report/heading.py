"""What stands above and below the tables of a report."""

from __future__ import annotations

from collections.abc import Iterator

from quri_console.report.cells import time_cell
from quri_console.report.model import Report


def headline(report: Report) -> str:
    """What the report is, in one line."""
    period = f"{time_cell(report.since)} to {time_cell(report.until)} UTC"
    return f"{report.kind.capitalize()} report: {report.network}, {period}"


def preamble(report: Report) -> Iterator[str]:
    """What stands above the tables: remarks, then what the report cannot tell."""
    yield from report.remarks
    yield from (f"Not known: {text}" for text in report.gaps)


def origin(report: Report) -> str:
    """Where the report comes from."""
    kept = {True: "encrypted", False: "in the clear", None: "not made yet"}[report.encrypted]
    return f"Made by {report.tool} from the history, the audit log and the repository {report.repository} ({kept})."
