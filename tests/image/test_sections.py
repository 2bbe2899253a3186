"""What a module tells: of real canisters, of hand-made modules, and of bytes that want to hurt the reader."""

from __future__ import annotations

import gzip
import hashlib
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wasmtime import wat2wasm

from quri_console.image.sections import LARGEST_MODULE_BYTES, MAGIC, UnusableModule, module_facts
from quri_console.wasm.binary import encode_section, encode_unsigned

CHECKOUT = Path(__file__).parents[2]
REAL_MODULES = (
    *sorted((CHECKOUT / "quri_console" / "localnet" / "fleet").glob("*.wasm.gz")),
    CHECKOUT / "tests" / "wasm" / "modules" / "probe.wasm.gz",
)
CANISTER = """(module
  (import "ic0" "msg_reply" (func $reply))
  (memory (export "memory") i64 1)
  (func (export "canister_update set") (call $reply))
  (func (export "canister_update add") (call $reply))
  (func (export "canister_query get") (call $reply))
  (func (export "canister_composite_query sum") (call $reply))
  (func (export "canister_post_upgrade"))
  (func (export "canister_init"))
  (func (export "canister_on_low_wasm_memory"))
  (func (export "canister_update") (call $reply))
  (global (export "canister_query no_function") i32 (i32.const 1)))"""


def wat(text: str) -> bytes:
    return bytes(wat2wasm(text))


def custom(name: str, content: bytes) -> bytes:
    return encode_section(0, encode_unsigned(len(name.encode())) + name.encode() + content)


@cache
def plain_module(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes())


def read_or_refuse(module: bytes) -> None:
    """Any other exception fails the test that calls."""
    with suppress(UnusableModule):
        module_facts(module)


def test_methods_are_told_by_kind_and_sorted_and_only_functions_count() -> None:
    facts = module_facts(wat(CANISTER))
    assert facts.updates == ("add", "set")
    assert facts.queries == ("get",)
    assert facts.composite_queries == ("sum",)


def test_lifecycle_exports_are_told_in_a_fixed_order() -> None:
    facts = module_facts(wat(CANISTER))
    assert facts.lifecycle == ("canister_init", "canister_post_upgrade", "canister_on_low_wasm_memory")


@pytest.mark.parametrize(
    ("text", "is_64_bit"),
    [
        ("(module)", None),
        ("(module (memory 1))", False),
        ("(module (memory i64 1 2))", True),
        ('(module (import "a" "b" (memory i64 1)) (memory 1))', True),
        ('(module (import "a" "b" (memory 1 2)) (memory i64 1))', False),
        (
            """(module
              (import "a" "f" (func))
              (import "a" "t" (table 1 2 funcref))
              (import "a" "g" (global (mut i64)))
              (import "a" "x" (tag))
              (memory i64 1))""",
            True,
        ),
    ],
)
def test_memory_zero_is_the_first_imported_one_or_else_the_modules_own(text: str, is_64_bit: bool | None) -> None:
    assert module_facts(wat(text)).memory_is_64_bit is is_64_bit


def test_the_canisters_published_sections_are_kept_and_others_only_measured() -> None:
    module = wat("(module)")
    module += custom("icp:public candid:service", b"service : {}") + custom("icp:private dfx", b"{}")
    module += custom("name", b"debug") + custom("icp:odd", b"?")
    public, private, name, odd = module_facts(module).custom_sections
    assert (public.visibility, public.label, public.content) == ("public", "candid:service", b"service : {}")
    assert (private.visibility, private.label, private.content) == ("private", "dfx", b"{}")
    assert (name.visibility, name.label, name.content, name.size_bytes) == (None, "name", None, 5)
    assert name.sha256 == hashlib.sha256(b"debug").digest()
    assert (odd.visibility, odd.label) == (None, "icp:odd")


def test_the_interface_is_told_even_when_its_bytes_are_not_text() -> None:
    module = wat("(module)")
    assert module_facts(module).candid_interface is None
    assert module_facts(module + custom("icp:private candid:service", b"service")).candid_interface == "service"
    assert module_facts(module + custom("icp:public candid:service", b"\xff")).candid_interface == "\ufffd"


