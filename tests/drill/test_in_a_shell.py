"""Drills that people solve in a shell, well or badly: what they did is what is told."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.operator_command import Ended


def kept() -> list[dict[str, Any]]:
    """The records in the operator's own state folder."""
    folder = Path(os.environ["XDG_STATE_HOME"]) / "quri-console" / "drills"
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "quri_console", "drill", "start", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "SHELL": "/bin/bash"},
    )


async def played(name: str, *lines: str, options: tuple[str, ...] = ("--shell",)) -> Ended:
    """Play a drill by typing these lines into its shell."""
    process = await start(name, *options)
    output, errors = await asyncio.wait_for(process.communicate("\n".join([*lines, "exit", ""]).encode()), 200)
    assert process.returncode is not None
    return Ended(process.returncode, output.decode(), errors.decode())


async def test_wrong_turns_are_told_and_count_no_less_when_all_ends_well() -> None:
    ended = await played(
        "failed-upgrade",
        "quri-console backup rune-engine --reason evidence",
        "quri-console restore rune-engine --from latest --confirm local/rune-engine",
        "quri-console topup registry 1T",
        "quri-console restore rune-engine --from $GOOD --confirm local/registry",
        "quri-console restore rune-engine --from $GOOD --start --confirm local/rune-engine",
    )
    assert ended.code == 0, ended.output + ended.errors
    (record,) = kept()
    assert (record["recovered"], record["mode"], record["lost"]) == (True, "shell", 25)
    evidence, top_up, refused = record["wrong_turns"]
    assert evidence.startswith("restore of rune-engine from ")
    assert evidence.endswith("which was taken after the incident")
    assert top_up == "top-up of registry does not help against this"
    assert refused.startswith("refused: restore of rune-engine: ")
    assert f"wrong turn    {top_up}" in ended.output


async def test_leaving_with_something_still_wrong_is_a_verdict_too_and_names_it() -> None:
    ended = await played("emptied", "quri-console status --live")
    assert ended.code == 1
    assert "\nDrill emptied: not recovered: rune-engine: it has no code\n" in ended.output
    (record,) = kept()
    assert record["unmet"][0] == "rune-engine: it has no code"
    assert (record["seconds_to_recover"], record["lost"]) == (None, 25)


async def test_the_briefing_names_the_places_and_a_kept_drill_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    ended = await played("lost-machine", "quri-console status", options=("--keep",))
    assert ended.code == 1
    (folder,) = [line.removeprefix("Kept: ") for line in ended.errors.splitlines() if line.startswith("Kept: ")]
    words = ended.errors.split()
    assert f"{folder}/elsewhere/copy;" in words
    assert f"{folder}/elsewhere/new" in words
    assert (Path(folder) / "elsewhere" / "copy" / "repository").is_dir()
    assert "there is no configuration" in kept()[0]["unmet"][0]


async def test_an_interrupted_script_is_recorded_as_it_stands() -> None:
    process = await start("failed-upgrade", "--script")
    assert process.stderr is not None
    # between this and the end lie a backup and a restore
    while b"$ quri-console alerts ack" not in await process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 130
    assert output.decode().startswith("Drill failed-upgrade: not recovered: rune-engine: ")
    (record,) = kept()
    assert (record["mode"], record["recovered"]) == ("script", False)
