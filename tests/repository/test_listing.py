"""Listing sets: what the manifests, marks and trash say, from the cache only while they are what they were."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from quri_console.clock import ManualClock
from quri_console.repository import listing
from quri_console.repository.listing import SetSummary, list_repository, list_sets
from quri_console.repository.local import LocalBackend
from quri_console.repository.marks import put_mark, read_marks, standing
from quri_console.repository.read_only import ReadOnlyFileSystem
from quri_console.repository.sealed import seal
from quri_console.repository.sets import SetItem, set_time
from quri_console.repository.store import Repository
from quri_console.repository.trash import forget
from tests.support.repositories import START_NS, MadeRepository, flip_byte, small_repository, subject

NOW_NS = START_NS + 365 * 24 * 3600 * 10**9


@pytest.fixture
def made(tmp_path: Path) -> MadeRepository:
    return small_repository(tmp_path / "repository")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def opened(made: MadeRepository) -> Repository:
    return Repository.open(LocalBackend(made.path, ReadOnlyFileSystem()), clock=ManualClock(NOW_NS))


def listed(made: MadeRepository, cache: Path) -> tuple[SetSummary, ...]:
    return list_sets(opened(made), cache)


def parsed(made: MadeRepository, cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The objects that a listing reads and parses."""
    repository = opened(made)
    read: list[str] = []
    get = repository.backend.get

    def recorded(name: str) -> bytes:
        read.append(name)
        return get(name)

    monkeypatch.setattr(repository.backend, "get", recorded)
    list_sets(repository, cache)
    return read


def cache_file(cache: Path) -> Path:
    (path,) = (cache / "repositories").glob("*.sqlite")
    return path


def committed(made: MadeRepository, fields: dict[str, Any], document: dict[str, Any]) -> str:
    """One more set, whose only item has these fields."""
    content = made.contents[made.names[2]]
    writer = made.begin_set(content)
    writer.commit([SetItem("gamma", subject("gamma"), fields)], document)
    made.contents[writer.name] = content
    return writer.name


def test_sets_are_listed_newest_first_with_what_their_manifests_say(made: MadeRepository, cache: Path) -> None:
    summaries = listed(made, cache)
    assert [summary.name for summary in summaries] == sorted(made.names, reverse=True)
    for summary in summaries:
        manifest = made.open().manifest(summary.name)
        assert summary.taken_at == set_time(summary.name)
        assert summary.items == manifest.items
        assert summary.document == manifest.document == {"tool": "test"}
        assert summary.record_bytes == sum(file.size for file in manifest.files)
        assert (summary.damage, summary.forgotten_at, summary.logical_bytes) == (None, None, None)


