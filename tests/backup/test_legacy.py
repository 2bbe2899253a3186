from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quri_console.backup.legacy import LegacyBackup, find_legacy, open_legacy, read_legacy
from quri_console.backup.legacy_canister import LegacyCanister
from quri_console.backup.legacy_status import UnreadableLegacy, as_canister_status
from quri_console.errors import CorruptionError, QuriError
from quri_console.ic.encoding.principal import Principal
from quri_console.repository.files import StorageFailed
from quri_console.repository.untrusted_archive import RefusedImport
from tests.support import tar_blocks as tar
from tests.support.legacy_backups import (
    CONTROLLERS,
    EXPORT,
    EXPORT_WARNING,
    IDS,
    MODULE_HASH,
    NO_SUCH_METHOD,
    NOT_A_CONTROLLER,
    STAMP,
    DfxAge,
    LegacyRun,
    canister_texts,
    failing_canister_texts,
    status_text,
    write_archive,
    write_directory,
)

RUNE_ENGINE = Principal.from_str(IDS["rune-engine"])
PRINCIPALS = tuple(Principal.from_str(text) for text in CONTROLLERS)
Writer = Callable[[Path, LegacyRun], Path]
BOTH = pytest.mark.parametrize("write", [write_directory, write_archive])


def only(backup: LegacyBackup) -> LegacyCanister:
    (canister,) = backup.canisters
    return canister


def contents(folder: Path) -> dict[str, tuple[bytes | None, int, int]]:
    """Everything that a reader could have changed."""
    return {
        str(path.relative_to(folder)): (
            None if path.is_dir() else hashlib.sha256(path.read_bytes()).digest(),
            path.stat().st_mtime_ns,
            path.stat().st_mode,
        )
        for path in folder.rglob("*")
    }


@BOTH
@pytest.mark.parametrize("age", ["new", "middle", "old"])
def test_a_whole_run_reads_the_same_from_a_directory_and_from_an_archive(
    tmp_path: Path, write: Writer, age: DfxAge
) -> None:
    path = write(tmp_path, LegacyRun(tuple(canister_texts(name, age) for name in IDS)))
    backup = read_legacy(path)
    assert (backup.name, backup.path, backup.network) == (STAMP, path, "ic")
    assert backup.taken_at == datetime(2025, 1, 24, 2, 0, 9, tzinfo=UTC)
    assert backup.local_time_text == "2025-01-24 03:00:07"
    assert {canister.name: canister.canister_id for canister in backup.canisters} == {
        name: Principal.from_str(text) for name, text in IDS.items()
    }
    for canister in backup.canisters:
        assert canister.status is not None
        assert canister.status.cycles == 492_000_000_000
        assert (canister.controllers, canister.module_hash) == (PRINCIPALS, bytes.fromhex(MODULE_HASH))
        assert (canister.error, canister.export_text, canister.export_error) == (None, None, NO_SUCH_METHOD.strip())
    assert backup.notes == ()


def test_the_files_of_a_canister_are_told_with_their_sizes(tmp_path: Path) -> None:
    run = LegacyRun()
    canister = only(read_legacy(write_directory(tmp_path, run)))
    assert {str(file.path): file.size_bytes for file in canister.files} == {
        name: len(text.encode()) for name, text in canister_texts().files().items()
    }


@BOTH
def test_an_error_in_place_of_a_status_is_kept_and_the_other_canisters_stay_readable(
    tmp_path: Path, write: Writer
) -> None:
    backup = read_legacy(write(tmp_path, LegacyRun((failing_canister_texts(), canister_texts()))))
    failed, whole = backup.canisters
    assert (failed.name, failed.status, failed.error) == ("registry", None, NOT_A_CONTROLLER.strip())
    assert (failed.canister_id, failed.controllers, failed.module_hash) == (
        Principal.from_str(IDS["registry"]),
        (),
        None,
    )
    assert whole.status is not None
    assert as_canister_status(whole.status) is not None


@BOTH
@pytest.mark.parametrize("before", ["", EXPORT_WARNING, "\n"])
def test_an_export_is_told_from_the_error_of_the_last_attempt(tmp_path: Path, write: Writer, before: str) -> None:
    run = LegacyRun((replace(canister_texts(), export=before + EXPORT),))
    canister = only(read_legacy(write(tmp_path, run)))
    assert (canister.export_text, canister.export_error) == (EXPORT, None)
    assert canister.export_file is not None
    assert canister.export_file.path == PurePosixPath("rune-engine_export.txt")


