from __future__ import annotations

from pathlib import Path

import pytest

from quri_console.effects.operation_files import OperationFiles, OperationRequest
from quri_console.errors import CorruptionError
from quri_console.service.following import follow, operations
from tests.support.consoles import console_without_network


def request(identifier: str) -> OperationRequest:
    return OperationRequest(identifier, "restore", 1, "", "local", ("registry",), "operate")


@pytest.mark.parametrize("damaged_file", ["request.json", "journal.jsonl", "outcome.json"])
def test_a_damaged_operation_is_named_and_hides_no_other(tmp_path: Path, damaged_file: str) -> None:
    session = console_without_network(tmp_path).session
    folder = session.config.paths.operations
    OperationFiles.create(folder, request("20250615T150640Z-restore-0001"))
    broken = OperationFiles.create(folder, request("20250615T150641Z-restore-0002"))
    (broken.directory / damaged_file).write_text("{\n{\n")
    newest, oldest = operations(session)
    assert (oldest.id, oldest.state) == ("20250615T150640Z-restore-0001", "interrupted")
    assert (newest.id, newest.state) == ("20250615T150641Z-restore-0002", "damaged")
    assert newest.outcome is not None
    assert damaged_file in newest.outcome.what
    with pytest.raises(CorruptionError):
        follow(session, newest.id).summary()
