"""The table [ui]: what it may say, and what is said of anything else."""

from __future__ import annotations

from pathlib import Path

import pytest

from quri_console.config import load_config
from quri_console.config.ui import UiConfig
from quri_console.errors import ConfigError
from tests.support.command import write_config


def test_without_the_table_everything_is_as_usual(tmp_path: Path) -> None:
    assert load_config(write_config(tmp_path)).ui == UiConfig()


def test_everything_can_be_said(tmp_path: Path) -> None:
    more = (
        '[ui]\ntheme = "quri-light"\ntheme_dir = "mine"\nmouse = true\nlow_bandwidth = true\n'
        'ascii = "never"\ntime = "local"\n'
    )
    assert load_config(write_config(tmp_path, more=more)).ui == UiConfig(
        "quri-light", tmp_path / "mine", mouse=True, low_bandwidth=True, ascii="never", time="local"
    )


@pytest.mark.parametrize(
    ("line", "complaint", "allowed"),
    [
        ('time = "cet"', "ui.time is 'cet'", "utc, local"),
        ("ascii = true", "ui.ascii is a boolean", "auto, always, never"),
        ('ascii = "allways"', "ui.ascii is 'allways'", "Did you mean 'always'"),
        ('mouse = "yes"', "ui.mouse is a text", "true or false"),
        ("low_bandwidth = 1", "ui.low_bandwidth is a whole number", "true or false"),
        ('theme = ""', "ui.theme is empty", "quri-light"),
        ("theme_dir = 3", "ui.theme_dir is a whole number", "a folder"),
        ('colour = "red"', "ui.colour is not known", "theme, theme_dir, mouse"),
    ],
)
def test_wrong_values_name_their_line_and_what_is_allowed(
    tmp_path: Path, line: str, complaint: str, allowed: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write_config(tmp_path, more=f"[ui]\n{line}\n"))
    assert complaint in caught.value.what
    assert "line 10" in caught.value.what
    assert allowed in caught.value.next_step