def test_an_export_that_is_cut_off_is_noted(tmp_path: Path) -> None:
    backup = read_legacy(write_directory(tmp_path, LegacyRun((replace(canister_texts(), export=EXPORT[:40]),))))
    assert only(backup).export_text == EXPORT[:40]
    assert "cut off" in "".join(backup.notes)


def test_an_empty_export_is_neither_text_nor_error(tmp_path: Path) -> None:
    backup = read_legacy(write_directory(tmp_path, LegacyRun((replace(canister_texts(), export=""),))))
    assert (only(backup).export_text, only(backup).export_error) == (None, None)
    assert "empty" in "".join(backup.notes)


@BOTH
def test_a_large_export_is_streamed_and_never_held_whole(tmp_path: Path, write: Writer) -> None:
    large = '(vec { "' + "runes " * 400_000 + '" })\n'
    path = write(tmp_path, LegacyRun((replace(canister_texts(), export=large),)))
    with open_legacy(path) as opened:
        canister = only(opened.backup)
        assert (canister.export_text, canister.export_error) == (None, None)
        assert canister.export_file is not None
        assert canister.export_file.size_bytes == len(large)
        blocks = list(opened.blocks(canister.export_file))
    assert b"".join(blocks) == large.encode()
    assert len(blocks) > 1
    assert path.exists()


def test_what_an_archive_was_unpacked_to_goes_when_it_is_closed(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "backups")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with open_legacy(path, scratch=scratch) as opened:
        assert opened.folder.is_relative_to(scratch)
        assert (opened.folder / "MANIFEST.txt").exists()
    assert list(scratch.iterdir()) == []
    with pytest.raises(LookupError), open_legacy(path, scratch=scratch):
        raise LookupError
    assert list(scratch.iterdir()) == []


def test_the_newest_comes_first_and_a_run_counts_once(tmp_path: Path) -> None:
    older = write_directory(tmp_path, LegacyRun(stamp="20241231_030000"))
    packed = write_archive(tmp_path, LegacyRun(stamp="20250101_030000"))
    both = write_archive(tmp_path, LegacyRun(stamp="20250110_030000"), keep_directory=True)
    newest = write_directory(tmp_path, LegacyRun(stamp="20250124_030000"))
    directory = both.with_name("20250110_030000")
    assert find_legacy(tmp_path) == (newest, directory, packed, older)
    assert "lies beside it" in read_legacy(directory).notes[0]
    assert "lies beside it" not in "".join(read_legacy(newest).notes)


def test_what_is_no_legacy_backup_is_not_found(tmp_path: Path) -> None:
    for name in ("20251399_250000", "notes", "20250124T020000Z", "20250124_0300", "20250124_030007.old"):
        (tmp_path / name).mkdir()
    for name in ("20250124_030007", "20250124_030008.tar", "cycles_history.json"):
        (tmp_path / name).touch()
    elsewhere = write_directory(tmp_path / "notes")
    (tmp_path / "20250125_030007").symlink_to(elsewhere)
    (tmp_path / "20250126_030007.tar.gz").symlink_to(elsewhere)
    (tmp_path / "20250127_030007.tar.gz").mkdir()
    assert find_legacy(tmp_path) == ()


def test_a_folder_that_is_missing_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="look for legacy backups"):
        find_legacy(tmp_path / "missing")


def test_without_a_manifest_only_the_local_time_is_known(tmp_path: Path) -> None:
    backup = read_legacy(write_directory(tmp_path, LegacyRun(manifest=False)))
    assert (backup.taken_at, backup.local_time_text, backup.network) == (None, "2025-01-24 03:00:07", None)
    assert only(backup).canister_id == RUNE_ENGINE
    assert "MANIFEST.txt" in backup.notes[0]


@pytest.mark.parametrize(
    "date", [None, "yesterday", "2025-13-24T02:00:07Z", "2025-01-24T02:00:07", "２025-01-24T02:00:07Z"]
)
def test_a_date_that_is_not_in_utc_is_no_time(tmp_path: Path, date: str | None) -> None:
    backup = read_legacy(write_directory(tmp_path, LegacyRun(backup_date=date)))
    assert (backup.taken_at, backup.local_time_text) == (None, "2025-01-24 03:00:07")


