"""Where the configuration is looked for, and where we keep our own files."""

from pathlib import Path

import pytest

from quri_console.config import Paths, default_config_path, find_config_path
from quri_console.errors import ConfigError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "QURI_CONFIG"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


def test_without_a_config_one_sentence_names_demo_and_the_place(home: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        find_config_path()
    assert "quri-console demo" in caught.value.next_step
    assert str(home / ".config/quri-console/config.toml") in caught.value.next_step
    assert caught.value.exit_code == 2


def test_the_default_place_is_found(home: Path) -> None:
    default_config_path().parent.mkdir(parents=True)
    default_config_path().touch()
    assert find_config_path() == home / ".config/quri-console/config.toml"


def test_the_option_wins_over_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "a.toml").touch()
    (home / "b.toml").touch()
    monkeypatch.setenv("QURI_CONFIG", str(home / "a.toml"))
    assert find_config_path() == home / "a.toml"
    assert find_config_path(home / "b.toml") == home / "b.toml"


@pytest.mark.parametrize("by_option", [True, False])
def test_a_named_file_that_is_missing_is_an_error(home: Path, monkeypatch: pytest.MonkeyPatch, by_option: bool) -> None:
    monkeypatch.setenv("QURI_CONFIG", "~/missing.toml")
    with pytest.raises(ConfigError, match="does not exist") as caught:
        find_config_path(home / "missing.toml" if by_option else None)
    assert caught.value.why == ("--config names it" if by_option else "QURI_CONFIG names it")


def test_folders_follow_xdg_and_ignore_relative_ones(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/srv/state")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    paths = Paths.default()
    assert paths.history == Path("/srv/state/quri-console/history.sqlite")
    assert paths.cache == home / ".cache/quri-console"
    assert paths.repository == home / ".local/share/quri-console/repository"


def test_one_root_moves_all_folders() -> None:
    paths = Paths.below(Path("/r"))
    assert {paths.state, paths.data, paths.cache} == {Path("/r/state"), Path("/r/data"), Path("/r/cache")}
