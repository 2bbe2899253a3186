"""The text file of metrics is whole at every moment, and others may read it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from quri_console.service.metrics_textfile import MetricsFileFailed, write_metrics_textfile


def names(folder: Path) -> list[str]:
    """Everything that lies in a folder."""
    return [path.name for path in folder.iterdir()]


def test_the_file_is_readable_by_the_collector_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "quri.prom"
    before = os.umask(0o077)
    try:
        write_metrics_textfile(path, "a 1\n")
    finally:
        os.umask(before)
    assert path.read_text() == "a 1\n"
    assert path.stat().st_mode & 0o777 == 0o644


def test_another_mode_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "quri.prom"
    write_metrics_textfile(path, "a 1\n", mode=0o640)
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_new_text_replaces_the_old_file_instead_of_writing_into_it(tmp_path: Path) -> None:
    path = tmp_path / "quri.prom"
    write_metrics_textfile(path, "old 1\n" * 1000)
    with path.open() as reader:
        write_metrics_textfile(path, "new 1\n")
        assert reader.read() == "old 1\n" * 1000  # who had opened it still reads one whole text
    assert path.read_text() == "new 1\n"
    assert names(tmp_path) == ["quri.prom"]


def test_what_a_killed_process_left_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / f".quri.prom.{os.getpid()}.new").write_text("half")
    write_metrics_textfile(tmp_path / "quri.prom", "a 1\n")
    assert names(tmp_path) == ["quri.prom"]


def test_a_link_planted_as_the_temporary_file_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / f".quri.prom.{os.getpid()}.new").symlink_to(victim)
    write_metrics_textfile(tmp_path / "quri.prom", "a 1\n")
    assert victim.read_text() == "precious"
    assert not (tmp_path / "quri.prom").is_symlink()


def test_a_text_that_cannot_be_written_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(MetricsFileFailed) as missing:
        write_metrics_textfile(tmp_path / "no" / "quri.prom", "a 1\n")
    assert missing.value.next_step
    assert "No such file" in missing.value.why
    (tmp_path / "folder.prom").mkdir()
    with pytest.raises(MetricsFileFailed, match=r"folder\.prom"):
        write_metrics_textfile(tmp_path / "folder.prom", "a 1\n")
    assert names(tmp_path) == ["folder.prom"]
