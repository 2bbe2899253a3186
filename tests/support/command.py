"""Running commands in this process, with what they wrote."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from quri_console.cli.main import run


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    code: int
    output: str
    errors: str

    def json(self) -> Any:
        return json.loads(self.output)


def invoke(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> Finished:
    """Run one command line."""
    capsys.readouterr()
    code = run([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return Finished(code, captured.out, captured.err)


def write_config(folder: Path, *, url: str = "http://127.0.0.1:9", root_key: str = "fetch", more: str = "") -> Path:
    """A configuration whose repository and state lie in `folder`."""
    path = folder / "config.toml"
    path.write_text(
        f'[networks.local]\nurl = "{url}"\nroot_key = "{root_key}"\nproduction = false\n'
        f'[repository]\npath = "{folder / "repository"}"\n[paths]\nroot = "{folder / "root"}"\n{more}'
    )
    path.chmod(0o600)
    return path
