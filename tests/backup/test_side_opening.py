"""What the sides of a comparison hold, wherever they lie: repository, archive, folders, the scripts' backups."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from quri_console.backup.browse import BackupNotFound
from quri_console.backup.comparison import Comparison
from quri_console.backup.diff import Diff, diff_sides
from quri_console.backup.live_side import ReadingBill
from quri_console.backup.side_opening import Places, SideOpener
from quri_console.backup.sides import parse_side
from quri_console.clock import SystemClock
from quri_console.errors import CorruptionError, QuriError, UsageError
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal
from quri_console.repository.archive import write_archive
from quri_console.repository.store import Repository
from tests.support.backups import AT, REGISTRY, RUNE_ENGINE
from tests.support.compared_states import NAME, Copy, MadeState, new_repository, write_set
from tests.support.legacy_backups import IDS, LegacyRun, canister_texts, write_directory
from tests.support.legacy_backups import write_archive as write_legacy_archive

CHANGED = MadeState(heap=b"other" + MadeState().heap[5:])
SECOND = {"registry": Copy(canister=REGISTRY)}


async def _no_network() -> Agent:
    raise AssertionError("the network was asked")


def _unknown(wanted: str) -> tuple[Principal, str]:
    raise UsageError(f"no canister {wanted}")


async def _nothing_to_approve(bills: tuple[ReadingBill, ...]) -> None:
    raise AssertionError(f"{bills} were to be approved")


class Bench:
    """A repository with two sets, and what can be compared with them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repository = new_repository(folder / "repository")
        self.older = write_set(self.repository, {NAME: Copy(), **SECOND})
        self.newer = write_set(self.repository, {NAME: Copy(CHANGED)}, at=AT + timedelta(days=1))
        self.places = Places(
            repository=lambda path: Repository.open(path or folder / "repository"),
            unlock=lambda backend, facts: self.repository.vault,
            cache_folder=folder / "cache",
            agent=_no_network,
            root_key_hash=lambda agent: b"",
            resolve=_unknown,
            clock=SystemClock(),
        )

    async def diff(self, left: str, right: str) -> Diff:
        async with SideOpener(self.places) as opener:
            return await diff_sides(opener, parse_side(left), parse_side(right), approve=_nothing_to_approve)

    async def only(self, left: str, right: str) -> Comparison:
        """The only comparison that comes of two sides."""
        diff = await self.diff(left, right)
        assert not diff.failures
        assert len(diff.comparisons) == 1
        return diff.comparisons[0]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_a_canister_is_compared_with_itself_in_another_backup(bench: Bench) -> None:
    comparison = await bench.only(f"{bench.older}/{NAME}", "latest")
    assert comparison.left.label == f"{bench.older}/{NAME}"
    assert comparison.right.label == f"{bench.newer}/{NAME}"
    assert comparison.memory["wasm_memory"].changed_bytes == 16_384
    assert (await bench.only("20250124/rune-engine", f"{bench.older}/{RUNE_ENGINE.to_str()}")).identical


async def test_of_two_whole_backups_what_they_share_is_compared_and_the_rest_named(bench: Bench) -> None:
    diff = await bench.diff(bench.older, bench.newer)
    assert [comparison.left.name for comparison in diff.comparisons] == [NAME]
    assert (diff.only_left, diff.only_right) == (("registry",), ())
    assert diff.differs()


@pytest.mark.parametrize(
    ("left", "right", "refusal"),
    [
        ("latest/nobody", "latest", UsageError),
        ("20250124/registry", "latest", UsageError),
        ("20250126", "latest", BackupNotFound),
        ("2025", "latest", BackupNotFound),
        ("live", "live", UsageError),
        ("live", "snapshot:00ab", UsageError),
        ("./nothing", "latest", UsageError),
        ("./nothing/rune-engine", "latest", UsageError),
        ("live:nobody", "latest", UsageError),
    ],
)
async def test_what_is_not_there_is_refused(bench: Bench, left: str, right: str, refusal: type[QuriError]) -> None:
    with pytest.raises(refusal) as refused:
        await bench.diff(left, right)
    assert refused.value.what


async def test_any_other_folder_or_file_is_no_backup(bench: Bench) -> None:
    (bench.folder / "folder").mkdir()
    (bench.folder / "folder" / "file").write_text("text")
    for path in ("folder", "folder/file", "folder/missing"):
        with pytest.raises(UsageError):
            await bench.diff(str(bench.folder / path), "latest")


