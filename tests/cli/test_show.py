"""`show`: all that is known of one backup, as far as it can be read."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from quri_console.backup.manifest import GroupWindow, ManifestFailure
from quri_console.repository.marks import put_mark
from quri_console.repository.trash import Forgotten, put_forgotten
from tests.support.backups import (
    AT,
    CONTROLLER,
    NOW,
    REGISTRY,
    RUNE_ENGINE,
    MadeUpState,
    repository_in,
    write_backup,
)
from tests.support.command import invoke, write_config

Capture = pytest.CaptureFixture[str]
BOTH = {("rune-engine", RUNE_ENGINE): MadeUpState(), ("registry", REGISTRY): MadeUpState(stable=b"", chunks=())}
NOW_NS = int(NOW.timestamp()) * 10**9


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path)


def facts(output: str) -> dict[str, list[str]]:
    """What stands behind each label, once per canister."""
    found: dict[str, list[str]] = {}
    for line in output.splitlines():
        if line.startswith("  "):
            found.setdefault(line[2:26].strip(), []).append(line[27:])
    return found


def test_a_missing_repository_and_a_missing_backup_have_their_exit_code(
    config: Path, tmp_path: Path, capsys: Capture
) -> None:
    finished = invoke(capsys, "--config", config, "show")
    assert (finished.code, "There is no repository" in finished.errors) == (10, True)
    write_backup(tmp_path / "repository")
    finished = invoke(capsys, "--config", config, "show", "20260101T000000Z")
    assert (finished.code, "There is no backup 20260101T000000Z" in finished.errors) == (10, True)


def test_everything_that_was_recorded_is_told(config: Path, tmp_path: Path, capsys: Capture) -> None:
    write_backup(tmp_path / "repository", BOTH, warnings=("take care",))
    finished = invoke(capsys, "--config", config, "show")
    assert (finished.code, finished.errors) == (0, "")
    assert finished.output.startswith("20250124T020000Z  whole\n")
    assert f"rune-engine  {RUNE_ENGINE.to_str()}" in finished.output
    found = facts(finished.output)
    assert found["taken"][1].endswith("stopped while the snapshot was taken")
    assert found["module"] == [f"SHA-256 {MadeUpState().module_hash().hex()}"] * 2
    assert found["measured bill"] == ["400 M cycles (400,000,000)"] * 2
    assert found["heap"] == ["128 KiB"] * 2
    assert found["stable memory"] == ["64 KiB", "0 B"]
    assert found["chunk store"] == ["1 chunk", "0 chunks"]
    assert found["controllers"] == [CONTROLLER.to_str()] * 2
    assert "freezing threshold" not in found
    assert found["other settings"] == ["the network's defaults (--all shows them)"] * 2
    assert found["log visibility"] == [f"allowed viewers {CONTROLLER.to_str()}"] * 2
    assert found["interface"] == ["interface.did"] * 2
    assert found["export"] == ["none: it offers none"] * 2
    assert found["warning"] == ["take care"] * 2


def test_settings_with_default_values_are_shown_when_all_is_asked_for(
    config: Path, tmp_path: Path, capsys: Capture
) -> None:
    write_backup(tmp_path / "repository", BOTH)
    found = facts(invoke(capsys, "--config", config, "show", "--all").output)
    assert found["freezing threshold"] == ["30 d"] * 2
    assert found["log visibility"] == [f"allowed viewers {CONTROLLER.to_str()}"] * 2
    assert "other settings" not in found


def test_at_80_columns_no_line_is_longer_and_no_id_is_broken(
    config: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_backup(tmp_path / "repository", BOTH, warnings=("take care of this one " * 9,))
    monkeypatch.setenv("COLUMNS", "80")
    output = invoke(capsys, "--config", config, "show").output
    assert max(map(len, output.splitlines())) <= 80 + len(str(tmp_path))  # the repository's path is one word
    assert CONTROLLER.to_str() in output
    assert MadeUpState().module_hash().hex() in output


def test_a_canister_may_be_named_behind_a_slash_or_a_blank(config: Path, tmp_path: Path, capsys: Capture) -> None:
    older = write_backup(tmp_path / "repository", BOTH)
    newer = write_backup(tmp_path / "repository", at=AT + timedelta(days=8))
    for arguments in (("latest", "registry"), ("latest/registry",), (older, "registry"), (f"{older}/registry",)):
        output = invoke(capsys, "--config", config, "show", *arguments).output
        assert output.startswith(f"{older}  whole\n")
        assert "rune-engine" not in output
    assert invoke(capsys, "--config", config, "show").output.startswith(newer)
    assert invoke(capsys, "--config", config, "show", f"{newer}/registry").code == 2


def test_one_canister_is_shown_alone(config: Path, tmp_path: Path, capsys: Capture) -> None:
    write_backup(tmp_path / "repository", BOTH)
    output = invoke(capsys, "--config", config, "show", "latest", "registry").output
    assert "registry" in output
    assert "rune-engine" not in output
    assert invoke(capsys, "--config", config, "show", "latest", "nobody").code == 2


def test_windows_marks_and_who_is_missing_are_told(config: Path, tmp_path: Path, capsys: Capture) -> None:
    root = tmp_path / "repository"
    name = write_backup(
        root,
        groups=(
            GroupWindow("runes", True, AT, AT + timedelta(seconds=3.25)),
            GroupWindow("others", False, reason="registry did not stop"),
        ),
        failures=(ManifestFailure(REGISTRY, "registry", "it is frozen", "Top it up."),),
    )
    backend = repository_in(root).backend
    put_mark(backend, name, "pin", NOW_NS, {"reason": "release 2", "by": "eva"})
    put_mark(backend, name, "hold", NOW_NS, {"reason": "incident 7", "by": "eva"})
    put_mark(backend, name, "verification", NOW_NS, {"ok": True, "scope": "data"})
    put_forgotten(backend, Forgotten(name, NOW, "eva", "it is old"))
    output = invoke(capsys, "--config", config, "show", name).output
    found = facts(output)
    assert found["group runes"] == ["one cut: all stood still from 2025-01-24 02:00:00 UTC on for 3.2 s"]
    assert found["group others"] == ["not consistent: registry did not stop"]
    assert found["pinned"] == ["for good: release 2"]
    assert found["held"] == ["incident 7"]
    assert found["verified"] == ["2025-03-01 00:00:00 UTC"]
    assert found["forgotten"][0].startswith("2025-03-01 00:00:00 UTC")
    assert f"registry  {REGISTRY.to_str()}  missing" in output
    assert (found["why"], found["next"]) == (["it is frozen"], ["Top it up."])


def test_it_is_also_json_with_exact_numbers(config: Path, tmp_path: Path, capsys: Capture) -> None:
    write_backup(tmp_path / "repository", BOTH)
    document = invoke(capsys, "--config", config, "show", "--json").json()
    canister = document["canisters"][0]
    assert canister["status"]["cycles"] == 3 * 10**12
    assert canister["measured_cycles"] == 4 * 10**8
    assert (canister["restorable"], canister["problem"]) == (True, None)
    assert canister["extras"] == {"present": {"interface": "interface.did"}, "absent": {"export": "it offers none"},
                                  "failed": {}}  # fmt: skip
    paths = {file["path"] for file in document["files"]}
    assert {"rune-engine/status.toml", "rune-engine/wasm_memory.chunks", "registry/snapshot.toml"} <= paths


def test_a_copy_without_state_shows_what_there_is(config: Path, tmp_path: Path, capsys: Capture) -> None:
    write_backup(tmp_path / "repository", mode="legacy", cycles_before=0, cycles_after=0)
    finished = invoke(capsys, "--config", config, "show")
    found = facts(finished.output)
    assert finished.code == 0
    assert found["taken"][1].endswith("without state")
    assert "heap" not in found
    assert "measured bill" not in found


def test_a_damaged_record_is_told_and_hides_no_other_canister(config: Path, tmp_path: Path, capsys: Capture) -> None:
    name = write_backup(tmp_path / "repository", BOTH)
    record = tmp_path / "repository" / "backups" / name / "rune-engine" / "status.toml"
    record.write_bytes(record.read_bytes()[:-3])
    finished = invoke(capsys, "--config", config, "show")
    assert finished.code == 13
    found = facts(finished.output)
    assert "rune-engine/status.toml" in found["not readable"][0]
    assert found["controllers"] == [CONTROLLER.to_str()]
    # what the manifest says is there for both
    assert len(found["state"]) == 2


def test_text_from_outside_cannot_steer_the_terminal(config: Path, tmp_path: Path, capsys: Capture) -> None:
    evil = "x\x1b[2J\u202e"
    write_backup(
        tmp_path / "repository",
        name=evil,
        warnings=(evil,),
        failures=(ManifestFailure(REGISTRY, evil, evil, evil),),
        groups=(GroupWindow(evil, False, reason=evil),),
    )
    for options in ((), ("--json",)):
        output = invoke(capsys, "--config", config, "show", *options).output
        assert "\x1b" not in output
        assert "\u202e" not in output


def test_without_its_key_an_encrypted_backup_shows_what_is_clear(config: Path, tmp_path: Path, capsys: Capture) -> None:
    from quri_console.repository.store import Repository
    from quri_console.repository.unlocking import unlock_with
    from tests.support.key_holders import age_holder, shared_repository

    holder = age_holder()
    shared_repository(tmp_path / "repository", holder)
    write_backup(Repository.open(tmp_path / "repository", unlock=unlock_with(holder.secrets)), BOTH)
    finished = invoke(capsys, "--config", config, "show")
    assert finished.code == 12
    found = facts(finished.output)
    assert found["repository"][0].endswith(", encrypted")
    assert found["measured bill"] == ["400 M cycles (400,000,000)"] * 2
    assert "controllers" not in found
    assert len(found["not readable"]) == 2
    assert invoke(capsys, "--config", config, "ls", "latest").code == 12
    listed = invoke(capsys, "--config", config, "list")
    assert (listed.code, "It is encrypted." in listed.output) == (0, True)
