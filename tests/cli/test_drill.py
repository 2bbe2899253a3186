"""`quri-console drill`: what there is to play, how it went, and what is refused before anything is started."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from quri_console.clock import SystemClock, utc_datetime
from quri_console.drill.records import keep_record
from quri_console.drill.scenarios import SCENARIOS
from tests.history.test_drills import RECORD
from tests.support.command import invoke, write_config

NOW = utc_datetime(SystemClock().now_ns())


@pytest.fixture
def state() -> Path:
    """The state folder of a user without a configuration."""
    return Path(os.environ["XDG_STATE_HOME"]) / "quri-console"


def keep_some(state: Path) -> None:
    for days, changes in (
        (400, {"unmet": ("rune-engine: it is frozen",), "seconds_to_recover": None, "lost": 3}),
        (2, {"wrong_turns": ("restore of rune-engine does not help against this",)}),
        (1, {"scenario": "stopped", "seconds_to_recover": 4000.0, "mode": "script"}),
    ):
        keep_record(state, replace(RECORD, started_at=NOW - timedelta(days=days), **changes))  # type: ignore[arg-type]


def test_the_list_has_every_drill_and_when_it_was_played(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep_some(state)
    listed = invoke(capsys, "drill", "list")
    assert listed.code == 0
    rows = {line.split()[0]: line for line in listed.output.splitlines()[1:]}
    assert "5 m *" in rows["out-of-cycles"]
    assert "* what the old runbook promised" in listed.output
    assert "drill start DRILL" in listed.output
    del rows["*"]
    assert set(rows) == {item.name for item in SCENARIOS}
    assert rows["frozen"].endswith(f"{NOW - timedelta(days=2):%Y-%m-%d}")
    assert rows["deleted"].endswith("never")
    assert max(map(len, listed.output.splitlines())) <= 80
    documents = {item["name"]: item for item in invoke(capsys, "drill", "list", "--json").json()["drills"]}
    assert documents["frozen"]["played"] == 2
    assert documents["frozen"]["recovered"] == 1
    assert documents["frozen"]["best_seconds"] == 7.5
    assert documents["deleted"]["last_at"] is None


def test_the_score_is_a_table_of_80_columns_that_names_what_was_never_played(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_some(state)
    score = invoke(capsys, "drill", "score")
    assert score.code == 0
    lines = score.output.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[1:] for line in lines[1:4]] == [
        ["frozen", "console", "2.0", "s", "not", "5", "m", "1", "3/25"],
        ["frozen", "console", "2.0", "s", "7.5", "s", "5", "m", "1", "–"],
        ["stopped", "script", "2.0", "s", "1", "h", "6", "m", "5", "m", "1", "–"],
    ]
    assert "Never played: out-of-cycles, " in score.output
    assert "frozen" not in score.output.split("Never played")[1]


def test_one_drill_is_shown_whole_and_what_it_says_is_escaped(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep_some(state)
    shown = invoke(capsys, "drill", "score", "froz", "--since", "100d")
    assert "Drill frozen: recovered after 7.5 s, limit 5 m" in shown.output
    assert "wrong turn    restore of rune-engine does not help against this" in shown.output
    assert "not recovered" not in shown.output, "that was before"
    assert "too late" in invoke(capsys, "drill", "score", "stopped").output
    everything = invoke(capsys, "drill", "score", "frozen")
    assert "Drill frozen: not recovered: rune-engine: it is frozen" in everything.output
    assert "\x1b" not in invoke(capsys, "drill", "score", "stopped").output


def test_the_score_as_json_has_every_record_and_a_summary(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep_some(state)
    document = invoke(capsys, "drill", "score", "--json").json()
    assert [(item["scenario"], item["recovered"], item["in_time"]) for item in document["drills"]] == [
        ("frozen", False, False),
        ("frozen", True, True),
        ("stopped", True, False),
    ]
    assert len(document["scenarios"]) == len(SCENARIOS)
    assert document["problems"] == []


def test_without_a_drill_the_score_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    score = invoke(capsys, "drill", "score")
    assert (score.code, score.output.splitlines()[0]) == (0, "No drill was played yet.")
    assert invoke(capsys, "drill", "score", "--since", "1d").output.startswith("No drill was played since then.")


def test_a_damaged_record_is_named_beside_the_others(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep_some(state)
    (state / "drills" / "20250101T000000.000000Z-frozen.json").write_text("{")
    score = invoke(capsys, "drill", "score")
    assert score.errors == "20250101T000000.000000Z-frozen.json is damaged, or of another version\n"
    assert "stopped" in score.output


def test_records_lie_in_the_state_folder_of_the_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path)
    keep_record(tmp_path / "root" / "state", RECORD)
    score = invoke(capsys, "--config", config, "drill", "score", "--json")
    assert [item["scenario"] for item in score.json()["drills"]] == ["frozen"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("drill", "start", "frosen"), "Did you mean 'frozen'?"),
        (("drill", "score", "frosen"), "Did you mean 'frozen'?"),
        (("drill", "start", "frozen", "--script", "--shell"), "exclude each other"),
        (("--read-only", "drill", "start", "frozen", "--script"), "--read-only"),
        (("drill", "start", "frozen"), "the console needs a terminal"),
        (("--config", "/nowhere.toml", "drill", "start", "frozen", "--script"), "/nowhere.toml does not exist"),
    ],
)
def test_what_cannot_be_played_is_refused_before_anything_is_started(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = invoke(capsys, *arguments)
    assert (refused.code, refused.output) == (2, "")
    assert said in refused.errors
    assert "Setting up" not in refused.errors


@pytest.mark.parametrize("verb", [(), ("list",), ("start",), ("score",)])
def test_help_has_examples(verb: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    shown = invoke(capsys, "drill", *verb, "--help")
    assert shown.code == 0
    assert "quri-console drill " in shown.output.split("Examples:")[1]


def test_reports_tell_of_drills_and_of_records_that_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, state = write_config(tmp_path), tmp_path / "root" / "state"
    keep_some(state)
    (state / "drills" / "20250101T000000.000000Z-frozen.json").write_text("{")
    report = invoke(capsys, "--config", config, "report", "weekly", "--json").json()
    assert [(row["drill"], row["in_time"]) for row in report["drills"]] == [("frozen", True), ("stopped", False)]
    damaged = "The drill 20250101T000000.000000Z-frozen.json is damaged, or of another version."
    assert damaged in report["gaps"]
    assert "## Drills" in invoke(capsys, "--config", config, "report", "daily").output


def test_a_state_folder_that_cannot_be_written_is_told_before_the_exercise(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state.parent.mkdir(parents=True)
    state.write_text("a file in its place")
    refused = invoke(capsys, "drill", "start", "frozen", "--script")
    assert refused.code == 1
    assert "cannot use" in refused.errors
    assert "Setting up" not in refused.errors
