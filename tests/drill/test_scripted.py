"""Every drill is solved by the documented commands of its page, and the canisters themselves say so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from quri_console.drill.scenarios import SCENARIOS

ALL = 25
LOSES_WHAT_CAME_AFTER_THE_BACKUP = {"failed-upgrade", "data-corruption", "emptied", "deleted"}
ALERTED = {item.name: item.alert for item in SCENARIOS if item.alert}
"""The watch sees these; the others somebody has to notice."""


@pytest.mark.parametrize("name", [item.name for item in SCENARIOS])
def test_the_page_of_a_disaster_solves_it_within_its_limit(name: str, checkout: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "quri_console", "drill", "start", name, "--script", "--json"],
        check=False,
        capture_output=True,
        text=True,
        cwd=checkout,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads(done.stdout)
    print(
        f"{name}: noticed after {record['seconds_to_detect']} s by {record['detected_by']}, recovered after "
        f"{record['seconds_to_recover']} s of {record['limit_seconds']:.0f} s ({record['limit_of']})"
    )
    assert (record["recovered"], record["in_time"], record["unmet"]) == (True, True, [])
    assert record["wrong_turns"] == []
    assert record["written"] == ALL
    assert record["lost"] == (ALL if name in LOSES_WHAT_CAME_AFTER_THE_BACKUP else 0)
    assert (record["detected_by"].startswith("alert ")) == (name in ALERTED)
    (kept,) = (Path(os.environ["XDG_STATE_HOME"]) / "quri-console" / "drills").iterdir()
    assert json.loads(kept.read_text()) == record
    assert kept.stat().st_mode & 0o777 == 0o600
