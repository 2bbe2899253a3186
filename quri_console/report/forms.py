"""The forms that a report comes in."""

from __future__ import annotations

from typing import Literal

from quri_console.report.document import json_text
from quri_console.report.html import html_text
from quri_console.report.markdown import markdown_text
from quri_console.report.model import Report, ReportKind
from quri_console.report.spreadsheet import csv_text
from quri_console.units import DAY_SECONDS

ReportForm = Literal["md", "html", "json", "csv"]
PERIODS: dict[ReportKind, float] = {"daily": DAY_SECONDS, "weekly": 7 * DAY_SECONDS, "compliance": 90 * DAY_SECONDS}
"""How far each kind reaches back unless something else is asked for, in seconds."""
_WRITERS = {"md": markdown_text, "html": html_text, "json": json_text, "csv": csv_text}


def report_text(report: Report, form: ReportForm) -> str:
    """The report in a form."""
    return _WRITERS[form](report)
