from __future__ import annotations

import os
from itertools import combinations
from pathlib import Path

import pytest
from textual.color import Color
from textual.theme import Theme

from quri_console.ui.theme_choice import suitable_theme
from quri_console.ui.theme_files import (
    DEFAULT_ROLES,
    load_themes,
    newest_change_ns,
    packaged_themes_folder,
    theme_folders,
    theme_from_toml,
)
from tests.support.colour_vision import MADE_FOR, VISIONS, contrast, difference


def test_every_packaged_theme_loads() -> None:
    loaded = load_themes(packaged_themes_folder())
    assert loaded.problems == ()
    assert {theme.name for theme in loaded.themes} >= {"quri-dark", "quri-light"}


def themes(*, ansi: bool) -> list[Theme]:
    return [theme for theme in load_themes(packaged_themes_folder()).themes if theme.ansi == ansi]


@pytest.mark.parametrize("theme", themes(ansi=False), ids=lambda theme: theme.name)
def test_every_status_can_be_read_on_every_background_of_its_theme(theme: Theme) -> None:
    least = 7.0 if theme.name == "quri-contrast" else 4.5
    for role, colour in {**theme.variables, "foreground": str(theme.foreground)}.items():
        for ground in (theme.background, theme.surface, theme.panel):
            assert ground is not None
            assert contrast(colour, ground) >= least, f"{theme.name}: {role} on {ground}"


@pytest.mark.parametrize("theme", themes(ansi=False), ids=lambda theme: theme.name)
@pytest.mark.parametrize("vision", VISIONS)
def test_no_two_levels_look_alike_to_any_eye(theme: Theme, vision: str) -> None:
    # the two that are made for one kind of colour blindness are not held to the other
    least = 0.1 if vision in MADE_FOR.get(theme.name, VISIONS) else 0.02
    if theme.name in {"quri-light", "quri-contrast"}:
        least = min(least, 0.08)
    levels = [theme.variables[f"status-{level}"] for level in ("ok", "warning", "critical", "unknown")]
    for first, second in combinations(levels, 2):
        assert difference(first, second, vision) >= least, f"{first} and {second}"


@pytest.mark.parametrize("theme", themes(ansi=True), ids=lambda theme: theme.name)
def test_ansi_themes_use_the_terminals_own_colours_only(theme: Theme) -> None:
    used = [*(theme.variables[role] for role in DEFAULT_ROLES), str(theme.background), str(theme.foreground)]
    assert all(Color.parse(colour).ansi is not None for colour in used)
    levels = [theme.variables[f"status-{level}"] for level in ("ok", "warning", "critical", "unknown")]
    assert len(set(levels)) == 4


@pytest.mark.parametrize(
    ("environment", "theme"),
    [
        ({"TERM": "xterm-256color"}, "quri-dark"),
        ({"TERM": "xterm-256color", "COLORFGBG": "0;15"}, "quri-light"),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, "quri-ansi-dark"),
        ({"TERM": "linux"}, "quri-ansi-dark"),
        ({"TERM": "screen"}, "quri-ansi-dark"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, "quri-ansi-dark"),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, "quri-dark"),
        ({"TERM": "vt100", "COLORFGBG": "0;default;15"}, "quri-ansi-light"),
    ],
)
def test_the_theme_suits_the_terminal(environment: dict[str, str], theme: str) -> None:
    assert suitable_theme(environment) == theme


def test_an_own_folder_adds_and_replaces_and_a_missing_one_is_told(tmp_path: Path) -> None:
    own = tmp_path / "config" / "themes"
    own.mkdir(parents=True)
    (own / "mine.toml").write_text('name = "quri-dark"\nprimary = "#123456"\n')
    folders = theme_folders(tmp_path / "gone", tmp_path / "config")
    loaded = load_themes(*folders)
    (dark,) = [theme for theme in loaded.themes if theme.name == "quri-dark"]
    assert dark.primary == "#123456"
    assert loaded.problems == (f"{tmp_path / 'gone'} is no folder",)
    before = newest_change_ns(*folders)
    os.utime(own / "mine.toml", ns=(before + 1, before + 1))
    assert newest_change_ns(*folders) == before + 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('primary = "#fff"', "'name' is missing"),
        ('name = "x"', "'primary' is missing"),
        ('name = "x"\nprimary = "nonsense"', "not a colour"),
        ('name = "x"\nprimary = 3', "must be a colour"),
        ('name = "x"\nprimary = "#fff"\nprimry = "#fff"', "unknown key 'primry'"),
        ('name = "x"\nprimary = "#fff"\nansi = 1', "'ansi' must be true or false"),
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
