"""`import`: whose copy it is, on which network, into which repository; one faulty source leaves the others alone."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quri_console.backup.browse import OpenBackup, open_backup
from quri_console.clock import SystemClock
from quri_console.config.model import MAINNET_ROOT_KEY_SHA256
from quri_console.repository.archive import write_archive
from quri_console.repository.files import write_private
from quri_console.repository.locks import acquire, list_locks
from quri_console.repository.set_writer import SetWriter
from quri_console.repository.store import Repository
from quri_console.repository.unlocking import unlock_with
from tests.support.backups import (
    AT,
    ORIGIN,
    REGISTRY,
    RUNE_ENGINE,
    MadeUpState,
    repository_in,
    write_backup,
    write_snapshot,
)
from tests.support.command import Finished, invoke
from tests.support.key_holders import age_holder, shared_repository
from tests.support.legacy_backups import IDS, LegacyRun, canister_texts, write_directory
from tests.support.legacy_backups import write_archive as write_legacy_archive
from tests.support.old_sets import write_old_set

Capture = pytest.CaptureFixture[str]
ORIGIN_TIME = datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC)
ROOT_KEY = bytes(range(133))
CONFIG = f"""
[networks.local]
url = "http://127.0.0.1:9"
root_key = "{ROOT_KEY.hex()}"
production = false
[networks.asked]
url = "http://127.0.0.1:9"
root_key = "fetch"
production = false
[canisters.rune-engine]
id = "{RUNE_ENGINE.to_str()}"
[repository]
path = "repository"
[paths]
root = "root"
"""


class Desk:
    """A configuration, and the command that uses it."""

    def __init__(self, folder: Path, capsys: Capture) -> None:
        self.folder = folder
        self.config = folder / "config.toml"
        self.config.write_text(CONFIG)
        self._capsys = capsys

    def __call__(self, *arguments: str | Path) -> Finished:
        return invoke(self._capsys, "--config", self.config, "import", *arguments)

    @property
    def repository(self) -> Repository:
        return repository_in(self.folder / "repository")

    @property
    def newest(self) -> OpenBackup:
        return open_backup(self.repository)

    def snapshot(self, name: str, state: MadeUpState | None = None) -> Path:
        write_snapshot(self.folder / name, state or MadeUpState())
        return self.folder / name


@pytest.fixture
def desk(tmp_path: Path, capsys: Capture) -> Desk:
    return Desk(tmp_path, capsys)


def test_a_folder_called_like_its_canister_needs_no_more(desk: Desk) -> None:
    finished = desk(desk.snapshot("rune-engine"))
    assert finished.code == 0
    assert "as 20250124T020000Z (rune-engine)\n" in finished.output
    assert re.search(r"  192 KiB of state, [\d.]+ KiB of it new, [\d.]+ KiB stored, in [\d.]+ s\n", finished.output)
    assert finished.output.splitlines()[-1] == "Next: `quri-console verify 20250124T020000Z`"
    assert "name of its own time" not in finished.output
    assert "The repository is not encrypted" in finished.output
    stored = desk.newest.canister(RUNE_ENGINE)
    assert (stored.name, stored.network.name) == ("rune-engine", "local")
    assert stored.network.root_key_hash == hashlib.sha256(ROOT_KEY).digest()
    again = desk(desk.folder / "rune-engine")
    assert (again.code, "is there already as 20250124T020000Z" in again.output) == (0, True)
    assert "not encrypted" not in again.output


def test_a_folder_called_by_an_id_is_that_canister_s(desk: Desk) -> None:
    assert desk(desk.snapshot(REGISTRY.to_str())).code == 0
    assert desk.newest.canister(REGISTRY).name == REGISTRY.to_str()


def test_whose_it_is_what_it_is_called_and_when_it_was_can_be_said(desk: Desk) -> None:
    path = desk.snapshot("snapshot-of-something")
    finished = desk(path)
    assert (finished.code, "Give the id by --canister" in finished.errors) == (2, True)
    finished = desk(path, "--canister", REGISTRY.to_str(), "--name", "registry", "--taken-at", "2024-05-06T09:00+02:00")
    assert finished.code == 0
    stored = desk.newest.canister(REGISTRY)
    assert stored.label == "20240506T070000Z/registry"


def test_another_network_of_the_configuration_can_be_meant_and_mainnet_is_always_known(desk: Desk) -> None:
    desk(desk.snapshot("rune-engine"), "--network", "ic")
    network = desk.newest.manifest.network
    assert (network.name, network.root_key_hash.hex()) == ("ic", MAINNET_ROOT_KEY_SHA256)
    finished = desk(desk.folder / "rune-engine", "--network", "elsewhere")
    assert (finished.code, "no network elsewhere" in finished.errors) == (2, True)
    finished = desk(desk.folder / "rune-engine", "--network", "asked")
    assert finished.code == 16


def test_a_whole_folder_of_the_first_version_comes_over_set_by_set(desk: Desk) -> None:
    old = desk.folder / "old"
    write_old_set(old)
    write_old_set(old, {("registry", REGISTRY): MadeUpState(chunks=())}, at=ORIGIN_TIME)
    finished = desk(old)
    assert finished.code == 0
    assert finished.output.count("Imported ") == 2
    assert finished.output.count("Next: ") == 1
    assert desk.repository.set_names() == ("20240203T040506Z", "20250124T020000Z")
    assert desk.newest.manifest.network == ORIGIN


def test_legacy_backups_come_over_with_their_notes(desk: Desk) -> None:
    run = LegacyRun((replace(canister_texts(), info=None),))
    finished = desk(write_directory(desk.folder / "old", run))
    assert finished.code == 0
    assert "  without state, " in finished.output
    assert "Next: `quri-console show " in finished.output
    assert "note: rune-engine: no info file." in finished.output
    stored = desk.newest.canister("rune-engine")
    assert (stored.canister.to_str(), stored.network.name, stored.mode) == (IDS["rune-engine"], "ic", "legacy")


def test_a_legacy_archive_is_unpacked_where_nothing_is_left(desk: Desk) -> None:
    assert desk(write_legacy_archive(desk.folder / "old")).code == 0
    assert list((desk.folder / "root" / "cache" / "imports").iterdir()) == []


def test_what_was_left_out_makes_it_partial(desk: Desk) -> None:
    old = write_old_set(
        desk.folder / "old", {("rune-engine", RUNE_ENGINE): MadeUpState(), ("registry", REGISTRY): MadeUpState()}
    )
    (old / "registry" / "status.toml").unlink()
    finished = desk(old)
    assert (finished.code, "left out: registry: not imported: " in finished.output) == (3, True)


def test_archives_come_over(desk: Desk) -> None:
    other = repository_in(desk.folder / "other")
    name = write_backup(other)
    archive = write_archive(other, name, desk.folder / "it.tar.zst").path
    assert desk(archive).code == 0
    assert f"is there already as {name} (rune-engine).\n" in desk(archive).output


def test_an_archive_tells_what_it_added_to_the_repository(desk: Desk) -> None:
    other = repository_in(desk.folder / "other")
    archive = write_archive(other, write_backup(other), desk.folder / "it.tar.zst").path
    (entry,) = desk(archive, "--json").json()["imports"]
    manifest = desk.repository.manifest(entry["backup"])
    packs = sum(path.stat().st_size for path in (desk.folder / "repository" / "packs").rglob("*") if path.is_file())
    assert entry["stored_bytes"] == packs + sum(file.size for file in manifest.files)
    assert 0 < entry["new_bytes"] < entry["state_bytes"]
    assert entry["duration_seconds"] >= 0
    assert (entry["name_taken"], entry["next"]) == (None, f"quri-console verify {entry['backup']}")


@pytest.mark.parametrize("kind", ["archive", "snapshot directory", "old set"])
def test_an_import_whose_name_is_taken_says_so_by_what_and_which_it_got(desk: Desk, kind: str) -> None:
    assert desk(desk.snapshot(REGISTRY.to_str())).code == 0
    if kind == "archive":
        other = repository_in(desk.folder / "other")
        source = write_archive(other, write_backup(other), desk.folder / "it.tar.zst").path
    elif kind == "old set":
        source = write_old_set(desk.folder / "old")
    else:
        source = desk.snapshot("rune-engine")
    finished = desk(source)
    assert finished.code == 0
    assert (
        f"  20250124T020000Z, the name of its own time, is that of an import of {REGISTRY.to_str()};\n"
        "  so this one is called 20250124T020001Z.\n"
    ) in finished.output
    assert desk.repository.set_names() == ("20250124T020000Z", "20250124T020001Z")


def test_a_name_that_an_unfinished_backup_has_is_said_to_be_taken_by_it(desk: Desk) -> None:
    target = desk.repository
    assert SetWriter.reserve(target.backend, target.vault, target.id, int(AT.timestamp()) * 10**9, {}) is not None
    (entry,) = desk(desk.snapshot("rune-engine"), "--json").json()["imports"]
    assert (entry["name_taken"], entry["name_holder"]) == ("20250124T020000Z", "a backup that is not finished")
    assert entry["backup"] == "20250124T020001Z"


def test_one_faulty_source_leaves_the_others_alone(desk: Desk) -> None:
    good, bad = desk.snapshot("rune-engine"), desk.snapshot(REGISTRY.to_str())
    (bad / "stable_memory.bin").write_bytes(b"")
    finished = desk(bad, good, "--json")
    assert finished.code == 3
    failed, imported = finished.json()["imports"]
    assert "stable_memory.bin" in failed["error"]
    assert (imported["backup"], imported["fresh"], imported["kind"]) == ("20250124T020000Z", True, "snapshot directory")
    assert json.loads(finished.errors.splitlines()[-1])["event"] == "progress"
    assert desk(bad).code == 13


def test_a_hostile_tree_is_refused(desk: Desk) -> None:
    path = desk.snapshot("rune-engine")
    (path / "metadata.link").symlink_to("/etc/passwd")
    finished = desk(path)
    assert (finished.code, "symbolic link" in finished.errors) == (13, True)


@pytest.mark.parametrize("options", [("--canister", "rune-engine"), ("--name", "x"), ("--taken-at", "2024-01-01")])
def test_what_is_said_of_one_source_is_not_taken_for_several(desk: Desk, options: tuple[str, str]) -> None:
    finished = desk(desk.snapshot("rune-engine"), desk.snapshot("other"), *options)
    assert (finished.code, "is of one backup, and these are 2" in finished.errors) == (2, True)


def test_an_archive_says_itself_what_it_is(desk: Desk) -> None:
    other = repository_in(desk.folder / "other")
    archive = write_archive(other, write_backup(other), desk.folder / "it.tar.zst").path
    finished = desk(archive, "--name", "x")
    assert (finished.code, "--name has no meaning" in finished.errors) == (2, True)


@pytest.mark.parametrize("arguments", [(), ("/nothing/there",), ("/etc/hostname",)])
def test_nothing_to_import_is_an_error_of_usage_and_makes_no_repository(desk: Desk, arguments: tuple[str, ...]) -> None:
    assert desk(*arguments).code == 2
    assert not (desk.folder / "repository").exists()


def test_a_time_that_is_none_is_refused(desk: Desk) -> None:
    finished = desk(desk.snapshot("rune-engine"), "--taken-at", "yesterday")
    assert (finished.code, "is no time" in finished.errors) == (2, True)


def test_a_read_only_console_imports_nothing(desk: Desk, capsys: Capture) -> None:
    path = desk.snapshot("rune-engine")
    finished = invoke(capsys, "--config", desk.config, "--read-only", "import", path)
    assert finished.code == 14
    assert not (desk.folder / "repository").exists()


def test_it_waits_for_no_backup_refuses_a_prune_and_leaves_no_lock(desk: Desk) -> None:
    backend = desk.repository.backend
    with acquire(backend, "exclusive", "a prune", SystemClock()):
        assert desk(desk.snapshot("rune-engine")).code == 11
    with acquire(backend, "shared", "a backup", SystemClock()):
        assert desk(desk.folder / "rune-engine").code == 0
    assert list_locks(backend) == ()


def test_an_encrypted_repository_takes_it_encrypted_and_refuses_without_its_key(desk: Desk) -> None:
    holder = age_holder()
    shared_repository(desk.folder / "repository", holder)
    state = MadeUpState(heap=b"secret! " * 8192)
    path = desk.snapshot("rune-engine", state)
    assert desk(path).code == 12
    write_private(desk.folder / "identity.txt", holder.text.encode())
    desk.config.write_text(CONFIG.replace('path = "repository"', 'path = "repository"\nidentity = "identity.txt"'))
    assert desk(path).code == 0
    for file in (desk.folder / "repository").rglob("*"):
        assert file.is_dir() or b"secret!" not in file.read_bytes()
    opened = Repository.open(desk.folder / "repository", unlock=unlock_with(holder.secrets))
    assert open_backup(opened).canister("rune-engine").metadata == state.metadata()
    assert "is there already" in desk(path).output
