"""`ls` and `cat`: the files of a backup, and their very bytes."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from quri_console.cli.main import run
from tests.support.backups import AT, INTERFACE, REGISTRY, RUNE_ENGINE, MadeUpState, repository_in, write_backup
from tests.support.command import invoke, write_config

Capture = pytest.CaptureFixture[str]
STATE = MadeUpState()
BOTH = {("rune-engine", RUNE_ENGINE): STATE, ("registry", REGISTRY): MadeUpState(stable=b"", chunks=())}
EVIL = b"service : {} // \x1b[2J\xe2\x80\xae\xff\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    write_backup(tmp_path / "repository", BOTH)
    return write_config(tmp_path)


def cat(config: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command with a pipe as standard output."""
    command = [sys.executable, "-m", "quri_console", "--config", str(config), "cat", *arguments]
    return subprocess.run(command, capture_output=True, check=False)


def test_files_are_listed_with_sizes_under_names_that_cat_takes(config: Path, capsys: Capture) -> None:
    finished = invoke(capsys, "--config", config, "ls", "latest/rune-engine")
    rows = [line.split() for line in finished.output.splitlines()]
    assert rows[0] == ["SIZE", "KIND", "FILE"]
    assert ["131,072", "binary", "20250124T020000Z/rune-engine/wasm_memory.bin"] in rows
    assert [str(len(INTERFACE)), "text", "20250124T020000Z/rune-engine/interface.did"] in rows
    for _, _, path in rows[1:]:
        assert invoke(capsys, "--config", config, "cat", path, "--range", "0:0").code == 0


def test_a_whole_set_is_listed_canister_by_canister_and_as_json(config: Path, capsys: Capture) -> None:
    document = invoke(capsys, "--config", config, "ls", "2025", "--json").json()
    assert document["name"] == "20250124T020000Z"
    sizes = {file["path"]: file["size"] for file in document["files"]}
    assert sizes["rune-engine/stable_memory.bin"] == len(STATE.stable)
    assert sizes["registry/stable_memory.bin"] == 0


@pytest.mark.parametrize(("path", "code"), [("latest/nobody", 2), ("latest/rune-engine/status.toml", 2), ("2019", 10)])
def test_what_ls_cannot_list_has_its_exit_code(config: Path, capsys: Capture, path: str, code: int) -> None:
    assert invoke(capsys, "--config", config, "ls", path).code == code


def test_backup_and_canister_may_be_words_of_their_own(config: Path, capsys: Capture) -> None:
    listed = invoke(capsys, "--config", config, "ls", "latest", "rune-engine")
    assert listed == invoke(capsys, "--config", config, "ls", "latest/rune-engine")
    assert "registry" not in listed.output
    for words in (("latest", "rune-engine", "interface.did"), ("latest/rune-engine", "interface.did")):
        assert cat(config, *words).stdout == INTERFACE


def test_latest_is_the_newest_backup_that_holds_the_canister(config: Path, tmp_path: Path, capsys: Capture) -> None:
    newer = write_backup(tmp_path / "repository", at=AT + timedelta(days=8))
    assert "20250124T020000Z/registry/" in invoke(capsys, "--config", config, "ls", "latest/registry").output
    assert f"{newer}/rune-engine/" in invoke(capsys, "--config", config, "ls", "latest/rune-engine").output
    target = tmp_path / "interface.did"
    finished = invoke(capsys, "--config", config, "cat", "latest/registry/interface.did", "-o", target)
    assert "of 20250124T020000Z/registry/interface.did into" in finished.output


@pytest.mark.parametrize("arguments", [("ls", "live/rune-engine"), ("ls", "live"), ("cat", "live/rune-engine/x"),
                                       ("show", "live:rune-engine"), ("verify", "live/rune-engine")])  # fmt: skip
def test_live_is_no_backup_and_the_way_on_is_named(config: Path, capsys: Capture, arguments: tuple[str, ...]) -> None:
    finished = invoke(capsys, "--config", config, *arguments)
    assert finished.code == 2
    assert "is the canister as it is on chain" in finished.errors
    assert "quri-console diff latest/" in finished.errors


