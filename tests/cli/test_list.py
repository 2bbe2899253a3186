"""`list`: what there is, in which state, without a key and without loading anything heavy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from quri_console.backup.manifest import GroupWindow, ManifestFailure
from quri_console.repository.marks import put_mark
from quri_console.repository.trash import Forgotten, put_forgotten
from tests.support.backups import AT, NOW, REGISTRY, RUNE_ENGINE, MadeUpState, begin_backup, repository_in, write_backup
from tests.support.command import Finished, invoke, write_config

Capture = pytest.CaptureFixture[str]
HEAVY = ("httpx", "cryptography", "wasmtime", "textual", "plotext", "starlette", "py_arkworks_bls12381", "cbor2",
         "zstandard", "pyrage", "icp_candid", "icp_principal")  # fmt: skip
BOTH = {("rune-engine", RUNE_ENGINE): MadeUpState(), ("registry", REGISTRY): MadeUpState()}
FAILURE = ManifestFailure(REGISTRY, "regis\x1b[2Jtry", "it is \x1b]0;frozen", "Top it up.")
NOW_NS = int(NOW.timestamp()) * 10**9
NEWER = "20250201T020000Z"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two sets, the newer one partial and with names in it that attack the terminal."""
    root = tmp_path / "repository"
    write_backup(root, BOTH)
    write_backup(root, at=AT + timedelta(days=8), failures=(FAILURE,))
    return root


def lines(finished: Finished) -> list[str]:
    assert (finished.code, finished.errors) == (0, "")
    return finished.output.splitlines()


def test_without_a_repository_it_is_said_how_one_is_made(config: Path, capsys: Capture) -> None:
    finished = invoke(capsys, "--config", config, "list")
    assert (finished.code, finished.output) == (10, "")
    assert "There is no repository at" in finished.errors
    assert "`quri-console init` makes one" in finished.errors
    finished = invoke(capsys, "--config", config, "list", "--json")
    assert (finished.code, finished.output) == (10, "")
    assert json.loads(finished.errors)["error"]["exit_code"] == 10


def test_an_empty_repository_has_no_backups_yet(config: Path, tmp_path: Path, capsys: Capture) -> None:
    repository_in(tmp_path / "repository")
    (line,) = lines(invoke(capsys, "--config", config, "list"))
    assert line.startswith("No backups yet in ")
    document = invoke(capsys, "--config", config, "list", "--json").json()
    assert (document["backups"], document["unfinished"], document["stored_bytes"]) == ([], [], 0)


def test_a_folder_of_the_first_version_is_told_with_the_way_on(config: Path, tmp_path: Path, capsys: Capture) -> None:
    from tests.support.old_sets import write_old_set

    write_old_set(tmp_path / "repository")
    finished = invoke(capsys, "--config", config, "list")
    assert finished.code == 10
    assert "quri-console import" in finished.errors


def test_backups_are_listed_newest_first(config: Path, root: Path, capsys: Capture) -> None:
    heading, newer, older, room = lines(invoke(capsys, "--config", config, "list"))
    assert heading.split() == ["BACKUP", "AGE", "NETWORK", "CANISTERS", "SIZE", "NEW", "STATE", "MARKS"]
    assert newer.split() == [NEWER, newer.split()[1], "local", "rune-engine", "192", "KiB", "0", "B", "partial"]
    assert older.startswith("20250124T020000Z")
    assert "rune-engine, registry" in older
    assert older.endswith("whole")
    assert room.startswith("Packs are compressed and deduplicated: 576 KiB in ")


def test_the_listing_is_also_json(config: Path, root: Path, capsys: Capture) -> None:
    finished = invoke(capsys, "--config", config, "list", "--json")
    document = finished.json()
    newer, older = document["backups"]
    assert (newer["state"], older["state"]) == ("partial", "whole")
    assert newer["failures"] == [
        {"name": FAILURE.name, "id": REGISTRY.to_str(), "reason": FAILURE.reason, "next": "Top it up."}
    ]
    assert older["taken_at"] == "2025-01-24T02:00:00+00:00"
    assert [entry["id"] for entry in older["canisters"]] == [RUNE_ENGINE.to_str(), REGISTRY.to_str()]
    assert older["state_bytes"] == sum(entry["state_bytes"] for entry in older["canisters"])
    assert document["encrypted"] is False


def test_states_and_marks_are_words(config: Path, root: Path, capsys: Capture) -> None:
    backend = repository_in(root).backend
    put_mark(backend, NEWER, "pin", NOW_NS, {"reason": "release", "by": "eva"})
    put_mark(backend, NEWER, "hold", NOW_NS, {"reason": "incident", "by": "eva"})
    put_mark(backend, NEWER, "verification", NOW_NS, {"ok": True, "scope": "data"})
    write_backup(root, at=AT + timedelta(days=9), groups=(GroupWindow("runes", False, reason="one ran on"),))
    write_backup(root, at=AT + timedelta(days=10), mode="metadata")
    _, seen, torn, marked, _, _ = lines(invoke(capsys, "--config", config, "list"))
    assert seen.endswith("without state")
    assert torn.endswith("not consistent")
    assert marked.split()[-4:] == ["partial", "verified,", "pinned,", "held"]


