"""A report as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from quri_console.report.cells import Section
from quri_console.report.heading import headline, origin, preamble
from quri_console.report.model import Report
from quri_console.report.tables import sections
from quri_console.untrusted import spell_out

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~!&])")


def markdown_text(report: Report) -> str:
    """The whole report."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"# {_safe(headline(report))}"
    yield ""
    yield from (f"- {_safe(text)}" for text in preamble(report))
    for section in sections(report):
        yield ""
        yield f"## {section.title}"
        yield ""
        yield from _table(section)
    yield ""
    yield _safe(origin(report))


def _table(section: Section) -> Iterator[str]:
    if not section.rows:
        yield section.empty
        return
    yield _row(section.headings)
    yield _row(("---",) * len(section.headings))
    yield from (_row([_safe(cell) for cell in row]) for row in section.rows)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _safe(text: str) -> str:
    """Untrusted text that cannot become markup."""
    # some readers make a link of whatever looks like an address
    return _SPECIAL.sub(r"\\\1", spell_out(text, {})).replace("://", "\\://")