@pytest.mark.parametrize("path", REAL_MODULES, ids=lambda path: path.name)
def test_a_real_module_tells_the_same_compressed_or_not(path: Path) -> None:
    stored, plain = path.read_bytes(), plain_module(path)
    compressed, uncompressed = module_facts(stored), module_facts(plain)
    assert compressed.is_compressed
    assert not uncompressed.is_compressed
    assert (compressed.stored_bytes, uncompressed.stored_bytes) == (len(stored), len(plain))
    assert compressed.module_bytes == uncompressed.module_bytes == len(plain)
    assert compressed.custom_sections == uncompressed.custom_sections
    assert compressed.updates == uncompressed.updates
    assert {"canister_init", "canister_pre_upgrade", "canister_post_upgrade"} <= set(compressed.lifecycle)
    assert compressed.code_bytes > len(plain) // 2
    assert compressed.candid_interface is not None
    assert "service" in compressed.candid_interface
    has_wide_memory = compressed.custom_section("enhanced-orthogonal-persistence") is not None
    assert compressed.memory_is_64_bit is has_wide_memory


def test_the_probes_methods_are_those_of_its_source() -> None:
    facts = module_facts(REAL_MODULES[-1].read_bytes())
    assert {"increment", "store", "wait_for"} < set(facts.updates)
    assert {"read", "load", "tick_count"} < set(facts.queries)
    assert facts.composite_queries == ("read_through",)


@pytest.mark.parametrize(
    ("module", "why"),
    [
        (b"", "magic number"),
        (b"\0asm\x02\0\0\0", "magic number"),
        (gzip.compress(b"text", mtime=0), "magic number"),
        (gzip.compress(MAGIC, mtime=0)[:-9], "cut short"),
        (b"\x1f\x8b\x08" + b"\0" * 7 + b"\xff" * 20, "damaged"),
        (MAGIC + b"\x07", "ends too early"),
        (MAGIC + b"\x07\x05\x01", "ends too early"),
        (MAGIC + b"\x07" + b"\xff" * 10, "number is too long"),
        (MAGIC + encode_section(7, encode_unsigned(1 << 32)), "more than 100000"),
        (MAGIC + encode_section(7, b"\x01\x01\xff\x00\x00"), "not UTF-8"),
        (MAGIC + encode_section(2, b"\x01\x00\x00\x09"), "unknown kind 9"),
        (MAGIC + encode_section(5, b"\x01\x00\x01") * 2, "section 5 occurs twice"),
        (MAGIC + encode_section(0, b"\x00") * 100_001, "more than 100000 sections"),
    ],
)
def test_what_is_no_module_is_refused_with_the_reason(module: bytes, why: str) -> None:
    with pytest.raises(UnusableModule, match=why) as refusal:
        module_facts(module)
    assert refusal.value.what
    assert refusal.value.next_step


def test_a_small_file_that_unpacks_to_more_than_the_bound_is_refused() -> None:
    bomb = gzip.compress(MAGIC + bytes(LARGEST_MODULE_BYTES), compresslevel=1)
    with pytest.raises(UnusableModule, match="more than 100 MiB"):
        module_facts(bomb)


@given(st.binary(max_size=400), st.sampled_from([b"", MAGIC, b"\x1f\x8b\x08"]))
def test_random_bytes_are_read_or_refused(content: bytes, start: bytes) -> None:
    read_or_refuse(start + content)
    read_or_refuse(gzip.compress(start + content))


@given(st.lists(st.tuples(st.integers(0, 13), st.binary(max_size=60)), max_size=6))
def test_random_sections_are_read_or_refused(sections: list[tuple[int, bytes]]) -> None:
    read_or_refuse(MAGIC + b"".join(encode_section(identifier, content) for identifier, content in sections))


@given(
    st.sampled_from(REAL_MODULES),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=5))),
    st.data(),
)
def test_damaged_real_modules_are_read_or_refused(
    path: Path, changes: list[tuple[float, bytes]], data: st.DataObject
) -> None:
    stored = bytearray(data.draw(st.sampled_from([plain_module(path), path.read_bytes()])))
    for place, content in changes:
        # most of a module is code, which is not read: aim at both ends
        reach = data.draw(st.sampled_from([200, 4_000, len(stored)]))
        offset = int(place * reach) if data.draw(st.booleans()) else len(stored) - 1 - int(place * reach)
        stored[offset : offset + len(content)] = content
    cut = data.draw(st.integers(0, len(stored)))
    read_or_refuse(bytes(stored))
    read_or_refuse(bytes(stored[:cut]))
