"""The command blocks of the runbook, and a shell that runs them as an operator would."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from quri_console.report.runbook import read_runbook
from tests.support.operator_command import Ended

_MARK = re.compile(r"<!--\s*(.*?)\s*-->")
CONFIRMED = ("restore", "rollback", "create")
"""Commands that ask for NETWORK/NAME, which the operator types and the test gives by an option."""


@dataclass(frozen=True)
class Block:
    """One block: its lines, the scene that it needs, the exit codes that its lines may have."""

    lines: tuple[str, ...]
    scene: str
    exits: tuple[int, ...]


def blocks(text: str) -> list[Block]:
    """Every block of a section; a comment on the line before says what is not usual."""
    found: list[Block] = []
    lines: list[str] | None = None
    mark = ""
    for line in text.splitlines():
        if line == "```sh":
            lines = []
        elif line == "```" and lines is not None:
            fields = dict(part.split(": ", 1) for part in mark.split("; ") if ": " in part)
            exits = tuple(int(word) for word in fields.get("exit", "0").split())
            found.append(Block(tuple(lines), fields.get("scene", "fleet"), exits))
            lines, mark = None, ""
        elif lines is not None:
            lines.append(line)
        else:
            comment = _MARK.fullmatch(line)
            mark = comment[1] if comment else mark if not line.strip() else ""
    return found


def scenes_of_sections() -> list[tuple[str, str]]:
    """(section, scene) of every block in the program's runbook: a procedure's blocks run one after the other."""
    pairs = [(section.name, block.scene) for section in read_runbook(None).sections for block in blocks(section.text)]
    return list(dict.fromkeys(pairs))


def blocks_of(section: str, scene: str) -> list[Block]:
    """The blocks of a section that play in one scene."""
    return [block for block in blocks(read_runbook(None).section(section).text) if block.scene == scene]


@dataclass(frozen=True)
class Shell:
    """Runs lines in a shell whose `quri-console` is this one, with the test's configuration."""

    folder: Path
    config: Path
    variables: dict[str, str]

    async def __call__(self, line: str) -> Ended:
        """Run a line to its end."""
        self._install()
        environment = {**os.environ, **self.variables, "NO_COLOR": "1"}
        environment["PATH"] = f"{self.folder / 'bin'}:{environment['PATH']}"
        process = await asyncio.create_subprocess_exec(
            "bash", "-uc", _typed(line), cwd=self.folder, env=environment, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, errors = await asyncio.wait_for(process.communicate(), 120)
        assert process.returncode is not None
        return Ended(process.returncode, output.decode(), errors.decode())

    def _install(self) -> None:
        path = self.folder / "bin" / "quri-console"
        path.parent.mkdir(exist_ok=True)
        command = shlex.join([sys.executable, "-m", "quri_console", "--config", str(self.config)])
        path.write_text(f'#!/bin/sh\nexec env PYTHONPATH={shlex.quote(str(Path.cwd()))} {command} "$@"\n')
        path.chmod(0o700)


def _typed(line: str) -> str:
    """The line with what the operator types when asked."""
    words = line.split()
    asks = words[:1] == ["quri-console"] and words[1] in CONFIRMED and "--dry-run" not in words
    shows = words[1:2] == ["restore"] and "--from" not in words
    return f"{line} --confirm local/rune-engine" if asks and not shows else line
