"""`check`, `verify` and `repair` on the command line: words, JSON and exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from quri_console.clock import SystemClock
from quri_console.repository.locks import acquire
from quri_console.repository.marks import put_mark
from tests.support.command import invoke, write_config
from tests.support.repositories import MadeRepository, age_identities, flip_byte, small_repository

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path)


@pytest.fixture
def made(tmp_path: Path) -> MadeRepository:
    return small_repository(tmp_path / "repository")


@pytest.fixture
def encrypted(tmp_path: Path) -> MadeRepository:
    return small_repository(tmp_path / "repository", encrypted=True)


def with_identity(config: Path) -> Path:
    """The configuration with the first private key of encrypted repositories."""
    identity = config.parent / "identity"
    identity.write_text(age_identities()[0][0])
    identity.chmod(0o600)
    config.write_text(config.read_text().replace("[repository]\n", f'[repository]\nidentity = "{identity}"\n'))
    return config


def damage(made: MadeRepository) -> str:
    """Flip a byte in the pack of the youngest set; the pack."""
    (pack,) = made.packs_of(made.names[2], "gamma")
    flip_byte(pack, -1)
    return str(pack.relative_to(made.path))


@pytest.mark.parametrize("arguments", [("check",), ("verify", "latest"), ("repair", "index"), ("repair", "packs")])
def test_a_missing_repository_has_its_exit_code(config: Path, capsys: Capture, arguments: tuple[str, ...]) -> None:
    assert invoke(capsys, "--config", config, *arguments).code == 10


def test_a_whole_repository_is_said_to_be_so(config: Path, made: MadeRepository, capsys: Capture) -> None:
    finished = invoke(capsys, "--config", config, "check")
    assert finished.code == 0
    assert "3 backups, 14 files, 3 packs" in finished.output
    assert "Nothing is damaged." in finished.output
    finished = invoke(capsys, "--config", config, "check", "--read-data")
    assert finished.code == 0
    assert "3 packs read" in finished.output
    document = invoke(capsys, "--config", config, "check", "--read-data", "--json").json()
    assert (document["ok"], document["exit_code"], document["damages"]) == (True, 0, [])
    assert document["data"]["read_packs"] == 3
    assert [backup["ok"] for backup in document["backups"]] == [True] * 3


def test_damage_is_named_with_whom_it_reaches_and_what_to_do(
    config: Path, made: MadeRepository, capsys: Capture
) -> None:
    pack = damage(made)
    assert invoke(capsys, "--config", config, "check").code == 0
    finished = invoke(capsys, "--config", config, "check", "--read-data")
    assert finished.code == 13
    for expected in (
        pack,
        "20250124T040000Z: gamma",
        "Not affected: 2 other backups",
        "Next: Run `quri-console repair",
    ):
        assert expected in finished.output
    document = invoke(capsys, "--config", config, "check", "--read-data", "--json").json()
    assert document["exit_code"] == 13
    assert document["affected"] == [{"backup": "20250124T040000Z", "folder": "gamma"}]
    assert document["damages"][0]["name"] == pack
    assert len(document["damages"][0]["chunks"]) > 0


def test_a_check_that_ran_out_of_time_says_how_to_go_on(config: Path, made: MadeRepository, capsys: Capture) -> None:
    small_repository(made.path.parent / "other")
    finished = invoke(capsys, "--config", config, "check", "--read-data", "--max-duration", "0s")
    assert finished.code == 0
    assert "3 packs read" in finished.output or "run it again to go on" in finished.output
    assert list((made.path.parent / "root" / "cache" / "checks").iterdir())


@pytest.mark.parametrize("options", [("--subset", "1/2"), ("--max-duration", "1s"), ("--read-data", "--subset", "x")])
def test_options_that_make_no_sense_are_refused(
    config: Path, made: MadeRepository, capsys: Capture, options: tuple[str, ...]
) -> None:
    assert invoke(capsys, "--config", config, "check", *options).code == 2


def test_an_encrypted_repository_is_checked_with_its_key_and_as_far_as_possible_without(
    config: Path, encrypted: MadeRepository, capsys: Capture
) -> None:
    without = invoke(capsys, "--config", config, "check", "--read-data")
    assert without.code == 12
    assert "What is encrypted was not looked into" in without.output
    assert "Only the structure was checked" in without.output
    assert "Next: Set `identity` or `passphrase_file`" in without.output
    on_purpose = invoke(capsys, "--config", config, "check", "--no-key")
    assert on_purpose.code == 0
    for finished in (without, on_purpose):
        assert "Nothing is damaged" not in finished.output
    document = invoke(capsys, "--config", config, "check", "--json").json()
    assert (document["exit_code"], document["only_structure"]) == (12, True)
    assert "`identity`" in document["next"]
    assert invoke(capsys, "--config", config, "verify", "latest").code == 12
    assert invoke(capsys, "--config", config, "repair", "packs").code == 12
    assert invoke(capsys, "--config", config, "repair", "index").code == 0
    with_identity(config)
    assert invoke(capsys, "--config", config, "check", "--read-data").code == 0
    assert invoke(capsys, "--config", config, "verify", "--all").code == 0
    damage(encrypted)
    assert invoke(capsys, "--config", config, "check", "--read-data", "--no-key").code == 13


def test_a_damaged_repository_file_ends_the_check(config: Path, made: MadeRepository, capsys: Capture) -> None:
    flip_byte(made.path / "repository.toml", 3)
    finished = invoke(capsys, "--config", config, "check")
    assert finished.code == 13
    assert "repository.toml" in finished.errors


def test_nothing_is_repaired_while_others_use_the_repository(
    config: Path, made: MadeRepository, capsys: Capture
) -> None:
    with acquire(made.backend(), "shared", "backup", SystemClock()):
        finished = invoke(capsys, "--config", config, "repair", "packs")
        assert finished.code == 11
        assert "backup" in finished.errors
        assert invoke(capsys, "--config", config, "repair", "packs", "--dry-run").code == 0
        assert invoke(capsys, "--config", config, "check").code == 0


def test_verify_tells_what_it_read(config: Path, made: MadeRepository, capsys: Capture) -> None:
    finished = invoke(capsys, "--config", config, "verify", "latest")
    assert finished.code == 0
    assert finished.output.startswith("20250124T040000Z: 4 files")
    document = invoke(capsys, "--config", config, "verify", "--all", "--json").json()
    assert [(entry["name"], entry["ok"]) for entry in document["backups"]] == [(name, True) for name in made.names]


def test_verify_names_the_damage_of_one_backup_and_goes_on(config: Path, made: MadeRepository, capsys: Capture) -> None:
    pack = damage(made)
    finished = invoke(capsys, "--config", config, "verify", "--all")
    assert finished.code == 13
    assert "20250124T040000Z is damaged." in finished.output
    assert pack in finished.output
    assert "20250124T020000Z: 5 files" in finished.output
    assert invoke(capsys, "--config", config, "verify", "20250124T02").code == 0


@pytest.mark.parametrize("arguments", [(), ("latest", "--all")])
def test_verify_needs_exactly_one_thing(config: Path, capsys: Capture, arguments: tuple[str, ...]) -> None:
    assert invoke(capsys, "--config", config, "verify", *arguments).code == 2


def test_a_backup_that_is_not_there_has_its_exit_code(config: Path, made: MadeRepository, capsys: Capture) -> None:
    assert invoke(capsys, "--config", config, "verify", "19990101T000000Z").code == 10


def test_packs_are_repaired_after_a_dry_run_that_says_the_same(
    config: Path, made: MadeRepository, capsys: Capture
) -> None:
    pack = damage(made)
    dry = invoke(capsys, "--config", config, "repair", "packs", "--dry-run")
    assert dry.code == 13
    assert "Dry run: nothing was changed." in dry.output
    document = invoke(capsys, "--config", config, "repair", "packs", "--json").json()
    (entry,) = document["packs"]
    assert entry["name"] == pack
    assert entry["quarantine"] == f"trash/quarantine/{Path(pack).name}"
    assert entry["affected"] == [{"backup": "20250124T040000Z", "folder": "gamma"}]
    assert f"{entry['saved_chunks']} chunks" in dry.output
    assert invoke(capsys, "--config", config, "repair", "packs").code == 0


def test_index_marks_and_locks_are_repaired(config: Path, made: MadeRepository, capsys: Capture) -> None:
    put_mark(made.backend(), made.names[0], "pin", made.now_ns, {})
    lock = made.path / "locks" / "00.toml"
    lock.parent.mkdir()
    lock.write_bytes(b"damaged")
    for path in (*(made.path / "index").iterdir(), next((made.path / "marks").rglob("*.toml"))):
        flip_byte(path, 20)
    assert invoke(capsys, "--config", config, "check").code == 13
    assert invoke(capsys, "--config", config, "repair", "index").code == 11
    assert "00.toml" in invoke(capsys, "--config", config, "repair", "locks").output
    assert "3 packs with" in invoke(capsys, "--config", config, "repair", "index").output
    marks = invoke(capsys, "--config", config, "repair", "marks")
    assert marks.code == 0
    assert "20250124T020000Z is on hold" in marks.output
    assert invoke(capsys, "--config", config, "check").code == 0
