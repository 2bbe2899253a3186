from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from quri_console.backup.browse import open_backup
from quri_console.backup.compare import ChangedSetting, Pair, compare_backup_with_live
from quri_console.ic.management.types import EnvironmentVariable, Visibility
from tests.support.backups import CONTROLLER, REGISTRY, MadeUpState, made_up_status, write_backup

NOW = datetime(2025, 1, 25, tzinfo=UTC)


async def test_an_unchanged_canister_differs_in_nothing(tmp_path: Path) -> None:
    await write_backup(tmp_path)
    comparison = compare_backup_with_live(open_backup(tmp_path).canister("rune-engine"), made_up_status(), read_at=NOW)
    assert not comparison.module_differs
    assert not comparison.settings_differ
    for pair in (comparison.heap_bytes, comparison.stable_bytes, comparison.module_bytes, comparison.cycles):
        assert not pair.differs
    assert (comparison.left.origin, comparison.right.origin) == ("backup", "live")
    # only a snapshot could tell the live side
    assert comparison.certified_data == Pair(b"\x01\x02", None)


async def test_every_difference_is_told_with_both_sides(tmp_path: Path) -> None:
    await write_backup(tmp_path)
    stored = open_backup(tmp_path).canister("rune-engine")
    before = made_up_status()
    live = made_up_status(
        MadeUpState(module=b"new", heap=b""),
        status="stopped",
        cycles=5,
        settings=replace(
            before.settings,
            controllers=(REGISTRY,),
            freezing_threshold=604_800,
            log_visibility=Visibility("public"),
            environment_variables=(EnvironmentVariable("A", "1"),),
        ),
    )
    comparison = compare_backup_with_live(stored, live, read_at=NOW)
    assert comparison.module_hash == Pair(before.module_hash, live.module_hash)
    assert comparison.heap_bytes.right == 0
    assert comparison.status == Pair("running", "stopped")
    assert comparison.cycles == Pair(before.cycles, 5)
    assert (comparison.controllers_added, comparison.controllers_removed) == ((REGISTRY,), (CONTROLLER,))
    # environment variables were not recorded then: unknown is not a difference
    assert comparison.settings == (
        ChangedSetting("freezing_threshold", 2_592_000, 604_800),
        ChangedSetting(
            "log_visibility",
            ("kind=allowed_viewers", f"viewers=('{CONTROLLER.to_str()}',)"),
            ("kind=public", "viewers=()"),
        ),
    )
