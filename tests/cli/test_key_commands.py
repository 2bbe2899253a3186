"""`init` and `key`: what they make, say and refuse, in words and as JSON."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from quri_console.clock import SystemClock
from quri_console.repository.age import shortened
from quri_console.repository.key_file import KEYS_FOLDER
from quri_console.repository.local import LocalBackend
from quri_console.repository.locks import acquire
from quri_console.repository.vault import RECORD_MAGIC
from tests.support.command import invoke, write_config
from tests.support.key_holders import Holder, age_holder, key_paths, ssh_holder
from tests.support.operator_command import operator_on_fleet
from tests.support.typed_commands import typed

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def alice() -> Holder:
    return age_holder("alice")


@pytest.fixture
def config(tmp_path: Path, alice: Holder) -> Path:
    """One whose identity file holds alice's."""
    path = write_config(tmp_path)
    text = path.read_text()
    path.write_text(text.replace("[paths]", f'identity = "{private(tmp_path / "identity.txt", alice.text)}"\n[paths]'))
    return path


def private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def files_with(text: str, folder: Path) -> list[Path]:
    """The files at any depth that hold a text."""
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def test_without_options_a_repository_is_in_the_clear_and_says_how_to_encrypt(config: Path, capsys: Capture) -> None:
    made = invoke(capsys, "--config", config, "init")
    assert made.code == 0
    assert "in the clear.\nIt is not encrypted: whoever copies it can read it." in made.output
    assert "`quri-console init --recipient age1…` or `quri-console init --passphrase`" in made.output
    assert made.output.endswith("Next: `quri-console backup --dry-run`\n")
    listed = invoke(capsys, "--config", config, "key", "list")
    assert (listed.code, "in the clear" in listed.output) == (0, True)
    refused = invoke(capsys, "--config", config, "key", "rotate")
    assert refused.code == 2
    assert "in the clear, so it has no keys" in refused.errors


def test_a_plain_repository_on_purpose_is_not_argued_with(config: Path, capsys: Capture) -> None:
    assert "To have an encrypted one" not in invoke(capsys, "--config", config, "init", "--plain").output


def test_plain_and_encrypted_at_once_is_refused(config: Path, tmp_path: Path, capsys: Capture, alice: Holder) -> None:
    refused = invoke(capsys, "--config", config, "init", "--plain", "--recipient", alice.way.recipient)
    assert refused.code == 2
    assert not (tmp_path / "repository").exists()


def test_an_encrypted_repository_is_made_once(config: Path, tmp_path: Path, capsys: Capture, alice: Holder) -> None:
    sam = ssh_holder("ed25519")
    team = tmp_path / "team.txt"
    team.write_text(f"# the team\n{sam.way.recipient} sam@example\n")
    options = ("init", "--recipient", alice.way.recipient, "--recipients-file", team)
    document = invoke(capsys, "--config", config, *options, "--json").json()
    assert document["encryption"] == "aes-256-gcm"
    assert [way["recipient"] for way in document["ways"]] == [alice.way.recipient, sam.way.recipient]
    assert document["ways"][1]["label"] == "sam@example"
    again = invoke(capsys, "--config", config, *options)
    assert again.code == 2
    assert "There is a repository" in again.errors
    assert len(key_paths(tmp_path / "repository")) == 2


def test_a_wrong_recipient_makes_nothing(config: Path, tmp_path: Path, capsys: Capture) -> None:
    refused = invoke(capsys, "--config", config, "init", "--recipient", "alice@example")
    assert refused.code == 2
    assert "is no recipient" in refused.errors
    assert not (tmp_path / "repository").exists()


def test_ways_are_added_listed_removed_and_rotated(
    config: Path, tmp_path: Path, capsys: Capture, alice: Holder
) -> None:
    bob = age_holder()
    invoke(capsys, "--config", config, "init", "--recipient", alice.way.recipient)
    added = invoke(capsys, "--config", config, "key", "add", "--recipient", bob.way.recipient, "--label", "bob")
    assert (added.code, "bob" in added.output) == (0, True)
    rotated = invoke(capsys, "--config", config, "key", "rotate")
    assert (rotated.code, "a new master key" in rotated.output) == (0, True)
    document = invoke(capsys, "--config", config, "key", "list", "--json").json()
    assert [(way["kind"], way["generation"], way["complete"]) for way in document["ways"]] == [
        ("recipient", 2, True),
        ("recipient", 2, True),
    ]
    assert (document["unfinished_rotation"], document["damage"]) == (False, [])
    removed = invoke(capsys, "--config", config, "key", "remove", "bob")
    assert removed.code == 0
    assert "may have copied the keys: `quri-console key rotate`" in removed.output
    lines = invoke(capsys, "--config", config, "key", "list").output.splitlines()
    assert lines[0].split() == ["WAY", "OPENED", "BY", "LABEL", "SINCE", "KEYS"]
    assert lines[1].endswith("2 of 2")
    assert lines[2].startswith("2 master keys: ")
    assert len(lines) == 4


