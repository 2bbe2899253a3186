"""A group that one operation left half-way, and what another one makes of that."""

from __future__ import annotations

from pathlib import Path

import pytest

from quri_console.clock import ManualClock
from quri_console.effects.calls import LOAD_SNAPSHOT
from quri_console.effects.journal import JOURNAL_NAME, Journal
from quri_console.effects.operation_files import OperationFiles, OperationRequest, Outcome
from quri_console.effects.operation_summary import Mixed
from quri_console.effects.replay import DONE, INTENT, OUTCOME, STATUS_BEFORE
from quri_console.errors import ExitCode
from quri_console.service.mixed import mixed_group

GROUP = ("pig", "hen")
HALF_WAY = "20250615T150640Z-restore-7777"
LOADED_NS = ManualClock().now_ns()


def operation(
    folder: Path, identifier: str, canisters: tuple[str, ...] = GROUP, network: str = "local"
) -> OperationFiles:
    request = OperationRequest(identifier, "restore", LOADED_NS, "", network, canisters, "operate")
    return OperationFiles.create(folder, request)


@pytest.fixture
def half_way(tmp_path: Path) -> OperationFiles:
    """One canister was loaded, and the process died before the other."""
    files = operation(tmp_path, HALF_WAY)
    journal = Journal(files.directory / JOURNAL_NAME, clock=ManualClock())
    for canister in GROUP:
        journal.append(STATUS_BEFORE, canister=canister, status="running")
    intent = journal.append(INTENT, effect=LOAD_SNAPSHOT.name, canister="pig", snapshot_id="aa")
    journal.append(OUTCOME, intent=intent.sequence, outcome=DONE)
    journal.close()
    return files


def mixed(files: OperationFiles) -> Mixed | None:
    return mixed_group(files.directory, files.request(), files.outcome(), {})


def test_it_is_told_until_it_is_put_right(half_way: OperationFiles) -> None:
    assert mixed(half_way) == Mixed("restore", ("pig",), ("hen",))


@pytest.mark.parametrize("name", ["20250615T150640Z-restore-0001", "20250615T150640Z-restore-9999"])
def test_one_of_the_same_second_puts_it_right_whatever_its_name_ends_with(half_way: OperationFiles, name: str) -> None:
    other = operation(half_way.directory.parent, name)
    assert mixed(half_way) is not None
    other.write_outcome(Outcome(ExitCode.OK, LOADED_NS + 5))
    assert mixed(half_way) is None


@pytest.mark.parametrize(
    ("canisters", "network", "finished_ns"),
    [(GROUP, "local", LOADED_NS - 1), (("pig",), "local", LOADED_NS + 5), (GROUP, "staging", LOADED_NS + 5)],
    ids=["ended before it was resumed", "a part of the group", "another network"],
)
def test_what_does_not_put_it_right_hides_nothing(
    half_way: OperationFiles, canisters: tuple[str, ...], network: str, finished_ns: int
) -> None:
    other = operation(half_way.directory.parent, "20250615T150641Z-restore-0001", canisters, network)
    other.write_outcome(Outcome(ExitCode.OK, finished_ns))
    assert mixed(half_way) is not None