def test_the_second_listing_says_the_same_and_parses_nothing(
    made: MadeRepository, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_mark(made.backend(), made.names[0], "pin", made.now_ns, {"reason": "x", "expires_at": datetime.now(UTC)})
    first = listed(made, cache)
    assert listed(made, cache) == first
    assert parsed(made, cache, monkeypatch) == []


def test_only_what_is_new_is_parsed(made: MadeRepository, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed(made, cache)
    name = committed(made, {}, {"tool": "test"})
    assert parsed(made, cache, monkeypatch) == [f"backups/{name}/MANIFEST.toml"]


def test_a_manifest_that_was_tampered_with_is_read_again_and_told(made: MadeRepository, cache: Path) -> None:
    listed(made, cache)
    flip_byte(made.path / "backups" / made.names[1] / "MANIFEST.toml", 30)
    damaged = listed(made, cache)[1]
    assert damaged.name == made.names[1]
    assert "is damaged" in str(damaged.damage)
    assert damaged.items == ()
    assert [summary.damage for summary in listed(made, cache)].count(None) == 2


def test_damage_is_never_remembered(made: MadeRepository, cache: Path) -> None:
    path = made.path / "backups" / made.names[0] / "MANIFEST.toml"
    whole = path.read_bytes()
    found = path.stat()
    flip_byte(path, 30)
    assert listed(made, cache)[-1].damage is not None
    path.write_bytes(whole)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert listed(made, cache)[-1].damage is None


def test_a_set_of_a_newer_version_is_listed_as_unreadable_beside_the_others(made: MadeRepository, cache: Path) -> None:
    (made.path / "backups" / made.names[0] / "MANIFEST.toml").write_bytes(seal({"format": 99}))
    assert "format 99" in str(listed(made, cache)[-1].damage)


def test_the_standing_is_what_the_marks_come_to_now(made: MadeRepository, cache: Path) -> None:
    name, now = made.names[0], datetime(2026, 1, 24, 2, tzinfo=UTC)
    put_mark(made.backend(), name, "pin", made.now_ns, {"reason": "audit", "expires_at": now + timedelta(days=1)})
    put_mark(made.backend(), name, "verification", made.now_ns, {"ok": True, "scope": "data"})
    for _ in range(2):
        found = listed(made, cache)[-1].standing
        assert found == standing(*read_marks(made.backend(), name), now)
        assert found.pinned
        assert found.verified_at is not None
    later = Repository.open(made.path, clock=ManualClock(NOW_NS + 2 * 24 * 3600 * 10**9))
    assert not list_sets(later, cache)[-1].standing.pinned


def test_a_mark_that_cannot_be_read_counts_as_a_hold(made: MadeRepository, cache: Path) -> None:
    put_mark(made.backend(), made.names[0], "pin", made.now_ns, {"reason": "audit"})
    listed(made, cache)
    flip_byte(next((made.path / "marks" / made.names[0]).iterdir()), 3)
    assert listed(made, cache)[-1].standing.held


def test_a_forgotten_set_says_when_and_one_brought_back_does_not(made: MadeRepository, cache: Path) -> None:
    at = datetime(2025, 2, 1, tzinfo=UTC)
    (mark,) = forget(made.open(), [made.names[0]], by="eva", reason="old", now=at)
    for _ in range(2):
        assert listed(made, cache)[-1].forgotten_at == at
    made.backend().delete(f"trash/sets/{mark.set_name}.toml")
    assert listed(made, cache)[-1].forgotten_at is None


def test_unfinished_sets_are_named_apart(made: MadeRepository, cache: Path) -> None:
    writer = made.begin_set(made.contents[made.names[0]])
    found = list_repository(opened(made), cache)
    assert found.unfinished == (writer.name,)
    assert len(found.sets) == 3


def test_logical_bytes_are_the_sum_of_what_the_items_tell(made: MadeRepository, cache: Path) -> None:
    committed(made, {"state_bytes": 123}, {})
    assert listed(made, cache)[0].logical_bytes == 123


FIELDS: dict[str, Any] = {
    "large": 2**70,
    "negative": -1,
    "real": 0.1,
    "flag": True,
    "text": 'qu"ote\n\u202e\U0001f600',
    "time": datetime(2025, 1, 1, 1, 2, 3, 4, tzinfo=UTC),
    "list": [1, "a", [datetime(2025, 1, 1, tzinfo=UTC)]],
    "table": {"$utc": {"deep": [{}]}},
}


@pytest.mark.parametrize("key", FIELDS)
def test_fields_come_from_the_cache_as_the_manifest_has_them(made: MadeRepository, cache: Path, key: str) -> None:
    committed(made, {key: FIELDS[key]}, {key: FIELDS[key]})
    for _ in range(2):
        summary = listed(made, cache)[0]
        assert summary.items[0].fields == summary.document == {key: FIELDS[key]}


@pytest.mark.parametrize("value", [{"$utc": "2025-01-01T00:00:00+00:00"}, datetime(2025, 1, 1).date(), float("nan")])  # noqa: DTZ001
def test_what_json_would_change_is_read_from_the_manifest_each_time(
    made: MadeRepository, cache: Path, value: Any
) -> None:
    committed(made, {}, {"odd": value})
    for _ in range(2):
        assert repr(listed(made, cache)[0].document) == repr({"odd": value})


def test_large_tables_are_left_out_by_name(made: MadeRepository, cache: Path) -> None:
    committed(made, {}, {"tool": "test", "failures": ["x" * 20_000]})
    for _ in range(2):
        summary = listed(made, cache)[0]
        assert (summary.document, summary.left_out) == ({"tool": "test"}, ("failures",))


def test_no_key_is_needed(tmp_path: Path, cache: Path) -> None:
    made = small_repository(tmp_path / "encrypted", encrypted=True)
    assert len(list_sets(made.open_without_key(), cache)) == 3


def test_copies_of_a_repository_have_caches_of_their_own(made: MadeRepository, tmp_path: Path, cache: Path) -> None:
    shutil.copytree(made.path, tmp_path / "copy")
    listed(made, cache)
    list_sets(Repository.open(tmp_path / "copy"), cache)
    assert len(list((cache / "repositories").glob("*.sqlite"))) == 2


def test_sets_that_are_gone_leave_the_cache(made: MadeRepository, cache: Path) -> None:
    listed(made, cache)
    shutil.rmtree(made.path / "backups" / made.names[0])
    assert len(listed(made, cache)) == 2
    assert len(rows(cache)) == 2


def rows(cache: Path) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(cache_file(cache))
    try:
        return list(connection.execute("SELECT * FROM objects"))
    finally:
        connection.close()


def test_the_cache_is_private_and_may_be_deleted(made: MadeRepository, cache: Path) -> None:
    first = listed(made, cache)
    assert cache_file(cache).stat().st_mode & 0o777 == 0o600
    shutil.rmtree(cache)
    assert listed(made, cache) == first


def _garbage(path: Path) -> None:
    path.write_bytes(b"no database at all" * 1000)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _torn(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:4096] + bytes(len(data) - 4096))


def _statement(*statements: str) -> Any:
    def run(path: Path) -> None:
        connection = sqlite3.connect(path)
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.close()

    return run


DAMAGES = {
    "garbage": _garbage,
    "cut": _cut,
    "empty": _empty,
    "torn": _torn,
    "newer": _statement("PRAGMA user_version = 99"),
    "no table": _statement("DROP TABLE objects"),
    "foreign table": _statement("DROP TABLE objects", "CREATE TABLE objects (x)"),
    "foreign version": _statement("PRAGMA user_version = 0"),
    "changed value": _statement("UPDATE objects SET value = replace(value, 'test', 'fake')"),
    "odd types": _statement("UPDATE objects SET value = 7, version = x'00'"),
    "changed name": _statement("UPDATE objects SET version = 'x' || version"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_made_anew_without_a_word(
    made: MadeRepository, cache: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    first = listed(made, cache)
    DAMAGES[damage](cache_file(cache))
    assert listed(made, cache) == first
    assert parsed(made, cache, monkeypatch) == []


@pytest.mark.parametrize("seed", range(40))
def test_any_flipped_byte_of_the_cache_changes_nothing(made: MadeRepository, cache: Path, seed: int) -> None:
    first = listed(made, cache)
    size = cache_file(cache).stat().st_size
    flip_byte(cache_file(cache), seed * 7919 % size if seed % 2 else seed)
    assert listed(made, cache) == first
    assert listed(made, cache) == first


def test_a_locked_cache_is_done_without(made: MadeRepository, cache: Path) -> None:
    first = listed(made, cache)
    committed(made, {}, {})
    other = sqlite3.connect(cache_file(cache), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert listed(made, cache)[1:] == first
    other.execute("ROLLBACK")
    other.close()
    assert len(rows(cache)) == 3
    assert len(listed(made, cache)) == len(rows(cache)) == 4


@pytest.mark.parametrize("obstacle", ["file for folder", "folder for file", "link for file"])
def test_a_cache_that_cannot_be_there_is_done_without(
    made: MadeRepository, cache: Path, tmp_path: Path, obstacle: str
) -> None:
    if obstacle == "file for folder":
        cache.write_text("x")
    else:
        listed(made, cache)
        path = cache_file(cache)
        path.unlink()
        if obstacle == "folder for file":
            path.mkdir()
        else:
            path.symlink_to(tmp_path / "elsewhere")
    assert len(listed(made, cache)) == 3
    assert not (tmp_path / "elsewhere").exists()


def test_the_module_alone_loads_neither_a_database_nor_ciphers() -> None:
    heavy = ("sqlite3", "cryptography", "zstandard")
    program = f"import sys, {listing.__name__}; print(*[name for name in {heavy} if name in sys.modules])"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == ""
