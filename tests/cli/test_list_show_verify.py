from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quri_console.backup.manifest import ManifestFailure
from tests.support.backups import REGISTRY, RUNE_ENGINE, MadeUpState, made_up_status, write_backup
from tests.support.command import invoke, write_config

Capture = pytest.CaptureFixture[str]
HEAVY = ("httpx", "cryptography", "wasmtime", "textual", "plotext", "starlette", "py_arkworks_bls12381", "cbor2")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two sets, the newer one partial and with a name that attacks the terminal in it."""
    root = tmp_path / "repository"
    asyncio.run(
        write_backup(root, {("rune-engine", RUNE_ENGINE): MadeUpState(), ("registry", REGISTRY): MadeUpState()})
    )
    failure = ManifestFailure(REGISTRY, "regis\x1b[2Jtry", "it is frozen", "Top it up.")
    asyncio.run(write_backup(root, at=datetime(2025, 2, 1, tzinfo=UTC), failures=(failure,)))
    return root


def test_an_empty_repository_is_said_in_words(config: Path, capsys: Capture) -> None:
    finished = invoke(capsys, "--config", config, "list")
    assert finished.code == 0
    assert "No backups yet" in finished.output
    assert invoke(capsys, "--config", config, "list", "--json").json()["backups"] == []


@pytest.mark.parametrize("verb", [("show",), ("verify", "latest")])
def test_a_missing_backup_has_its_exit_code(config: Path, capsys: Capture, verb: tuple[str, ...]) -> None:
    finished = invoke(capsys, "--config", config, *verb)
    assert finished.code == 10
    assert "There is no backup" in finished.errors


def test_backups_are_listed_newest_first(config: Path, repository: Path, capsys: Capture) -> None:
    lines = invoke(capsys, "--config", config, "list").output.splitlines()
    assert lines[0].split() == ["BACKUP", "AGE", "NETWORK", "CANISTERS", "SIZE", "STATE"]
    assert lines[1].startswith("20250201T000000Z")
    assert lines[1].endswith("partial")
    assert lines[2].startswith("20250124T020000Z")
    assert "rune-engine, registry" in lines[2]
    assert lines[2].endswith("whole")


def test_the_listing_is_also_json(config: Path, repository: Path, capsys: Capture) -> None:
    document = invoke(capsys, "--config", config, "list", "--json").json()
    newer, older = document["backups"]
    assert (newer["state"], older["state"]) == ("partial", "whole")
    assert older["taken_at"] == "2025-01-24T02:00:00+00:00"
    assert [entry["id"] for entry in older["canisters"]] == [RUNE_ENGINE.to_str(), REGISTRY.to_str()]


def test_an_unfinished_backup_is_named_as_none(config: Path, repository: Path, capsys: Capture) -> None:
    (repository / "backups" / ".unfinished-20250301T000000Z").mkdir()
    assert "Not a backup" in invoke(capsys, "--config", config, "list").output


def test_show_tells_what_a_backup_holds(config: Path, repository: Path, capsys: Capture) -> None:
    output = invoke(capsys, "--config", config, "show", "20250124T020000Z").output
    for expected in (
        "rune-engine",
        "registry",
        made_up_status().settings.controllers[0].to_str(),
        "30 d",
        "3 T cycles",
    ):
        assert expected in output
    document = invoke(capsys, "--config", config, "show", "20250124T020000Z", "--json").json()
    assert document["canisters"][0]["status"]["cycles"] == 3 * 10**12
    assert len(document["files"]) == 12


def test_text_from_a_manifest_cannot_steer_the_terminal(config: Path, repository: Path, capsys: Capture) -> None:
    for verb in (("list",), ("show",), ("show", "--json")):
        assert "\x1b" not in invoke(capsys, "--config", config, *verb).output


def test_verify_says_what_it_read(config: Path, repository: Path, capsys: Capture) -> None:
    finished = invoke(capsys, "--config", config, "verify", "latest")
    assert finished.code == 0
    assert finished.output.startswith("20250201T000000Z: 6 files")
    document = invoke(capsys, "--config", config, "verify", "--all", "--json").json()
    assert [entry["ok"] for entry in document["backups"]] == [True, True]


def test_verify_names_the_damaged_file_and_goes_on(config: Path, repository: Path, capsys: Capture) -> None:
    damaged = repository / "backups" / "20250201T000000Z" / "rune-engine" / "snapshot" / "stable_memory.bin"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    finished = invoke(capsys, "--config", config, "verify", "--all")
    assert finished.code == 13
    assert "rune-engine/snapshot/stable_memory.bin of rune-engine" in finished.errors
    assert "20250124T020000Z: 12 files" in finished.output


@pytest.mark.parametrize("arguments", [(), ("latest", "--all")])
def test_verify_needs_exactly_one_thing(config: Path, capsys: Capture, arguments: tuple[str, ...]) -> None:
    assert invoke(capsys, "--config", config, "verify", *arguments).code == 2


def test_listing_loads_nothing_heavy(config: Path, repository: Path) -> None:
    script = (
        "import sys\nfrom quri_console.cli.main import run\n"
        f"code = run(['--config', {str(config)!r}, 'list'])\n"
        f"print(code, [name for name in {HEAVY!r} if name in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert finished.stdout.splitlines()[-1] == "0 []"
