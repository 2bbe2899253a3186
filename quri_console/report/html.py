"""A report as one self-contained page: no scripts, nothing loaded from elsewhere, light and dark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from quri_console.report.cells import Section
from quri_console.report.heading import headline, origin, preamble
from quri_console.report.model import Report
from quri_console.report.tables import sections
from quri_console.untrusted import spell_out

_STYLE = """
:root { color-scheme: light dark; --text: #1b1f24; --back: #ffffff; --line: #d0d7de; --soft: #57606a;
  --ok: #0b6b34; --warning: #8a5a00; --critical: #b3101f; --unknown: #6639ba; --band: #f6f8fa; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --back: #0d1117; --line: #30363d; --soft: #9198a1;
    --ok: #56d364; --warning: #e3b341; --critical: #ff7b72; --unknown: #d2a8ff; --band: #161b22; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back);
  margin: 0 auto; max-width: 80rem; padding: 1.5rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.scroll { overflow-x: auto; } .soft { color: var(--soft); }
table { border-collapse: collapse; font-size: 0.85rem; width: 100%; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: 0.3rem 0.6rem; text-align: left; vertical-align: top;
  white-space: nowrap; }
th { background: var(--band); }
td.long { white-space: normal; min-width: 12rem; }
th:nth-child(1), td:nth-child(1) { border-left: 4px solid transparent; }
.ok td:nth-child(1) { border-left-color: var(--ok); }
.warning td:nth-child(1) { border-left-color: var(--warning); }
.critical td:nth-child(1) { border-left-color: var(--critical); }
.unknown td:nth-child(1) { border-left-color: var(--unknown); }
@page { size: landscape; margin: 12mm; }
@media print { body { max-width: none; padding: 0; font-size: 9pt; } h1 { font-size: 14pt; } h2 { font-size: 10.5pt; }
  h2 { break-after: avoid; } tr { break-inside: avoid; } table { font-size: 7.5pt; } .scroll { overflow: visible; } }
"""
# on a telephone each row is a card, each value beside its heading
_NARROW = """@media screen and (max-width: 44rem) {
  body { padding: 1rem; } thead { display: none; } tr { display: block; padding: 0.3rem 0; }
  tr + tr { border-top: 2px solid var(--line); }
  td, td.long { display: flex; white-space: normal; min-width: 0; padding: 0.1rem 0.6rem; border-bottom: 0; }
  td:nth-child(1) { font-weight: 600; } td:empty { display: none; } td::before { flex: 0 0 7.5rem; color: var(--soft); }
  td, tr.ok td, tr.warning td, tr.critical td, tr.unknown td { border-left: 4px solid transparent; }
  tr.ok td { border-left-color: var(--ok); } tr.warning td { border-left-color: var(--warning); }
  tr.critical td { border-left-color: var(--critical); } tr.unknown td { border-left-color: var(--unknown); }
"""
LONG = 24
"""A cell with more characters may take several lines."""


def html_text(report: Report) -> str:
    """The whole page."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    title = _safe(headline(report))
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    shown = sections(report)
    style = f"{_STYLE}{_NARROW}{''.join(_labels(shown))}}}\n"
    yield f"<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<ul>"
    yield from (f"<li>{_safe(text)}</li>" for text in preamble(report))
    yield "</ul>"
    for section in shown:
        yield f'<section id="{section.key}">\n<h2>{section.title}</h2>'
        yield from _table(section)
        yield "</section>"
    yield f'<footer class="soft"><p>{_safe(origin(report))}</p></footer>\n</body>\n</html>'


def _labels(shown: Iterable[Section]) -> Iterator[str]:
    """The headings once more, for where the row of headings cannot be seen."""
    for section in shown:
        for number, heading in enumerate(section.headings, start=1):
            yield f'  #{section.key} td:nth-child({number})::before {{ content: "{heading}"; }}\n'


def _table(section: Section) -> Iterator[str]:
    if not section.rows:
        yield f'<p class="soft">{section.empty}</p>'
        return
    heads = "".join(f'<th scope="col">{heading}</th>' for heading in section.headings)
    yield f'<div class="scroll"><table>\n<thead><tr>{heads}</tr></thead>\n<tbody>'
    levels = section.levels or ("",) * len(section.rows)
    for row, level in zip(section.rows, levels, strict=True):
        kind = f' class="{level}"' if level in ("ok", "warning", "critical", "unknown") else ""
        yield f"<tr{kind}>{''.join(map(_cell, row))}</tr>"
    yield "</tbody></table></div>"


def _cell(text: str) -> str:
    kind = ' class="long"' if len(text) > LONG else ""
    return f"<td{kind}>{_safe(text)}</td>"


def _safe(text: str) -> str:
    return escape(spell_out(text, {}))
