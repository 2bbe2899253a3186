"""A report as CSV: one table a section, each under a line with its name, with an empty line between."""

from __future__ import annotations

import csv
import io

from quri_console.report.cells import cells
from quri_console.report.heading import headline, preamble
from quri_console.report.model import Report
from quri_console.report.tables import sections
from quri_console.untrusted import spell_out

_FORMULA = ("=", "+", "-", "@")


def csv_text(report: Report) -> str:
    """The whole report; what a spreadsheet would take for a formula begins with an apostrophe."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["report", _safe(headline(report))])
    writer.writerows(["remark", _safe(text)] for text in preamble(report))
    for section in sections(report):
        writer.writerow([])
        writer.writerow([f"# {section.key}"])
        writer.writerows([_safe(cell) for cell in row] for row in cells(section))
    return file.getvalue()


def _safe(text: str) -> str:
    text = spell_out(text, {})
    return f"'{text}" if text.startswith(_FORMULA) else text
