"""Every call of a restore and of a rollback × everything that can go wrong there; judged by the network, not by us."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.support.fault_cells import FAULTS, FROM_CHAIN, RESTORE, Cell, all_cells
from tests.support.fault_matrix import play
from tests.support.fault_stage import stage

SEED = 5
SAMPLE = 32
FOUND = [
    # the only sweep that ever ran to its end found that nobody deleted these snapshots again
    Cell(RESTORE, "delete_canister_snapshot", "killed before"),
    Cell(FROM_CHAIN, "delete_canister_snapshot", "rebooted before"),
]
"""Cells that went wrong once."""


def _sample() -> list[Cell]:
    """A deterministic choice in which every fault and every call comes up."""
    cells = all_cells()
    random.Random(SEED).shuffle(cells)
    chosen: list[Cell] = []
    for name in FAULTS:
        chosen += [cell for cell in cells if cell.fault == name][: SAMPLE // len(FAULTS)]
    missing = {(cell.operation, cell.method) for cell in cells} - {(cell.operation, cell.method) for cell in chosen}
    chosen += [next(cell for cell in cells if (cell.operation, cell.method) == pair) for pair in sorted(missing)]
    return [*chosen, *(cell for cell in FOUND if cell not in chosen)]


SAMPLED = _sample()
OTHERS = [cell for cell in all_cells() if cell not in SAMPLED]


@pytest.mark.parametrize("cell", SAMPLED, ids=str)
async def test_whatever_goes_wrong_the_canister_is_whole_and_the_job_can_be_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cell: Cell
) -> None:
    async with stage(tmp_path, monkeypatch) as opened:
        await play(opened, cell)


@pytest.mark.sweep
@pytest.mark.parametrize("cell", OTHERS, ids=str)
async def test_the_rest_of_the_matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cell: Cell) -> None:
    async with stage(tmp_path, monkeypatch) as opened:
        await play(opened, cell)
