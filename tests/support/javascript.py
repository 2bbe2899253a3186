"""The official JavaScript agent against a local network."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from quri_console.ic.encoding import candid
from quri_console.ic.encoding.principal import Principal
from tests.support.icp import AGENT_PACKAGE, NODE_MODULES_VARIABLE, node_modules, require_package
from tests.support.networks import LocalNetwork
from tests.support.raw_client import key_from_pem

SCRIPT = Path(__file__).parent.parent / "interop" / "agent.cjs"
MANAGEMENT = "aaaaa-aa"


def step(kind: str, canister: bytes, method: str = "", argument: bytes | None = None, **more: Any) -> dict[str, Any]:
    """A call by the agent; `management=True` sends it to the management canister by the canister's route."""
    text = Principal(canister).to_str()
    return {
        "kind": kind,
        "canister": MANAGEMENT if more.get("management") else text,
        "effective": text,
        "method": method,
        "argument": (candid.encode([], []) if argument is None else argument).hex(),
    }


@dataclass(frozen=True)
class JavascriptAgent:
    """The agent with the controller's key; `options` are those of the plan in agent.cjs."""

    net: LocalNetwork
    fetch_root_key: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    async def run(self, *steps: dict[str, Any]) -> Sequence[dict[str, Any]]:
        """What each step gave: `{"value": …}` or `{"error": …}`; skips where node or the agent is missing."""
        require_package(AGENT_PACKAGE)
        node = shutil.which("node")
        if node is None:
            pytest.skip("node is not installed")
        key = key_from_pem(self.net.controller.pem)
        assert isinstance(key, Ed25519PrivateKey)
        secret = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        plan = {
            "url": self.net.url,
            "rootKey": None if self.fetch_root_key else self.net.root_key.hex(),
            "secretKey": secret.hex(),
            "steps": steps,
            **self.options,
        }
        process = await asyncio.create_subprocess_exec(
            node,
            str(SCRIPT),
            env={**os.environ, NODE_MODULES_VARIABLE: str(node_modules())},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate(json.dumps(plan).encode())
        if process.returncode:
            pytest.fail(f"the agent ended with {process.returncode}:\n{err.decode()}")
        results: Sequence[dict[str, Any]] = json.loads(out)
        return results
