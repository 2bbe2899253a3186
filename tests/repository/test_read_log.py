"""The log of which packs were read when: a cache that may be damaged, in use or gone without harm."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from quri_console.repository.read_log import ReadLog

ONE, OTHER = b"1" * 32, b"2" * 32


def test_reads_are_remembered_until_they_are_taken_back(tmp_path: Path) -> None:
    with ReadLog.open(tmp_path / "cache", "00ff") as log:
        log.add([ONE, OTHER], 7)
        log.add([ONE], 9)
        log.remove([OTHER])
    with ReadLog.open(tmp_path / "cache", "00ff") as log:
        assert log.last_reads() == {ONE: 9}
    with ReadLog.open(tmp_path / "cache", "other") as log:
        assert log.last_reads() == {}


def test_a_round_lasts_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    with ReadLog.open(tmp_path, "00ff") as log:
        assert log.round_began_ns is None
        log.begin_round(5)
        log.begin_round(6)
    with ReadLog.open(tmp_path, "00ff") as log:
        assert log.round_began_ns == 6
        log.end_round()
        assert log.round_began_ns is None


def test_only_its_owner_may_read_the_log(tmp_path: Path) -> None:
    ReadLog.open(tmp_path / "cache", "00ff").close()
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "cache" / "read-00ff.sqlite").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("position", [0, 20, 4096 + 5])
def test_a_damaged_log_is_begun_anew(tmp_path: Path, position: int) -> None:
    with ReadLog.open(tmp_path, "00ff") as log:
        log.add([number.to_bytes(32, "big") for number in range(500)], 7)
    path = tmp_path / "read-00ff.sqlite"
    data = bytearray(path.read_bytes())
    data[position : position + 40] = b"\xff" * 40
    path.write_bytes(data)
    with ReadLog.open(tmp_path, "00ff") as log:
        log.add([ONE], 8)
        assert log.last_reads()[ONE] == 8
    with ReadLog.open(tmp_path, "00ff") as log:
        assert log.last_reads()[ONE] == 8


def test_a_log_that_another_process_holds_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quri_console.repository.read_log._BUSY_SECONDS", 0.0)
    with ReadLog.open(tmp_path, "00ff") as log:
        log.add([ONE], 7)
    holder = sqlite3.connect(tmp_path / "read-00ff.sqlite", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with ReadLog.open(tmp_path, "00ff") as log:
        log.add([OTHER], 8)
        assert log.last_reads() == {OTHER: 8}
    holder.execute("ROLLBACK")
    holder.close()
    with ReadLog.open(tmp_path, "00ff") as log:
        assert log.last_reads() == {ONE: 7}