async def test_an_archive_is_compared_and_what_was_unpacked_is_gone_afterwards(bench: Bench) -> None:
    path = bench.folder / "kept.tar.zst"
    await asyncio.to_thread(write_archive, bench.repository, bench.older, path)
    whole = await bench.diff(str(path), bench.older)
    assert all(comparison.identical for comparison in whole.comparisons)
    assert len(whole.comparisons) == 2
    one = await bench.only(f"{path}/{NAME}", "latest")
    assert (one.left.origin, one.left.label) == ("archive", f"{path}/{NAME}")
    assert one.memory["wasm_memory"].changed_bytes == 16_384
    assert not [entry for entry in (bench.folder / "cache").rglob("*") if entry.is_file()]


async def test_an_archive_of_an_encrypted_repository_names_chunks_as_that_does(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.repository = new_repository(tmp_path / "encrypted", id_key=b"k" * 32)
    name = write_set(bench.repository)
    await asyncio.to_thread(write_archive, bench.repository, name, tmp_path / "kept.tar.zst")
    comparison = await bench.only(f"{tmp_path}/kept.tar.zst/{NAME}", f"{bench.older}/{NAME}")
    assert comparison.identical


async def test_a_set_in_another_repository_is_named_by_its_path(bench: Bench) -> None:
    other = new_repository(bench.folder / "other")
    name = write_set(other, {NAME: Copy(CHANGED)})
    comparison = await bench.only(f"{bench.folder}/other/backups/{name}/{NAME}", "latest")
    assert comparison.differing_parts == ()
    assert (await bench.only(f"{bench.folder}/other/backups/{name}", f"latest/{NAME}")).differing_parts == ()


async def test_a_snapshot_directory_is_compared_with_the_only_canister_or_a_named_one(bench: Bench) -> None:
    path = CHANGED.write_directory(bench.folder / "download")
    comparison = await bench.only(str(path), "latest")
    assert comparison.left.canister is None
    assert comparison.canister == RUNE_ENGINE
    assert comparison.differing_parts == ()
    assert (await bench.only(f"{bench.older}/{NAME}", str(path))).differing_parts == ("memory",)
    with pytest.raises(UsageError, match="does not hold"):
        await bench.diff(str(path), bench.older)


async def test_a_snapshot_directory_that_is_not_whole_is_refused(bench: Bench) -> None:
    path = CHANGED.write_directory(bench.folder / "download")
    (path / "wasm_memory.bin").write_bytes(b"short")
    with pytest.raises(CorruptionError):
        await bench.diff(str(path), "latest")


async def test_a_legacy_backup_tells_status_settings_and_module(bench: Bench) -> None:
    run = LegacyRun(canisters=(canister_texts("rune-engine"),))
    folder = write_directory(bench.folder, run)
    comparison = await bench.only(f"{folder}/rune-engine", f"latest/{NAME}")
    assert comparison.left.origin == "legacy"
    assert comparison.left.canister == Principal.from_str(IDS["rune-engine"])
    assert comparison.module_differs
    assert comparison.cycles.is_known
    assert comparison.heap_bytes.left is None
    assert comparison.memory == {}
    assert "heap" in comparison.not_compared()
    # of the same name, but another id: whoever means both says so
    with pytest.raises(UsageError, match="does not hold") as refused:
        await bench.diff(str(folder), f"latest/{NAME}")
    assert RUNE_ENGINE.to_str() in refused.value.what
    assert IDS["rune-engine"] in refused.value.why


async def test_a_legacy_archive_is_read_too(bench: Bench) -> None:
    run = LegacyRun(canisters=(canister_texts("rune-engine"), canister_texts("registry")))
    archive = write_legacy_archive(bench.folder, run)
    diff = await bench.diff(str(archive), f"{archive}")
    assert len(diff.comparisons) == 2
    assert not diff.differs()
    assert not diff.comparisons[0].identical  # nobody compared a byte of its state


async def test_one_damaged_canister_does_not_keep_the_others_from_being_compared(bench: Bench) -> None:
    record = bench.folder / "repository" / "backups" / bench.older / "registry" / "status.toml"
    record.write_bytes(record.read_bytes()[:-1])
    diff = await bench.diff(bench.older, bench.older)
    assert [comparison.left.name for comparison in diff.comparisons] == [NAME]
    assert [failure.name for failure in diff.failures] == ["registry"]
    with pytest.raises(CorruptionError):
        await bench.diff(f"{bench.older}/registry", bench.older)
