"""The command blocks of the runbook's pages: tests run every one, drills those that solve the disaster."""

from __future__ import annotations

import re
from dataclasses import dataclass

from quri_console.report.runbook import read_runbook

FLEET = "fleet"
"""The scene of a block that needs no disaster."""
_MARK = re.compile(r"<!--\s*(.*?)\s*-->")


@dataclass(frozen=True, slots=True)
class Block:
    """One block: its lines, the heading it stands under, the scene it needs, the exit codes its lines may have."""

    lines: tuple[str, ...]
    heading: str
    scene: str
    exits: tuple[int, ...]


def blocks(text: str) -> list[Block]:
    """Every block of a page; a comment on the line before says what is not usual."""
    found: list[Block] = []
    lines: list[str] | None = None
    heading = mark = ""
    for line in text.splitlines():
        if line == "```sh":
            lines = []
        elif line == "```" and lines is not None:
            fields = dict(part.split(": ", 1) for part in mark.split("; ") if ": " in part)
            exits = tuple(int(word) for word in fields.get("exit", "0").split())
            found.append(Block(tuple(lines), heading, fields.get("scene", FLEET), exits))
            lines, mark = None, ""
        elif lines is not None:
            lines.append(line)
        elif line.startswith("## "):
            heading, mark = line[3:].strip(), ""
        else:
            comment = _MARK.fullmatch(line)
            mark = comment[1] if comment else mark if not line.strip() else ""
    return found


def blocks_of(page: str, scene: str | None = None, heading: str | None = None) -> list[Block]:
    """The blocks of one of the program's own pages, of one scene or heading where that is named."""
    return [
        block
        for block in blocks(read_runbook(None).section(page).text)
        if scene in (None, block.scene) and heading in (None, block.heading)
    ]
