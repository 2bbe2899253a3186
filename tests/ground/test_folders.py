from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from quri_console.folders import make_private_folders


@pytest.fixture(autouse=True)
def generous_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_every_folder_on_the_way_is_for_its_owner_alone(tmp_path: Path) -> None:
    make_private_folders(tmp_path / "root" / "state" / "operations")
    for folder in ("root", "root/state", "root/state/operations"):
        assert stat.S_IMODE((tmp_path / folder).stat().st_mode) == 0o700


def test_what_is_there_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir(mode=0o755)
    make_private_folders(tmp_path / "shared" / "ours")
    make_private_folders(tmp_path / "shared" / "ours")
    assert stat.S_IMODE((tmp_path / "shared").stat().st_mode) == 0o755


def test_a_file_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        make_private_folders(tmp_path / "file")
    with pytest.raises(NotADirectoryError):
        make_private_folders(tmp_path / "file" / "below")
