"""`init --from-scripts`: the old world read without running it, every difference said, nothing skipped in silence."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import time
from datetime import UTC as UTC_ZONE
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from quri_console.config import load_config
from quri_console.errors import QuriError, UsageError
from quri_console.service.old_scripts.amounts import written_cycles
from quri_console.service.old_scripts.cron_zone import in_utc, zone_named
from quri_console.service.old_scripts.notes import Place
from quri_console.service.old_scripts.proposal import Proposal, propose
from quri_console.service.old_scripts.shell import value_of
from quri_console.service.old_scripts.writing import write_proposal
from quri_console.units import BILLION, TRILLION, parse_cycles
from tests.support.command import Finished, invoke
from tests.support.privileges import as_nobody, folder_of_nobody, give_to_nobody

SECRET = "s3cr3tS3cr3tS3cr3t"
SLACK = f"https://hooks.slack.com/services/T024BE7LD/B77AAA/{SECRET}"
UTC = zone_named("UTC")
ZURICH = zone_named("Europe/Zurich")
FLEET = {
    "rune-engine": "pkrpq-5qaaa-aaaah-aroda-cai",
    "registry": "pnqje-qiaaa-aaaah-arodq-cai",
    "bitcoin-integration": "yz6hf-qqaaa-aaaah-arn5a-cai",
    "identity-manager": "y67br-5iaaa-aaaah-arn5q-cai",
}
MONITOR = """#!/usr/bin/env bash
set -euo pipefail
RED='\\033[0;31m'
NETWORK="${NETWORK:-ic}"
WEBHOOK_URL="${WEBHOOK_URL:-}"
WEBHOOK_TYPE="generic"
HISTORY_FILE="./cycles_history.json"
CRITICAL_THRESHOLD=1000000000000   # 1T
WARNING_THRESHOLD=$((100 * 1000 * 1000 * 1000))
declare -A CANISTERS=(
  ["rune-engine"]="pkrpq-5qaaa-aaaah-aroda-cai"
  ["registry"]="pnqje-qiaaa-aaaah-arodq-cai"
  ["bitcoin-integration"]="yz6hf-qqaaa-aaaah-arn5a-cai"
  ["identity-manager"]="y67br-5iaaa-aaaah-arn5q-cai"
)
while [[ $# -gt 0 ]]; do
  case $1 in
    --critical) CRITICAL_THRESHOLD=$(parse_amount "$2"); shift 2 ;;
    --webhook)
      WEBHOOK_URL="$2"
      shift 2 ;;
  esac
done
"""
BACKUP = '#!/usr/bin/env bash\nOUTPUT_DIR="${OUTPUT_DIR:-./backups}"\nCOMPRESS_AFTER_DAYS=7\n'
CRONTAB = f"""# QURI Protocol crontab
SHELL=/bin/bash
MAILTO=ops@quri.example
WEBHOOK_URL={SLACK}

# Daily backups at 2 AM UTC
0 2 * * * cd /opt/quri && ./scripts/backup-canisters.sh --output-dir /var/backups >> /var/log/backup.log 2>&1
# Hourly cycles monitoring
0 * * * * ./scripts/monitor-cycles.sh --quiet --webhook "$WEBHOOK_URL" --webhook-type slack
# Weekly backup compression
0 3 * * 0 find /var/backups -type d -mtime +7 -exec tar czf {{}}.tar.gz {{}} \\; -exec rm -rf {{}} \\;
# Monthly cleanup
0 4 1 * * find /var/backups -name "*.tar.gz" -mtime +90 -delete >> /var/log/cleanup.log
0 5 1 * * mv /var/log/backup.log /var/log/backup.log.1
# Daily health report
0 9 * * * ./scripts/monitor-cycles.sh --json > /var/log/health-$(date +\\%Y\\%m\\%d).json
# Weekly summary
0 8 * * 1 ./scripts/weekly.sh | mail -s "summary" ops@quri.example
# Monthly restore test
0 6 15 * * ./scripts/restore-canister.sh --canister rune-engine --backup-dir latest --dry-run
"""


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """The folder of the team's scripts."""
    folder = tmp_path / "scripts"
    folder.mkdir()
    (folder / "monitor-cycles.sh").write_text(MONITOR)
    (folder / "backup-canisters.sh").write_text(BACKUP)
    (folder / "crontab.example").write_text(CRONTAB)
    (folder / "README.md").write_text("# Scripts\n")
    return folder


