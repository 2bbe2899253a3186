"""Reports over a fixed past: what they find, and every form of them against golden files."""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import pytest

from quri_console.report.forms import ReportForm, report_text
from quri_console.report.making import make_report
from quri_console.report.model import Report, ReportKind
from quri_console.report.tables import SECTIONS
from quri_console.report.times import quantile
from tests.report.facts import ENGINE, STRANGER, FixedFacts, changed_log, facts, nothing
from tests.report.moments import EVIL, ago

GOLDEN = Path(__file__).parent / "golden"
CASES = {"eventful": facts, "empty": nothing}


def made(found: FixedFacts, kind: ReportKind = "compliance") -> Report:
    # another version of the program is no other report
    return replace(make_report(found, kind), tool="quri-console X")


@pytest.mark.parametrize("form", get_args(ReportForm))
@pytest.mark.parametrize("kind", get_args(ReportKind))
@pytest.mark.parametrize("case", CASES)
def test_every_form_of_every_kind_is_the_golden_one(case: str, kind: ReportKind, form: ReportForm) -> None:
    text = report_text(made(CASES[case](), kind), form)
    path = GOLDEN / f"{case}-{kind}.{form}"
    if os.environ.get("WRITE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_gaps_are_those_between_copies_and_the_open_one_and_pruned_backups_count() -> None:
    engine, registry, identity = made(facts()).backups
    # copies 79 (pruned, known by the audit log), 55 (forgotten), 31 and 2 hours before the end
    assert [engine.gap_p50_seconds, engine.gap_max_seconds] == [24 * 3600, 29 * 3600]
    assert (engine.taken, engine.failed, engine.late, engine.verdict) == (2, 1, 1, "late")
    # 55, 31, and open since
    assert (registry.gap_max_seconds, registry.late, registry.verdict) == (31 * 3600, 1, "late")
    assert (identity.taken, identity.failed, identity.newest_at, identity.verdict) == (0, 1, None, "none")
    # never backed up: the whole period is one gap
    assert identity.gap_max_seconds == 48 * 3600


def test_a_damaged_copy_is_none() -> None:
    found = facts()
    assert found.backups is not None
    damaged = [replace(backup, damage="a byte was flipped") for backup in found.backups]
    engine = made(replace(found, backups=damaged)).backups[0]
    assert (engine.taken, engine.age_seconds) == (0, 79 * 3600)


def test_an_alert_tells_how_long_nobody_answered_it() -> None:
    low, stopped = made(facts()).alerts
    assert (low.subject, low.rule, low.level) == ("rune-engine", "cycles-low", "critical")
    assert low.seconds_to_acknowledge == 10.5 * 3600
    assert low.acknowledged_by == "eva@console: topping up"
    assert low.seconds == 45 * 3600
    assert (stopped.acknowledged_at, stopped.ended_at) == (None, None)


def test_one_that_was_over_before_the_period_is_left_out() -> None:
    assert "backup-overdue" not in {row.rule for row in made(facts()).alerts}


def test_deletions_have_who_and_why_also_when_their_mark_went_with_the_backup() -> None:
    told = {(row.what, row.by, row.reason) for row in made(facts()).deletions}
    assert told == {
        ("forgotten", "eva@console", "retention policy"),
        ("deleted", "eva@console", "retention policy"),
        ("pinned", "eva@console", "before the migration"),
    }


def test_who_became_a_controller_is_told() -> None:
    (change,) = made(facts()).access
    assert (change.name, change.added, change.removed) == ("rune-engine", (STRANGER,), ())


def test_uncovered_are_those_without_a_copy_and_those_nobody_configured() -> None:
    told = {row.name: row.why for row in made(facts()).uncovered}
    assert told == {
        "identity-manager": "it was never backed up",
        "old": "the repository has backups of it, the configuration does not",
    }


def test_rehearsals_and_restores_carry_measured_times() -> None:
    report = made(facts())
    assert {row.seconds for row in report.rehearsals} == {12.345}
    restore = next(row for row in report.operations if row.kind == "restore")
    assert (restore.seconds, restore.reason, restore.by) == (84.0, "INC-42", "eva@console")
    assert any(row.kind == "stop refused" for row in report.operations)


def test_a_changed_audit_log_is_the_first_thing_said() -> None:
    report = made(changed_log(), "daily")
    assert report.remarks[0].startswith("The audit log is not what was written: 000001.jsonl, line 7")
    assert "CHANGED" in report_text(report, "md")


@pytest.mark.parametrize("form", get_args(ReportForm))
def test_a_period_without_data_says_so(form: ReportForm) -> None:
    text = report_text(made(nothing()), form)
    assert "The history has no samples of this network" in text
    assert "There is no repository yet" in text


def test_what_could_not_be_read_is_a_gap_of_the_report() -> None:
    report = made(replace(nothing(), problems=("the history is damaged: page 7.",)))
    assert report.gaps[0] == "the history is damaged: page 7."


def test_an_event_of_another_network_is_not_ours() -> None:
    events = [{**event, "network": {"name": "local"}} for event in facts().audit_events]
    report = made(replace(facts(), audit_events=events))
    assert report.operations == ()
    assert [row.what for row in report.deletions] == ["forgotten", "pinned"]


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_has_no_scripts_and_loads_nothing_and_knows_light_and_dark() -> None:
    text = report_text(made(facts()), "html")
    page = _Page()
    page.feed(text)
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "a", "form"}
    assert not [attributes for _, attributes in page.tags if {"src", "href", "style", "onclick"} & attributes.keys()]
    assert "prefers-color-scheme: dark" in text
    assert "default-src 'none'" in text
    assert "url(" not in text


@pytest.mark.parametrize("form", get_args(ReportForm))
def test_untrusted_text_stays_text(form: ReportForm) -> None:
    text = report_text(made(facts()), form)
    assert "\x1b" not in text
    assert "\u202e" not in text
    if form in ("md", "html"):
        assert "<script>" not in text.replace("\\<script\\>", "")
    if form == "md":
        assert "[x](" not in text
    if form == "csv":
        cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]


def test_csv_has_one_table_a_section_of_equal_rows() -> None:
    text = report_text(made(facts()), "csv")
    tables = [list(csv.reader(io.StringIO(part))) for part in text.split("\n\n")[1:]]
    assert [table[0][0] for table in tables] == [f"# {key}" for key in SECTIONS["compliance"]]
    assert all(len({len(row) for row in table[1:]}) == 1 for table in tables)


def test_json_has_every_section_whatever_the_kind() -> None:
    daily, compliance = (json.loads(report_text(made(facts(), kind), "json")) for kind in ("daily", "compliance"))
    assert daily.keys() == compliance.keys()
    assert daily["rehearsals"] == compliance["rehearsals"] != []
    assert daily["since"] == "2025-01-24T09:00:00Z"
    assert daily["fleet"][0]["canister_id"] == ENGINE
    assert daily["fleet"][2]["reasons"] == [EVIL]


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ((), 0.5, None),
        ((7.0,), 0.95, 7.0),
        ((1.0, 2.0, 3.0, 4.0), 0.5, 2.0),
        (tuple(map(float, range(1, 101))), 0.95, 95.0),
    ],
)
def test_a_quantile_is_a_value_that_was_measured(
    values: tuple[float, ...], share: float, expected: float | None
) -> None:
    assert quantile(values, share) == expected


def test_a_gap_that_ended_before_the_period_does_not_count() -> None:
    found = replace(facts(), since_ns=ago(1))
    assert made(found).backups[0].gap_max_seconds == 2 * 3600
