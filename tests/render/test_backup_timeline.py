"""The two lines above the backups: what is stored and overdue, and when backups were made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from quri_console.backup.summaries import BackupSummary, CanisterSummary, RepositorySummary
from quri_console.render.backup_policy import Allowed, newest_ages
from quri_console.render.backup_timeline import repository_lines
from quri_console.render.spans import plain
from quri_console.repository.marks import Standing

NOW = datetime(2025, 6, 15, 12, tzinfo=UTC)
NOW_NS = int(NOW.timestamp()) * 10**9
DAY = 86_400.0
ENGINE = CanisterSummary("rune-engine", "id-1", NOW, "stop", 10, 5, b"", "", ())


def backup(hours: float, **changes: object) -> BackupSummary:
    at = NOW - timedelta(hours=hours)
    made = BackupSummary(
        name=f"{at:%Y%m%dT%H%M%SZ}",
        taken_at=at,
        network="local",
        root_key_hash=b"",
        operation="op",
        canisters=(replace(ENGINE, taken_at=at),),
        failures=(),
        groups=(),
        record_bytes=0,
        standing=Standing(),
        forgotten_at=None,
        damage=None,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def shown(backups: Sequence[BackupSummary], *, seconds: float = DAY, width: int = 30, chosen: str = "") -> list[str]:
    allowed = [Allowed("rune-engine", "id-1", seconds)]
    ages = newest_ages(backups, "local", allowed, NOW_NS)
    repository = RepositorySummary("place", False, tuple(backups), (), 1024)
    return [plain(line) for line in repository_lines(repository, ages.values(), width, NOW_NS, chosen)]


@pytest.mark.parametrize(
    ("backups", "said"),
    [
        ([backup(2)], "No backup is overdue."),
        ([backup(25)], "Overdue: rune-engine (1d of 1d)"),
        ([], "Overdue: rune-engine (none)"),
        ([backup(2, damage="torn"), backup(72)], "Overdue: rune-engine (3d of 1d)"),
        ([backup(2, forgotten_at=NOW), backup(72)], "Overdue: rune-engine (3d of 1d)"),
        ([backup(2, network="ic")], "Overdue: rune-engine (none)"),
        ([backup(2, canisters=(replace(ENGINE, mode="legacy"),))], "Overdue: rune-engine (none)"),
    ],
)
def test_what_is_overdue_counts_only_copies_that_can_be_restored_here(
    backups: Sequence[BackupSummary], said: str
) -> None:
    assert said in shown(backups)[0]


def test_a_canister_that_needs_no_backup_is_never_overdue() -> None:
    assert "No canister needs a backup." in shown([], seconds=0)[0]


def test_the_worst_of_a_slice_of_time_is_drawn_and_the_chosen_one_stands_out() -> None:
    made = [backup(1), backup(12), backup(12.1, damage="torn"), backup(23.5, forgotten_at=NOW)]
    line = shown(made, width=36, chosen=made[0].name)[1]
    assert line.startswith("1d ago □")
    assert line.endswith("◆· now") or line.endswith("◆ now")
    assert line.count("✗") == 1
    assert "■" not in line
    assert len(line) == 36


@pytest.mark.parametrize(("hours", "begin"), [(20, "1d"), (100, "7d"), (700, "30d"), (2000, "90d"), (9000, "1y")])
def test_the_line_begins_where_the_oldest_fits(hours: float, begin: str) -> None:
    line = shown([backup(1), backup(hours)])[1]
    assert line.startswith(f"{begin} ago ")


def test_what_is_older_than_the_longest_line_is_left_out_without_harm() -> None:
    assert shown([backup(1), backup(5 * 9000)])[1].startswith("1y ago ·")


def test_as_many_names_as_there_is_room_for_and_one_in_any_case() -> None:
    allowed = [Allowed(f"canister-{number}", f"id-{number}", DAY) for number in range(5)]
    ages = newest_ages([], "local", allowed, NOW_NS)
    repository = RepositorySummary("place", True, (), (), 0)
    wide, narrow = (plain(repository_lines(repository, ages.values(), width, NOW_NS)[0]) for width in (200, 20))
    assert wide.count("canister-") == 5
    assert "canister-0 (none) +4." in narrow
    assert "encrypted" in narrow


def test_without_a_repository_it_says_how_one_comes_to_be() -> None:
    nothing = RepositorySummary("place", False, (), (), 0, exists=False)
    assert "the first backup makes it" in plain(repository_lines(nothing, (), 80, NOW_NS)[0])
