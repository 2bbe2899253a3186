"""`status` from the history: right words, right exit codes, and nothing heavy loaded."""

import asyncio
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.history import History, Sample
from tests.support.command import invoke
from tests.support.fleets import REGISTRY, RUNE, write_config

SECOND = 1_000_000_000
FORBIDDEN = ("httpx", "cryptography", "wasmtime", "plotext", "textual", "rich", "cbor2", "starlette", "icp_candid")
CLOSED_URL = "http://127.0.0.1:9"

READING = Sample(
    RUNE,
    0,
    origin="query",
    status="running",
    cycles=492_000_000_000,
    reserved_cycles=0,
    idle_burn_per_day=7_114_022_219,
    freezing_limit=213_420_666_570,
    memory_bytes=72_770_912,
    module_hash=bytes(range(32)),
    settings='{"controllers":["2vxsx-fae"]}',
    latency_ms=12.0,
)


def fill(folder: Path, *samples: Sample) -> None:
    async def write() -> None:
        async with await History.open(folder / "root/state/history.sqlite") as history:
            await history.add_samples("local", samples)

    asyncio.run(write())


def young_history(folder: Path) -> Path:
    now_ns = time.time_ns()
    fill(
        folder,
        replace(READING, at_ns=now_ns - 5 * SECOND),
        replace(READING, canister_id=REGISTRY, at_ns=now_ns - 5 * SECOND, cycles=10**38, status="stopped"),
    )
    return write_config(folder)


def test_a_table_with_every_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finished = invoke(capsys, "--config", young_history(tmp_path), "status")
    assert (finished.code, finished.errors) == (0, "")
    lines = finished.output.splitlines()
    assert lines[0].startswith("Network local (not production), ")
    assert lines[1].split()[:4] == ["Canister", "Health", "Status", "Cycles"]
    assert lines[2].split()[:6] == ["rune-engine", "warning", "running", "492", "B", "≈39d"]
    assert "rune-engine: 492 B cycles are below 1 T (warning)" in lines
    assert "registry: stopped: it answers nothing until somebody starts it" in lines
    assert "\x1b" not in finished.output


@pytest.mark.parametrize("columns", [80, 60, 45])
def test_no_line_is_wider_than_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    config = young_history(tmp_path)
    config.write_text(config.read_text().replace("canisters.registry", f"canisters.{'registry-' * 4}of-runes"))
    finished = invoke(capsys, "--config", config, "status")
    assert finished.code == 0
    assert [line for line in finished.output.splitlines() if len(line) > columns] == []
    assert "somebody starts it" in " ".join(finished.output.split())
    assert {"Canister", "Health", "Cycles", "Runway", "Seen"} <= set(finished.output.split())


def test_a_pipe_gets_every_column(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    heading = invoke(capsys, "--config", young_history(tmp_path), "status").output.splitlines()[1]
    assert ("Memory" in heading, heading.split()[-2:]) == (True, ["24", "h"])


def test_json_is_exact(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finished = invoke(capsys, "--config", young_history(tmp_path), "status", "--json")
    assert finished.code == 0
    document = finished.json()
    registry = document["canisters"][1]
    assert registry["cycles"] == 10**38
    assert registry["health"]["level"] == "critical"
    assert registry["module_hash"] == bytes(range(32)).hex()
    assert registry["sampled_at"].endswith("+00:00")
    assert registry["last_backup_at"] is None
    assert registry["verified_at"] is registry["ready_at"] is registry["module_changed_at"] is None
    assert registry["settings"] == {"controllers": ["2vxsx-fae"]}


@pytest.mark.parametrize("with_repository", [True, False])
def test_from_history_nothing_heavy_is_loaded(tmp_path: Path, with_repository: bool) -> None:
    config = young_history(tmp_path)
    if with_repository:
        (tmp_path / "root/data/repository").mkdir(parents=True)
    program = (
        "import json, sys\n"
        "from quri_console.cli.main import run\n"
        f"code = run(['--config', {str(config)!r}, 'status'])\n"
        "print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=clean_environment()
    )
    code, modules = json.loads(finished.stderr)
    assert code == 0
    assert "rune-engine" in finished.stdout
    loaded = {module.split(".")[0] for module in modules}
    assert not loaded & set(FORBIDDEN)
    assert not [module for module in modules if module.startswith(("quri_console.ic.agent", "quri_console.wasm"))]
    assert ("quri_console.backup.summaries" in modules) == with_repository


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("COV")}


def test_when_nobody_answers_old_values_are_shown_as_stale(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hours_ago = time.time_ns() - 7200 * SECOND
    fill(tmp_path, replace(READING, at_ns=hours_ago))
    finished = invoke(capsys, "--config", write_config(tmp_path, CLOSED_URL), "status")
    assert finished.code == 16
    assert "rune-engine: stale: last seen 2 h ago" in finished.output
    assert "rune-engine: unreachable: " in finished.output
    assert "492 B" in finished.output
    assert "Error: no canister answered on local." in finished.errors
    assert "Next: Check the network's url" in finished.errors


def test_an_empty_history_asks_the_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finished = invoke(capsys, "--config", write_config(tmp_path, CLOSED_URL), "status", "--json")
    assert finished.code == 16
    assert {view["health"]["level"] for view in finished.json()["canisters"]} == {"unknown"}


def test_without_canisters_it_says_what_to_add(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'[networks.local]\nurl = "{CLOSED_URL}"\n[paths]\nroot = "root"\n')
    finished = invoke(capsys, "--config", config, "status")
    assert (finished.code, "add [canisters.NAME]" in finished.output) == (0, True)


def test_another_network_has_its_own_history(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = young_history(tmp_path)
    with config.open("a") as file:
        file.write(f'[networks.other]\nurl = "{CLOSED_URL}"\n')
    finished = invoke(capsys, "--config", config, "--network", "other", "status")
    assert (finished.code, "492 B" in finished.output) == (16, False)


def test_a_damaged_history_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = young_history(tmp_path)
    (tmp_path / "root/state/history.sqlite").write_bytes(b"garbage " * 2000)
    finished = invoke(capsys, "--config", config, "status")
    assert finished.code == 1
    assert "cannot be used" in finished.errors
    assert "Traceback" not in finished.errors
