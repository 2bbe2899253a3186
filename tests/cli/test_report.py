"""`quri-console report` and `quri-console docs` as an operator runs them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.command import invoke
from tests.support.operator_command import Operator, operator_on_fleet

NAME = "registry"
HELPLESS = '[networks.local]\nurl = "http://127.0.0.1:4943"\n'


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with operator_on_fleet(tmp_path) as opened:
        yield opened


async def test_what_was_done_is_in_the_report_with_who_and_why(operator: Operator) -> None:
    assert (await operator("monitor", "--notify")).code == 1
    for arguments in (
        ("backup", NAME, "--reason", "INC-1"),
        ("verify", "latest"),
        ("rehearse", "latest"),
        ("stop", NAME, "--reason", "INC-2"),
    ):
        ended = await operator(*arguments)
        assert ended.code == 0, ended.errors
    assert (await operator("monitor", "--notify")).code == 2
    assert (await operator("alerts", "ack", NAME, "--rule", "stopped", "--note", "mine")).code == 0
    shown = await operator("report", "daily", "--json")
    assert shown.code == 0, shown.errors
    report = shown.json()
    rows = {row["name"]: row for row in report["backups"]}
    assert (rows[NAME]["taken"], rows[NAME]["verdict"]) == (1, "kept")
    assert {row["name"] for row in report["uncovered"]} == rows.keys() - {NAME}
    assert [(row["kind"], row["reason"]) for row in report["operations"]] == [("backup", "INC-1"), ("stop", "INC-2")]
    assert [row["whole"] for row in report["verifications"]] == [True]
    assert [row["verdict"] for row in report["rehearsals"]] == ["passed"]
    (stopped,) = (row for row in report["alerts"] if row["rule"] == "stopped")
    assert "mine" in stopped["acknowledged_by"]
    assert 0 <= stopped["seconds_to_acknowledge"] < 60
    assert report["audit"]["whole"]
    head = (await operator("audit", "verify", "--json")).json()["head"]
    assert (report["audit"]["head_sequence"], report["audit"]["head_hash"]) == (head["seq"], head["hash"])


async def test_who_deleted_a_backup_and_why_outlives_the_backup(operator: Operator) -> None:
    for _ in range(2):
        assert (await operator("backup", NAME)).code == 0
    oldest, newest = operator.backups()
    assert (await operator("verify", newest)).code == 0
    forgotten = await operator("forget", oldest, "--reason", "taken by mistake")
    assert forgotten.code == 0, forgotten.errors
    pruned = await operator("prune", "--yes", "--grace", "0s")
    assert pruned.code == 0, pruned.errors
    assert operator.backups() == (newest,)
    report = (await operator("report", "compliance", "--json")).json()
    told = {(row["what"], row["backup"]) for row in report["deletions"]}
    assert told == {("forgotten", oldest), ("deleted", oldest)}
    assert all("taken by mistake" in row["reason"] and "@" in row["by"] for row in report["deletions"])
    # the gap between the two is known although one of them is gone
    (row,) = (row for row in report["backups"] if row["name"] == NAME)
    assert row["taken"] == 2
    # an operator may bring one back, which is told as well
    assert (await operator("audit", "verify")).code == 0


async def test_a_fleet_of_which_nothing_is_known_gets_a_report_that_says_so(operator: Operator) -> None:
    for form in ("md", "html", "csv", "json"):
        shown = await operator("report", "weekly", "--format", form)
        assert shown.code == 0, shown.errors
        assert "There is no repository yet." in shown.output


async def test_it_is_written_into_a_new_file_and_nothing_is_overwritten(operator: Operator) -> None:
    path = operator.folder / "weekly.html"
    assert (await operator("report", "weekly", "--format", "html", "--out", str(path))).code == 0
    assert path.read_text().startswith("<!doctype html>")
    assert path.stat().st_mode & 0o777 == 0o600
    again = await operator("report", "weekly", "--out", str(path))
    assert again.code == 2
    assert "is there already" in again.errors
    nowhere = await operator("report", "weekly", "--out", str(operator.folder / "nowhere" / "weekly.md"))
    assert nowhere.code == 1
    assert "--out FILE" in nowhere.errors
    assert "[paths]" not in nowhere.errors


async def test_a_period_without_any_time_is_refused(operator: Operator) -> None:
    refused = await operator("report", "daily", "--since", "0d")
    assert (refused.code, refused.output) == (2, "")
    assert "leaves no time" in refused.errors


async def test_a_damaged_history_ends_in_words_and_no_report_that_looks_whole(operator: Operator) -> None:
    history = operator.folder / "console" / "state" / "history.sqlite"
    history.parent.mkdir(parents=True, exist_ok=True)
    history.write_bytes(b"this is no database, and never was one" * 100)
    shown = await operator("report", "daily")
    assert shown.code != 0
    assert "Next:" in shown.errors
    assert "Traceback" not in shown.errors


async def test_a_repository_that_cannot_be_read_is_said_in_the_report(operator: Operator) -> None:
    assert (await operator("backup", NAME)).code == 0
    (operator.repository / "repository.toml").write_text("format = 'other'\n")
    shown = await operator("report", "daily", "--json")
    assert shown.code == 0, shown.errors
    assert any("repository.toml" in gap for gap in shown.json()["gaps"])


@pytest.mark.parametrize("command", ["report", "docs"])
def test_its_help_fits_and_shows_how_it_is_used(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = invoke(capsys, command, "--help").output
    assert [line for line in shown.splitlines() if len(line) > 80] == []
    assert "Example" in shown
    assert f"  quri-console {command}" in shown


def test_the_runbook_opens_without_any_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = invoke(capsys, "--config", tmp_path / "none.toml", "docs")
    assert shown.code == 0
    assert shown.output.startswith("Start here\n")
    assert "Only the program's own pages" in shown.errors


def test_a_page_a_list_and_a_search(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.toml"
    config.write_text(HELPLESS + '[contacts]\non-call = "+41 44 000 00 00\\u202e\\u001b[31m"\n')
    page = invoke(capsys, "--config", config, "docs", "frozen")
    assert page.code == 0
    assert '    quri-console topup rune-engine 2T --reason "frozen"\n' in page.output
    assert "<!--" not in page.output
    listed = invoke(capsys, "--config", config, "docs", "--list")
    assert "lost-machine" in listed.output
    found = invoke(capsys, "--config", config, "docs", "--search", "SAFETY SNAPSHOT")
    assert found.code == 0
    assert "recovery: " in found.output
    assert invoke(capsys, "--config", config, "docs", "--search", "xyzzy").code == 1
    assert invoke(capsys, "--config", config, "docs", "--search", " ").code == 2, "every line has nothing in it"
    unknown = invoke(capsys, "--config", config, "docs", "frosen")
    assert unknown.code == 2
    assert "Did you mean 'frozen'?" in unknown.errors
    contacts = invoke(capsys, "--config", config, "docs", "contacts")
    assert "• on-call: +41 44 000 00 00\\u{202e}\\x1b[31m" in contacts.output
    reference = invoke(capsys, "--config", config, "docs", "commands")
    assert "quri-console operations resume" in reference.output


@pytest.mark.parametrize(
    ("contacts", "told"),
    [("[contacts]\non-call = 7\n", "contacts.on-call"), ("[contacts]\non-call = ' '\n", "is empty"),
     ("[ui]\nrunbook_dir = 'nowhere'\n", "nowhere")],
)  # fmt: skip
def test_bad_contacts_and_folders_are_named_and_the_pages_are_shown_all_the_same(
    contacts: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(HELPLESS + contacts)
    shown = invoke(capsys, "--config", config, "docs", "frozen")
    assert shown.code == 0
    assert told in shown.errors
    assert "A canister is frozen" in shown.output


def test_contacts_are_shown_although_the_folder_of_own_pages_is_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(HELPLESS + "[contacts]\non-call = '+41 44 000 00 00'\n[ui]\nrunbook_dir = 'nowhere'\n")
    shown = invoke(capsys, "--config", config, "docs", "contacts")
    assert "+41 44 000 00 00" in shown.output
    assert "Without your own pages" in shown.errors