def init(capsys: pytest.CaptureFixture[str], scripts: Path, *options: str | Path, zone: str = "UTC") -> Finished:
    config = scripts.parent / "new" / "config.toml"
    return invoke(capsys, "--config", config, "init", "--from-scripts", scripts, "--zone", zone, *options)


def with_lines(folder: Path, name: str, text: str) -> Proposal:
    """The proposal from a folder that has one file alone."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return propose(folder, UTC)


def texts(proposal: Proposal, kind: str = "") -> str:
    return "\n".join(
        f"{' '.join(map(str, note.places))}: {note.text}" for note in proposal.notes if kind in ("", note.kind)
    )


def config_of(proposal: Proposal, folder: Path) -> Any:
    path = folder / "proposed.toml"
    path.write_text(proposal.text)
    return load_config(path)


# the team's world as a whole


def test_the_teams_scripts_become_a_configuration_that_loads(scripts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = init(capsys, scripts, "--write")
    assert shown.code == 0, shown.errors
    config = load_config(scripts.parent / "new" / "config.toml")
    assert {canister.name: canister.id for canister in config.canisters} == FLEET
    assert [canister.criticality for canister in config.canisters] == ["high", "high", "medium", "medium"]
    assert (config.network().name, config.network().production) == ("ic", True)
    assert config.monitor.thresholds.warning_cycles == TRILLION
    assert config.monitor.thresholds.critical_cycles == 100 * BILLION
    assert {entry.name: (entry.job, entry.cron) for entry in config.schedules.entries} == {
        "backup-high": ("backup", "0 2 * * *"),
        "backup-medium": ("backup", "0 2 * * *"),
        "retention": ("retention", "0 4 1 * *"),
        "report-daily": ("report-daily", "0 9 * * *"),
        "report-weekly": ("report-weekly", "0 8 * * 1"),
        "rehearse": ("rehearse", "0 6 15 * *"),
    }
    assert config.retention.high.keep_within_seconds == config.retention.medium.keep_within_seconds == 90 * 86_400
    (channel,) = config.channels
    assert (channel.name, channel.kind) == ("slack", "slack")
    assert channel.url.file is not None
    assert channel.url.file.read_text().strip() == SLACK


@pytest.mark.parametrize("name", ["backup-high", "retention", "rehearse"])
def test_schedule_explain_works_on_what_was_written(
    name: str, scripts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    init(capsys, scripts, "--write")
    config = scripts.parent / "new" / "config.toml"
    config.write_text(config.read_text() + f'[paths]\nroot = "{scripts.parent / "root"}"\n')
    shown = invoke(capsys, "--config", config, "schedule", "explain", name, "--json")
    assert shown.code == 0, shown.errors
    assert len(shown.json()["next"]) == 5


def test_it_is_printed_so_that_it_can_go_into_a_file_and_the_notes_go_elsewhere(
    scripts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = init(capsys, scripts)
    assert shown.code == 0
    copy = scripts.parent / "copy.toml"
    copy.write_text(shown.output)
    assert len(load_config(copy).canisters) == 4
    assert not (scripts.parent / "new").exists(), "nothing is written without --write"
    assert "What is different" in shown.errors
    assert max(map(len, shown.errors.splitlines())) <= 80


def test_addresses_of_webhooks_are_printed_nowhere_and_lie_in_private_files(
    scripts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for options in ((), ("--json",), ("--write",)):
        shown = init(capsys, scripts, *options)
        assert SECRET not in shown.output + shown.errors
    new = scripts.parent / "new"
    assert SECRET not in (new / "config.toml").read_text()
    assert {path.name: path.stat().st_mode & 0o777 for path in new.iterdir()} == {
        "config.toml": 0o600,
        "slack.url": 0o600,
    }


def test_json_has_the_configuration_and_every_note_with_file_and_line(
    scripts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = init(capsys, scripts, "--json").json()
    assert document["written"] is False
    assert document["secret_files"] == ["slack.url"]
    assert document["files"] == ["backup-canisters.sh", "crontab.example", "monitor-cycles.sh"]
    (trap,) = [note for note in document["notes"] if note["setting"] == "monitor.critical"]
    assert trap["kind"] == "decision"
    assert trap["places"] == [{"file": "monitor-cycles.sh", "line": 8}, {"file": "monitor-cycles.sh", "line": 9}]
    assert document["complete"] is True


# writing


def test_a_configuration_that_is_there_is_left_alone_and_with_force_kept_beside(
    scripts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = scripts.parent / "new"
    new.mkdir()
    (new / "config.toml").write_text("mine")
    (new / "slack.url").write_text("mine, too")
    refused = init(capsys, scripts, "--write")
    assert refused.code == 2
    assert (new / "config.toml").read_text() == "mine"
    done = init(capsys, scripts, "--write", "--force", "--json")
    assert done.code == 0, done.errors
    assert Path(done.json()["kept"]).read_text() == "mine"
    assert len(load_config(new / "config.toml").canisters) == 4
    assert (new / "slack.url").read_text() == "mine, too"
    assert done.json()["secret_files_left"] == [str(new / "slack.url")]


def test_a_configuration_that_is_there_stays_in_its_place_when_the_new_one_cannot_be_written(
    scripts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.toml"
    path.write_text("mine")
    proposal = propose(scripts, UTC)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for place in ("_secrets", "write_configuration"):
        with monkeypatch.context() as patched:
            patched.setattr(f"quri_console.service.old_scripts.writing.{place}", full)
            with pytest.raises((QuriError, OSError)):
                write_proposal(proposal, path, datetime(2025, 1, 24, tzinfo=UTC_ZONE), force=True)
        assert path.read_text() == "mine"
    write_proposal(proposal, path, datetime(2025, 1, 24, tzinfo=UTC_ZONE), force=True)
    assert len(load_config(path).canisters) == 4


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("monitor.sh", f"x={'A' * 500_000} pkrpq-5qaaa-aaaah-aroda-cai\n"),
        ("monitor.sh", "pkrpq-5qaaa-aaaah-aroda-cai " * 3_000),
        ("crontab", ("0 2 * * * " + "find " * 3_800 + "\n") * 20),
        ("crontab", ("0 2 * * * " + ".log " * 3_800 + "\n") * 20),
    ],
)
def test_a_file_that_means_no_good_is_read_in_no_time(name: str, text: str, tmp_path: Path) -> None:
    began = time.perf_counter()
    with_lines(tmp_path / "scripts", name, text)
    # what it took before grew with the square of a line: minutes
    assert time.perf_counter() - began < 10


@pytest.mark.parametrize("options", [("--force",), ("--plain",), ("--guided",), ("--zone", "Nowhere/Else")])
def test_wrong_usage_is_said(options: tuple[str, ...], scripts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert init(capsys, scripts, *options).code == 2


def test_its_options_mean_nothing_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for option in (("--write",), ("--force",), ("--zone", "UTC")):
        assert invoke(capsys, "--config", tmp_path / "c.toml", "init", *option).code == 2


# thresholds


def test_the_threshold_trap_is_explained_with_both_ways_out(scripts: Path) -> None:
    told = texts(propose(scripts, UTC), "decision")
    for part in ("never reported", "critical was tested first", "warning = 1 T, critical = 100 B", 'critical = "1T"'):
        assert part in told


@pytest.mark.parametrize(
    ("lines", "warning", "critical"),
    [
        ("CRITICAL_THRESHOLD=50B\nWARNING_THRESHOLD=2T", "2T", "50B"),
        ("CRITICAL=1T\nWARNING=1T", "2T", "1T"),
        ('CRITICAL_CYCLES="${CRITICAL_CYCLES:-1.5T}"\nWARNING_CYCLES=3000000000000', "3T", "1.5T"),
        ("CRITICAL_THRESHOLD_T=1\nWARNING_THRESHOLD_TC=2", "2T", "1T"),
        ("CRITICAL_THRESHOLD=$((5 * 10**11))\nWARNING_THRESHOLD=$((10**12))", "1T", "500B"),
        ("CRITICAL_THRESHOLD='500B cycles'\nWARNING_THRESHOLD=1_000_000_000_001", "1000000000001", "500B"),
        ("CRITICAL_THRESHOLD=50B", "100B", "50B"),
        ("WARNING_THRESHOLD=500B", "1T", "500B"),
    ],
)
def test_thresholds_mean_what_they_meant(lines: str, warning: str, critical: str, tmp_path: Path) -> None:
    proposal = with_lines(tmp_path / "s", "monitor-cycles.sh", lines)
    found = config_of(proposal, tmp_path).monitor.thresholds
    assert (found.warning_cycles, found.critical_cycles) == (parse_cycles(warning), parse_cycles(critical))
    assert "monitor-cycles.sh:1" in texts(proposal)


def test_a_line_of_cron_goes_before_the_script_and_the_other_is_named(scripts: Path) -> None:
    crontab = CRONTAB.replace("--quiet", "--quiet --critical 200B --warning=3T")
    (scripts / "crontab.example").write_text(crontab)
    proposal = propose(scripts, UTC)
    assert '[monitor]\nwarning = "3T"\ncritical = "200B"' in proposal.text
    assert "monitor-cycles.sh:8: another critical threshold" in texts(proposal)


def test_a_small_number_without_a_unit_is_a_question_and_no_threshold(tmp_path: Path) -> None:
    proposal = with_lines(tmp_path / "s", ".env", "CRITICAL_THRESHOLD=1\nWARNING_THRESHOLD=lots\n")
    assert "[monitor]" not in proposal.text.splitlines()
    assert ".env:1: CRITICAL_THRESHOLD is 1 without a unit" in texts(proposal, "decision")
    assert ".env:2: WARNING_THRESHOLD is no amount" in texts(proposal, "not understood")


@pytest.mark.parametrize("cycles", [TRILLION, 1_500 * BILLION, 100 * BILLION, 1_234_567_891, 7, 123 * 10**6])
def test_amounts_are_written_exactly(cycles: int) -> None:
    assert parse_cycles(written_cycles(cycles)) == cycles


# cron and zones


@pytest.mark.parametrize(
    ("line", "zone", "expected"),
    [
        ("0 2 * * *", "UTC", "0 2 * * *"),
        ("0 2 * * *", "Europe/Zurich", "0 1 * * *"),
        ("30 0 * * *", "Europe/Zurich", "30 23 * * *"),
        ("0 0 * * MON", "Europe/Zurich", "0 23 * * 0"),
        ("0 22 * * 6", "America/New_York", "0 3 * * 0"),
        ("0 2 * * *", "Asia/Kolkata", "30 20 * * *"),
        ("15 * * * *", "Asia/Kolkata", "45 * * * *"),
        ("*/15 * * * *", "Europe/Zurich", "*/15 * * * *"),
        ("0 8-10 * * 1-5", "Europe/Zurich", "0 7,8,9 * * 1-5"),
        ("0 4 1 * *", "Europe/Zurich", "0 3 1 * *"),
        ("0 2 * * *", "Europe/London", "0 2 * * *"),
    ],
)
def test_times_of_a_zone_are_said_in_utc(line: str, zone: str, expected: str) -> None:
    found = zone_named(zone)
    assert found is not None
    assert in_utc(line, found).line == expected


@pytest.mark.parametrize("line", ["30 0 1 * *", "0 0,12 * * 1", "0 L * * *", "0 0 * * 1#2"])
def test_what_one_line_cannot_say_in_utc_is_left_and_said(line: str, tmp_path: Path) -> None:
    assert ZURICH is not None
    shifted = in_utc(line, ZURICH)
    assert shifted.line == line
    assert shifted.why_not


def test_a_comment_that_says_utc_on_a_machine_elsewhere_is_a_decision(scripts: Path) -> None:
    proposal = propose(scripts, ZURICH)
    assert 'cron = "0 1 * * *"' in proposal.text
    assert re.search(r"crontab.example:7: `0 2 .* Europe/Zurich.*comment calls the time UTC", texts(proposal))


def test_cron_tz_holds_from_its_line_on_and_tz_does_not(tmp_path: Path) -> None:
    crontab = (
        "TZ=Asia/Tokyo\n0 9 * * * monitor-cycles.sh --json\nCRON_TZ=Asia/Tokyo\n"
        "0 9 * * * restore-canister.sh --dry-run\nCRON_TZ=Mars/Base\n"
    )
    proposal = with_lines(tmp_path / "s", "crontab.local", crontab)
    assert '[schedules.report-daily]\ncron = "0 9 * * *"' in proposal.text
    assert '[schedules.rehearse]\ncron = "0 0 * * *"' in proposal.text
    assert "crontab.local:1: TZ reaches the commands only" in texts(proposal)
    assert "crontab.local:5: CRON_TZ names no time zone" in texts(proposal, "not understood")


def test_an_edited_crontab_stands_for_its_example(scripts: Path) -> None:
    (scripts / "crontab.local").write_text("30 1 * * * /opt/quri/backup-canisters.sh\n")
    proposal = propose(scripts, UTC)
    assert 'cron = "30 1 * * *"' in proposal.text
    assert "0 9 * * *" not in proposal.text
    assert "crontab.example: the example is left out" in texts(proposal)


def test_macros_of_cron_are_times(tmp_path: Path) -> None:
    proposal = with_lines(tmp_path / "s", "crontab", "@daily backup-canisters.sh\n@reboot start.sh\n")
    assert '[schedules.backup-all]\njob = "backup"\ncron = "0 0 * * *"' in proposal.text
    assert "crontab:2: it says no time" in texts(proposal, "not understood")


def test_a_second_line_of_one_job_is_a_second_schedule(scripts: Path) -> None:
    with (scripts / "crontab.example").open("a") as file:
        file.write("0 14 * * * ./scripts/backup-canisters.sh\n0 21 * * * ./scripts/monitor-cycles.sh --json\n")
    proposal = propose(scripts, UTC)
    assert '[schedules.backup-all]\njob = "backup"\ncron = "0 14 * * *"' in proposal.text
    assert '[schedules.report-daily-2]\njob = "report-daily"\ncron = "0 21 * * *"' in proposal.text


def test_two_lines_that_back_up_at_one_time_are_one_schedule_and_their_notes_are_said_once(scripts: Path) -> None:
    table = scripts / "crontab.example"
    (line,) = (line for line in table.read_text().splitlines() if "backup-canisters.sh" in line)
    table.write_text(f"{table.read_text()}{line}\n")
    proposal = propose(scripts, UTC)
    assert "[schedules.backup-high]" in proposal.text
    assert "backup-all" not in proposal.text
    assert any("at the same time" in note.text for note in proposal.notes)
    comments = [line for line in proposal.text.splitlines() if "the old backups stay where they are" in line]
    assert len(comments) == 1


def test_every_line_that_is_not_understood_is_named_with_file_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crontab = (
        "0 25 * * * backup-canisters.sh\n* * *\n0 2 30 2 * backup-canisters.sh\n0 3 * * * echo 'open\n"
        f"0 4 * * * curl -d x {SLACK}\n0 5 * * * deploy --token=abcdef123\nnonsense\n"
    )
    folder = tmp_path / "s"
    proposal = with_lines(folder, "crontab", crontab)
    told = texts(proposal, "not understood")
    assert [f"crontab:{line}:" in told for line in range(1, 8)] == [True] * 7
    assert SECRET not in told
    assert "abcdef123" not in told
    shown = init(capsys, folder)
    assert shown.code == 3, "not all of it was understood"
    assert "Not understood" in shown.errors


# webhooks


@pytest.mark.parametrize(
    ("lines", "kind", "source"),
    [
        (f"SLACK_WEBHOOK={SLACK}", "slack", "slack.url"),
        (f"WEBHOOK_URL='https://discord.com/api/webhooks/1/{SECRET}'", "discord", "discord.url"),
        (f"export WEBHOOK_URL=https://alerts.example.org/{SECRET}", "generic", "generic.url"),
        (f"WEBHOOK_TYPE=discord\nWEBHOOK_URL=https://relay.example.org/{SECRET}", "discord", "discord.url"),
        ("WEBHOOK_URL=$TEAM_HOOK", "generic", "TEAM_HOOK"),
        ("SLACK_WEBHOOK_URL=${TEAM_HOOK}", "slack", "TEAM_HOOK"),
    ],
)
def test_a_webhook_becomes_a_channel_of_its_kind(lines: str, kind: str, source: str, tmp_path: Path) -> None:
    proposal = with_lines(tmp_path / "s", ".env", lines + "\n")
    (channel,) = config_of(proposal, tmp_path).channels
    assert channel.kind == kind
    assert source in (channel.url.env, channel.url.file.name if channel.url.file else "")
    assert SECRET not in proposal.text + texts(proposal) + repr(proposal)


def test_an_address_that_is_no_slack_though_it_was_called_so_is_said(tmp_path: Path) -> None:
    line = f"0 * * * * monitor-cycles.sh --webhook https://discord.com/api/webhooks/1/{SECRET} --webhook-type slack\n"
    proposal = with_lines(tmp_path / "s", "crontab", line)
    assert config_of(proposal, tmp_path).channels[0].kind == "discord"
    assert "crontab:1: it was called slack, but its address is one of discord" in texts(proposal)


@pytest.mark.parametrize(
    "url",
    ["https://hooks.slack.com/services/XXX", "https://hooks.slack.com/services/YOUR/WEBHOOK", "http://a.org/hook"],
)
def test_a_placeholder_or_an_open_address_is_no_channel_but_a_decision(url: str, tmp_path: Path) -> None:
    proposal = with_lines(tmp_path / "s", ".env", f"WEBHOOK_URL={url}\n")
    assert config_of(proposal, tmp_path).channels == ()
    assert "# [channels." in proposal.text
    assert ".env:1: [channels." in texts(proposal, "decision")
    assert proposal.secrets == {}


def test_one_address_in_many_places_is_one_channel_and_two_are_two(tmp_path: Path) -> None:
    lines = f"WEBHOOK_URL={SLACK}\nSLACK_WEBHOOK={SLACK}\nOPS_WEBHOOK={SLACK}other\n"
    proposal = with_lines(tmp_path / "s", ".env", lines)
    assert [channel.name for channel in config_of(proposal, tmp_path).channels] == ["slack", "slack-2"]
    note = next(note for note in proposal.notes if note.text.startswith("[channels.slack]"))
    assert note.places == (Place(".env", 1), Place(".env", 2))


# canisters


@pytest.mark.parametrize(
    "text",
    [
        'CANISTERS=("rune-engine:{id}" )',
        'RUNE_ENGINE_CANISTER_ID="{id}"',
        "export CANISTER_ID_RUNE_ENGINE={id}",
        'RUNE_ENGINE_ID="${{RUNE_ENGINE_ID:-{id}}}"',
        'case $1 in\n  rune-engine) echo "{id}" ;;\nesac',
        'case $1 in\n  "rune-engine")\n    id={id}\n    ;;\nesac',
        'declare -A C; C[rune-engine]="{id}"',
    ],
)
def test_canister_ids_are_found_with_their_names(text: str, tmp_path: Path) -> None:
    proposal = with_lines(tmp_path / "s", "backup-canisters.sh", text.format(id=FLEET["rune-engine"]))
    (canister,) = config_of(proposal, tmp_path).canisters
    assert (canister.name, canister.id, canister.criticality) == ("rune-engine", FLEET["rune-engine"], "high")


def test_ids_of_dfx_are_read_for_the_network_that_the_scripts_use(tmp_path: Path) -> None:
    ids = {name: {"ic": item, "local": "bkyz2-fmaaa-aaaaa-qaaaq-cai"} for name, item in FLEET.items()}
    proposal = with_lines(tmp_path / "s", "canister_ids.json", json.dumps({**ids, "test": {"local": "x"}}, indent=1))
    assert {canister.name: canister.id for canister in config_of(proposal, tmp_path).canisters} == FLEET
    assert "test has no id on ic here" in texts(proposal)


def test_mistyped_doubled_and_nameless_ids_are_named(tmp_path: Path) -> None:
    rune = FLEET["rune-engine"]
    lines = f"RUNE_ID={rune}\nOTHER_ID={rune}\nBAD_ID={rune.replace('pkrpq', 'pkrpp')}\ncall {FLEET['registry']} x\n"
    proposal = with_lines(tmp_path / "s", "a.sh", lines)
    told = texts(proposal)
    assert [canister.name for canister in config_of(proposal, tmp_path).canisters] == ["rune", "canister"]
    assert "a.sh:2: rune is called other here" in told
    assert "a.sh:3: what looks like a canister id is none" in told
    assert "a.sh:4: a canister without a name" in told


def test_a_network_of_this_machine_is_not_production(tmp_path: Path) -> None:
    proposal = with_lines(tmp_path / "s", ".env", "DFX_NETWORK=local\n")
    network = config_of(proposal, tmp_path).network()
    assert (network.name, network.production) == ("local", False)


# what is hostile, huge or not there


def test_nothing_of_the_scripts_is_executed(tmp_path: Path) -> None:
    witness = tmp_path / "executed"
    evil = f'CRITICAL_THRESHOLD=$(touch {witness})\nWARNING=`touch {witness}`\nWEBHOOK_URL="$(touch {witness})"\n'
    folder = tmp_path / "s"
    with_lines(folder, "monitor-cycles.sh", evil)
    (folder / "crontab").write_text(f"$(touch {witness})=1\n0 2 * * * backup-canisters.sh $(touch {witness})\n")
    proposal = propose(folder, UTC)
    assert not witness.exists()
    assert "monitor-cycles.sh:1: what CRITICAL_THRESHOLD becomes only running it would tell" in texts(proposal)
    assert value_of("$((9**9**9**9))")[0] is None


def test_hostile_text_does_nothing_to_terminal_or_toml(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "s"
    folder.mkdir()
    (folder / "crontab").write_bytes(b'0 2 * * * \x1b]0;x\x07 evil \xe2\x80\xae ]\n[paths]\n0 3 * * * \xff\xfe"""\n')
    (folder / ".env").write_text('\x1b[31m"]\nroot = "/"=1\nNETWORK=ic"]\nEVIL_WEBHOOK=\x1b[2J\n')
    (folder / "\x1b[1mname.sh").write_text("X=1\nWARNING=\x1b\n")
    for options in ((), ("--json",)):
        shown = init(capsys, folder, *options)
        assert shown.code == 3
        assert not re.search("[\x1b\x07\u202e]", shown.output + shown.errors)


