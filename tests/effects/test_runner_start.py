"""What is asked of a new runner reaches no runner that somebody else has just started."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from quri_console.effects.operation_files import OperationFiles, OperationRequest
from quri_console.effects.runner import BRING_BACK, Key, start_runner
from quri_console.errors import LockedError


def test_nothing_is_asked_of_an_operation_whose_runner_lives(tmp_path: Path) -> None:
    request = OperationRequest("one", "restore", 0, "", "local", ("pig",), "operate")
    files = OperationFiles.create(tmp_path, request)
    lock = files.lock_runner()
    assert lock is not None
    with pytest.raises(LockedError):
        start_runner(files, "json.tool", Key(b""), begin=lambda: files.ask(BRING_BACK))
    assert not files.asked(BRING_BACK)
    os.close(lock)


def test_a_beginning_that_fails_leaves_the_operation_free(tmp_path: Path) -> None:
    files = OperationFiles.create(tmp_path, OperationRequest("one", "restore", 0, "", "local", (), "operate"))

    def begin() -> None:
        raise LockedError("it has ended meanwhile")

    with pytest.raises(LockedError, match="meanwhile"):
        start_runner(files, "json.tool", Key(b""), begin=begin)
    assert not files.runner_lives()
