"""A group is restored or rolled back as one, whatever goes wrong at the calls of its first or second member."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.support.fault_cells import FAULTS, METHODS, RESTORE, ROLLBACK, Cell
from tests.support.group_stage import group_stage, play_for_group

CELLS = [
    Cell(operation, method, fault, first=first)
    for operation in (RESTORE, ROLLBACK)
    for method in METHODS[operation]
    for fault in FAULTS
    for first in (1, 2)
]
DANGEROUS = [
    Cell(RESTORE, "load_canister_snapshot", "killed after", first=1),
    Cell(RESTORE, "load_canister_snapshot", "IC0207", first=2),
    Cell(RESTORE, "load_canister_snapshot", "rebooted before", first=2),
    Cell(RESTORE, "start_canister", "killed after", first=1),
    Cell(RESTORE, "take_canister_snapshot", "IC0207", first=2),
    Cell(RESTORE, "stop_canister", "IC0207", first=2),
    Cell(ROLLBACK, "load_canister_snapshot", "IC0207", first=2),
    Cell(ROLLBACK, "load_canister_snapshot", "killed before", first=2),
    # the way back met the same outage, and was not tried again when it was over
    Cell(RESTORE, "load_canister_snapshot", "network gone before", first=2),
]
OTHERS = [cell for cell in CELLS if cell not in DANGEROUS]
random.Random(6).shuffle(OTHERS)


@pytest.mark.parametrize("cell", DANGEROUS, ids=str)
async def test_the_members_of_a_group_agree_whatever_goes_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cell: Cell
) -> None:
    async with group_stage(tmp_path, monkeypatch) as opened:
        await play_for_group(opened, cell)


@pytest.mark.sweep
@pytest.mark.parametrize("cell", OTHERS, ids=str)
async def test_the_rest_of_the_group_matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cell: Cell) -> None:
    async with group_stage(tmp_path, monkeypatch) as opened:
        await play_for_group(opened, cell)
