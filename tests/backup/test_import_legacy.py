"""Backups of the old scripts: every text of them kept, a status made of it where it tells enough, nothing invented."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quri_console.backup.browse import BackupNotFound, StoredCanister, latest_backup_of, open_backup
from quri_console.backup.import_backup import Imported, Target
from quri_console.backup.import_legacy import import_legacy
from quri_console.backup.import_sources import find_sources
from quri_console.backup.manifest import NetworkOrigin
from quri_console.errors import UsageError
from quri_console.ic.encoding.principal import Principal
from quri_console.repository.store import Repository
from tests.support.backups import NOW, ORIGIN, repository_in
from tests.support.legacy_backups import (
    CONTROLLERS,
    EXPORT,
    EXPORT_WARNING,
    IDS,
    MODULE_HASH,
    NO_SUCH_METHOD,
    NOT_A_CONTROLLER,
    LegacyRun,
    canister_texts,
    failing_canister_texts,
    write_archive,
    write_directory,
)

RUNE_ENGINE = Principal.from_str(IDS["rune-engine"])


def nobody(_name: str) -> Principal | None:
    return None


@dataclass(frozen=True)
class Desk:
    """A repository and a folder with legacy backups."""

    folder: Path

    @property
    def repository(self) -> Repository:
        return repository_in(self.folder / "repository", now=NOW)

    def import_legacy(self, path: Path, **changes: object) -> Imported:
        (source,) = find_sources(path)
        target = Target(self.repository, self.folder / "cache")
        arguments = {"origin_of": lambda _called: ORIGIN, "resolve": nobody, **changes}
        return import_legacy(source, target, **arguments)  # type: ignore[arg-type]

    def stored(self, name: str = "rune-engine") -> StoredCanister:
        return open_backup(self.repository).canister(name)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_backup_is_named_after_its_date_and_keeps_every_text_byte_for_byte(desk: Desk) -> None:
    run = LegacyRun((replace(canister_texts(), export=EXPORT_WARNING + EXPORT),))
    result = desk.import_legacy(write_directory(desk.folder / "old", run))
    assert (result.set_name, result.fresh, result.canisters) == ("20250124T020009Z", True, ("rune-engine",))
    stored = desk.stored()
    texts = canister_texts()
    assert stored.record("legacy-status.txt") == (texts.status or "").encode()
    assert stored.record("legacy-info.txt") == (texts.info or "").encode()
    assert stored.record("legacy-metrics.txt") == (texts.metrics or "").encode()
    assert stored.record("legacy-manifest.txt") == run.files()["MANIFEST.txt"].encode()
    assert stored.record("export.txt") == (EXPORT_WARNING + EXPORT).encode()


def test_a_status_that_tells_enough_is_also_our_own_record(desk: Desk) -> None:
    desk.import_legacy(write_directory(desk.folder / "old"))
    stored = desk.stored()
    assert stored.status is not None
    assert (stored.status.cycles, stored.status.memory_bytes) == (492_000_000_000, 72_770_912)
    assert [one.to_str() for one in stored.status.settings.controllers] == list(CONTROLLERS)
    entry = stored.entry
    assert (entry.mode, entry.status_before, entry.module_hash.hex()) == ("legacy", "running", MODULE_HASH)


def test_nothing_can_be_restored_from_it(desk: Desk) -> None:
    desk.import_legacy(write_directory(desk.folder / "old"))
    assert desk.stored().state is None
    with pytest.raises(BackupNotFound):
        latest_backup_of(desk.repository, RUNE_ENGINE)


def test_a_status_that_lacks_a_number_is_kept_as_text_alone(desk: Desk) -> None:
    desk.import_legacy(write_directory(desk.folder / "old", LegacyRun((canister_texts(age="old"),))))
    stored = desk.stored()
    assert stored.status is None
    assert stored.entry.status_before == "running"
    assert any("lacks idle cycles burned per day" in warning for warning in stored.entry.warnings)


def test_errors_in_place_of_texts_are_said_and_kept(desk: Desk) -> None:
    desk.import_legacy(write_directory(desk.folder / "old", LegacyRun((failing_canister_texts(),))))
    stored = desk.stored("registry")
    assert stored.status is None
    assert stored.record("legacy-status.txt") == NOT_A_CONTROLLER.encode()
    assert stored.record("legacy-export.txt") == NO_SUCH_METHOD.encode()
    warnings = "\n".join(stored.entry.warnings)
    assert "In place of its status stood: Error: Failed to get canister status for 'registry'." in warnings
    assert "In place of its export stood: Error: Failed query call." in warnings


def test_an_archive_holds_the_same_as_its_directory_and_both_are_one_backup(desk: Desk) -> None:
    directory = write_directory(desk.folder / "a")
    archive = write_archive(desk.folder / "b")
    first, again = desk.import_legacy(directory), desk.import_legacy(archive)
    assert (again.set_name, again.fresh) == (first.set_name, False)
    assert desk.repository.set_names() == (first.set_name,)


def test_one_changed_letter_makes_another_backup(desk: Desk) -> None:
    directory = write_directory(desk.folder / "a")
    desk.import_legacy(directory)
    (directory / "rune-engine_info.txt").write_text("changed")
    result = desk.import_legacy(directory)
    assert (result.set_name, result.fresh) == ("20250124T020010Z", True)


def test_several_canisters_are_one_set(desk: Desk) -> None:
    run = LegacyRun((canister_texts(), failing_canister_texts()))
    result = desk.import_legacy(write_directory(desk.folder / "old", run))
    assert result.canisters == ("rune-engine", "registry")
    opened = open_backup(desk.repository)
    assert [entry.canister.to_str() for entry in opened.manifest.canisters] == [IDS["rune-engine"], IDS["registry"]]


def test_an_id_that_the_backup_does_not_say_comes_from_the_configuration_or_the_canister_is_left_out(
    desk: Desk,
) -> None:
    texts = replace(canister_texts("registry"), metrics=None)
    path = write_directory(desk.folder / "old", LegacyRun((canister_texts(), texts)))
    manifest = path / "MANIFEST.txt"
    manifest.write_text(manifest.read_text().replace(f"- registry: {IDS['registry']}\n", ""))
    result = desk.import_legacy(path)
    assert result.canisters == ("rune-engine",)
    assert result.left_out == ("registry: neither the backup nor the configuration says its id",)
    result = desk.import_legacy(path, resolve=lambda name: Principal.from_str(IDS[name]))
    assert result.fresh
    assert result.canisters == ("rune-engine", "registry")


def test_a_backup_of_which_no_id_is_known_is_refused(desk: Desk) -> None:
    texts = replace(canister_texts(), metrics=None)
    path = write_directory(desk.folder / "old", LegacyRun((texts,), manifest=False))
    with pytest.raises(UsageError, match="no canister whose id is known"):
        desk.import_legacy(path)
    assert desk.repository.backend.folders("backups") == ()


def test_the_network_is_the_one_that_the_backup_names(desk: Desk) -> None:
    asked: list[str | None] = []

    def origin_of(called: str | None) -> NetworkOrigin:
        asked.append(called)
        return NetworkOrigin("ic", bytes(32))

    desk.import_legacy(write_directory(desk.folder / "old"), origin_of=origin_of)
    assert asked == ["ic"]
    assert open_backup(desk.repository).manifest.network == NetworkOrigin("ic", bytes(32))


def test_without_a_date_the_time_in_the_name_is_taken_and_doubted(desk: Desk) -> None:
    result = desk.import_legacy(write_directory(desk.folder / "old", LegacyRun(backup_date=None)))
    assert result.set_name == "20250124T030007Z"
    assert any("zone that is not known" in note for note in result.notes)
    assert open_backup(desk.repository).manifest.raw.document["imported"]["local_time"] == "2025-01-24 03:00:07"


def test_a_given_time_counts_instead(desk: Desk) -> None:
    moment = datetime(2024, 5, 6, tzinfo=UTC)
    result = desk.import_legacy(write_directory(desk.folder / "old"), taken_at=moment)
    assert result.set_name == "20240506T000000Z"
    assert desk.stored().taken_at == moment


def test_a_renamed_backup_without_a_date_has_the_time_of_the_import(desk: Desk) -> None:
    path = write_directory(desk.folder / "old", LegacyRun(backup_date=None)).rename(desk.folder / "old" / "renamed")
    result = desk.import_legacy(path)
    assert result.set_name == "20250301T000000Z"
    assert any("does not say when" in note for note in result.notes)


def test_an_export_larger_than_what_is_held_as_text_is_kept_whole(desk: Desk) -> None:
    export = "(\n  vec { " + "1 : nat; " * 150_000 + "}\n)\n"
    desk.import_legacy(write_directory(desk.folder / "old", LegacyRun((replace(canister_texts(), export=export),))))
    assert desk.stored().record("export.txt") == export.encode()


def test_notes_of_a_canister_are_its_warnings(desk: Desk) -> None:
    run = LegacyRun((replace(canister_texts(), info=None), canister_texts("registry")))
    desk.import_legacy(write_directory(desk.folder / "old", run))
    assert "rune-engine: no info file." in desk.stored().entry.warnings
    assert not any("rune-engine" in warning for warning in desk.stored("registry").entry.warnings)
