"""The key sheet in README.md is made of the registry, and is the present one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from quri_console.render.actions import ACTIONS
from quri_console.render.key_table import BEGIN, END, key_table, main, with_key_table

README = Path(__file__).parents[2] / "README.md"


def test_every_action_has_a_row_with_its_key_and_what_it_changes() -> None:
    table = key_table()
    assert table.count("\n") == len(ACTIONS) + 2
    assert "| `b` | Backup | " in table
    assert "| `:` `Ctrl-P` | Palette | everywhere | Find" in table
    assert "Changes: module and memory are replaced" in table
    assert all(line.count("|") - line.count("\\|") == 5 for line in table.splitlines())


def test_the_readme_has_the_present_table() -> None:
    text = README.read_text(encoding="utf-8")
    assert text == with_key_table(text), "bring it up to date: python -m quri_console.render.key_table README.md"


def test_a_document_is_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "README.md"
    path.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    monkeypatch.setattr(sys, "argv", ["key_table", str(path)])
    main()
    assert path.read_text() == f"before\n{BEGIN}\n{key_table()}{END}\nafter\n"
    with pytest.raises(ValueError, match="missing"):
        with_key_table("no markers")
    monkeypatch.setattr(sys, "argv", ["key_table"])
    with pytest.raises(SystemExit):
        main()
