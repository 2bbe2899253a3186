"""The key sheet as the table that stands in README.md, made of the action registry.

python -m quri_console.render.key_table README.md     brings the table in the file up to date
"""

from __future__ import annotations

import sys
from pathlib import Path

from quri_console.render.actions import ACTIONS, VIEWS, Action, full_help, key_label

BEGIN, END = "<!-- keys -->", "<!-- /keys -->"


def key_table() -> str:
    """A Markdown table: key, word, where it is live, what it does."""
    head = "| key | | where | |\n|---|---|---|---|\n"
    return head + "".join(_row(entry) for entry in sorted(ACTIONS, key=_place))


def _place(entry: Action) -> int:
    """By view, and what is live everywhere last."""
    return min((VIEWS.index(view) for view in entry.scopes), default=len(VIEWS))


def _row(entry: Action) -> str:
    keys = " ".join(f"`{key_label(key)}`" for key in entry.key.split(","))
    where = ", ".join(view.capitalize() for view in VIEWS if view in entry.scopes) if entry.scopes else "everywhere"
    return f"| {_cell(keys)} | {_cell(entry.verb)} | {where} | {_cell(full_help(entry))} |\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def with_key_table(text: str) -> str:
    """A document with the present table between its two markers. Raises ValueError where they are missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{BEGIN} and {END} are missing")
    return f"{before}{BEGIN}\n{key_table()}{END}{after}"


def main() -> None:
    """Bring the table in the file that the command line names up to date."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m quri_console.render.key_table FILE")
    path = Path(sys.argv[1])
    path.write_text(with_key_table(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
