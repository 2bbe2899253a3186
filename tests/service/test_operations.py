from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.effects.operation_files import OperationFiles, OperationRequest
from quri_console.errors import RefusedBySafetyRule
from tests.render.test_restore_plan import PLAN
from tests.support.consoles import console_without_network


@pytest.mark.parametrize("verb", ["resume", "abort"])
def test_a_read_only_console_leaves_other_peoples_operations_alone(tmp_path: Path, verb: str) -> None:
    console = console_without_network(tmp_path, read_only=True)
    request = OperationRequest(
        "20250124T020000Z-backup-1f3a", "backup", 0, str(tmp_path / "config.toml"), "local", ("registry",), "backup"
    )
    files = OperationFiles.create(console.config.paths.operations, request)
    lock = files.lock_runner()  # as a runner that works on it holds it
    with pytest.raises(RefusedBySafetyRule, match="this console is read-only"):
        getattr(console, verb)("latest")
    assert lock is not None
    assert not files.asked("abort")


async def test_a_plan_that_expired_while_it_was_being_confirmed_is_not_carried_out(tmp_path: Path) -> None:
    console = console_without_network(tmp_path)
    with pytest.raises(RefusedBySafetyRule, match="has expired"):
        await console.start_restore(replace(PLAN, expires_at_ns=1), confirmation=f"local/{PLAN.name}")
    (event,) = [event for event in console.audit_events() if event["action"] == "refused"]
    assert "has expired" in event["result"]
    assert console.operations() == ()
