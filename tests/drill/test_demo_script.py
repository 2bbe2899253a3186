from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from quri_console.drill.local_process import LocalNetworkFailed, local_process

STEPS = ("Status", "Back up", "Damage", "Dry run", "Restore", "Roll back")


def test_the_whole_story_is_played_and_every_proof_holds(checkout: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "quri_console", "demo", "--script"],
        check=False,
        capture_output=True,
        text=True,
        cwd=checkout,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for number, step in enumerate(STEPS, 1):
        assert f"\n{number}. {step}" in done.stdout
    assert done.stdout.count("  proven: ") >= len(STEPS)
    assert done.stdout.endswith("All proofs hold.\n")


def test_a_local_network_that_cannot_start_says_why() -> None:
    with local_process(["--no-such-option"]) as process, pytest.raises(LocalNetworkFailed, match="no-such-option"):
        process.wait_until_serving()


def test_the_local_network_ends_when_whoever_started_it_is_killed(checkout: Path) -> None:
    program = (
        "from quri_console.drill.local_process import local_process\n"
        "with local_process(['--empty']) as process:\n"
        "    print(process.wait_until_serving().url, process._process.pid, flush=True)\n"
        "    input()\n"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=checkout
    )
    assert starter.stdout is not None
    network = Path("/proc") / starter.stdout.readline().split()[1]
    assert network.exists()
    starter.send_signal(signal.SIGKILL)
    starter.communicate()
    deadline = time.monotonic() + 20
    while network.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not network.exists()
