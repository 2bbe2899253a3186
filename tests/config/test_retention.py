"""The table [retention]: silence means the defaults, and what makes no sense is refused with line and remedy."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from quri_console.config import load_config
from quri_console.config.model import RetentionConfig, RetentionRules
from quri_console.errors import ConfigError
from quri_console.repository.retention import DEFAULT_POLICIES
from quri_console.units import DAY_SECONDS

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
MINIMAL = '[networks.ic]\nurl = "https://icp-api.io"\n'
NOTHING = "".join(f"keep_{word} = 0\n" for word in ("last", "hourly", "daily", "weekly", "monthly", "yearly"))


def retention(folder: Path, text: str) -> RetentionConfig:
    path = folder / "config.toml"
    path.write_text(MINIMAL + text)
    return load_config(path).retention


def test_without_the_table_everything_is_as_the_repository_has_it(tmp_path: Path) -> None:
    assert retention(tmp_path, "") == RetentionConfig()
    assert retention(tmp_path, "").grace_seconds == 7 * DAY_SECONDS


def test_the_example_states_the_default_policies() -> None:
    found = load_config(EXAMPLE).retention
    assert found.grace_seconds == RetentionConfig().grace_seconds
    for level, policy in DEFAULT_POLICIES.items():
        rules = getattr(found, level)
        assert rules.minimum_age_seconds == policy.minimum_age.total_seconds()
        counts = {field.name: getattr(rules, field.name) for field in fields(rules) if field.name.startswith("keep_")}
        assert {name: count or 0 for name, count in counts.items() if name != "keep_within_seconds"} == {
            f"keep_{word}": count for word, count in policy.counts.items()
        }


def test_rules_are_read_by_criticality(tmp_path: Path) -> None:
    found = retention(
        tmp_path,
        '[retention]\ngrace = "14d"\n[retention.high]\nkeep_daily = 30\nkeep_within = "2d"\n'
        '[retention.low]\nkeep_weekly = 0\nminimum_age = "1d"\n',
    )
    assert found.grace_seconds == 14 * DAY_SECONDS
    assert found.rules("high") == RetentionRules(keep_daily=30, keep_within_seconds=2 * DAY_SECONDS)
    assert found.rules("medium") == RetentionRules()
    assert found.rules("low") == RetentionRules(keep_weekly=0, minimum_age_seconds=DAY_SECONDS)


def test_a_time_to_keep_all_within_is_enough_of_a_rule(tmp_path: Path) -> None:
    found = retention(tmp_path, f'[retention.low]\n{NOTHING}keep_within = "7d"\n')
    assert found.low.keep_within_seconds == 7 * DAY_SECONDS


@pytest.mark.parametrize(
    ("text", "line", "said", "allowed"),
    [
        ('[retention]\ngrace = "1m"\n', 4, "retention.grace is '1m'", "1h"),
        ("[retention]\ngrace = 7\n", 4, "retention.grace is a whole number", "7d"),
        ("[retention.hihg]\nkeep_last = 1\n", 3, "retention.hihg is not known", "Did you mean 'high'?"),
        ("[retention.high]\nkeep_dayly = 1\n", 4, "keep_dayly is not known", "Did you mean 'keep_daily'?"),
        ("[retention.high]\nkeep_daily = -1\n", 4, "keep_daily is -1", "from 0 to"),
        ("[retention.high]\nkeep_daily = true\n", 4, "keep_daily is a boolean", "whole number"),
        ('[retention.high]\nminimum_age = "soon"\n', 4, "minimum_age is 'soon'", "90d"),
        (f"[retention.low]\n{NOTHING}", 4, "keeps nothing", "keep_last = 1"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, text: str, line: int, said: str, allowed: str) -> None:
    with pytest.raises(ConfigError) as caught:
        retention(tmp_path, text)
    assert f"line {line}:" in caught.value.what
    assert said in caught.value.what
    assert allowed in caught.value.next_step
