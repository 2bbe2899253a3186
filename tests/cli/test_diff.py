"""`quri-console diff` as an operator runs it, on the demo fleet of a local network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quri_console.ic.agent import Agent
from quri_console.ic.encoding import candid
from quri_console.ic.encoding.candid import Types
from quri_console.ic.encoding.principal import parse_principal
from quri_console.ic.identity import load_identity
from quri_console.ic.management import change, snapshot_change
from quri_console.ic.management.types import SettingsChange
from quri_console.ic.prepared import perform
from quri_console.localnet.demo_fleet import FLEET
from tests.support.operator_command import Operator, operator_on_fleet
from tests.support.typed_commands import typed

NAME, OTHER = "rune-engine", "registry"
IDS = {item.name: parse_principal(item.id) for item in FLEET}
CANISTER = IDS[NAME]


class Scene:
    """An operator with a backup of two canisters, and the means to change one of them."""

    def __init__(self, operator: Operator, agent: Agent, backup: str) -> None:
        self.operator = operator
        self.agent = agent
        self.backup = backup

    async def change(self) -> None:
        """Another memory and another setting."""
        await self.agent.update(CANISTER, "corrupt", candid.encode([Types.Nat], [3]))
        await perform(self.agent, change.update_settings(CANISTER, SettingsChange(freezing_threshold=604_800)))

    async def snapshot(self) -> str:
        """The id of a new snapshot on chain."""
        return (await perform(self.agent, snapshot_change.take_canister_snapshot(CANISTER))).id.hex()


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with operator_on_fleet(tmp_path) as operator:
        identity = load_identity(tmp_path / "controller.pem")
        async with Agent(operator.net.url, root_key=operator.net.root_key, identity=identity) as agent:
            backup = await operator("backup", NAME, OTHER)
            assert backup.code == 0, backup.errors
            yield Scene(operator, agent, operator.backups()[0])


async def test_a_whole_backup_is_compared_with_the_live_canisters_and_nothing_is_changed(scene: Scene) -> None:
    await scene.change()
    on_network = scene.operator.net.network.subnet.get(CANISTER.bytes)
    before = (on_network.snapshots_made, on_network.run_state)
    found = await scene.operator("--read-only", "diff", "latest", "live")
    assert found.code == 0, found.errors
    assert f"left   {scene.backup}/{NAME}, taken" in found.output
    assert "freezing threshold 30 d → 7 d" in found.output
    assert "no difference in what could be compared" in found.output  # the other one
    assert "not compared: heap, stable memory" in found.output
    assert max(map(len, found.output.splitlines())) <= 80
    assert (on_network.snapshots_made, on_network.run_state) == before


async def test_the_pages_that_a_mistake_changed_are_found_between_two_backups(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.change()
    assert (await scene.operator("backup", NAME)).code == 0
    found = await scene.operator("diff", scene.backup, f"latest/{NAME}", "--only", "memory", "--pages")
    assert found.code == 0, found.errors
    assert "differs in memory" in found.output
    assert "Settings" not in found.output
    assert [line for line in found.output.splitlines() if line.startswith("    page")]
    document = (await scene.operator("diff", f"{scene.backup}/{NAME}", "latest", "--json")).json()
    comparison = document["comparisons"][0]
    assert 0 < comparison["memory"]["heap"]["changed_bytes"] < comparison["memory"]["heap"]["left_bytes"]
    assert comparison["module"]["sha256"]["left"] == comparison["module"]["sha256"]["right"]
    assert (await scene.operator("diff", scene.backup, "latest", "--json")).json()["only_left"] == [OTHER]
    # a terminal that cannot draw blocks gets plain characters
    monkeypatch.setenv("PYTHONIOENCODING", "ascii:replace")
    plain = await scene.operator("diff", f"{scene.backup}/{NAME}", "latest", "--only", "memory")
    assert [line for line in plain.output.splitlines() if line.startswith("    .") and "?" not in line]


async def test_the_exit_code_tells_differences_only_when_it_is_asked_to(scene: Scene) -> None:
    await scene.change()
    assert (await scene.operator("diff", "latest", "live", "--only", "settings")).code == 0
    assert (await scene.operator("diff", "latest", "live", "--only", "settings", "--exit-code")).code == 1
    assert (await scene.operator("diff", f"latest/{OTHER}", "live", "--exit-code")).code == 0
    assert (await scene.operator("diff", f"latest/{NAME}", "live", "--only", "interface", "--exit-code")).code == 0


async def test_a_snapshot_on_chain_is_read_only_when_its_bill_is_accepted(scene: Scene) -> None:
    await scene.change()
    side = f"snapshot:{await scene.snapshot()}"
    refused = await scene.operator("diff", f"latest/{NAME}", side)
    assert refused.code == 2
    assert "costs ≈" in refused.errors
    assert "--yes" in refused.errors
    read = await scene.operator("diff", f"latest/{NAME}", side, "--yes", "--json")
    assert read.code == 0, read.errors
    comparison = read.json()["comparisons"][0]
    assert comparison["differing_parts"] == ["memory"]
    assert comparison["right"]["origin"] == "snapshot"
    assert '"phase": "read heap"' in read.errors
    free = await scene.operator("diff", f"latest/{NAME}", side, "--only", "settings")
    assert free.code == 0, free.errors


async def test_a_terminal_is_asked_before_a_snapshot_is_read(scene: Scene) -> None:
    side = f"snapshot:{NAME}/{await scene.snapshot()}"
    arguments: list[str | Path] = ["--config", scene.operator.config, "diff", side, f"latest/{NAME}"]
    for answer, code in (("n", 130), ("y", 0)):
        ended, shown = await asyncio.to_thread(typed, arguments, [("Read it?", answer)])
        assert ended == code, shown
        assert ("Memory" in shown) == (code == 0)


REFUSALS: tuple[tuple[tuple[str, ...], int], ...] = (
    (("latest",), 2),
    (("latest", "./nothing"), 2),
    (("latest/nobody", "live"), 2),
    (("live:nobody", "latest"), 2),
    (("live", "live"), 2),
    (("20200101T000000Z", "live"), 10),
    (("latest", f"snapshot:{NAME}/ffff"), 2),
    (("latest", "live", "--only", "everything"), 2),
)


async def test_what_cannot_be_compared_is_refused_in_words(scene: Scene) -> None:
    for arguments, code in REFUSALS:
        refused = await scene.operator("diff", *arguments)
        assert refused.code == code, refused.output + refused.errors
        assert "Traceback" not in refused.errors
