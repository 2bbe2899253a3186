"""A report as one self-contained page: no scripts, nothing loaded from elsewhere, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
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
  margin: 0 auto; max-width: 75rem; padding: 1.5rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.scroll { overflow-x: auto; } .soft { color: var(--soft); }
table { border-collapse: collapse; font-size: 0.85rem; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: 0.3rem 0.6rem; text-align: left; vertical-align: top;
  overflow-wrap: anywhere; min-width: 4.5rem; }
th { background: var(--band); }
.ok td:nth-child(1) { border-left: 4px solid var(--ok); }
.warning td:nth-child(1) { border-left: 4px solid var(--warning); }
.critical td:nth-child(1) { border-left: 4px solid var(--critical); }
.unknown td:nth-child(1) { border-left: 4px solid var(--unknown); }
@media print { body { max-width: none; padding: 0; } h2 { break-after: avoid; } tr { break-inside: avoid; } }
"""


def html_text(report: Report) -> str:
    """The whole page."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    title = _safe(headline(report))
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<ul>"
    yield from (f"<li>{_safe(text)}</li>" for text in preamble(report))
    yield "</ul>"
    for section in sections(report):
        yield f'<section id="{section.key}">\n<h2>{section.title}</h2>'
        yield from _table(section)
        yield "</section>"
    yield f'<footer class="soft"><p>{_safe(origin(report))}</p></footer>\n</body>\n</html>'


def _table(section: Section) -> Iterator[str]:
    if not section.rows:
        yield f'<p class="soft">{section.empty}</p>'
        return
    heads = "".join(f'<th scope="col">{heading}</th>' for heading in section.headings)
    yield f'<div class="scroll"><table>\n<thead><tr>{heads}</tr></thead>\n<tbody>'
    levels = section.levels or ("",) * len(section.rows)
    for row, level in zip(section.rows, levels, strict=True):
        kind = f' class="{level}"' if level in ("ok", "warning", "critical", "unknown") else ""
        yield f"<tr{kind}>{''.join(f'<td>{_safe(cell)}</td>' for cell in row)}</tr>"
    yield "</tbody></table></div>"


def _safe(text: str) -> str:
    return escape(spell_out(text, {}))
