"""Compiles modules once per machine: wasmtime's own compilation cache in the user's cache folder."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import wasmtime

from quri_console.folders import make_private_folders
from quri_console.wasm.binary import decompress, malformed
from quri_console.wasm.errors import InvalidModule
from quri_console.wasm.instrument import Instrumented, instrument
from quri_console.wasm.requirements import check_requirements

STACK_BYTES = 1024 * 1024
"""Stack of a Wasm execution; the network gives 5 MiB, wasmtime at most its async stack of 2 MiB."""


@dataclass(frozen=True, slots=True)
class CompiledModule:
    """An installed module, ready to be instantiated any number of times."""

    module: bytes
    plan: Instrumented
    compiled: wasmtime.Module
    engine: wasmtime.Engine
    imports: Mapping[str, wasmtime.FuncType]
    """Imported functions of `ic0` by name."""
    exports: frozenset[str]
    """Names of exported functions."""


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Where compiled code is kept: `$XDG_CACHE_HOME/quri-console/wasm`; None for a user without a home."""
    base = environment.get("XDG_CACHE_HOME", "")
    try:
        root = Path(base) if base.startswith("/") else Path.home() / ".cache"
    except RuntimeError:
        return None
    return root / "quri-console" / "wasm"


def prepare_cache(folder: Path | None) -> Path | None:
    """Write wasmtime's cache configuration into `folder`; None where there is none that can be used safely.

    Compiled code is executed as it lies there, so a folder that somebody else
    owns or may write to is not used.
    """
    if folder is None:
        return None
    try:
        make_private_folders(folder)
        status = folder.stat()
        if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o022:
            return None
        file = folder / "cache.toml"
        text = f"[cache]\ndirectory = {_toml_string(str(folder / 'compiled'))}\n"
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            temporary = folder / f"cache.toml.{os.getpid()}"
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(file)
    except OSError:
        return None  # a read-only home costs compile time, nothing else
    return file


def _toml_string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@lru_cache(maxsize=2)
def engine(*, interruptible: bool = False) -> wasmtime.Engine:
    """The process's one engine, or its other one, whose code can be stopped from outside and is slower for it."""
    config = wasmtime.Config()
    config.consume_fuel = True
    config.epoch_interruption = interruptible
    config.wasm_memory64 = True
    config.wasm_threads = False
    config.max_wasm_stack = STACK_BYTES
    cache = prepare_cache(cache_folder())
    if cache is not None:
        config.cache = str(cache)
    return wasmtime.Engine(config)


def compile_module(module: bytes, *, interruptible: bool = False) -> CompiledModule:
    """Check, rewrite and compile an installed module (gzip or plain). Raises InvalidModule.

    Only where it is `interruptible` do executions heed a limit of time.
    """
    return _compile(_Hashed(module), interruptible)


class _Hashed:
    """Bytes that compare by digest, so that the cache does not hash megabytes twice."""

    __slots__ = ("digest", "module")

    def __init__(self, module: bytes) -> None:
        self.module = module
        self.digest = hashlib.sha256(module).digest()

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hashed) and self.digest == other.digest


@lru_cache(maxsize=64)
def _compile(hashed: _Hashed, interruptible: bool) -> CompiledModule:
    plain = decompress(hashed.module)
    plan = instrument(plain)
    try:
        compiled = wasmtime.Module(engine(interruptible=interruptible), plan.code)
    except wasmtime.WasmtimeError as error:
        raise malformed(str(error).strip().splitlines()[-1]) from error
    check_requirements(compiled, plan)
    names = frozenset(entry.name for entry in compiled.exports if isinstance(entry.type, wasmtime.FuncType))
    imports = {entry.name or "": entry.type for entry in compiled.imports if isinstance(entry.type, wasmtime.FuncType)}
    return CompiledModule(hashed.module, plan, compiled, engine(interruptible=interruptible), imports, names)


__all__ = ["CompiledModule", "InvalidModule", "cache_folder", "compile_module", "engine", "prepare_cache"]
