"""The few lines that people are sent of a report: what is wrong and why, and where all of it stands."""

from __future__ import annotations

from dataclasses import replace

from quri_console.report.making import make_report
from quri_console.report.summary import MOST_NAMED, summary
from tests.report.facts import facts, nothing


def test_a_summary_says_what_is_wrong_why_and_where_the_report_is() -> None:
    report = make_report(facts(), "daily")
    told = summary(report, "/var/lib/quri/reports/today.md")
    lines = told.text.splitlines()
    assert told.title == f"Daily report: ic, {report.since:%Y-%m-%d %H:%M} to {report.until:%Y-%m-%d %H:%M} UTC"
    assert lines[: len(report.remarks)] == list(report.remarks)
    unwell = [row for row in report.fleet if row.level != "ok"]
    assert unwell
    for row in unwell:
        assert f"- {row.level} {row.name}: {'; '.join(row.reasons)}" in lines
    assert any(line.startswith("Backups that failed: ") for line in lines)
    assert lines[-1] == "All of it: /var/lib/quri/reports/today.md"


def test_of_one_report_there_is_one_message_and_of_the_next_another() -> None:
    report = make_report(facts(), "weekly")
    assert summary(report).key == summary(report).key
    later = replace(report, until=report.until.replace(year=report.until.year + 1))
    assert summary(later).key != summary(report).key


def test_a_large_fleet_that_is_unwell_is_counted_and_the_worst_are_named() -> None:
    report = make_report(facts(), "daily")
    row = report.fleet[0]
    rows = [replace(row, name=f"c{number}", level="warning") for number in range(30)]
    told = summary(replace(report, fleet=(*rows, replace(row, name="worst", level="critical"))))
    named = [line for line in told.text.splitlines() if line.startswith("- ")]
    assert named[0].startswith("- critical worst: ")
    assert len(named) == MOST_NAMED + 1
    assert named[-1] == "- and 21 more"


def test_what_a_report_without_data_cannot_tell_is_in_its_summary() -> None:
    told = summary(make_report(nothing(), "weekly"))
    assert "Not known: " in told.text
    assert told.text.splitlines()[-1] == "All of it: quri-console report weekly"