def test_forgotten_backups_are_shown_only_when_asked_for(config: Path, root: Path, capsys: Capture) -> None:
    put_forgotten(repository_in(root).backend, Forgotten(NEWER, NOW, "eva", "it is old"))
    output = invoke(capsys, "--config", config, "list").output
    assert NEWER not in output
    assert "1 forgotten backup is hidden: `quri-console list --all` shows it." in output
    assert invoke(capsys, "--config", config, "list", "--json").json()["hidden_forgotten"] == 1
    assert [one["name"] for one in invoke(capsys, "--config", config, "list", "--json").json()["backups"]] == [
        "20250124T020000Z"
    ]
    shown = lines(invoke(capsys, "--config", config, "list", "--all"))[1]
    assert shown.startswith(NEWER)
    assert shown.endswith("forgotten")
    assert "hidden" not in invoke(capsys, "--config", config, "list", "--all").output


def test_a_repository_of_forgotten_backups_alone_is_not_called_empty(
    config: Path, tmp_path: Path, capsys: Capture
) -> None:
    name = write_backup(tmp_path / "repository")
    put_forgotten(repository_in(tmp_path / "repository").backend, Forgotten(name, NOW, "eva", "it is old"))
    output = invoke(capsys, "--config", config, "list").output
    assert output.startswith("All backups in ")
    assert "`quri-console list --all`" in output


def test_damage_is_named_with_its_reason_and_hides_nothing(config: Path, root: Path, capsys: Capture) -> None:
    (root / "backups" / NEWER / "MANIFEST.toml").write_bytes(b"garbage")
    put_mark(repository_in(root).backend, "20250124T020000Z", "verification", NOW_NS, {"ok": False, "scope": "data"})
    _, newer, older, why, found, _ = lines(invoke(capsys, "--config", config, "list"))
    assert newer.split()[2:] == ["–", "–", "–", "–", "damaged"]
    assert older.endswith("damaged")
    assert why.startswith(f"{NEWER} is damaged: ")
    assert "quri-console verify 20250124T020000Z" in found


def test_unfinished_backups_are_named_as_none_with_their_operation(config: Path, root: Path, capsys: Capture) -> None:
    begin_backup(repository_in(root), AT + timedelta(days=9), operation="backup-7")
    output = invoke(capsys, "--config", config, "list").output
    assert "Not a backup: 20250202T020000Z was not finished. Operation backup-7 is making it" in output
    (left,) = invoke(capsys, "--config", config, "list", "--json").json()["unfinished"]
    assert left == {"name": "20250202T020000Z", "operation": "backup-7"}


def test_text_from_a_manifest_cannot_steer_the_terminal(config: Path, tmp_path: Path, capsys: Capture) -> None:
    write_backup(tmp_path / "repository", name="rune\x1b[2J\u202eengine", failures=(FAILURE,))
    for options in ((), ("--json",)):
        output = invoke(capsys, "--config", config, "list", *options).output
        assert "\x1b" not in output
        assert "\u202e" not in output


def test_many_canisters_are_counted_rather_than_named(config: Path, tmp_path: Path, capsys: Capture) -> None:
    from quri_console.ic.encoding.principal import Principal

    states = {(f"canister-{n}", Principal(bytes([n, 1]))): MadeUpState(heap=b"", stable=b"") for n in range(9)}
    write_backup(tmp_path / "repository", states)
    assert "canister-5 +3" in invoke(capsys, "--config", config, "list").output


@pytest.mark.parametrize("columns", [40, 60, 80, 100, 200])
def test_no_line_is_longer_than_the_terminal(
    config: Path, root: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    backend = repository_in(root).backend
    for kind in ("pin", "hold"):
        put_mark(backend, NEWER, kind, NOW_NS, {"reason": "release", "by": "eva"})  # type: ignore[arg-type]
    put_mark(backend, NEWER, "verification", NOW_NS, {"ok": False, "scope": "data"})
    many = {(f"a-canister-with-a-long-name-{n}", RUNE_ENGINE): MadeUpState() for n in range(1)} | BOTH
    write_backup(root, many, at=AT + timedelta(days=9))
    begin_backup(repository_in(root), AT + timedelta(days=10), operation="backup-7")
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = lines(invoke(capsys, "--config", config, "list"))
    assert max(map(len, shown)) <= columns
    # what matters most is there however narrow it is
    headings = shown[0].split()
    assert {"BACKUP", "STATE"} <= set(headings)
    assert ("CANISTERS" in headings, "MARKS" in headings) == (columns >= 60, columns >= 80)
    assert ("NEW" in headings) == (columns >= 100)


@pytest.mark.parametrize("verb", [("list",), ("list", "--json"), ("status",)])
def test_listing_loads_nothing_heavy(tmp_path: Path, verb: tuple[str, ...]) -> None:
    import asyncio

    from quri_console.history import History
    from tests.cli.test_status import READING
    from tests.support.fleets import write_config as write_fleet_config

    async def fill() -> None:
        async with await History.open(tmp_path / "root/state/history.sqlite") as history:
            now_ns = time.time_ns()
            for view in ("pkrpq-5qaaa-aaaah-aroda-cai", "pnqje-qiaaa-aaaah-arodq-cai"):
                await history.add_samples("local", (replace(READING, canister_id=view, at_ns=now_ns),))

    asyncio.run(fill())
    write_backup(tmp_path / "root/data/repository", BOTH)
    config = write_fleet_config(tmp_path)
    script = (
        "import json, sys\nfrom quri_console.cli.main import run\n"
        f"code = run(['--config', {str(config)!r}, *{verb!r}])\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "loaded += [name for name in sys.modules if name.startswith('quri_console.ic')]\n"
        f"loaded += ['asyncio'] if {verb[0]!r} == 'list' and 'asyncio' in sys.modules else []\n"
        "print(json.dumps([code, loaded]), file=sys.stderr)"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    finished = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
    )
    assert json.loads(finished.stderr) == [0, []]