def test_removing_a_way_says_that_older_archives_still_open_with_it(
    config: Path, capsys: Capture, alice: Holder
) -> None:
    bob = age_holder()
    invoke(capsys, "--config", config, "init", "--recipient", alice.way.recipient, "--recipient", bob.way.recipient)
    removed = invoke(capsys, "--config", config, "key", "remove", bob.way.recipient)
    assert (removed.code, "Archives made before still open with it" in removed.output) == (0, True)
    assert removed.output.endswith("Next: `quri-console key rotate`\n")


def test_a_way_is_removed_by_its_whole_recipient_or_as_it_is_listed(
    config: Path, tmp_path: Path, capsys: Capture, alice: Holder
) -> None:
    sam, bob = ssh_holder("ed25519"), age_holder()
    invoke(capsys, "--config", config, "init", "--recipient", alice.way.recipient)
    for name, way in (("sam", sam.way), ("bob", bob.way)):
        invoke(capsys, "--config", config, "key", "add", "--recipient", way.recipient, "--label", name)
    for text in (f"{sam.way.recipient} another-comment@example", shortened(bob.way.recipient)):
        removed = invoke(capsys, "--config", config, "key", "remove", text)
        assert removed.code == 0, removed.errors
    assert len(key_paths(tmp_path / "repository")) == 1
    for text in (age_holder().way.recipient, "age1nonsense", "ssh-"):
        refused = invoke(capsys, "--config", config, "key", "remove", text)
        assert (refused.code, "No way in is called" in refused.errors) == (2, True)


