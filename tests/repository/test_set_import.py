"""Taking a set over: bit for bit under the target's own names and keys, with what keeps it from being deleted."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from quri_console.clock import ManualClock
from quri_console.errors import CorruptionError
from quri_console.progress import ProgressEvent
from quri_console.repository.archive import write_archive
from quri_console.repository.archive_reading import open_archive
from quri_console.repository.chunk_list import decode_chunk_list
from quri_console.repository.local import LocalBackend
from quri_console.repository.marks import put_mark, read_marks, standing
from quri_console.repository.set_import import import_archive
from quri_console.repository.set_writer import begun_by
from quri_console.repository.sets import set_time
from quri_console.repository.store import Repository, create_repository
from tests.support.repositories import (
    HOUR_NS,
    START_NS,
    MadeItem,
    MadeRepository,
    flip_byte,
    made_up_bytes,
    small_repository,
)

NOW = START_NS + 100 * HOUR_NS


@pytest.fixture(params=["clear", "encrypted"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> MadeRepository:
    return small_repository(tmp_path / "source", encrypted=request.param == "encrypted")


@pytest.fixture
def target(tmp_path: Path) -> Repository:
    """An empty repository in the clear with an id of its own."""
    create_repository(LocalBackend(tmp_path / "target"))
    return Repository.open(tmp_path / "target", clock=ManualClock(NOW))


def content(made: MadeRepository, repository: Repository, name: str, folders: object) -> dict[str, object]:
    return {folder: made.read_item(repository, name, folder) for folder in folders}  # type: ignore[attr-defined]


def test_a_set_is_the_same_bit_for_bit_under_its_old_name(source: MadeRepository, target: Repository) -> None:
    name = source.names[1]
    manifest = import_archive(source.open(), target, name, begun={"operation": "import"})
    assert manifest.name == name
    reopened = target.another(target.backend)
    assert content(source, reopened, name, source.contents[name]) == source.contents[name]
    assert begun_by(target.backend, name) == {"operation": "import"}
    original = source.open().manifest(name)
    assert (manifest.items, manifest.repository_id) == (original.items, target.id)


def test_it_says_where_it_comes_from(source: MadeRepository, target: Repository) -> None:
    name = source.names[0]
    import_archive(source.open(), target, name)
    document = target.manifest(name).document
    assert document["tool"] == "test"
    assert document["imported_from"] == {
        "repository": source.open().id,
        "set": name,
        "imported_at": datetime(2025, 1, 28, 6, tzinfo=UTC),
    }


def test_a_second_import_remembers_the_first_origin(source: MadeRepository, target: Repository, tmp_path: Path) -> None:
    name = source.names[0]
    import_archive(source.open(), target, name)
    create_repository(LocalBackend(tmp_path / "third"))
    third = Repository.open(tmp_path / "third")
    origin = import_archive(target, third, name).document["imported_from"]
    assert origin["repository"] == target.id
    assert origin["imported_from"]["repository"] == source.open().id


def test_the_next_free_second_is_taken_where_the_name_is(source: MadeRepository, target: Repository) -> None:
    name = source.names[0]
    first, second = (import_archive(source.open(), target, name) for _ in range(2))
    assert first.name == name
    assert (set_time(second.name) - set_time(name)).total_seconds() == 1
    assert content(source, target, second.name, source.contents[name]) == source.contents[name]


def test_chunks_that_the_target_has_are_not_stored_again(source: MadeRepository, target: Repository) -> None:
    import_archive(source.open(), target, source.names[0])
    before = len(list(target.backend.list("packs")))
    import_archive(source.open(), target, source.names[0])
    assert len(list(target.backend.list("packs"))) == before


def test_it_works_from_an_archive_after_the_repository_is_gone(
    source: MadeRepository, target: Repository, tmp_path: Path
) -> None:
    name = source.names[2]
    path = tmp_path / "a.tar.zst"
    write_archive(source.open(), name, path)
    source.path.rename(tmp_path / "gone")
    with open_archive(path, tmp_path / "cache", unlock=source.unlock) as opened:
        import_archive(opened, target, name)
    assert content(source, target, name, source.contents[name]) == source.contents[name]


def test_an_encrypted_target_names_and_seals_chunks_its_own_way(tmp_path: Path) -> None:
    clear = small_repository(tmp_path / "clear")
    encrypted = small_repository(tmp_path / "encrypted", encrypted=True, sets=())
    name = clear.names[0]
    target = encrypted.open()
    import_archive(clear.open(), target, name)
    assert content(clear, encrypted.open(), name, clear.contents[name]) == clear.contents[name]
    held = b"".join(path.read_bytes() for path in encrypted.path.rglob("*") if path.is_file())
    assert b"cycles = 7" not in held
    names = decode_chunk_list(
        clear.open().record(clear.open().manifest(name), "alpha/wasm_memory.chunks"), "a"
    ).stored_ids
    assert not any(identifier in held for identifier in names)


def test_runs_of_zeros_stay_runs(tmp_path: Path, target: Repository) -> None:
    made = small_repository(tmp_path / "zeros", sets=())
    memory = bytes(1000 * 256) + made_up_bytes(1, 256) + bytes(1000 * 256)
    name = made.add_set({"alpha": MadeItem({"wasm_memory": memory})})
    import_archive(made.open(), target, name)
    chunks = target.chunk_list(target.manifest(name), "alpha/wasm_memory.chunks")
    assert [identifier is None for identifier in chunks.ids].count(False) == 1


def test_pins_and_holds_come_along_but_no_verification_of_another_disk(
    source: MadeRepository, target: Repository
) -> None:
    name = source.names[0]
    put_mark(source.backend(), name, "pin", source.now_ns, {"reason": "the audit"})
    put_mark(source.backend(), name, "hold", source.now_ns, {"reason": "the court"})
    put_mark(source.backend(), name, "verification", source.now_ns, {"ok": True, "scope": "data"})
    import_archive(source.open(), target, name)
    marks, unreadable = read_marks(target.backend, name)
    stands = standing(marks, unreadable, datetime(2030, 1, 1, tzinfo=UTC))
    assert (stands.pin_reason, stands.hold_reason, stands.verified_at) == ("the audit", "the court", None)
    assert marks[0].at == read_marks(source.backend(), name)[0][0].at


def test_a_mark_that_cannot_be_read_becomes_a_hold(source: MadeRepository, target: Repository) -> None:
    name = source.names[0]
    put_mark(source.backend(), name, "unpin", source.now_ns, {})
    flip_byte(next((source.path / "marks" / name).iterdir()), 3)
    import_archive(source.open(), target, name)
    assert standing(*read_marks(target.backend, name), datetime(2030, 1, 1, tzinfo=UTC)).held


@pytest.mark.parametrize("what", ["chunk", "record"])
def test_nothing_but_chunks_remains_of_a_set_that_is_damaged(
    source: MadeRepository, target: Repository, what: str
) -> None:
    name = source.names[0]
    path = source.packs_of(name, "beta")[-1] if what == "chunk" else source.path / f"backups/{name}/beta/status.toml"
    flip_byte(path, -5)
    with pytest.raises(CorruptionError):
        import_archive(source.open(), target, name)
    assert target.set_names() == target.unfinished_names() == ()
    assert list(target.backend.list("backups")) == list(target.backend.list("marks")) == []


def test_its_progress_ends_at_all_bytes(source: MadeRepository, target: Repository) -> None:
    events: list[ProgressEvent] = []

    class Kept:
        def report(self, event: ProgressEvent) -> None:
            events.append(event)

    import_archive(source.open(), target, source.names[0], progress=Kept())
    assert events[-1].done == events[-1].total > 0
