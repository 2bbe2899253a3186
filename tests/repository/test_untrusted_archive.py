from __future__ import annotations

import gzip
import io
import os
import re
import stat
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quri_console.errors import CorruptionError, ExitCode, QuriError, UsageError
from quri_console.repository.files import StorageFailed
from quri_console.repository.untrusted_archive import (
    ArchiveLimits,
    ExtractedTree,
    RefusedImport,
    TreeFile,
    extract_archive,
)
from tests.support import tar_blocks as tar

Pack = Callable[[bytes], bytes]


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=3, write_checksum=True).compress(data)


PACKINGS: dict[str, Pack] = {".tar": bytes, ".tar.gz": gzip.compress, ".tgz": gzip.compress, ".tar.zst": zstd}
PACKED = {suffix: pack for suffix, pack in PACKINGS.items() if suffix != ".tar"}


def made_by_tarfile(tar_format: int = tarfile.GNU_FORMAT) -> bytes:
    """An archive as people make them: a folder first, then what lies in it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format) as archive:
        for name in ("set", "set/empty"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o777
            archive.addfile(entry)
        for name, data in CONTENT.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o4777
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


CONTENT = {
    "set/MANIFEST.txt": b"Backup Date: 2025-01-24T02:00:07Z\n",
    "set/nothing": b"",
    "set/ganz schön lang/" + "n" * 180: bytes(range(256)) * 40,
}
USTAR = tar.folder("a") + tar.file("a/b") + tar.END


def extract(tmp_path: Path, *blocks: bytes, end: bytes = tar.END, limits: ArchiveLimits | None = None) -> ExtractedTree:
    archive = tar.write_tar(tmp_path / "archive.tar", *blocks, end=end)
    return extract_archive(archive, tmp_path / "target", limits=limits or ArchiveLimits())


def assert_refused(tmp_path: Path, why: str, *blocks: bytes, end: bytes = tar.END) -> RefusedImport:
    """The error with which this archive is refused, which leaves nothing behind."""
    with pytest.raises(RefusedImport) as caught:
        extract(tmp_path, *blocks, end=end)
    assert caught.value.exit_code is ExitCode.CORRUPTION
    # not in the whole message, which holds the path and so the name of the test
    assert re.search(why, caught.value.why)
    assert caught.value.next_step
    assert [path.name for path in tmp_path.iterdir()] == ["archive.tar"]
    return caught.value


@pytest.mark.parametrize("suffix", PACKINGS)
@pytest.mark.parametrize("tar_format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_an_honest_archive_of_each_kind_is_unpacked_whole(tmp_path: Path, suffix: str, tar_format: int) -> None:
    archive = tmp_path / f"archive{suffix}"
    archive.write_bytes(PACKINGS[suffix](made_by_tarfile(tar_format)))
    tree = extract_archive(archive, tmp_path / "target")
    assert {str(file.path): (tree.path / file.path).read_bytes() for file in tree.files} == CONTENT
    assert [file.size_bytes for file in tree.files] == [len(CONTENT[str(file.path)]) for file in tree.files]
    assert tree.total_bytes == sum(map(len, CONTENT.values()))
    assert (tree.path / "set/empty").is_dir()


def test_nobody_else_may_read_what_was_unpacked_whatever_the_archive_says(tmp_path: Path) -> None:
    (tmp_path / "archive.tar").write_bytes(made_by_tarfile())
    extract_archive(tmp_path / "archive.tar", tmp_path / "target")
    for path in (tmp_path / "target", *(tmp_path / "target").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_names_that_begin_with_a_dot_and_a_slash_are_those_without(tmp_path: Path) -> None:
    tree = extract(tmp_path, tar.folder("."), tar.folder("./a"), tar.file("./a/b"))
    assert tree.files == (TreeFile(PurePosixPath("a/b"), 7),)


def test_folders_that_are_not_listed_are_made(tmp_path: Path) -> None:
    extract(tmp_path, tar.file("a/b/c"), tar.folder("a"), tar.file("a/d"))
    assert (tmp_path / "target/a/b/c").read_bytes() == b"content"


def test_a_global_comment_as_git_writes_it_is_skipped(tmp_path: Path) -> None:
    comment = tar.pax({"comment": "0123456789abcdef"}, tarfile.XGLTYPE)
    assert len(extract(tmp_path, comment, tar.file("a")).files) == 1


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (tarfile.SYMTYPE, "symbolic link"),
        (tarfile.LNKTYPE, "hard link"),
        (tarfile.CHRTYPE, "device"),
        (tarfile.BLKTYPE, "device"),
        (tarfile.FIFOTYPE, "pipe"),
        (tarfile.CONTTYPE, "only some programs know"),
        (tarfile.GNUTYPE_SPARSE, "sparse"),
        (b"Z", "only some programs know"),
    ],
)
def test_what_is_no_plain_file_or_folder_is_refused_by_name(tmp_path: Path, kind: bytes, why: str) -> None:
    error = assert_refused(tmp_path, why, tar.file("first"), tar.header("culprit", kind=kind, link="first"))
    assert "culprit" in error.what


def test_a_long_link_name_is_refused(tmp_path: Path) -> None:
    link = tar.header("././@LongLink", 512, tarfile.GNUTYPE_LONGLINK) + b"x" * 512
    assert_refused(tmp_path, "a link", link, tar.header("culprit", kind=tarfile.SYMTYPE))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("/etc/passwd", "absolute"),
        ("//etc/passwd", "absolute"),
        ("..", r"`\.\.`"),
        ("../up", r"`\.\.`"),
        ("a/../../up", r"`\.\.`"),
        ("./../up", r"`\.\.`"),
        ("a//b", "empty part"),
        ("a/./b", "empty part"),
        ("././a", "empty part"),
        ("a/", "empty part"),
        ("", "no name"),
        ("a\x1b[2Jb", r"U\+001B"),
        ("a\nb", r"U\+000A"),
        ("a\x7fb", r"U\+007F"),
        ("a\u202eb", r"U\+202E"),
        ("a\u200bb", r"U\+200B"),
        ("a\u2028b", r"U\+2028"),
        (b"a\xffb", "not UTF-8"),
    ],
)
def test_a_name_that_leads_elsewhere_or_hides_something_is_refused(tmp_path: Path, name: str | bytes, why: str) -> None:
    assert_refused(tmp_path, why, tar.file(name))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("/etc/passwd", "absolute"),
        ("../up", r"`\.\.`"),
        ("a/../../up", r"`\.\.`"),
        ("a\x00b", r"U\+0000"),
        ("a\x1bb", r"U\+001B"),
        ("", "no name"),
    ],
)
def test_names_in_extended_headers_are_held_to_the_same_rules(tmp_path: Path, name: str, why: str) -> None:
    assert_refused(tmp_path, why, tar.pax({"path": name}), tar.file("harmless"))


def test_a_gnu_long_name_is_held_to_the_same_rules(tmp_path: Path) -> None:
    assert_refused(tmp_path, r"`\.\.`", tar.long_name("a/" * 60 + "../" * 70 + "up"), tar.file("harmless"))


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ("a/b", "a/b", "twice"),
        ("a/b", "A/b", "letter case"),
        ("a/b", "a/B", "letter case"),
        ("a/b", "A/c", "letter case"),
        ("straße", "STRASSE", "letter case"),
        ("caf\u00e9", "cafe\u0301", "Unicode form"),
        ("\ufb01le", "file", "Unicode form"),
        ("a", "a/b", "both file and folder"),
        ("a/b", "a", "both file and folder"),
    ],
)
def test_two_entries_that_some_disk_takes_for_one_are_refused(
    tmp_path: Path, first: str, second: str, why: str
) -> None:
    error = assert_refused(tmp_path, why, tar.file(first), tar.file(second))
    assert second in error.what


def test_a_folder_that_is_listed_twice_is_refused(tmp_path: Path) -> None:
    assert_refused(tmp_path, "twice", tar.folder("a"), tar.folder("a"))


def test_a_folder_with_content_is_refused(tmp_path: Path) -> None:
    assert_refused(tmp_path, "folder, yet", tar.header("a/", 512, tarfile.DIRTYPE), bytes(512))


NEGATIVE = b"\xff" * 12
ENORMOUS = b"\x80" + b"\x7f" * 11


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XGLTYPE])
@pytest.mark.parametrize("size", [NEGATIVE, ENORMOUS])
def test_negative_and_enormous_sizes_are_refused_before_anything_is_read(
    tmp_path: Path, kind: bytes, size: bytes
) -> None:
    assert_refused(tmp_path, "bytes|negative size", tar.header("a", kind=kind, size_field=size), tar.file("b"))


@pytest.mark.parametrize("size", ["-1", "+5", "1e3", "0x10", "", "9" * 5000, "٣", "9" * 19])
def test_absurd_sizes_in_pax_headers_are_refused(tmp_path: Path, size: str) -> None:
    assert_refused(tmp_path, "size|bytes", tar.pax({"size": size}), tar.file("a"))


def test_the_size_in_a_pax_header_counts_as_tar_reads_it(tmp_path: Path) -> None:
    entry = tar.pax({"size": "7"}) + tar.header("a", 0) + tar.padded(b"content")
    extract(tmp_path, entry, tar.file("b"))
    assert (tmp_path / "target/a").read_bytes() == b"content"


@pytest.mark.parametrize(
    "records",
    [
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "999999999999"},
        {"GNU.sparse.map": "0,1,2,3"},
        {"GNU.sparse.size": "10"},
    ],
)
def test_sparse_files_of_every_pax_form_are_refused(tmp_path: Path, records: dict[str, str]) -> None:
    assert_refused(tmp_path, "sparse", tar.pax(records), tar.file("a"))


@pytest.mark.parametrize(
    "data", [b"nonsense", b"0 a=b\n", b"999 a=b\n", b"6 a=b", b"7 a=b\n\0", b"6 ab=\n6 ab=\n", b"5 ab\n", b"-6 a=b\n"]
)
def test_a_malformed_pax_header_is_refused(tmp_path: Path, data: bytes) -> None:
    assert_refused(tmp_path, "malformed", tar.pax_raw(data), tar.file("a"))


def test_a_global_header_that_renames_what_follows_is_refused(tmp_path: Path) -> None:
    assert_refused(tmp_path, "changes the entries", tar.pax({"path": "other"}, tarfile.XGLTYPE), tar.file("a"))


def test_more_than_one_global_header_is_refused(tmp_path: Path) -> None:
    comment = tar.pax({"comment": "once"}, tarfile.XGLTYPE)
    assert_refused(tmp_path, "more than one global", comment, tar.file("a"), comment, tar.file("b"))


def test_extended_headers_upon_each_other_are_refused(tmp_path: Path) -> None:
    assert_refused(tmp_path, "Two extended", *[tar.long_name("a")] * 5000, tar.file("a"))


def test_an_extended_header_without_its_entry_is_refused(tmp_path: Path) -> None:
    assert_refused(tmp_path, "extended header", tar.file("a"), tar.long_name("b"))


def test_a_header_with_a_wrong_checksum_is_damage_and_not_the_end(tmp_path: Path) -> None:
    broken = bytearray(tar.file("b"))
    broken[0] ^= 1
    assert_refused(tmp_path, "header", tar.file("a"), bytes(broken))


@pytest.mark.parametrize("suffix", PACKINGS)
def test_an_archive_cut_off_anywhere_is_refused(tmp_path: Path, suffix: str) -> None:
    whole = PACKINGS[suffix](USTAR)
    archive = tmp_path / f"archive{suffix}"
    for length in range(len(whole)):
        archive.write_bytes(whole[:length])
        with pytest.raises(RefusedImport):
            extract_archive(archive, tmp_path / "target")
        assert not (tmp_path / "target").exists()


def test_a_lone_block_of_zeros_is_no_end(tmp_path: Path) -> None:
    assert_refused(tmp_path, "end mark", tar.file("a"), end=bytes(512))


@pytest.mark.parametrize("behind", [b"x", tar.file("b") + tar.END, bytes(512) + b"x"])
def test_what_follows_the_end_is_refused(tmp_path: Path, behind: bytes) -> None:
    assert_refused(tmp_path, "follows", tar.file("a"), end=tar.END + behind)


def test_zeros_without_end_are_refused(tmp_path: Path) -> None:
    assert_refused(tmp_path, "follows", tar.file("a"), end=bytes(2 << 20))


@pytest.mark.parametrize("suffix", PACKED)
@pytest.mark.parametrize("behind", ["archive", "garbage", "nothing packed", "zeros"])
def test_what_follows_the_packed_data_is_refused(tmp_path: Path, suffix: str, behind: str) -> None:
    pack = PACKINGS[suffix]
    more = {"archive": pack(USTAR), "garbage": b"garbage", "nothing packed": pack(b""), "zeros": bytes(512)}
    # at a border of what is read at once the end of the data and what follows it are seen apart
    border = 256 << 10
    first = pack(USTAR)
    for data in (first, pack(tar.file("noise", os.urandom(border)) + tar.END)):
        archive = tmp_path / f"archive{suffix}"
        archive.write_bytes(data + more[behind])
        with pytest.raises(RefusedImport, match="Something follows the end of the packed data"):
            extract_archive(archive, tmp_path / "target")


@pytest.mark.parametrize("suffix", PACKED)
def test_a_flipped_byte_of_packed_data_is_refused(tmp_path: Path, suffix: str) -> None:
    whole = PACKINGS[suffix](made_by_tarfile())
    data = bytearray(whole)
    data[len(data) // 2] ^= 0x55
    archive = tmp_path / f"archive{suffix}"
    archive.write_bytes(data)
    with pytest.raises(RefusedImport):
        extract_archive(archive, tmp_path / "target")
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("suffix", PACKED)
def test_another_content_than_the_suffix_says_is_refused(tmp_path: Path, suffix: str) -> None:
    archive = tmp_path / f"archive{suffix}"
    archive.write_bytes(USTAR)
    with pytest.raises(RefusedImport, match="no sound"):
        extract_archive(archive, tmp_path / "target")


def test_a_zstd_window_beyond_the_bound_is_refused(tmp_path: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=26)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    archive = tmp_path / "archive.tar.zst"
    archive.write_bytes(packer.compress(tar.file("a", os.urandom(1 << 20)) + tar.END) + packer.flush())
    with pytest.raises(RefusedImport, match="a window of 8 MiB"):
        extract_archive(archive, tmp_path / "target")


@pytest.mark.parametrize("suffix", PACKED)
def test_a_bomb_is_refused_before_it_fills_the_disk(tmp_path: Path, suffix: str) -> None:
    archive = tmp_path / f"archive{suffix}"
    archive.write_bytes(PACKINGS[suffix](tar.file("zeros", bytes(40 << 20)) + tar.END))
    limits = ArchiveLimits(max_ratio=10, ratio_floor_bytes=1 << 20)
    with pytest.raises(RefusedImport, match="unpacks to more than"):
        extract_archive(archive, tmp_path / "target", limits=limits)
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("suffix", PACKED)
def test_a_small_archive_may_shrink_as_much_as_it_likes(tmp_path: Path, suffix: str) -> None:
    archive = tmp_path / f"archive{suffix}"
    archive.write_bytes(PACKINGS[suffix](tar.file("zeros", bytes(8 << 20)) + tar.END))
    assert extract_archive(archive, tmp_path / "target", limits=ArchiveLimits(max_ratio=2)).total_bytes == 8 << 20


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (ArchiveLimits(max_files=4), "more than 4 files"),
        (ArchiveLimits(max_total_bytes=13), "14 bytes; 13"),
        (ArchiveLimits(max_file_bytes=6), "7 bytes; one file may have 6"),
        (ArchiveLimits(max_depth=2), "3 levels"),
        (ArchiveLimits(max_name_bytes=7), "more than 7 bytes"),
        (ArchiveLimits(max_path_bytes=9), "more than 9 bytes"),
    ],
)
def test_each_limit_is_kept(tmp_path: Path, limits: ArchiveLimits, why: str) -> None:
    blocks = (tar.file("a/b/c"), tar.file("a/longname"), tar.folder("a/empty"))
    assert len(extract(tmp_path, *blocks).files) == 2
    (tmp_path / "again").mkdir()
    with pytest.raises(RefusedImport, match=why):
        extract(tmp_path / "again", *blocks, limits=limits)


def test_a_tree_just_within_every_limit_is_accepted(tmp_path: Path) -> None:
    limits = ArchiveLimits(
        max_files=4, max_total_bytes=14, max_file_bytes=7, max_depth=3, max_name_bytes=8, max_path_bytes=10
    )
    assert extract(tmp_path, tar.file("a/b/c"), tar.file("a/longname"), limits=limits).total_bytes == 14


def test_a_file_of_another_kind_is_a_wrong_argument(tmp_path: Path) -> None:
    (tmp_path / "archive.zip").write_bytes(b"PK")
    with pytest.raises(UsageError, match="not an archive"):
        extract_archive(tmp_path / "archive.zip", tmp_path / "target")


def test_an_archive_that_is_a_link_missing_or_a_pipe_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real.tar").write_bytes(USTAR)
    (tmp_path / "link.tar").symlink_to("real.tar")
    os.mkfifo(tmp_path / "pipe.tar")
    for name in ("link.tar", "pipe.tar", "missing.tar"):
        with pytest.raises(CorruptionError, match=f"/{name}"):
            extract_archive(tmp_path / name, tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_a_target_that_exists_is_neither_used_nor_removed(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "target/mine").write_text("mine")
    with pytest.raises(StorageFailed):
        extract(tmp_path, tar.file("a"))
    assert (tmp_path / "target/mine").read_text() == "mine"


def test_a_disk_that_does_not_take_an_entry_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="Could not unpack"):
        extract(
            tmp_path, tar.file("a"), tar.long_name("n" * 256), tar.file("b"), limits=ArchiveLimits(max_name_bytes=300)
        )
    assert not (tmp_path / "target").exists()


def test_a_refusal_names_even_a_hostile_entry_in_bounded_length(tmp_path: Path) -> None:
    error = assert_refused(tmp_path, "255 bytes", tar.pax({"path": "x" * 5000}), tar.file("a"))
    assert len(error.what) < 200 + len(str(tmp_path))
    assert "\\udcff" in assert_refused(tmp_path, "UTF-8", tar.file(b"a\xff")).what


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_mutation_of_an_archive_does_anything_but_unpack_inside_or_raise_our_errors(
    tmp_path: Path, data: st.DataObject
) -> None:
    whole = bytearray(made_by_tarfile(data.draw(st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))))
    for _ in range(data.draw(st.integers(1, 4))):
        block = data.draw(st.integers(0, len(whole) // 512 - 1)) * 512
        place = block + data.draw(st.integers(0, 511))
        whole[place] = data.draw(st.integers(0, 255))
        if data.draw(st.booleans()):
            whole[block : block + 512] = tar.with_checksum(whole[block : block + 512])
    suffix = data.draw(st.sampled_from(list(PACKINGS)))
    room = tmp_path / "room"
    room.mkdir(exist_ok=True)
    archive = room / f"archive{suffix}"
    archive.write_bytes(PACKINGS[suffix](bytes(whole)))
    try:
        tree = extract_archive(archive, room / "target")
    except QuriError:
        assert not (room / "target").exists()
    else:
        found = {path.relative_to(tree.path) for path in tree.path.rglob("*") if path.is_file()}
        assert {Path(file.path) for file in tree.files} == found
        for path in sorted(tree.path.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        tree.path.rmdir()
    archive.unlink()
    assert [path.name for path in room.iterdir()] == []
    assert {path.name for path in tmp_path.iterdir()} == {"room"}


def test_random_packed_bytes_are_refused(tmp_path: Path) -> None:
    for suffix, raw in ((".tar.gz", zlib.compress(USTAR)), (".tar.zst", b"\x28\xb5\x2f\xfd" + bytes(64))):
        archive = tmp_path / f"archive{suffix}"
        archive.write_bytes(raw)
        with pytest.raises(RefusedImport):
            extract_archive(archive, tmp_path / "target")
