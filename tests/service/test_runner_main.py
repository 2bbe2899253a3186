"""The runner believes neither the configuration nor a name: an operation belongs to the network it began on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from quri_console.clock import SystemClock
from quri_console.effects.journal import JOURNAL_NAME, Journal
from quri_console.effects.operation_files import OperationFiles, OperationRequest
from quri_console.effects.runner import Key, Running
from quri_console.errors import RefusedBySafetyRule
from quri_console.ic.encoding.principal import parse_principal
from quri_console.localnet.configuration import Controller
from quri_console.localnet.signing import NetworkKeys
from quri_console.progress import NoProgress
from quri_console.restore.plan import plan_hash, write_plan
from quri_console.restore.rollback import RollbackMember, RollbackPlan
from quri_console.service.runner_main import work

CANISTER = "pkrpq-5qaaa-aaaah-aroda-cai"
ELSEWHERE = "ab" * 32


@pytest.fixture
def journals() -> Iterator[list[Journal]]:
    opened: list[Journal] = []
    yield opened
    for journal in opened:
        journal.close()


def _operation(folder: Path, name: str, journals: list[Journal], *, kind: str, plan_hash: str = "") -> Running:
    """An operation on a network of which only the root key exists: nothing answers there."""
    root_key = NetworkKeys.make(delegated=False).root.public_key_der
    config = folder / "config.toml"
    config.write_text(
        f'[networks.local]\nurl = "http://127.0.0.1:9"\nroot_key = "{root_key.hex()}"\nproduction = false\n'
        f'[canisters.pig]\nid = "{CANISTER}"\n[paths]\nroot = "{folder / "root"}"\n'
    )
    request = OperationRequest(
        name, kind, 0, str(config), "local", ("pig",), "operate", confirmation="local/pig", plan_hash=plan_hash
    )
    files = OperationFiles.create(folder / "operations", request)
    journal = Journal(files.directory / JOURNAL_NAME)
    journals.append(journal)
    return Running(request, files, Key(Controller.make().pem), journal, NoProgress(), SystemClock())


async def test_an_operation_is_resumed_only_on_the_network_that_it_began_on(
    tmp_path: Path, journals: list[Journal]
) -> None:
    running = _operation(tmp_path, "resumed", journals, kind="backup")
    running.journal.append("admitted", root_key_sha256=ELSEWHERE)
    with pytest.raises(RefusedBySafetyRule, match="is not the network that this was planned for"):
        await work(running)


async def test_a_restore_is_rolled_back_only_on_its_own_network(tmp_path: Path, journals: list[Journal]) -> None:
    restore = _operation(tmp_path, "restored", journals, kind="restore")
    restore.journal.append("admitted", root_key_sha256=ELSEWHERE)
    member = RollbackMember(parse_principal(CANISTER), "pig", bytes(8), None)
    plan = RollbackPlan("local", "pig", "restored", (member,), stop_timeout_seconds=60)
    running = _operation(tmp_path, "back", journals, kind="rollback", plan_hash=plan_hash(plan))
    write_plan(running.files.directory, plan)
    with pytest.raises(RefusedBySafetyRule, match="is not the network that this was planned for"):
        await work(running)
