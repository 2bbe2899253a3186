"""`export`: one canister's copy as a snapshot directory."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from quri_console.backup.interchange import read_snapshot_directory
from quri_console.ic.management.types import Global
from tests.support.backups import RUNE_ENGINE, MadeUpState, write_backup
from tests.support.command import invoke, write_config

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    write_backup(tmp_path / "repository")
    return write_config(tmp_path)


def test_it_says_what_it_wrote(config: Path, tmp_path: Path, capsys: Capture) -> None:
    finished = invoke(capsys, "--config", config, "export", "latest", "rune-engine", "--to", tmp_path / "out")
    assert finished.code == 0
    assert finished.output.startswith("Wrote 20250124T020000Z/rune-engine into ")
    assert "export 100 %" in finished.errors
    assert re.search(r"  192 KiB of state, [\d.]+ KiB on the disk in 5 files, .*, in [\d.]+ s\n", finished.output)
    upload = f"icp canister snapshot upload {RUNE_ENGINE.to_str()} -i {tmp_path / 'out'}"
    assert finished.output.splitlines()[-1] == f"Next: `{upload}`"
    assert read_snapshot_directory(tmp_path / "out").metadata == MadeUpState().metadata()


def test_it_is_also_json_with_progress_beside_it(config: Path, tmp_path: Path, capsys: Capture) -> None:
    finished = invoke(capsys, "--config", config, "export", "latest", RUNE_ENGINE.to_str(), "--to", tmp_path / "out",
                      "--format", "icp", "--json")  # fmt: skip
    document = finished.json()
    assert document["canister"] == {"name": "rune-engine", "id": RUNE_ENGINE.to_str()}
    assert (document["directory"], document["files"], document["refused_by_icp"]) == (str(tmp_path / "out"), 5, "")
    assert document["state_bytes"] > document["disk_bytes"] - 5 * 4096  # the zeros of the heap are a hole
    assert document["duration_seconds"] >= 0
    assert document["next"].startswith("icp canister snapshot upload ")
    assert '"event": "progress"' in finished.errors


def test_a_snapshot_that_icp_refuses_comes_with_a_warning(tmp_path: Path, capsys: Capture) -> None:
    write_backup(tmp_path / "repository", {("pig", RUNE_ENGINE): MadeUpState(globals=(Global("f32", math.nan),))})
    config = write_config(tmp_path)
    finished = invoke(capsys, "--config", config, "export", "latest", "pig", "--to", tmp_path / "out")
    assert (finished.code, "icp will refuse it. Global 0" in finished.output) == (0, True)
    assert "Next: `quri-console restore pig --from 20250124T020000Z --dry-run`" in finished.output


@pytest.mark.parametrize(("arguments", "code"), [(("2019", "rune-engine"), 10), (("latest", "nobody"), 2)])
def test_what_is_not_there_has_its_exit_code(
    config: Path, tmp_path: Path, capsys: Capture, arguments: tuple[str, str], code: int
) -> None:
    assert invoke(capsys, "--config", config, "export", *arguments, "--to", tmp_path / "out").code == code
    assert not (tmp_path / "out").exists()


def test_a_target_that_is_there_is_refused(config: Path, tmp_path: Path, capsys: Capture) -> None:
    finished = invoke(capsys, "--config", config, "export", "latest", "rune-engine", "--to", tmp_path)
    assert (finished.code, "there already" in finished.errors) == (2, True)


def test_a_copy_without_state_is_refused_by_a_safety_rule(tmp_path: Path, capsys: Capture) -> None:
    write_backup(tmp_path / "repository", mode="legacy")
    config = write_config(tmp_path)
    assert invoke(capsys, "--config", config, "export", "latest", "rune-engine", "--to", tmp_path / "out").code == 14
