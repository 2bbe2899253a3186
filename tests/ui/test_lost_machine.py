"""The machine is lost: from the repository, the configuration and the key, in an empty home, a canister comes back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from quri_console.console import Console
from quri_console.ui.app import QuriApp
from tests.support.damaged_canister import NAME, Scene, damaged_canister
from tests.ui.test_operation_pages import TARGET, Desk


def new_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and the place of its configuration."""
    home = folder / "new-home"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    place = home / ".config" / "quri-console"
    place.mkdir(mode=0o700, parents=True)
    return place


def carry_over(scene: Scene, place: Path) -> None:
    """What the page `lost-machine` copies; all the rest of the old machine goes."""
    operator = scene.operator
    shutil.copytree(operator.repository, place / "repository")
    shutil.copy(operator.folder / "controller.pem", place)
    text = operator.config.read_text().replace('[paths]\nroot = "console"\n', "")
    assert "root =" not in text
    (place / "config.toml").write_text(f'{text}\n[repository]\npath = "repository"\n')
    for left in (operator.folder / "console", operator.folder / "controller.pem", operator.config):
        shutil.rmtree(left) if left.is_dir() else left.unlink()


async def test_in_an_empty_home_the_console_opens_on_the_copy_and_restores_a_canister(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with damaged_canister(tmp_path) as scene:
        carry_over(scene, new_home(tmp_path, monkeypatch))
        console = Console.open()
        async with QuriApp(console).run_test(size=(80, 24)) as pilot:
            at = Desk(pilot, console)
            await at.open_restore()
            assert "backup" in at.text("#plan")
            await at.type(TARGET)
            assert f"{NAME} was restored from" in await at.finish()
        assert await scene.digest() == scene.good
        home = tmp_path / "new-home"
        assert (home / ".local/state/quri-console/history.sqlite").exists()
        events = [event["action"] for event in console.audit_events()]
        assert events[-1] == "ended"
