from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from quri_console.errors import CorruptionError, ExitCode
from quri_console.repository.untrusted_archive import ArchiveLimits, RefusedImport, TreeFile, walk_tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "a/b").mkdir(parents=True)
    (root / "a/b/c").write_bytes(b"content")
    (root / "a/longname").write_bytes(b"content")
    return root


def test_every_file_is_told_with_its_relative_path_and_size(tree: Path) -> None:
    assert walk_tree(tree) == (TreeFile(PurePosixPath("a/b/c"), 7), TreeFile(PurePosixPath("a/longname"), 7))


def _link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def _hard_link(path: Path) -> None:
    path.hardlink_to(path.parent / "a/longname")


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    # a socket's path may have 107 bytes, and pytest's folders are deeper
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


def _linked_folder(path: Path) -> None:
    path.symlink_to(path.parent / "a", target_is_directory=True)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (_link, "symbolic link"),
        (_linked_folder, "symbolic link"),
        (_hard_link, "hard link"),
        (_pipe, "pipe"),
        (_socket, "socket"),
    ],
)
def test_what_is_no_plain_file_of_its_own_is_refused(tree: Path, make: Callable[[Path], None], why: str) -> None:
    make(tree / "culprit")
    with pytest.raises(RefusedImport, match=f"It is a {why}") as caught:
        walk_tree(tree)
    assert caught.value.exit_code is ExitCode.CORRUPTION
    assert caught.value.next_step


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (b"a\x1b[2J", r"U\+001B"),
        (b"a\nb", r"U\+000A"),
        ("a\u202eb".encode(), r"U\+202E"),
        (b"a\xff", "not UTF-8"),
        (b"A", "letter case"),
    ],
)
def test_names_are_held_to_the_rules_of_archives(tree: Path, name: bytes, why: str) -> None:
    Path(os.fsdecode(os.fsencode(tree) + b"/" + name)).write_bytes(b"")
    with pytest.raises(RefusedImport, match=why):
        walk_tree(tree)


def test_names_that_differ_only_by_unicode_normalisation_are_refused(tree: Path) -> None:
    (tree / "caf\u00e9").touch()
    (tree / "cafe\u0301").touch()
    with pytest.raises(RefusedImport, match="Unicode form"):
        walk_tree(tree)


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (ArchiveLimits(max_files=3), "more than 3 files"),
        (ArchiveLimits(max_total_bytes=13), "14 bytes; 13"),
        (ArchiveLimits(max_file_bytes=6), "one file may have 6"),
        (ArchiveLimits(max_depth=2), "3 levels"),
        (ArchiveLimits(max_name_bytes=7), "more than 7 bytes"),
        (ArchiveLimits(max_path_bytes=9), "more than 9 bytes"),
    ],
)
def test_each_limit_is_kept(tree: Path, limits: ArchiveLimits, why: str) -> None:
    with pytest.raises(RefusedImport, match=why):
        walk_tree(tree, limits=limits)


def test_a_file_that_only_seems_large_counts_as_large(tree: Path) -> None:
    (tree / "holes").touch()
    os.truncate(tree / "holes", 1 << 40)
    with pytest.raises(RefusedImport, match="one file may have"):
        walk_tree(tree)


def test_a_root_that_is_a_link_or_missing_is_refused(tree: Path) -> None:
    (tree.parent / "link").symlink_to(tree)
    for name in ("link", "missing"):
        with pytest.raises(CorruptionError, match=f"/{name}"):
            walk_tree(tree.parent / name)


def test_looking_opens_and_changes_nothing(tree: Path) -> None:
    before = {path: path.stat().st_atime_ns for path in tree.rglob("*") if path.is_file()}
    walk_tree(tree)
    assert {path: path.stat().st_atime_ns for path in before} == before
