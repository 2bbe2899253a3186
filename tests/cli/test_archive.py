"""`archive` as an operator runs it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from quri_console.clock import SystemClock
from quri_console.repository.archive_reading import open_archive
from quri_console.repository.local import LocalBackend
from quri_console.repository.locks import acquire, list_locks
from tests.support.command import Finished, invoke, write_config
from tests.support.repositories import MadeRepository, age_identities, flip_byte, small_repository


class Bench:
    """A repository, its configuration, and the command run on it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.made: MadeRepository = small_repository(folder / "repository")
        self.out = folder / "out"
        self.out.mkdir()
        self._config = write_config(folder)
        self._capsys = capsys

    def __call__(self, *arguments: str | Path) -> Finished:
        return invoke(self._capsys, "--config", self._config, "archive", *arguments)


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bench:
    return Bench(tmp_path, capsys)


def test_a_backup_becomes_a_file_called_after_it_in_a_folder(bench: Bench, tmp_path: Path) -> None:
    finished = bench("latest", "--to", bench.out)
    name = bench.made.names[-1]
    path = bench.out / f"{name}.tar.zst"
    assert finished.code == 0
    assert f"Sealed {name} into {path}" in finished.output
    assert hashlib.sha256(path.read_bytes()).hexdigest() in finished.output
    with open_archive(path, tmp_path / "cache") as repository:
        assert repository.set_names() == (name,)
    assert list_locks(LocalBackend(bench.made.path)) == ()


def test_its_end_tells_sizes_duration_and_the_next_command(bench: Bench) -> None:
    path = bench.out / "with a blank.tar.zst"
    lines = bench("latest", "--to", path).output.splitlines()
    assert re.fullmatch(r"  [\d.]+ \w+ of content in [\d.]+ \w+, read back, in [\d.]+ s", lines[1])
    assert "not encrypted" in lines[3]
    assert lines[-1] == f"Next: `quri-console import '{path}'`"


def test_an_encrypted_archive_says_that_a_way_in_removed_later_still_opens_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_repository(tmp_path / "repository", encrypted=True)
    config = write_config(tmp_path)
    identity = tmp_path / "identity"
    identity.write_text(age_identities()[0][0])
    identity.chmod(0o600)
    config.write_text(config.read_text().replace("[repository]\n", f'[repository]\nidentity = "{identity}"\n'))
    finished = invoke(capsys, "--config", config, "archive", "latest", "--to", tmp_path)
    assert finished.code == 0
    assert "It keeps the key files of now" in finished.output
    assert "also after `quri-console key remove`" in finished.output


def test_the_current_folder_is_the_default(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bench.out)
    assert bench(bench.made.names[0]).code == 0
    assert [path.name for path in bench.out.iterdir()] == [f"{bench.made.names[0]}.tar.zst"]


def test_json_tells_file_size_and_digest(bench: Bench) -> None:
    path = bench.out / "mine.tar.zst"
    document = bench(bench.made.names[0], "--to", path, "--json").json()
    assert document.pop("duration_seconds") >= 0
    assert document == {
        "backup": bench.made.names[0],
        "archive": str(path),
        "encrypted": False,
        "size": path.stat().st_size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "content_bytes": document["content_bytes"],
        "keeps_key_files": False,
        "next": f"quri-console import {path}",
    }


@pytest.mark.parametrize("target", ["mine.zip", "missing/mine.tar.zst"])
def test_an_impossible_target_is_wrong_usage(bench: Bench, target: str) -> None:
    finished = bench("latest", "--to", bench.out / target)
    assert finished.code == 2
    assert "Next:" in finished.errors
    assert list(bench.out.iterdir()) == []


def test_a_file_that_is_there_is_kept(bench: Bench) -> None:
    assert bench("latest", "--to", bench.out).code == 0
    finished = bench("latest", "--to", bench.out)
    assert finished.code == 2
    assert "is there already" in finished.errors


def test_a_backup_that_is_not_there_has_its_exit_code(bench: Bench) -> None:
    assert bench("20010101T000000Z", "--to", bench.out).code == 10


def test_a_damaged_backup_has_its_exit_code_and_leaves_nothing(bench: Bench) -> None:
    flip_byte(bench.made.packs_of(bench.made.names[-1], "gamma")[0], -5)
    assert bench("latest", "--to", bench.out).code == 13
    assert list(bench.out.iterdir()) == []


def test_it_does_not_run_beside_what_deletes(bench: Bench) -> None:
    with acquire(LocalBackend(bench.made.path), "exclusive", "prune", SystemClock()):
        finished = bench("latest", "--to", bench.out)
    assert finished.code == 11
    assert "prune" in finished.errors


def test_its_help_says_that_it_saves_no_room(capsys: pytest.CaptureFixture[str]) -> None:
    words = " ".join(invoke(capsys, "archive", "--help").output.split())
    assert "packs are compressed and deduplicated from the first byte on" in words
