"""What a second rollback of an operation is told, whatever became of the first."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.console import Console
from quri_console.effects.operation_files import OperationFiles, OperationRequest, Outcome
from quri_console.errors import ExitCode, LockedError, RefusedBySafetyRule, UsageError
from quri_console.restore.swap_target import OLD_STATE
from quri_console.service.following import follow, named, rollbacks
from quri_console.service.rolled_back import require_not_rolled_back
from tests.support.consoles import FLEET, console_without_network

RESTORE = "20250615T150640Z-restore-0001"
FIRST, SECOND = "20250615T150641Z-rollback-0002", "20250615T150642Z-rollback-0003"
FAILED = "20250615T150643Z-restore-0004"
AT_NS = 1_750_000_000 * NANOSECONDS_PER_SECOND


def operation(console: Console, identifier: str, *, undoes: str = "", network: str = "local") -> OperationFiles:
    kind = identifier.split("-")[1]
    parameters = {"operation": undoes} if undoes else {}
    request = OperationRequest(identifier, kind, 1, "", network, ("registry",), "operate", parameters=parameters)
    return OperationFiles.create(console.config.paths.operations, request)


def done(files: OperationFiles, *, rolled_back: str = "") -> None:
    result = {"rolled_back": rolled_back} if rolled_back else {}
    files.write_outcome(Outcome(ExitCode.OK, AT_NS, result=result))


@pytest.fixture
def console(tmp_path: Path) -> Console:
    console = console_without_network(tmp_path)
    done(operation(console, RESTORE))
    return console


def test_it_is_told_which_operation_did_it_and_when(console: Console) -> None:
    done(operation(console, FIRST, undoes=RESTORE))
    with pytest.raises(RefusedBySafetyRule) as refusal:
        require_not_rolled_back(follow(console.session, RESTORE))
    assert refusal.value.what == f"{RESTORE} was already rolled back, by {FIRST} on 2025-06-15 at 15:06:40 UTC"
    assert refusal.value.next_step == f"To undo that: quri-console rollback {FIRST} --dry-run"
    require_not_rolled_back(follow(console.session, FIRST))


def test_the_outcome_tells_what_an_older_rollback_undid(console: Console) -> None:
    done(operation(console, FIRST), rolled_back=RESTORE)
    assert rollbacks(console.config.paths.operations)[RESTORE].id == FIRST


def test_a_chain_of_rollbacks_leads_to_its_newest(console: Console) -> None:
    done(operation(console, FIRST, undoes=RESTORE))
    done(operation(console, SECOND, undoes=FIRST))
    with pytest.raises(RefusedBySafetyRule) as refusal:
        require_not_rolled_back(follow(console.session, RESTORE))
    assert f"by {FIRST} on" in refusal.value.what
    assert f"quri-console rollback {SECOND} --dry-run" in refusal.value.next_step


def test_an_interrupted_one_is_resumed_first(console: Console) -> None:
    operation(console, FIRST, undoes=RESTORE)
    with pytest.raises(RefusedBySafetyRule, match="half rolled back") as refusal:
        require_not_rolled_back(follow(console.session, RESTORE))
    assert f"operations resume {FIRST}" in refusal.value.next_step


def test_one_that_runs_is_followed(console: Console) -> None:
    lock = operation(console, FIRST, undoes=RESTORE).lock_runner()
    assert lock is not None
    with pytest.raises(LockedError, match=f"{FIRST} is rolling"):
        require_not_rolled_back(follow(console.session, RESTORE))
    os.close(lock)


@pytest.mark.parametrize("code", [ExitCode.FAILED, ExitCode.CANCELLED, ExitCode.NETWORK])
def test_one_that_came_to_nothing_is_in_nobodys_way(console: Console, code: ExitCode) -> None:
    operation(console, FIRST, undoes=RESTORE).write_outcome(Outcome(code, AT_NS))
    require_not_rolled_back(follow(console.session, RESTORE))
    assert follow(console.session, RESTORE).summary().rolled_back is None


def test_a_damaged_rollback_hides_no_other(console: Console) -> None:
    done(operation(console, FIRST, undoes=RESTORE))
    (operation(console, SECOND, undoes=FIRST).directory / "request.json").write_text("{")
    assert list(rollbacks(console.config.paths.operations)) == [RESTORE]


async def test_a_restore_on_another_network_is_not_looked_for_on_this_one(tmp_path: Path) -> None:
    config = console_without_network(tmp_path).config.path
    text = config.read_text()
    config.write_text(f'{text}[networks.other]\nurl = "http://127.0.0.1:9"\nroot_key = "fetch"\n')
    console = Console.open(config_path=config)
    done(operation(console, RESTORE, network="other"))
    with pytest.raises(UsageError) as failure:
        await console.plan_rollback(RESTORE)
    assert f"--network other rollback {RESTORE}" in failure.value.next_step


async def test_a_restore_that_left_the_old_state_is_not_rolled_back(console: Console) -> None:
    result = {"state": OLD_STATE, "safety_snapshot": "ab" * 18}
    operation(console, FAILED).write_outcome(Outcome(ExitCode.FAILED, AT_NS, result=result))
    with pytest.raises(RefusedBySafetyRule, match="replaced nothing") as refusal:
        await console.plan_rollback(FAILED)
    assert f"restore registry --from snapshot:{'ab' * 18}" in refusal.value.next_step


def test_a_canister_is_named_as_configured_with_its_id(console: Console) -> None:
    assert named(console.config, FLEET["registry"]) == f"registry ({FLEET['registry']})"
    assert named(console.config, "aaaaa-aa") == "aaaaa-aa"
