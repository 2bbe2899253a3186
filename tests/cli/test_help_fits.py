"""`--help` of the commands of the repository: no line is wider than a terminal of 80 columns, and each has examples."""

from __future__ import annotations

import pytest

from tests.support.command import invoke

COMMANDS = [
    "backup", "check", "repair", "repair index", "repair packs", "repair marks", "repair locks", "prune", "archive",
    "export", "import", "key", "key list", "key add", "key remove", "key rotate", "key recovery-kit", "init", "status",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_its_help_fits_and_shows_how_it_is_used(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = invoke(capsys, *command.split(), "--help").output
    assert [line for line in shown.splitlines() if len(line) > 80] == []
    assert "Example" in shown
    assert "  quri-console " in shown
