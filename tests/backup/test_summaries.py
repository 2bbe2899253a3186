"""Lists of backups: typed, without a key, and with what is damaged still in them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from quri_console.backup.manifest import GroupWindow, ManifestFailure
from quri_console.backup.summaries import (
    BackupSummary,
    FailureSummary,
    GroupSummary,
    list_backups,
    remaining,
    summarise_repository,
)
from quri_console.clock import ManualClock
from quri_console.repository.local import LocalBackend
from quri_console.repository.marks import put_mark
from quri_console.repository.sealed import seal
from quri_console.repository.store import Repository, create_repository
from quri_console.repository.trash import Forgotten, put_forgotten
from tests.support.backups import (
    AT,
    NOW,
    ORIGIN,
    REGISTRY,
    RUNE_ENGINE,
    MadeUpState,
    begin_backup,
    repository_in,
    write_backup,
)
from tests.support.repositories import START_NS, CountingRandomness

BOTH = {("rune-engine", RUNE_ENGINE): MadeUpState(), ("registry", REGISTRY): MadeUpState(stable=b"", chunks=())}
LATER = AT + timedelta(days=8)
NOW_NS = int(NOW.timestamp()) * 10**9
FAILURE = ManifestFailure(REGISTRY, "registry", "it is frozen", "Top it up.")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return repository_in(tmp_path / "repository")


def only(repository: Repository) -> BackupSummary:
    """The only backup there is; listed twice, so that the cache's answer is the same."""
    cache = Path(repository.backend.location).parent / "cache"
    (first,), (again,) = list_backups(repository, cache), list_backups(repository, cache)
    assert first == again
    return first


def test_a_set_is_listed_as_it_was_written(repository: Repository) -> None:
    name = write_backup(repository, BOTH, warnings=("be careful",), group="runes")
    found = only(repository)
    assert (found.name, found.taken_at, found.network, found.operation) == (name, AT, "local", "op")
    assert found.root_key_hash == ORIGIN.root_key_hash
    rune, registry = found.canisters
    assert (rune.name, rune.canister_id, rune.taken_at, rune.mode) == ("rune-engine", RUNE_ENGINE.to_str(), AT, "stop")
    assert (rune.group, rune.warnings) == ("runes", ("be careful",))
    assert rune.module_hash == MadeUpState().module_hash()
    assert rune.has_state
    made_up = MadeUpState()
    whole = len(made_up.module) + len(made_up.heap) + len(made_up.stable) + len(made_up.chunks[0])
    # the second canister shares module and heap with the first
    assert (rune.state_bytes, registry.new_bytes) == (whole, 0)
    assert found.state_bytes == rune.state_bytes + registry.state_bytes
    assert 0 < found.new_bytes == rune.new_bytes < whole
    assert (found.state, found.partial, found.damage, found.forgotten_at) == ("whole", False, None, None)


def test_the_newest_comes_first_and_forgotten_ones_are_told_apart(repository: Repository, tmp_path: Path) -> None:
    names = [write_backup(repository, at=AT + timedelta(days=day)) for day in (2, 0, 1)]
    put_forgotten(repository.backend, Forgotten(names[0], NOW, "eva", "it is old"))
    found = list_backups(repository, tmp_path / "cache")
    assert [backup.name for backup in found] == [names[0], names[2], names[1]]
    assert found[0].forgotten_at == NOW
    assert [backup.name for backup in remaining(found)] == [names[2], names[1]]


def test_an_empty_repository_is_an_empty_list(repository: Repository) -> None:
    assert list_backups(repository, None) == ()
    assert summarise_repository(repository, None).stored_bytes == 0


def test_a_partial_set_says_who_is_missing_and_what_to_do(repository: Repository) -> None:
    write_backup(repository, failures=(FAILURE,))
    found = only(repository)
    assert found.state == "partial"
    assert found.failures == (FailureSummary("registry", REGISTRY.to_str(), "it is frozen", "Top it up."),)


def test_a_group_that_was_not_stopped_together_is_not_consistent(repository: Repository) -> None:
    write_backup(repository, groups=(GroupWindow("a", True, AT, AT), GroupWindow("b", False, reason="one ran on")))
    found = only(repository)
    assert found.state == "not consistent"
    assert found.groups == (GroupSummary("a", True, ""), GroupSummary("b", False, "one ran on"))


def test_marks_come_with_the_set(repository: Repository) -> None:
    name = write_backup(repository)
    put_mark(repository.backend, name, "pin", NOW_NS, {"reason": "release", "by": "eva"})
    put_mark(repository.backend, name, "hold", NOW_NS, {"reason": "incident 7", "by": "eva"})
    put_mark(repository.backend, name, "verification", NOW_NS, {"ok": True, "scope": "data"})
    put_mark(repository.backend, name, "rehearsal", NOW_NS, {})
    stands = only(repository).standing
    assert (stands.pinned, stands.pin_reason, stands.pinned_until) == (True, "release", None)
    assert (stands.held, stands.hold_reason) == (True, "incident 7")
    assert stands.verified_at == stands.rehearsed_at == NOW


