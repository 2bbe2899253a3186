"""An encrypted repository opens by what the configuration names, and a runner is given only what it cannot find."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from quri_console.config import Config, load_config
from quri_console.effects.runner import Key, read_key
from quri_console.errors import RefusedBySafetyRule
from quri_console.repository.errors import WrongKey
from quri_console.repository.store import create_repository
from quri_console.service.repositories import open_repository, passphrase_for_runner
from tests.support.command import write_config
from tests.support.key_holders import PASSPHRASE, age_holder, backend_at, passphrase_holder, shared_repository


def config(folder: Path, more: str = "") -> Config:
    """One with more lines in [repository]."""
    path = write_config(folder)
    path.write_text(path.read_text().replace("[paths]", f"{more}\n[paths]"))
    return load_config(path)


def never() -> str:
    raise AssertionError("nobody is to be asked")


def private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_a_repository_in_the_clear_or_none_at_all_asks_for_nothing(tmp_path: Path) -> None:
    found = config(tmp_path, 'identity = "missing.txt"')
    assert passphrase_for_runner(found, never) is None
    create_repository(backend_at(found.repository.path))
    assert passphrase_for_runner(found, never) is None
    assert not open_repository(found, ask_passphrase=never).vault.encrypted


def test_a_configured_identity_opens_it_and_the_runner_reads_it_itself(tmp_path: Path) -> None:
    alice = age_holder()
    identity = private(tmp_path / "identity.txt", alice.text)
    found = config(tmp_path, 'identity = "identity.txt"')
    shared_repository(found.repository.path, alice)
    assert passphrase_for_runner(found, never) is None
    assert open_repository(found, ask_passphrase=never).vault.encrypted
    identity.chmod(0o640)
    with pytest.raises(RefusedBySafetyRule):
        _ = open_repository(found).vault


def test_a_passphrase_reaches_the_runner_only_when_it_opens_the_repository(tmp_path: Path) -> None:
    found = config(tmp_path)
    shared_repository(found.repository.path, passphrase_holder())
    assert passphrase_for_runner(found, lambda: PASSPHRASE) == PASSPHRASE
    with pytest.raises(WrongKey):
        passphrase_for_runner(found, lambda: "mistyped as often happens")
    with pytest.raises(WrongKey):
        passphrase_for_runner(found, None)
    assert passphrase_for_runner(found, None, required=False) is None
    private(tmp_path / "passphrase", PASSPHRASE)
    named = config(tmp_path, 'passphrase_file = "passphrase"')
    assert passphrase_for_runner(named, never) is None


def test_opening_lists_without_a_key_and_needs_it_only_for_content(tmp_path: Path) -> None:
    found = config(tmp_path)
    shared_repository(found.repository.path, age_holder())
    repository = open_repository(found, ask_passphrase=never)
    assert repository.set_names() == ()
    with pytest.raises(WrongKey):
        _ = open_repository(found).vault


def test_the_runners_key_carries_the_passphrase_and_shows_nothing() -> None:
    document = {"pem": "-----BEGIN", "passphrase": None, "repository": PASSPHRASE}
    key = read_key(io.BytesIO(json.dumps(document).encode()))
    assert key.repository_passphrase == PASSPHRASE
    assert repr(key) == repr(Key(b"")) == "Key(…)"
