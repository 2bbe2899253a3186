"""Health checks in the configuration: the short form, tables, and what is refused by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from quri_console.config import Config, load_config
from quri_console.config.model import HealthCheck
from quri_console.errors import ConfigError

START = '[networks.ic]\nurl = "https://icp-api.io"\n[canisters.x]\nid = "pkrpq-5qaaa-aaaah-aroda-cai"\n'


def _load(folder: Path, text: str) -> Config:
    path = folder / "config.toml"
    path.write_text(START + text)
    return load_config(path)


def test_the_short_form_and_tables_are_asked_in_the_order_of_the_file(tmp_path: Path) -> None:
    config = _load(
        tmp_path,
        'health_query = "health"\n[[canisters.x.health]]\nmethod = "balance"\nargument = "(5 : nat)"\nexpect = "(1)"\n'
        'matches = "^a"\ntimeout = "30s"\nmax_reply = "1 MiB"\n[[canisters.x.health]]\nmethod = "other"\n',
    )
    assert config.canister("x").health_checks == (
        HealthCheck("health"),
        HealthCheck("balance", "(5 : nat)", "(1)", "^a", 30.0, 1 << 20),
        HealthCheck("other", "()", None, None, 10.0, 65_536),
    )


def test_without_any_there_are_none(tmp_path: Path) -> None:
    assert _load(tmp_path, "").canister("x").health_checks == ()


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("[[canisters.x.health]]\n", 5, "canisters.x.health.method is missing"),
        ("[canisters.x.health]\nmethod = 'a'\n", 5, "canisters.x.health is a table"),
        ("health = [1]\n", 5, "canisters.x.health must hold tables"),
        ("[[canisters.x.health]]\nmethod = 'a'\nmatches = '('\n", 7, "matches is '('"),
        ("[[canisters.x.health]]\nmethod = 'a'\ntimeout = '5h'\n", 7, "timeout is '5h'"),
        ("[[canisters.x.health]]\nmethod = 'a'\nmax_reply = '1 GB'\n", 7, "max_reply is '1 GB'"),
        ("[[canisters.x.health]]\nmethod = 'a'\nexpected = '1'\n", 7, "expected is not known"),
        ("[[canisters.x.health]]\nmethod = 'a'\n" * 21, 5, "has 21 tables"),
    ],
)
def test_faults_name_the_line(tmp_path: Path, text: str, line: int, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, text)
    assert f"line {line}:" in caught.value.what
    assert what in caught.value.what
    assert caught.value.next_step