def test_a_set_that_a_check_found_damaged_is_damaged(repository: Repository) -> None:
    name = write_backup(repository, failures=(FAILURE,))
    put_mark(repository.backend, name, "verification", NOW_NS, {"ok": False, "scope": "data", "folders": []})
    found = only(repository)
    assert (found.state, found.damage) == ("damaged", None)


def test_a_copy_without_state_is_listed_and_says_so(repository: Repository) -> None:
    write_backup(repository, mode="legacy")
    (canister,) = only(repository).canisters
    assert (canister.mode, canister.has_state) == ("legacy", False)


@pytest.mark.parametrize("manifest", [b"garbage", seal({"format": 99}), b""])
def test_a_manifest_that_cannot_be_read_hides_no_other_backup(
    repository: Repository, tmp_path: Path, manifest: bytes
) -> None:
    older, newer = write_backup(repository), write_backup(repository, at=LATER)
    (tmp_path / "repository" / "backups" / newer / "MANIFEST.toml").write_bytes(manifest)
    for _ in range(2):
        damaged, good = list_backups(repository, tmp_path / "cache")
        assert (damaged.name, damaged.taken_at, damaged.state, damaged.canisters) == (newer, LATER, "damaged", ())
        assert damaged.damage
        assert (good.name, good.damage) == (older, None)


def test_a_set_of_something_else_is_damaged_and_no_crash(repository: Repository) -> None:
    begin_backup(repository).commit([], {"network": "a text", "operation": 7})
    found = only(repository)
    assert found.state == "damaged"
    assert "not that of canisters" in (found.damage or "")


def test_more_failures_than_the_cache_takes_are_read_from_the_manifest(repository: Repository) -> None:
    failures = tuple(replace(FAILURE, reason=f"{number}: {'long ' * 200}") for number in range(40))
    write_backup(repository, failures=failures)
    found = only(repository)
    assert [failure.reason for failure in found.failures] == [failure.reason for failure in failures]


def test_what_was_left_unfinished_is_named_with_its_operation(repository: Repository, tmp_path: Path) -> None:
    write_backup(repository)
    begin_backup(repository, LATER, operation="backup-7")
    gone = begin_backup(repository, LATER + timedelta(days=1), operation="backup-8")
    put_forgotten(repository.backend, Forgotten(gone.name, NOW, "eva", "prune has begun to remove it"))
    (tmp_path / "repository" / "backups" / "20251399T990000Z").mkdir()
    found = summarise_repository(repository, None)
    assert [(left.name, left.operation) for left in found.unfinished] == [("20250201T020000Z", "backup-7")]
    assert len(found.backups) == 1


def test_a_damaged_note_of_who_began_it_is_no_failure(repository: Repository, tmp_path: Path) -> None:
    name = begin_backup(repository).name
    (tmp_path / "repository" / "backups" / name / "BEGUN.toml").write_bytes(b"garbage")
    (left,) = summarise_repository(repository, None).unfinished
    assert left.operation == ""


def test_the_room_that_is_taken_is_that_of_packs_and_records(repository: Repository, tmp_path: Path) -> None:
    write_backup(repository, BOTH)
    found = summarise_repository(repository, None)
    packs = sum(path.stat().st_size for path in (tmp_path / "repository" / "packs").rglob("*") if path.is_file())
    assert found.stored_bytes == packs + found.backups[0].record_bytes
    assert found.location == str(tmp_path / "repository")


def test_an_encrypted_repository_is_listed_without_its_key(tmp_path: Path) -> None:
    from tests.support.repositories import MadeRepository

    made = MadeRepository(tmp_path, encrypted=True)
    create_repository(
        LocalBackend(tmp_path),
        clock=ManualClock(START_NS),
        randomness=CountingRandomness(b"summaries"),
        encryption="aes-256-gcm",
    )
    name = write_backup(made.open(), BOTH)
    found = summarise_repository(made.open_without_key(), None)
    assert found.encrypted
    assert [backup.name for backup in found.backups] == [name]
    assert found.backups[0].canisters[1].canister_id == REGISTRY.to_str()


def test_times_are_aware_and_in_utc(repository: Repository) -> None:
    write_backup(repository)
    found = only(repository)
    moments: list[datetime] = [found.taken_at, found.canisters[0].taken_at]
    assert all(moment.utcoffset() == timedelta(0) for moment in moments)


def test_listing_needs_nothing_of_the_network() -> None:
    script = (
        "import sys\nimport quri_console.backup.summaries\n"
        "print([name for name in sys.modules if name.startswith(('quri_console.ic', 'icp_', 'cryptography', "
        "'zstandard', 'pyrage', 'httpx', 'wasmtime'))])"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"
