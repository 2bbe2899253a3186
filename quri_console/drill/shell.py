"""A shell in which `quri-console` is this program and works with the configuration of a drill."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import quri_console

PROGRAM = "quri-console"
CONFIRMED = ("restore", "rollback", "create")
"""Commands that ask for NETWORK/NAME, which the operator types and a script gives by an option."""
USUAL = "local/rune-engine"
LONGEST_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command line ended."""

    code: int
    output: str
    errors: str


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs command lines in `folder`; `variables` are what the pages of the runbook call $NAME."""

    folder: Path
    config: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    async def __call__(self, line: str, *, confirm: str = USUAL) -> Ended:
        """Run a line of a page to its end; `confirm` is what the operator types when asked."""
        process = await asyncio.create_subprocess_exec(
            *("bash", "-uc", typed(line, confirm)),
            cwd=self.folder,
            env={**self.environment(), "NO_COLOR": "1"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            output, errors = await asyncio.wait_for(process.communicate(), LONGEST_SECONDS)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode is not None
        return Ended(process.returncode, output.decode(errors="replace"), errors.decode(errors="replace"))

    def open(self) -> None:
        """Let the trainee work in a shell of their own, until it ends."""
        subprocess.run([os.environ.get("SHELL") or "/bin/sh"], cwd=self.folder, env=self.environment(), check=False)

    def environment(self) -> dict[str, str]:
        """The environment of a shell whose first `quri-console` is this one."""
        binaries = self._install()
        return {
            **os.environ,
            **self.variables,
            "QURI_CONFIG": str(self.config),
            "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        }

    def _install(self) -> Path:
        path = self.folder / "bin" / PROGRAM
        path.parent.mkdir(exist_ok=True)
        root = shlex.quote(str(Path(quri_console.__file__).parent.parent))
        command = shlex.join([sys.executable, "-m", "quri_console"])
        path.write_text(f'#!/bin/sh\nPYTHONPATH={root}${{PYTHONPATH:+:$PYTHONPATH}} exec {command} "$@"\n')
        path.chmod(0o700)
        return path.parent


def typed(line: str, confirm: str = USUAL) -> str:
    """The line with what the operator types when asked to confirm."""
    words = line.split()
    asks = words[:1] == [PROGRAM] and words[1] in CONFIRMED and "--dry-run" not in words
    shows = words[1:2] == ["restore"] and "--from" not in words
    return f"{line} --confirm {confirm}" if asks and not shows else line