@pytest.mark.parametrize("verb", ["show", "ls", "verify", "forget", "pin", "archive"])
def test_the_id_of_an_operation_is_told_from_a_backups_name(config: Path, capsys: Capture, verb: str) -> None:
    operation = "20250124T020000Z-restore-1f3a"
    more = ("--reason", "x") if verb == "pin" else ()
    finished = invoke(capsys, "--config", config, verb, operation, *more)
    assert finished.code == 10
    assert "is the id of an operation, not a backup" in finished.errors
    assert f"quri-console operations show {operation}" in finished.errors


def test_a_pipe_gets_the_very_bytes(config: Path) -> None:
    assert cat(config, "latest/rune-engine/wasm_memory.bin").stdout == STATE.heap
    assert cat(config, f"latest/{RUNE_ENGINE.to_str()}/interface.did").stdout == INTERFACE
    assert cat(config, "latest/rune-engine/stable_memory.bin", "--range", "6:4").stdout == STATE.stable[6:10]
    whole = cat(config, "latest/rune-engine/status.toml")
    assert whole.stdout.startswith(b'canister = "rrkah-')
    assert (whole.returncode, whole.stderr) == (0, b"")


def test_a_file_gets_the_very_bytes_and_nothing_is_replaced(config: Path, tmp_path: Path, capsys: Capture) -> None:
    target = tmp_path / "heap.bin"
    arguments = ("--config", config, "cat", "latest/rune-engine/wasm_memory.bin", "-o", target)
    assert invoke(capsys, *arguments).code == 0
    assert target.read_bytes() == STATE.heap
    finished = invoke(capsys, *arguments)
    assert (finished.code, "there already" in finished.errors) == (2, True)


@pytest.mark.parametrize("path", ["latest", "latest/rune-engine", "latest//status.toml", "latest/rune-engine/"])
def test_a_path_that_names_no_file_is_answered_with_the_form(config: Path, capsys: Capture, path: str) -> None:
    finished = invoke(capsys, "--config", config, "cat", path)
    assert (finished.code, "BACKUP/CANISTER/FILE" in finished.errors) == (2, True)


@pytest.mark.parametrize("span", ["", "5", "5:", "-1:3", "a:b", "1:2:3"])
def test_a_range_that_is_none_is_refused(config: Path, capsys: Capture, span: str) -> None:
    finished = invoke(capsys, "--config", config, "cat", "latest/rune-engine/status.toml", "--range", span)
    assert (finished.code, "OFFSET:SIZE" in finished.errors) == (2, True)


def test_a_terminal_gets_text_with_its_tricks_spelt_out_and_nothing_binary(tmp_path: Path) -> None:
    write_backup(tmp_path / "repository", interface=EVIL)
    config = write_config(tmp_path)
    shown = at_a_terminal(config, "latest/rune-engine/interface.did")
    # which backup `latest` was is said to people, and on standard error
    assert shown == "20250124T020000Z/rune-engine/interface.did\r\nservice : {} // \\e[2J\\u{202e}�\r\n"
    assert cat(config, "latest/rune-engine/interface.did").stdout == EVIL
    refused = at_a_terminal(config, "latest/rune-engine/wasm_module.bin")
    assert "is binary, so it is not shown at a terminal" in refused
    assert "--output FILE" in refused
    assert "\0asm" not in refused


def at_a_terminal(config: Path, path: str) -> str:
    """What the command writes when standard output and error are a terminal."""
    leader, follower = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "quri_console", "--config", str(config), "cat", path],
            stdin=subprocess.DEVNULL,
            stdout=follower,
            stderr=follower,
            env={**os.environ, "NO_COLOR": "1"},
        )
        os.close(follower)
        parts = []
        while True:
            try:
                part = os.read(leader, 65536)
            except OSError:
                break
            if not part:
                break
            parts.append(part)
        process.wait(30)
    finally:
        os.close(leader)
    return b"".join(parts).decode()


def test_reading_a_backup_waits_for_no_reader_and_refuses_a_prune(
    config: Path, tmp_path: Path, capsys: Capture
) -> None:
    from quri_console.clock import SystemClock
    from quri_console.repository.locks import acquire, list_locks

    repository = repository_in(tmp_path / "repository")
    path = "latest/rune-engine/status.toml"
    with acquire(repository.backend, "shared", "a backup", SystemClock()):
        assert run(["--config", str(config), "cat", path]) == 0
    with acquire(repository.backend, "exclusive", "a prune", SystemClock()):
        finished = invoke(capsys, "--config", config, "cat", path)
        assert (finished.code, "a prune" in finished.errors) == (11, True)
    assert list_locks(repository.backend) == ()
