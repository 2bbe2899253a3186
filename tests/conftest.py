"""What holds for every test: nothing of the developer's own machine leaks in, and CI skips nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# a busy machine is no failure; tests whose point is time set their own deadline
settings.register_profile("quri", deadline=None)
settings.load_profile("quri")


@pytest.fixture(autouse=True)
def own_user_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Configuration and state of whoever runs the tests stay out of them (the cache of compiled modules is shared)."""
    home = tmp_path_factory.mktemp("home")
    for name in ("CONFIG", "STATE", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    for name in ("QURI_CONFIG", "NO_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def checkout() -> Path:
    """The root of the source tree."""
    return Path(__file__).resolve().parent.parent


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("QURI_REQUIRE_ALL") != "1" or reporter is None:
        return
    skipped = reporter.stats.get("skipped", [])
    if skipped and session.exitstatus == pytest.ExitCode.OK:
        reporter.write_line(f"QURI_REQUIRE_ALL: {len(skipped)} tests were skipped, so this run fails", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Long values name nothing, and random ones (keys) would differ between the processes of one parallel run."""
    return argname if isinstance(val, str | bytes) and len(val) > 60 else None
