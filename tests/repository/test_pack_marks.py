"""Lists of packs that are marked for deletion."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quri_console.repository.local import LocalBackend
from quri_console.repository.pack_marks import drop_pack_marks, marked_packs, put_pack_marks, read_pack_marks

NOW = datetime(2025, 1, 24, 2, tzinfo=UTC)
ONE, TWO, THREE = (bytes([number]) * 32 for number in (1, 2, 3))


@pytest.fixture
def backend(tmp_path: Path) -> LocalBackend:
    return LocalBackend(tmp_path)


def test_packs_marked_twice_in_one_second_are_in_two_lists_of_the_same_time(backend: LocalBackend) -> None:
    put_pack_marks(backend, [ONE], NOW)
    put_pack_marks(backend, [TWO], NOW)
    assert read_pack_marks(backend).marked_at() == {ONE: NOW, TWO: NOW}


def test_the_later_of_two_marks_counts_so_that_nothing_goes_too_early(backend: LocalBackend) -> None:
    put_pack_marks(backend, [ONE], NOW + timedelta(days=1))
    put_pack_marks(backend, [ONE], NOW)
    assert read_pack_marks(backend).marked_at() == {ONE: NOW + timedelta(days=1)}


def test_a_pack_is_taken_out_of_every_list_and_an_empty_list_goes(backend: LocalBackend) -> None:
    put_pack_marks(backend, [ONE, TWO], NOW)
    put_pack_marks(backend, [ONE], NOW)
    drop_pack_marks(backend, {ONE, THREE})
    assert marked_packs(backend) == {TWO}
    assert len(read_pack_marks(backend).lists) == 1
    drop_pack_marks(backend, {TWO})
    assert list(backend.list("trash")) == []


@pytest.mark.parametrize("text", ["", "packs = []\n", "packs = [1]\n", "at = 1979-05-27\n"])
def test_a_list_that_cannot_be_read_marks_nothing_and_is_named(backend: LocalBackend, text: str) -> None:
    backend.put("trash/packs/20250124T020000Z.toml", text.encode())
    found = read_pack_marks(backend)
    assert found.lists == ()
    assert found.unreadable == ("trash/packs/20250124T020000Z.toml",)
