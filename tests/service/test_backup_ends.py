"""How a backup ends: also one that was resumed after its set was complete has sizes, bill and the next command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from quri_console.backup.browse import open_backup
from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.effects.operation_files import OperationRequest, Outcome
from quri_console.errors import ExitCode
from quri_console.render.ends import backup_end_lines
from quri_console.render.spans import plain
from quri_console.service.backups import already_committed, end_of_backup
from tests.support.backups import repository_in, write_backup
from tests.support.consoles import console_without_network

REQUEST = OperationRequest("20250615T150640Z-backup-0001", "backup", 5 * NANOSECONDS_PER_SECOND, "", "local", (), "")


def test_a_backup_that_was_complete_already_ends_like_any_other(tmp_path: Path) -> None:
    session = console_without_network(tmp_path).session
    repository = repository_in(session.config.repository.path)
    name = write_backup(repository)
    finished = already_committed(open_backup(repository).manifest)
    outcome = Outcome(finished.exit_code, 8 * NANOSECONDS_PER_SECOND, finished.what, result=finished.result)
    result = end_of_backup(session, REQUEST, outcome)
    assert (result["duration_seconds"], result["first"], result["encryption"]) == (3.0, True, "none")
    assert result["next"] == f"quri-console verify {name}"
    (entry,) = result["canisters"]
    assert result["state_bytes"] == entry["state_bytes"] > 0
    shown = [plain(line) for line in backup_end_lines(result)]
    assert shown[0].startswith("  rune-engine: ")
    assert "stored" not in shown[1]


def test_a_backup_that_failed_has_only_its_own_next_step(tmp_path: Path) -> None:
    session = console_without_network(tmp_path).session
    outcome = Outcome(ExitCode.NETWORK, 0, "It failed", next_step="Try again.")
    assert end_of_backup(session, REQUEST, outcome) == {"next": "Try again."}
    assert end_of_backup(session, REQUEST, replace(outcome, result={"x": 1})) == {"x": 1, "next": "Try again."}