def test_a_date_that_no_time_zone_explains_is_noted(tmp_path: Path) -> None:
    backup = read_legacy(write_directory(tmp_path, LegacyRun(backup_date="2025-01-26T02:00:07Z")))
    assert "time zone" in "".join(backup.notes)


def test_a_renamed_directory_is_read_and_the_renaming_noted(tmp_path: Path) -> None:
    renamed = write_directory(tmp_path).rename(tmp_path / "before-upgrade")
    backup = read_legacy(renamed)
    assert (backup.name, backup.local_time_text) == ("before-upgrade", "")
    assert "renamed" in "".join(backup.notes)


def test_files_that_are_missing_are_noted_and_the_rest_is_used(tmp_path: Path) -> None:
    texts = replace(canister_texts(), status=None, export=None)
    backup = read_legacy(write_directory(tmp_path, LegacyRun((texts,))))
    canister = only(backup)
    assert "rune-engine: no status, no export file." in backup.notes
    assert canister.status is not None
    assert (canister.status.cycles, canister.status.freezing_threshold) == (492_000_000_000, None)
    assert as_canister_status(canister.status) is None
    assert (canister.controllers, canister.module_hash) == (PRINCIPALS, bytes.fromhex(MODULE_HASH))


def test_a_canister_that_only_the_manifest_lists_is_not_forgotten(tmp_path: Path) -> None:
    texts = replace(canister_texts(), status=None, info=None, metrics=None, export=None)
    canister = only(read_legacy(write_directory(tmp_path, LegacyRun((texts,)))))
    assert (canister.canister_id, canister.status, canister.files) == (RUNE_ENGINE, None, ())


def test_two_ids_of_one_canister_make_it_nobody(tmp_path: Path) -> None:
    texts = replace(canister_texts(), canister_id=IDS["registry"])
    backup = read_legacy(write_directory(tmp_path, LegacyRun((texts,))))
    assert only(backup).canister_id is None
    assert "its id is unknown" in "".join(backup.notes)


def test_controllers_and_modules_that_differ_between_two_files_are_noted(tmp_path: Path) -> None:
    texts = replace(canister_texts(), info=f"Controllers: {CONTROLLERS[0]}\nModule hash: None\n")
    backup = read_legacy(write_directory(tmp_path, LegacyRun((texts,))))
    assert only(backup).controllers == PRINCIPALS
    assert only(backup).module_hash == bytes.fromhex(MODULE_HASH)
    assert "different controllers" in "".join(backup.notes)
    assert "different modules" in "".join(backup.notes)


def test_an_absurd_number_costs_one_canister_its_status_and_nothing_more(tmp_path: Path) -> None:
    absurd = replace(canister_texts("registry"), status=status_text("registry").replace("492", "9" * 60), metrics=None)
    first, second = read_legacy(write_directory(tmp_path, LegacyRun((absurd, canister_texts())))).canisters
    assert first.status is None
    assert first.error is not None
    assert "10^30" in first.error
    assert second.status is not None


def test_a_status_beyond_a_megabyte_is_not_read(tmp_path: Path) -> None:
    texts = replace(canister_texts(), status=status_text() + "x" * (1 << 20))
    canister = only(read_legacy(write_directory(tmp_path, LegacyRun((texts,)))))
    assert canister.error is not None
    assert "too large" in canister.error


def test_files_of_somebody_else_are_left_aside_and_noted(tmp_path: Path) -> None:
    run = LegacyRun(others={f"other{number}.log": "x" for number in range(9)})
    backup = read_legacy(write_directory(tmp_path, run))
    assert backup.notes == (
        "Left aside, because the scripts write no such file: "
        "other0.log, other1.log, other2.log, other3.log, other4.log and 4 more.",
    )


@pytest.mark.parametrize("write", [write_directory, write_archive])
def test_reading_changes_no_legacy_file(tmp_path: Path, write: Writer) -> None:
    path = write(tmp_path, LegacyRun())
    before = contents(tmp_path)
    find_legacy(tmp_path)
    read_legacy(path)
    assert contents(tmp_path) == before


