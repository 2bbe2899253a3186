"""Modules are read, rewritten and refused by the rules of the interface specification."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.wasm.binary import MAGIC, Reader, decompress, encode_unsigned, sections
from quri_console.wasm.errors import InvalidModule
from quri_console.wasm.instrument import instrument
from quri_console.wasm.state import GlobalValue
from tests.support.wasm_canisters import FLEET, create, fleet_module, probe_module, wat


@given(st.integers(0, 2**64 - 1))
def test_leb128_reads_what_it_writes(number: int) -> None:
    reader = Reader(encode_unsigned(number))
    assert reader.unsigned() == number
    assert reader.at_end


@pytest.mark.parametrize("name", FLEET)
def test_sections_put_together_again_are_the_module(name: str) -> None:
    plain = decompress(fleet_module(name))
    assert MAGIC + b"".join(section.whole for section in sections(plain)) == plain


def test_only_exported_or_mutable_globals_belong_to_the_state_in_module_order() -> None:
    plan = instrument(
        wat(
            """(module
            (global i32 (i32.const 1))
            (global (mut i64) (i64.const 2))
            (global (export "shown") f64 (f64.const 3))
            (global $base i32 (i32.const 40))
            (global (mut i32) (i32.add (global.get $base) (i32.const 2))))"""
        )
    )
    assert [(slot.kind, slot.is_mutable, slot.initial_bits) for slot in plan.globals] == [
        ("i64", True, 2),
        ("f64", False, GlobalValue.of("f64", 3.0).bits),
        ("i32", True, 42),
    ]
    assert plan.global_bytes == 4 + 8 + 8 + 4 + 4


def test_data_goes_where_extended_constant_expressions_say() -> None:
    text = """(module (memory 1) (global $base i32 (i32.const 100))
      (data (offset (i32.add (global.get $base) (i32.mul (i32.const 5) (i32.const 3)))) "here"))"""
    assert create(text).read_heap(115, 4) == b"here"


def test_names_that_already_exist_stay_exported() -> None:
    canister = create('(module (memory (export "memory") 1) (table (export "table") 1 funcref) (func (export "f")))')
    assert canister.heap_bytes == 65_536
    assert "f" in canister.exports


def test_metadata_says_who_may_read_it() -> None:
    canister = create(
        """(module (@custom "icp:public candid:service" "service : {}") (@custom "icp:private secret" "s")
           (@custom "name" "ignored"))"""
    )
    found = {name: (item.is_public, item.content) for name, item in canister.metadata.items()}
    assert found == {"candid:service": (True, b"service : {}"), "secret": (False, b"s")}
    assert canister.custom_section_bytes == len("candid:service") + 12 + len("secret") + 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('(module (import "env" "f" (func)))', "env.f"),
        ('(module (import "ic0" "m" (memory 1)))', "ic0.m"),
        ('(module (import "wasi_snapshot_preview1" "fd_write" (func)))', "wasi"),
        ("(module (memory 1) (memory 1))", "more than one memory"),
        ('(module (func (export "canister_update f")) (func (export "canister_query f")))', "'f' more than once"),
        ('(module (func (export "canister_update f") (param i32)))', "takes or returns"),
        ('(module (func (export "canister_initialise")))', "no entry point"),
        ('(module (memory 1) (global (export "canister_init") i32 (i32.const 1)))', "takes or returns"),
        ('(module (import "ic0" "time" (func (result i32))))', "ic0.time with a wrong type"),
        ('(module (import "ic0" "msg_reply_data_append" (func (param i32 i32))) (memory i64 1))', "wrong type"),
        ('(module (import "ic0" "stable_size" (func (result i32))) (memory i64 1))', "only for 32-bit"),
        ('(module (@custom "icp:secret x" ""))', "neither icp:public"),
        ('(module (@custom "icp:public x" "") (@custom "icp:private x" ""))', "same name"),
        ("(module (global (mut funcref) (ref.null func)))", "reference"),
        ('(module (func (export "quri-console:memory")))', "starts with"),
    ],
)
def test_what_is_no_canister_module_is_refused_with_its_reason(text: str, words: str) -> None:
    with pytest.raises(InvalidModule) as caught:
        create(text)
    assert words in caught.value.why


def test_a_code_error_is_refused() -> None:
    good = bytearray(wat('(module (func (export "f") (drop (i32.const 1))))'))
    good[good.rindex(b"\x1a")] = 0x00
    good[-1] = 0x7F
    with pytest.raises(InvalidModule):
        create(bytes(good))


@pytest.mark.parametrize(
    "junk", [b"", b"\0asm", b"\0asm\2\0\0\0", b"#!/bin/sh\n", b"\x1f\x8b\x08", b"\x1f\x8b\x08junk"]
)
def test_bytes_that_are_no_module_are_refused(junk: bytes) -> None:
    with pytest.raises(InvalidModule):
        create(junk)


@pytest.mark.parametrize("cut", [9, 40, 500, -300, -1])
def test_a_cut_module_is_refused(cut: int) -> None:
    with pytest.raises(InvalidModule):
        create(decompress(probe_module())[:cut])
    with pytest.raises(InvalidModule):
        create(probe_module()[:cut])


def test_a_gzip_bomb_is_refused_before_it_unpacks() -> None:
    inflater = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)
    bomb = b"".join(inflater.compress(bytes(10**7)) for _ in range(11)) + inflater.flush()
    with pytest.raises(InvalidModule, match="100 MiB"):
        create(bomb)


def test_both_forms_of_a_module_mean_the_same() -> None:
    plain = decompress(probe_module())
    assert create(gzip.compress(plain)).capture().heap == create(plain).capture().heap
