from __future__ import annotations

import os
from pathlib import Path

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.effects.operation_files import OperationFiles, OperationRequest, Outcome
from quri_console.errors import ExitCode
from quri_console.service.interrupted import interrupted_notice
from tests.support.consoles import console_without_network

CREATED_NS = 1_750_000_000 * NANOSECONDS_PER_SECOND
LATER_NS = CREATED_NS + 60 * NANOSECONDS_PER_SECOND


def request(identifier: str, network: str) -> OperationRequest:
    return OperationRequest(identifier, "restore", CREATED_NS, "", network, ("registry",), "operate")


def test_an_operation_that_died_is_named_until_it_has_an_outcome(tmp_path: Path) -> None:
    config = console_without_network(tmp_path).config
    assert interrupted_notice(config, "local", LATER_NS) == ""
    files = OperationFiles.create(config.paths.operations, request("20250615T150640Z-restore-0001", "local"))
    assert "operations resume 20250615T150640Z-restore-0001" in interrupted_notice(config, "local", LATER_NS)
    files.write_outcome(Outcome(ExitCode.FAILED, LATER_NS, "it failed"))
    assert interrupted_notice(config, "local", LATER_NS) == ""


def test_several_operations_that_died_are_named_in_the_plural(tmp_path: Path) -> None:
    config = console_without_network(tmp_path).config
    for number in (4, 5):
        OperationFiles.create(config.paths.operations, request(f"20250615T150640Z-restore-000{number}", "local"))
    assert "0004 and 20250615T150640Z-restore-0005 died before their end" in interrupted_notice(
        config, "local", LATER_NS
    )


def test_operations_that_live_are_young_or_belong_elsewhere_are_no_news(tmp_path: Path) -> None:
    config = console_without_network(tmp_path).config
    files = OperationFiles.create(config.paths.operations, request("20250615T150640Z-restore-0002", "local"))
    assert interrupted_notice(config, "local", CREATED_NS + NANOSECONDS_PER_SECOND) == ""
    assert interrupted_notice(config, "ic", LATER_NS) == ""
    lock = files.lock_runner()
    assert lock is not None
    assert interrupted_notice(config, "local", LATER_NS) == ""
    os.close(lock)
    assert interrupted_notice(config, "local", LATER_NS) != ""


def test_a_request_that_cannot_be_read_hides_no_fleet(tmp_path: Path) -> None:
    config = console_without_network(tmp_path).config
    files = OperationFiles.create(config.paths.operations, request("20250615T150640Z-restore-0003", "local"))
    (files.directory / "request.json").write_text("{")
    assert interrupted_notice(config, "local", LATER_NS) == ""
