"""Compiled code is kept only where nobody else can put it."""

from __future__ import annotations

import tomllib
from pathlib import Path

from quri_console.wasm.compiler import cache_folder, compile_module, prepare_cache
from tests.support.wasm_canisters import probe_module


def test_the_cache_lies_in_the_users_cache_folder() -> None:
    assert cache_folder({"XDG_CACHE_HOME": "/c"}) == Path("/c/quri-console/wasm")
    assert cache_folder({"XDG_CACHE_HOME": "relative", "HOME": "/h"}).parts[-3:] == (".cache", "quri-console", "wasm")


def test_its_configuration_names_the_folder_and_only_the_owner_may_enter(tmp_path: Path) -> None:
    folder = tmp_path / 'a "quoted" \\ name' / "wasm"
    file = prepare_cache(folder)
    assert file is not None
    assert tomllib.loads(file.read_text())["cache"]["directory"] == str(folder / "compiled")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert prepare_cache(folder) == file


def test_a_folder_that_others_may_write_to_is_not_used(tmp_path: Path) -> None:
    tmp_path.chmod(0o770)
    assert prepare_cache(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_only_costs_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert prepare_cache(tmp_path / "file" / "wasm") is None


def test_a_module_is_compiled_once_per_process() -> None:
    assert compile_module(probe_module()) is compile_module(bytes(bytearray(probe_module())))
