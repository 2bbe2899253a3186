"""Records of drills come back as they were kept; one that is damaged is named and hides no other."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quri_console.drill.records import keep_record
from quri_console.errors import CorruptionError
from quri_console.history.drills import DRILLS_FOLDER, DrillRecord, drill_text, read_drills

RECORD = DrillRecord(
    scenario="frozen",
    title="A canister is frozen",
    page="frozen",
    started_at=datetime(2025, 1, 24, 2, 0, 0, 5, tzinfo=UTC),
    by="eva",
    mode="console",
    limit_seconds=300.0,
    limit_of="ours",
    detected_by="alert frozen",
    seconds_to_detect=2.0,
    seconds_to_acknowledge=None,
    seconds_to_recover=7.5,
    seconds=12.0,
    unmet=(),
    wrong_turns=("a \x1b[31mwrong turn",),
    written=25,
    lost=None,
    tool="quri-console 1",
)

BOUNDLESS = drill_text(RECORD).replace('"written": 25', '"written": 1e999')


def test_what_was_kept_is_read_oldest_first(tmp_path: Path) -> None:
    later = replace(RECORD, started_at=RECORD.started_at + timedelta(days=1), unmet=("it is frozen",))
    for record in (later, RECORD):
        keep_record(tmp_path, record)
    found = read_drills(tmp_path)
    assert found.records == (RECORD, later)
    assert found.problems == ()
    assert (tmp_path / DRILLS_FOLDER).stat().st_mode & 0o777 == 0o700


def test_a_record_is_written_once(tmp_path: Path) -> None:
    path = keep_record(tmp_path, RECORD)
    before = path.read_bytes()
    with pytest.raises(CorruptionError):
        keep_record(tmp_path, replace(RECORD, seconds_to_recover=0.1))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"schema": 2}', '{"schema": 1}', json.dumps({"schema": 1, "started_at": 5}), BOUNDLESS],
)
def test_a_damaged_record_is_named_and_hides_no_other(tmp_path: Path, text: str) -> None:
    path = keep_record(tmp_path, RECORD)
    (path.parent / "20250101T000000.000000Z-frozen.json").write_text(text)
    found = read_drills(tmp_path)
    assert found.records == (RECORD,)
    assert found.problems == ("20250101T000000.000000Z-frozen.json is damaged, or of another version",)


@pytest.mark.parametrize(
    ("changes", "recovered", "in_time"),
    [
        ({}, True, True),
        ({"seconds_to_recover": 300.0}, True, False),
        ({"unmet": ("it is frozen",)}, False, False),
    ],
)
def test_the_verdict_follows_from_what_was_found(changes: dict[str, object], recovered: bool, in_time: bool) -> None:
    record = replace(RECORD, **changes)  # type: ignore[arg-type]
    assert (record.recovered, record.in_time) == (recovered, in_time)