def test_the_ways_fit_80_columns_and_say_everything_once(
    config: Path, capsys: Capture, alice: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    invoke(capsys, "--config", config, "init", "--recipient", alice.way.recipient)
    label = "somebody with a long name, " * 3
    invoke(capsys, "--config", config, "key", "add", "--recipient", age_holder().way.recipient, "--label", label)
    lines = invoke(capsys, "--config", config, "key", "list").output.splitlines()
    assert all(len(line) <= 80 for line in lines)
    shown = shortened(alice.way.recipient)
    (first,) = (line for line in lines if shown in line)
    assert first.count(shown) == 1
    assert any("somebody with" in line and "…" in line for line in lines)
    assert lines[-1].startswith("1 master key, made with the repository on ")
    document = invoke(capsys, "--config", config, "key", "list", "--json").json()
    assert document["master_keys"] == 1
    # two ways of one second have no order
    assert label.strip() in [way["label"] for way in document["ways"]]


def test_the_last_way_is_not_removed(config: Path, capsys: Capture, alice: Holder) -> None:
    way = invoke(capsys, "--config", config, "init", "--recipient", alice.way.recipient, "--json").json()["ways"][0]
    refused = invoke(capsys, "--config", config, "key", "remove", way["label"])
    assert refused.code == 14
    assert "last way" in refused.errors


def test_a_wrong_key_has_its_exit_code_and_the_right_ones_are_named(
    config: Path, tmp_path: Path, capsys: Capture, alice: Holder
) -> None:
    invoke(capsys, "--config", config, "init", "--recipient", f"{ssh_holder('ed25519').way.recipient} sam@example")
    refused = invoke(capsys, "--config", config, "key", "recovery-kit")
    assert refused.code == 12
    assert "sam@example" in refused.errors
    assert len(key_paths(tmp_path / "repository")) == 1


def test_another_identity_may_be_given_than_the_configured_one(
    config: Path, tmp_path: Path, capsys: Capture, alice: Holder
) -> None:
    bob = age_holder()
    invoke(capsys, "--config", config, "init", "--recipient", bob.way.recipient)
    identity = private(tmp_path / "bob.txt", bob.text)
    add = ("key", "add", "--recipient", alice.way.recipient)
    assert invoke(capsys, "--config", config, *add).code == 12
    assert invoke(capsys, "--config", config, *add, "--identity", identity).code == 0
    assert invoke(capsys, "--config", config, "key", "rotate").code == 0


def test_an_identity_file_that_others_may_read_is_refused(config: Path, tmp_path: Path, capsys: Capture) -> None:
    invoke(capsys, "--config", config, "init", "--recipient", age_holder().way.recipient)
    (tmp_path / "identity.txt").chmod(0o644)
    refused = invoke(capsys, "--config", config, "key", "rotate")
    assert refused.code == 14
    assert f"chmod 600 {tmp_path / 'identity.txt'}" in refused.errors


def test_damaged_key_files_are_listed_with_the_exit_code_of_corruption(
    config: Path, tmp_path: Path, capsys: Capture, alice: Holder
) -> None:
    bob = age_holder()
    invoke(capsys, "--config", config, "init", "--recipient", alice.way.recipient, "--recipient", bob.way.recipient)
    damaged = key_paths(tmp_path / "repository")[0]
    damaged.write_bytes(damaged.read_bytes().replace(b"generation = 1", b"generation = 2"))
    listed = invoke(capsys, "--config", config, "key", "list")
    assert listed.code == 13
    assert f"{KEYS_FOLDER}/{damaged.name} cannot be used" in listed.output
    document = invoke(capsys, "--config", config, "key", "list", "--json").json()
    assert [item["object"] for item in document["damage"]] == [f"{KEYS_FOLDER}/{damaged.name}"]
    assert len(document["ways"]) == 1


def test_a_rotation_waits_for_nobody_unless_told_to(
    config: Path, tmp_path: Path, capsys: Capture, alice: Holder
) -> None:
    invoke(capsys, "--config", config, "init", "--recipient", alice.way.recipient)
    with acquire(LocalBackend(tmp_path / "repository"), "shared", "backup 42", SystemClock()):
        refused = invoke(capsys, "--config", config, "key", "rotate")
        assert refused.code == 11
        assert "backup 42" in refused.errors
        assert invoke(capsys, "--config", config, "key", "recovery-kit").code == 0


def test_a_recovery_kit_is_a_page_with_a_secret_that_opens_the_repository(
    config: Path, tmp_path: Path, capsys: Capture, alice: Holder
) -> None:
    invoke(capsys, "--config", config, "init", "--recipient", alice.way.recipient)
    page = invoke(capsys, "--config", config, "key", "recovery-kit").output
    secret = next(line.strip() for line in page.splitlines() if line.strip().startswith("AGE-SECRET-KEY-1"))
    assert str(tmp_path / "repository") in page
    assert max(map(len, page.splitlines())) <= 120
    kit = private(tmp_path / "kit.txt", f"{secret}\n")
    removed = invoke(capsys, "--config", config, "key", "remove", alice.way.recipient[:4], "--identity", kit)
    assert removed.code == 2  # a recipient is no name of a way
    ways = invoke(capsys, "--config", config, "key", "list", "--json").json()["ways"]
    # they come in the order of their random ids
    label = next(way["label"] for way in ways if "recovery kit" not in way["label"])
    assert invoke(capsys, "--config", config, "key", "remove", label, "--identity", kit).code == 0
    assert invoke(capsys, "--config", config, "key", "rotate").code == 12


def test_nobody_is_asked_where_there_is_no_terminal(config: Path, tmp_path: Path, capsys: Capture) -> None:
    refused = invoke(capsys, "--config", config, "init", "--passphrase")
    assert refused.code == 2
    assert "no terminal" in refused.errors
    assert not (tmp_path / "repository").exists()


def test_a_passphrase_is_typed_unseen_twice_when_new_and_once_when_it_opens(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    passphrase = "a horse in a battery"
    code, shown = typed(
        ["--config", config, "init", "--passphrase"], [("New passphrase", passphrase), ("Again", passphrase)]
    )
    assert code == 0, shown
    assert "encrypted" in shown
    code, more = typed(
        ["--config", config, "key", "add", "--recipient", age_holder().way.recipient],
        [("Passphrase of 'passphrase'", passphrase)],
    )
    assert code == 0, more
    assert passphrase not in shown + more


async def test_a_typed_passphrase_reaches_the_runner_of_a_backup_and_no_file(tmp_path: Path) -> None:
    passphrase = "a horse in a battery"
    async with operator_on_fleet(tmp_path) as operator:
        given = private(tmp_path / "passphrase.txt", passphrase)
        assert (await operator("init", "--passphrase-file", str(given))).code == 0
        given.unlink()
        alone = await operator("backup", "registry")
        assert alone.code == 12
        assert not list(operator.repository.glob("backups/*"))
        arguments = ["--config", operator.config, "backup", "registry"]
        code, shown = await asyncio.to_thread(typed, arguments, [("Passphrase of the repository", passphrase)])
        assert code == 0, shown
        (record,) = operator.repository.glob("backups/*/registry/status.toml")
        assert record.read_bytes().startswith(RECORD_MAGIC)
    assert files_with(passphrase, tmp_path) == []


@pytest.mark.parametrize("arguments", [("init",), ("key",), *(("key", verb) for verb in ("add", "rotate", "remove"))])
def test_help_shows_examples(capsys: Capture, arguments: tuple[str, ...]) -> None:
    shown = invoke(capsys, *arguments, "--help")
    assert shown.code == 0
    assert f"quri-console {' '.join(arguments)}" in shown.output
