"""The table [schedules]: silence runs nothing, names change the usual ones, and what makes no sense is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from quri_console.config import load_config
from quri_console.config.schedule_model import SchedulesConfig
from quri_console.config.scheduling import DEFAULTS
from quri_console.errors import ConfigError
from quri_console.units import TRILLION

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
FLEET = """[networks.ic]
url = "https://icp-api.io"
[canisters.rune-engine]
id = "pkrpq-5qaaa-aaaah-aroda-cai"
criticality = "high"
"""
VERIFY = '[schedules.v]\njob = "verify"\n'


def schedules(folder: Path, text: str) -> SchedulesConfig:
    path = folder / "config.toml"
    path.write_text(FLEET + text)
    return load_config(path).schedules


def names(found: SchedulesConfig) -> list[str]:
    return [entry.name for entry in found.active]


def test_without_the_table_nothing_runs_by_itself_and_nothing_is_permitted(tmp_path: Path) -> None:
    assert schedules(tmp_path, "") == SchedulesConfig()
    assert schedules(tmp_path, "[schedules]\n") == SchedulesConfig()
    assert (SchedulesConfig().production, SchedulesConfig().max_cycles_per_day) == (False, TRILLION)


def test_enabled_turns_on_the_usual_ones_that_the_fleet_has_canisters_for(tmp_path: Path) -> None:
    usual = [entry.name for entry in DEFAULTS if entry.criticality in (None, "high")]
    assert names(schedules(tmp_path, "[schedules]\nenabled = true\n")) == usual


def test_a_named_schedule_alone_runs_alone(tmp_path: Path) -> None:
    assert names(schedules(tmp_path, "[schedules.verify]\n")) == ["verify"]


def test_a_usual_one_is_changed_by_a_table_of_its_name(tmp_path: Path) -> None:
    text = (
        '[schedules]\nenabled = true\n[schedules.backup-high]\ncron = "0 4 * * *"\n[schedules.ready]\nenabled = false\n'
    )
    found = schedules(tmp_path, text)
    (changed,) = [entry for entry in found.entries if entry.name == "backup-high"]
    assert (changed.job, changed.cron, changed.criticality) == ("backup", "0 4 * * *", "high")
    assert "ready" not in names(found)
    assert "verify" in names(found)


def test_enabled_false_turns_everything_off(tmp_path: Path) -> None:
    assert names(schedules(tmp_path, f'[schedules]\nenabled = false\n{VERIFY}cron = "0 1 * * *"\n')) == []


def test_the_example_says_what_an_unattended_key_means_and_its_lines_are_right(tmp_path: Path) -> None:
    block = EXAMPLE.read_text().partition("# [schedules]\n")[2].partition("# A dead man's switch")[0]
    kept = ["[schedules]", *re.findall(r"^# (\[.*|[a-z_]+ = .*)$", block, re.MULTILINE)]
    path = tmp_path / "config.toml"
    channel = '[channels.ops]\nkind = "slack"\nurl_env = "OPS"\n'
    path.write_text(EXAMPLE.read_text() + "\n" + channel + "\n".join(kept) + "\n")
    found = load_config(path).schedules
    assert found.production
    assert [entry.canisters for entry in found.entries if entry.name == "registry-hourly"] == [("registry",)]
    assert [entry.channels for entry in found.entries if entry.name == "report-daily"] == [("ops",)]
    assert "with nobody present that key lies ready" in EXAMPLE.read_text()


@pytest.mark.parametrize(
    ("text", "line", "said", "allowed"),
    [
        (f'{VERIFY}cron = "61 2 * * *"\n', 8, "cron is '61 2 * * *': Bad minute", "MINUTE HOUR DAY"),
        (f'{VERIFY}cron = "0 0 30 2 *"\n', 8, "Bad day-of-month", "Allowed"),
        (f'{VERIFY}cron = "0 2 * *"\n', 8, "it has 4 fields, not 5", "Allowed"),
        (f'{VERIFY}cron = "0 0 2 * * *"\n', 8, "it has 6 fields, not 5", "Allowed"),
        (f'{VERIFY}cron = "@daily"\n', 8, "it has 1 fields", "Allowed"),
        (f'{VERIFY}cron = ""\n', 8, "cron is empty", "Allowed"),
        (f"{VERIFY}cron = 2\n", 8, "cron is a whole number", "Allowed"),
        (VERIFY, 6, "schedules.v.cron is missing", "Allowed"),
        ('[schedules.v]\ncron = "0 2 * * *"\n', 6, "schedules.v.job is missing", "backup"),
        ('[schedules.v]\njob = "bakcup"\ncron = "0 2 * * *"\n', 7, "job is 'bakcup'", "Did you mean 'backup'?"),
        (f"{VERIFY}{VERIFY}", 8, "two tables of one name, [schedules.v]: line 6 has the other", "Rename one of them"),
        ("[schedules.v]\na.b = 1\n[schedules.'v']\n", 8, "one name, [schedules.v]: line 6 has", "Rename one of them"),
        ("[schedules]\nv = {}\n[schedules.v.a]\n", 8, "not TOML", ""),
        ("[schedules.Verify]\n[schedules.verify]\n", 7, "second schedule of one name", "own name"),
        ("[schedules.VERIFY]\njob = 'verify'\ncron = '0 2 * * *'\n", 6, "second schedule of one name", "own name"),
        ('[schedules."a b"]\n', 6, "cannot be the name of a schedule", "letters"),
        ("[schedules]\nenabeld = true\n", 7, "schedules.enabeld is not known", "Did you mean 'enabled'?"),
        ("[schedules.verify]\ncorn = '0 2 * * *'\n", 7, "corn is not known", "Did you mean 'cron'?"),
        ('[schedules.verify]\njitter = "7h"\n', 7, "jitter is '7h': it must be from 0 s to 6 h", "5m"),
        ('[schedules.verify]\ndeadline = "5s"\n', 7, "deadline is '5s'", "2h"),
        ('[schedules.verify]\ncanisters = ["rune-engine"]\n', 7, "means nothing for verify", "backup"),
        ('[schedules.backup-high]\ncanisters = ["rune"]\n', 7, "names 'rune', which is no canister here", "registry"),
        ('[schedules.backup-high]\ncriticality = "low"\n', 7, "is 'low', and no canister is", "criticality"),
        ('[schedules.s]\njob = "seal"\ncron = "0 2 * * *"\n', 6, "folder is missing", "sealed"),
        ('[schedules.verify]\nfolder = "x"\n', 7, "folder means nothing for verify", "sealed"),
        ('[schedules.verify]\nchannels = ["ops"]\n', 7, "channels means nothing for verify", "report-daily"),
        ('[schedules.report-daily]\nchannels = ["opps"]\n', 7, "names 'opps', which is no channel here", "ops"),
        ("[schedules.backup-high]\ncanisters = []\n", 7, "canisters is an empty list", "without it, the whole fleet"),
        ("[schedules.backup-high]\ncanisters = [7]\n", 7, "canisters holds a whole number", "Allowed: names of"),
        ("[schedules.backup-high]\ncanisters = ['']\n", 7, "canisters holds an empty text", "Allowed: names of"),
        ("[schedules.report-daily]\nchannels = []\n", 7, "channels is an empty list", "Name at least one."),
        ("[schedules]\nmax_cycles_per_day = -1\n", 7, "max_cycles_per_day is", "1T"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_line(
    tmp_path: Path, text: str, line: int, said: str, allowed: str
) -> None:
    if text.startswith("[schedules.Verify]"):
        text = "[schedules.verify]\n[schedules.Verify]\njob = 'verify'\ncron = '0 2 * * *'\n"
    with pytest.raises(ConfigError) as caught:
        schedules(tmp_path, text)
    message = f"{caught.value.what}: {caught.value.why}"
    assert f"line {line}" in message
    assert said in message
    assert allowed in caught.value.next_step
