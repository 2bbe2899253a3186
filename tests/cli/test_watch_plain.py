"""`watch --plain`: one changed line at a time that can be read aloud."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from tests.support.command import invoke
from tests.support.operator_command import operator_on_fleet


async def test_each_line_is_ascii_begins_with_what_is_bad_and_ends_with_the_time(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        operator.edit('interval = "5s"', 'interval = "1s"')
        process = await operator.start("watch", "--plain")
        assert process.stdout is not None
        lines: list[str] = []
        async with asyncio.timeout(60):
            while not any(line.startswith("warning: rune-engine: ") for line in lines):
                lines.append((await process.stdout.readline()).decode())
        process.send_signal(signal.SIGTERM)
        rest, errors = await asyncio.wait_for(process.communicate(), 20)
        lines += rest.decode().splitlines(keepends=True)
    assert errors == b""
    assert process.returncode == 0
    assert all(line.isascii() and line.endswith(" UTC\n") and "\x1b" not in line for line in lines)
    assert lines[-1].startswith("the watch has ended; ")


def test_two_forms_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    finished = invoke(capsys, "watch", "--plain", "--json")
    assert finished.code == 2
    assert "not both" in finished.errors