def test_links_binaries_pipes_and_huge_files_are_named_and_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    folder.mkdir()
    (tmp_path / "outside.sh").write_text("CRITICAL_THRESHOLD=1T\n")
    (folder / "link.sh").symlink_to(tmp_path / "outside.sh")
    (folder / "linked").symlink_to(tmp_path)
    (folder / "binary.sh").write_bytes(b"\x7fELF\0\0")
    (folder / "huge.sh").write_bytes(b"X=1\n" * 400_000)
    os.mkfifo(folder / "pipe.sh")
    (folder / "good.sh").write_text("NETWORK=ic\n")
    proposal = propose(folder, UTC)
    assert proposal.files == ("good.sh",)
    told = texts(proposal, "not read")
    for name in ("link.sh", "linked", "binary.sh", "huge.sh", "pipe.sh"):
        assert f"{name}: " in told
    assert not proposal.complete


def test_a_folder_that_is_missing_none_or_without_scripts_is_a_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    for name, why in (("missing", "does not exist"), ("file", "is not a folder"), ("empty", "nothing to read")):
        shown = init(capsys, tmp_path / name)
        assert shown.code == 2
        assert why in shown.errors
    with pytest.raises(UsageError):
        propose(tmp_path / "empty", UTC)


def test_what_may_not_be_read_is_said() -> None:
    with folder_of_nobody() as folder:
        (folder / "s").mkdir()
        (folder / "s" / "a.sh").write_text("NETWORK=ic\n")
        (folder / "s" / "b.sh").write_text("NETWORK=ic\n")
        (folder / "closed").mkdir()
        give_to_nobody(folder)
        (folder / "s" / "b.sh").chmod(0)
        (folder / "closed").chmod(0)
        command = [*as_nobody(), sys.executable, "-m", "quri_console", "--config", str(folder / "c"), "init"]
        some = subprocess.run(
            [*command, "--from-scripts", str(folder / "s"), "--json"], capture_output=True, text=True, check=False
        )
        none = subprocess.run(
            [*command, "--from-scripts", str(folder / "closed")], capture_output=True, text=True, check=False
        )
    assert some.returncode == 3, some.stderr
    assert {"file": "b.sh", "line": None} in [
        place for note in json.loads(some.stdout)["notes"] if note["kind"] == "not read" for place in note["places"]
    ]
    assert none.returncode == 1
    assert "cannot be read" in none.stderr
