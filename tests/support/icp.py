"""The official `icp` command line against a local network."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

NODE_MODULES_VARIABLE = "QURI_NODE_MODULES"
ICP_PACKAGE = "@icp-sdk/icp-cli-linux-x64"
AGENT_PACKAGE = "@icp-sdk/core"


def node_modules() -> Path:
    """Where the official clients are installed; `.ci/run` puts them there."""
    configured = os.environ.get(NODE_MODULES_VARIABLE)
    if configured:
        return Path(configured)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "quri-console-interop" / "node_modules"


def require_package(name: str) -> Path:
    """The folder of an npm package; skips the test by name where it is missing."""
    folder = node_modules() / name
    if not folder.is_dir():
        pytest.skip(f"npm package {name} is not installed below {node_modules()} (see {NODE_MODULES_VARIABLE})")
    return folder


@dataclass(frozen=True)
class Result:
    """How a run of the client ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Icp:
    """One home folder of the client, pointed at one network."""

    binary: Path
    home: Path
    network: tuple[str, ...] = ()

    @classmethod
    async def install(cls, home: Path) -> Icp:
        """A fresh home that calls nobody but us; skips where the client is missing."""
        icp = cls(require_package(ICP_PACKAGE) / "bin" / "icp", home)
        await icp("settings", "update-check", "false", everywhere=False)
        return icp

    def on(self, url: str, root_key: bytes | None) -> Icp:
        """The same home on a network; without a key the client fetches it."""
        return Icp(self.binary, self.home, ("-n", url, "-k", root_key.hex() if root_key else "fetch"))

    def environment(self) -> Mapping[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RUST_", "ICP_"))}
        quiet = {"ICP_TELEMETRY_DISABLED": "1", "DO_NOT_TRACK": "1", "CI": "1"}
        return {**kept, **quiet, "ICP_HOME": str(self.home), "HOME": str(self.home)}

    async def run(self, *arguments: str, everywhere: bool = True) -> Result:
        """Run it to its end; `everywhere=False` leaves the network out (identity and settings commands)."""
        process = await asyncio.create_subprocess_exec(
            str(self.binary),
            *arguments,
            *(self.network if everywhere else ()),
            env=dict(self.environment()),
            cwd=self.home,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode is not None
        return Result(process.returncode, out.decode(), err.decode())

    async def __call__(self, *arguments: str, everywhere: bool = True) -> Result:
        """Run it and fail the test unless it succeeds."""
        result = await self.run(*arguments, everywhere=everywhere)
        if result.code:
            pytest.fail(f"icp {' '.join(arguments)} ended with {result.code}:\n{result.out}{result.err}")
        return result

    async def refused(self, *arguments: str) -> str:
        """Run it, expect it to fail, and return what it says."""
        result = await self.run(*arguments)
        assert result.code == 1, result.out
        return result.err
