"""Every kind of damage to every file of a repository: found, named with exactly the backups it reaches, never read."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from quri_console.errors import CorruptionError
from quri_console.repository.check_data import check_data
from quri_console.repository.check_report import CheckReport
from quri_console.repository.marks import put_mark
from quri_console.repository.store import REPOSITORY_FILE
from quri_console.repository.verification import verify_set
from tests.support.repositories import MadeRepository, flip_byte, small_repository

SAMPLED_POSITIONS = 12


@pytest.fixture(scope="module", params=[False, True], ids=["clear", "encrypted"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> MadeRepository:
    """Three sets, a pin and a note of a verification; every test leaves it as it was."""
    repository = small_repository(tmp_path_factory.mktemp("flips") / "repository", encrypted=request.param)
    put_mark(repository.backend(), repository.names[0], "pin", repository.now_ns, {"reason": "the audit"})
    put_mark(repository.backend(), repository.names[1], "verification", repository.now_ns, {"ok": True})
    assert check_data(repository.open()).report.ok
    return repository


def affected_items(made: MadeRepository, report: CheckReport) -> frozenset[tuple[str, str]]:
    """(set, folder) of all that a report calls affected."""
    return frozenset(
        (item.set_name, folder)
        for item in report.affected
        for folder in ([item.folder] if item.folder else made.contents[item.set_name])
    )


def require_found(made: MadeRepository, *names: Path) -> None:
    """Damage to one of these files is reported, with the items that cannot be read, of which no byte is read wrongly.

    What each item holds is compared by `refused_items`.
    """
    if str(names[0]) == REPOSITORY_FILE:
        with pytest.raises(CorruptionError):
            made.open()
        return
    report = check_data(made.open()).report
    refused = made.refused_items()
    assert any(damage.name == str(name) for damage in report.damages for name in names), f"{names} was not named"
    assert affected_items(made, report) == refused, f"{names}: {report.damages}"


def spread(size: int, count: int) -> list[int]:
    """Positions in a file of this size, the first and the last among them."""
    return sorted({round(step * (size - 1) / (count - 1)) for step in range(count)}) if size else []


def flip_all(made: MadeRepository, name: Path, positions: Iterable[int]) -> None:
    path = made.path / name
    whole = path.read_bytes()
    try:
        for position in positions:
            # another bit each time, so that letters change their case and numbers their sign, too
            flip_byte(path, position, 1 << position % 8)
            require_found(made, name)
            path.write_bytes(whole)
    finally:
        path.write_bytes(whole)


def test_a_flipped_bit_anywhere_is_found_and_never_read(made: MadeRepository) -> None:
    for name in made.files():
        flip_all(made, name, spread((made.path / name).stat().st_size, SAMPLED_POSITIONS))


@pytest.mark.sweep
@pytest.mark.timeout(3600)
def test_a_flipped_bit_in_every_byte_is_found_and_never_read(made: MadeRepository) -> None:
    for name in made.files():
        flip_all(made, name, range((made.path / name).stat().st_size))


def test_a_file_that_was_cut_off_is_found_wherever_it_was_cut(made: MadeRepository) -> None:
    for name in made.files():
        path = made.path / name
        whole = path.read_bytes()
        try:
            for size in spread(len(whole) - 1, 5):
                path.write_bytes(whole[:size])
                require_found(made, name)
        finally:
            path.write_bytes(whole)


def test_bytes_that_were_added_at_the_end_are_found(made: MadeRepository) -> None:
    for name in made.files():
        path = made.path / name
        whole = path.read_bytes()
        try:
            path.write_bytes(whole + whole[:100])
            require_found(made, name)
        finally:
            path.write_bytes(whole)


def test_files_that_changed_places_are_found(made: MadeRepository) -> None:
    names = [name for name in made.files() if str(name) != REPOSITORY_FILE and name.parts[0] != "index"]
    for one, other in zip(names, names[1:] + names[:1], strict=True):
        first, second = (made.path / one).read_bytes(), (made.path / other).read_bytes()
        if first == second:
            continue  # two records that are alike
        try:
            (made.path / one).write_bytes(second)
            (made.path / other).write_bytes(first)
            require_found(made, one, other)  # a note of who made a set does not say which
        finally:
            (made.path / one).write_bytes(first)
            (made.path / other).write_bytes(second)


def test_index_fragments_that_changed_names_are_noted_and_do_no_harm(made: MadeRepository) -> None:
    one, other = sorted((made.path / "index").iterdir())[:2]
    first, second = one.read_bytes(), other.read_bytes()
    try:
        one.write_bytes(second)
        other.write_bytes(first)
        report = check_data(made.open()).report
        assert report.ok
        assert {note.name for note in report.notes} == {f"index/{one.name}", f"index/{other.name}"}
        assert not made.refused_items()
    finally:
        one.write_bytes(first)
        other.write_bytes(second)


def test_a_deleted_file_is_missed_by_exactly_the_backups_that_need_it(made: MadeRepository) -> None:
    for name in made.files():
        path = made.path / name
        whole = path.read_bytes()
        path.unlink()
        try:
            if str(name) == REPOSITORY_FILE:
                continue
            report = check_data(made.open()).report
            refused = made.refused_items()
            if name.name == "MANIFEST.toml" and not (made.path / "marks" / name.parts[1]).exists():
                # nothing tells it from a backup that was never finished
                assert any(note.kind == "unfinished" and name.parts[1] in note.name for note in report.notes)
                assert refused == {(name.parts[1], folder) for folder in made.contents[name.parts[1]]}
            else:
                assert affected_items(made, report) == refused, name
                assert report.ok == (not refused)
        finally:
            path.write_bytes(whole)


def test_copies_of_files_are_noted_and_do_no_harm(made: MadeRepository) -> None:
    for name in made.files():
        copy = made.path / name.with_name(f"{name.name}.copy")
        shutil.copy(made.path / name, copy)
        try:
            report = check_data(made.open()).report
            assert report.ok, name
            assert any(note.name == str(copy.relative_to(made.path)) for note in report.notes), name
            assert not made.refused_items()
        finally:
            copy.unlink()


def test_a_copy_of_a_set_under_another_name_is_no_backup(made: MadeRepository) -> None:
    copied = made.path / "backups" / "20250125T000000Z"
    shutil.copytree(made.path / "backups" / made.names[0], copied)
    try:
        report = check_data(made.open()).report
        assert {(item.set_name, item.folder) for item in report.affected} == {("20250125T000000Z", "")}
        assert not made.refused_items()
    finally:
        shutil.rmtree(copied)


def test_verifying_one_item_finds_exactly_the_damage_that_makes_it_unreadable(made: MadeRepository) -> None:
    for pack in made.packs():
        whole = pack.read_bytes()
        try:
            for position in spread(len(whole), 6):
                flip_byte(pack, position)
                repository, refused = made.open(), made.refused_items()
                for name, folder in made.items:
                    assert verify_set(repository, name, folder=folder).ok == ((name, folder) not in refused)
                for name in made.names:
                    assert verify_set(repository, name).ok == (not any(item[0] == name for item in refused))
                pack.write_bytes(whole)
        finally:
            pack.write_bytes(whole)