def test_bytes_that_are_not_utf_8_do_no_harm(tmp_path: Path) -> None:
    folder = write_directory(tmp_path)
    for path in folder.iterdir():
        path.write_bytes(b"\xff\xfe\n" + path.read_bytes() + b"\n\xc3")
    assert only(read_legacy(folder)).status is not None


def test_an_archive_whose_folder_has_another_name_is_read_and_that_noted(tmp_path: Path) -> None:
    renamed = write_archive(tmp_path).rename(tmp_path / "20250125_030007.tar.gz")
    assert f"holds the folder {STAMP}" in read_legacy(renamed).notes[0]


def test_an_archive_without_a_folder_is_read_from_its_top(tmp_path: Path) -> None:
    files = [tar.file(name, text.encode()) for name, text in LegacyRun().files().items()]
    path = tmp_path / f"{STAMP}.tar.gz"
    path.write_bytes(gzip.compress(b"".join(files) + tar.END))
    assert only(read_legacy(path)).canister_id == RUNE_ENGINE


def test_an_archive_of_several_other_folders_is_refused(tmp_path: Path) -> None:
    path = tmp_path / f"{STAMP}.tar.gz"
    path.write_bytes(gzip.compress(tar.file("a/x") + tar.file("b/x") + tar.END))
    with pytest.raises(UnreadableLegacy, match="one legacy backup"):
        read_legacy(path)


def test_a_directory_without_anything_of_the_scripts_is_refused(tmp_path: Path) -> None:
    (tmp_path / STAMP).mkdir()
    (tmp_path / STAMP / "notes.txt").touch()
    with pytest.raises(UnreadableLegacy, match="not a legacy backup"):
        read_legacy(tmp_path / STAMP)


def test_an_archive_that_tar_did_not_finish_is_refused_and_the_directory_still_reads(tmp_path: Path) -> None:
    archive = write_archive(tmp_path, keep_directory=True)
    os.truncate(archive, archive.stat().st_size // 2)
    with pytest.raises(RefusedImport, match="damaged"):
        read_legacy(archive)
    assert [only(read_legacy(path)).canister_id for path in find_legacy(tmp_path)] == [RUNE_ENGINE]


def test_a_hostile_archive_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / f"{STAMP}.tar.gz"
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    path.write_bytes(gzip.compress(tar.file(f"{STAMP}/MANIFEST.txt") + tar.file("../../up") + tar.END))
    with pytest.raises(RefusedImport, match=r"\.\./up is refused"):
        read_legacy(path, scratch=scratch)
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("name", ["MANIFEST.txt", "rune-engine_status.txt", "rune-engine_export.txt"])
def test_a_link_in_a_directory_is_refused_by_name(tmp_path: Path, name: str) -> None:
    folder = write_directory(tmp_path)
    (folder / name).unlink()
    (folder / name).symlink_to("/etc/hostname")
    with pytest.raises(RefusedImport, match=f"entry {name} is refused"):
        read_legacy(folder)


def test_a_backup_that_is_a_link_or_missing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(write_directory(tmp_path))
    (tmp_path / "link.tar.gz").symlink_to(write_archive(tmp_path, LegacyRun(stamp="20250125_030007")))
    for name in ("link", "link.tar.gz", "missing", "missing.tar.gz"):
        with pytest.raises(CorruptionError, match=f"/{name}"):
            read_legacy(tmp_path / name)


def test_the_directory_one_stands_in_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write_directory(tmp_path))
    assert read_legacy(Path()).name == STAMP


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_mutation_of_any_file_raises_anything_but_our_errors(tmp_path: Path, data: st.DataObject) -> None:
    folder = write_directory(tmp_path / "fuzz")
    try:
        for name in data.draw(st.lists(st.sampled_from(sorted(LegacyRun().files())), min_size=1, max_size=3)):
            content = (folder / name).read_bytes()
            start = data.draw(st.integers(0, len(content)))
            new = data.draw(st.binary(max_size=30))
            (folder / name).write_bytes(content[:start] + new + content[start + data.draw(st.integers(0, 60)) :])
        with contextlib.suppress(QuriError):
            read_legacy(folder)
    finally:
        shutil.rmtree(tmp_path / "fuzz")
