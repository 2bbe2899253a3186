from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from textual.color import Color

from quri_console.ui.theme_files import load_themes, packaged_themes_folder, theme_from_toml


def contrast(first: str, second: str) -> float:
    """WCAG 2.2 contrast ratio of two colours."""

    def luminance(colour: Color) -> float:
        channels = [channel / 255 for channel in colour.rgb]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(Color.parse(first)), luminance(Color.parse(second))), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_every_packaged_theme_loads() -> None:
    loaded = load_themes(packaged_themes_folder())
    assert loaded.problems == ()
    assert {theme.name for theme in loaded.themes} >= {"quri-dark", "quri-light"}


def test_every_status_can_be_read_on_every_background_of_its_theme() -> None:
    for theme in load_themes(packaged_themes_folder()).themes:
        for role, colour in theme.variables.items():
            for ground in (theme.background, theme.surface, theme.panel):
                assert ground is not None
                assert contrast(colour, ground) >= 4.5, f"{theme.name}: {role} on {ground}"


def test_the_colours_of_two_levels_differ() -> None:
    for theme in load_themes(packaged_themes_folder()).themes:
        levels = [theme.variables[f"status-{level}"] for level in ("ok", "warning", "critical", "unknown")]
        assert all(first != second for first, second in combinations(levels, 2))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('primary = "#fff"', "'name' is missing"),
        ('name = "x"', "'primary' is missing"),
        ('name = "x"\nprimary = "nonsense"', "not a colour"),
        ('name = "x"\nprimary = 3', "must be a colour"),
        ('name = "x"\nprimary = "#fff"\nprimry = "#fff"', "unknown key 'primry'"),
        ('name = "x"\nprimary = "#fff"\ndark = "yes"', "true or false"),
        ('name = "x"\nprimary = "#fff"\n[variables]\nstatus-good = "#fff"', "unknown role 'status-good'"),
        ('name = "x"\nprimary = "#fff"\nvariables = 1', "must be a table"),
    ],
)
def test_a_broken_theme_says_what_is_wrong(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        theme_from_toml(text)


def test_a_broken_file_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("name = ")
    (tmp_path / "good.toml").write_text('name = "good"\nprimary = "#ffffff"\n')
    loaded = load_themes(tmp_path)
    assert [theme.name for theme in loaded.themes] == ["good"]
    assert len(loaded.problems) == 1
    assert loaded.problems[0].startswith("bad.toml: ")
