"""Temporary folders: private, removed after use, and those of killed processes by whoever comes next."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from quri_console.repository.scratch import scratch_folder

HOLD = """
import sys
from pathlib import Path
from quri_console.repository.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "secret").write_text("state of a canister")
    print(folder, flush=True)
    sys.stdin.read()
"""


def hold(parent: Path) -> tuple[subprocess.Popen[str], Path]:
    """A process that has such a folder until its input ends, and the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(parent)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_a_folder_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    with scratch_folder(tmp_path / "deep" / "scratch") as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "sub").mkdir()
        (folder / "sub" / "file").write_text("x")
    assert list((tmp_path / "deep" / "scratch").iterdir()) == []


def test_the_folder_of_a_killed_process_is_removed_by_the_next_one(tmp_path: Path) -> None:
    process, abandoned = hold(tmp_path)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert (abandoned / "secret").exists()
    with scratch_folder(tmp_path):
        assert not abandoned.exists()
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_living_process_is_left_alone(tmp_path: Path) -> None:
    process, used = hold(tmp_path)
    with scratch_folder(tmp_path):
        assert (used / "secret").exists()
    process.communicate("")
    assert not used.exists()


def test_two_folders_at_a_time_do_not_disturb_each_other(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as one, scratch_folder(tmp_path) as two:
        assert one != two
        assert one.is_dir()
