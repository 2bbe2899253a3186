"""What a network may want of the reason of an operation."""

from __future__ import annotations

from pathlib import Path

import pytest

from quri_console.config import load_config
from quri_console.errors import ConfigError


def _network(folder: Path, lines: str) -> Path:
    path = folder / "config.toml"
    path.write_text(f'[networks.local]\nurl = "http://127.0.0.1:1"\n{lines}\n')
    return path


@pytest.mark.parametrize(
    ("lines", "required", "pattern"),
    [
        ("", False, None),
        ('reason = "optional"', False, None),
        ('reason = "required"', True, None),
        (r"reason_pattern = 'INC-\d+'", True, r"INC-\d+"),
        ("reason = \"required\"\nreason_pattern = '^OPS-'", True, "^OPS-"),
    ],
)
def test_a_reason_is_wanted(tmp_path: Path, lines: str, required: bool, pattern: str | None) -> None:
    network = load_config(_network(tmp_path, lines)).network()
    assert (network.reason_required, network.reason_pattern) == (required, pattern)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('reason = "always"', "reason is 'always'"),
        ("reason_pattern = 'INC-['", "reason_pattern is 'INC-\\['"),
        ("reason_pattern = ''", "reason_pattern is empty"),
        ("reason = \"optional\"\nreason_pattern = 'x'", "beside a reason_pattern"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, lines: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as fault:
        load_config(_network(tmp_path, lines))
    assert "line " in str(fault.value)
