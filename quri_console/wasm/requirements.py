"""What the network demands of a canister module (spec: WebAssembly module requirements)."""

from __future__ import annotations

from collections import Counter

import wasmtime

from quri_console.wasm.binary import malformed
from quri_console.wasm.instrument import Instrumented
from quri_console.wasm.signatures import ONLY_32_BIT, SIGNATURES

_HOOKS = frozenset(
    "canister_" + name
    for name in (
        "init",
        "inspect_message",
        "pre_upgrade",
        "post_upgrade",
        "heartbeat",
        "on_low_wasm_memory",
        "global_timer",
    )
)
_METHODS = ("canister_update ", "canister_query ", "canister_composite_query ")
_LARGEST_METHOD_COUNT = 1_000
_LARGEST_CUSTOM_SECTIONS_BYTES = 1024 * 1024
_LARGEST_CUSTOM_SECTIONS_COUNT = 16
PUBLIC, PRIVATE = "icp:public ", "icp:private "


def check_requirements(compiled: wasmtime.Module, plan: Instrumented) -> None:
    """Raise InvalidModule where a module that compiles is still none that the network takes."""
    _check_imports(compiled, is_64_bit=plan.is_64_bit)
    _check_exports(compiled)
    _check_custom_sections(plan)


def _check_imports(compiled: wasmtime.Module, *, is_64_bit: bool) -> None:
    for entry in compiled.imports:
        signature = SIGNATURES.get(entry.name or "")
        if signature is None:
            continue  # unknown functions link and trap when they are called
        if is_64_bit and entry.name in ONLY_32_BIT:
            raise malformed(f"ic0.{entry.name} exists only for 32-bit memories")
        assert isinstance(entry.type, wasmtime.FuncType)
        actual = [str(item) for item in entry.type.params], [str(item) for item in entry.type.results]
        if actual != signature.types(is_64_bit=is_64_bit):
            raise malformed(f"it imports ic0.{entry.name} with a wrong type")


def _check_exports(compiled: wasmtime.Module) -> None:
    methods: list[str] = []
    for entry in compiled.exports:
        name = entry.name
        prefix = next((item for item in _METHODS if name.startswith(item)), None)
        if prefix:
            methods.append(name.removeprefix(prefix))
        elif name.startswith("canister_") and name not in _HOOKS:
            raise malformed(f"it exports {name!r}, which is no entry point")
        if (prefix or name in _HOOKS) and not _is_entry_point(entry.type):
            raise malformed(f"its entry point {name!r} takes or returns values")
    doubled = [name for name, count in Counter(methods).items() if count > 1]
    if doubled:
        raise malformed(f"it exports the method {doubled[0]!r} more than once")
    if len(methods) > _LARGEST_METHOD_COUNT:
        raise malformed(f"it exports more than {_LARGEST_METHOD_COUNT:,} methods")


def _is_entry_point(kind: object) -> bool:
    return isinstance(kind, wasmtime.FuncType) and not kind.params and not kind.results


def _check_custom_sections(plan: Instrumented) -> None:
    sections = [(name, content) for name, content in plan.custom_sections if name.startswith("icp:")]
    for name, _ in sections:
        if not name.startswith((PUBLIC, PRIVATE)):
            raise malformed(f"its custom section {name!r} is neither icp:public nor icp:private")
    short = Counter(name.split(" ", 1)[1] for name, _ in sections)
    if any(count > 1 for count in short.values()):
        raise malformed("two of its icp: custom sections have the same name")
    size = sum(len(name.split(" ", 1)[1]) + len(content) for name, content in sections)
    if len(sections) > _LARGEST_CUSTOM_SECTIONS_COUNT or size > _LARGEST_CUSTOM_SECTIONS_BYTES:
        raise malformed("its icp: custom sections are more than 16 or larger than 1 MiB")
