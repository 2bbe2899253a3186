"""Every command block of the runbook does what its page says, on a local network in front of that disaster."""

from __future__ import annotations

from pathlib import Path

import pytest

from quri_console.drill.incidents import CANISTER
from quri_console.drill.pages import blocks_of
from tests.runbook.outcomes import look
from tests.runbook.scenes import SCENES, Stage, scenes_of_sections, stage


def _cycles(prepared: Stage) -> int:
    found = prepared.operator.net.network.subnet.canisters.get(CANISTER.bytes)
    return 0 if found is None else found.cycles


@pytest.mark.parametrize(("section", "scene"), scenes_of_sections(), ids=str)
async def test_the_commands_of_a_page_do_what_it_says(section: str, scene: str, tmp_path: Path) -> None:
    async with stage(scene, tmp_path) as prepared:
        for block in blocks_of(section, scene):
            for line in block.lines:
                before = _cycles(prepared)
                ended = await prepared.shell(line)
                told = f"{section}: {line}\n{ended.output}\n{ended.errors}"
                assert ended.code in block.exits, f"{ended.code} from {told}"
                await look(line, ended, prepared, before)


def test_every_scene_is_played_by_some_page() -> None:
    assert {scene for _, scene in scenes_of_sections()} == SCENES
