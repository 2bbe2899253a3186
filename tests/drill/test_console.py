"""A drill in the console: what the trainee sees, and how leaving it ends in a verdict."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.pty_console import PtyConsole


def _record(state: Path) -> dict[str, object]:
    (path,) = (state / "quri-console" / "drills").iterdir()
    found = json.loads(path.read_text())
    assert isinstance(found, dict)
    return found


def test_the_console_opens_on_the_incident_and_leaving_it_ends_the_drill_with_a_verdict() -> None:
    with PtyConsole(["drill", "start", "stopped"], columns=120, rows=40) as terminal:
        screen = terminal.wait_for("DRILL: A canister was stopped by mistake", "page stopped", seconds=60)
        assert "frontend shows errors" in " ".join(screen.split())
        terminal.wait_for("1 critical")
        terminal.press("q")
        ended = terminal.wait_until_ended()
        assert terminal.process.returncode == 1
    assert "Drill stopped: not recovered: rune-engine: it is stopped" in ended
    assert "Next: read `quri-console docs stopped`, then play it again" in ended
    record = _record(Path(os.environ["XDG_STATE_HOME"]))
    assert (record["mode"], record["recovered"], record["wrong_turns"]) == ("console", False, [])
    assert record["detected_by"] == "alert stopped"


def test_the_console_says_when_all_is_well_again_whoever_brought_it_about() -> None:
    with PtyConsole(["drill", "start", "stopped"], columns=120, rows=40) as terminal:
        terminal.wait_for("DRILL: A canister was stopped by mistake", "config.toml", seconds=60)
        (config,) = set(re.findall(rb"QURI_CONFIG=([^\s\x1b]+toml)", terminal.received))
        helped = subprocess.run(
            [sys.executable, "-m", "quri_console", "start", "rune-engine", "--reason", "it was a mistake"],
            check=False, capture_output=True, text=True, env={**os.environ, "QURI_CONFIG": config.decode()}, timeout=60,
        )  # fmt: skip
        assert helped.returncode == 0, helped.stderr
        terminal.wait_for("Recovered", "Everything is well again")
        terminal.press("q")
        ended = terminal.wait_until_ended()
        assert terminal.process.returncode == 0
    assert "Drill stopped: recovered after" in ended
    record = _record(Path(os.environ["XDG_STATE_HOME"]))
    assert (record["recovered"], record["wrong_turns"], record["lost"]) == (True, [], 0)
