"""A canister is brought back from a snapshot directory that was imported, in a repository that knew nothing of it."""

from __future__ import annotations

import shutil
from pathlib import Path

from quri_console.ic.agent import Agent
from quri_console.ic.encoding.candid import Types, decode, encode
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.identity import load_identity
from tests.support.operator_command import operator_on_fleet

NAME = "rune-engine"


async def test_an_imported_snapshot_brings_the_canister_back(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        canister = Principal.from_str(operator_id(operator.config))
        identity = load_identity(tmp_path / "controller.pem")
        async with Agent(operator.net.url, root_key=operator.net.root_key, identity=identity) as agent:

            async def digest() -> int:
                return int(decode(await agent.query(canister, "digest", encode([], [])), [Types.Nat64])[0])

            good = await digest()
            assert (await operator("backup", NAME)).code == 0
            directory = tmp_path / NAME
            exported = await operator("export", "latest", NAME, "--to", str(directory))
            assert exported.code == 0, exported.errors
            shutil.rmtree(operator.repository)
            await agent.update(canister, "corrupt", encode([Types.Nat], [3]))
            assert await digest() != good
            imported = await operator("import", str(directory))
            assert imported.code == 0, imported.errors
            restored = await operator(
                "restore", NAME, "--from", "latest", "--confirm", f"local/{NAME}", "--reason", "test"
            )
            assert restored.code == 0, restored.errors
            assert await digest() == good


def operator_id(config: Path) -> str:
    from quri_console.config import load_config

    return load_config(config).canister(NAME).id
