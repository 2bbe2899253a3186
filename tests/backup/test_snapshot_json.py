from __future__ import annotations

import json
import math
import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.backup.snapshot_json import decode_metadata, encode_metadata
from quri_console.errors import CorruptionError
from quri_console.ic.management.types import Global, SnapshotMetadata
from tests.support.backups import MadeUpState

U64 = st.integers(0, (1 << 64) - 1)


def _document(**changes: object) -> bytes:
    document = json.loads(encode_metadata(MadeUpState().metadata()))
    for key, value in changes.items():
        if value is ...:
            del document[key]
        else:
            document[key] = value
    return json.dumps(document).encode()


def _globals(metadata: SnapshotMetadata) -> list[tuple[str, bytes | int]]:
    codes = {"f32": "<f", "f64": "<d"}
    return [
        (item.kind, struct.pack(codes[item.kind], item.value) if item.kind in codes else item.value)
        for item in metadata.globals
        if item is not None
    ]


def test_the_text_is_what_icp_writes() -> None:
    text = encode_metadata(MadeUpState(chunks=()).metadata()).decode()
    assert text.startswith(
        '{\n  "source": {\n    "taken_from_canister": null\n  },\n  "taken_at_timestamp": 1737684000'
    )
    document = json.loads(text)
    assert document["globals"] == [
        {"i32": -7},
        {"i64": -(1 << 63)},
        {"f64": 0.1},
        {"v128": [3, 0, 0, 16]},
    ]
    assert document["global_timer"] == {"active": 1_800_000_000_000_000_000}
    assert document["certified_data"] == [1, 2]
    assert document["wasm_chunk_store"] == []


def test_absent_things_are_null_and_zero_vectors_empty() -> None:
    metadata = replace(
        MadeUpState().metadata(),
        source=None,
        globals=(None, Global("v128", 0)),
        global_timer=None,
        on_low_wasm_memory_hook_status=None,
    )
    document = json.loads(encode_metadata(metadata))
    assert document["source"] is None
    assert document["globals"] == [None, {"v128": []}]
    assert document["global_timer"] is None
    assert decode_metadata(encode_metadata(metadata), "x") == metadata


@given(
    st.lists(
        st.one_of(
            st.builds(Global, st.just("i32"), st.integers(-(1 << 31), (1 << 31) - 1)),
            st.builds(Global, st.just("i64"), st.integers(-(1 << 63), (1 << 63) - 1)),
            st.builds(Global, st.just("f32"), st.floats(width=32)),
            st.builds(Global, st.just("f64"), st.floats()),
            st.builds(Global, st.just("v128"), st.integers(0, (1 << 128) - 1)),
        )
    ),
    U64,
    U64,
    st.binary(max_size=32),
    st.one_of(st.none(), st.just("inactive"), U64),
    st.sampled_from([None, "condition_not_satisfied", "ready", "executed"]),
)
def test_metadata_comes_back_bit_for_bit(
    items: list[Global], version: int, taken: int, certified: bytes, timer: object, hook: object
) -> None:
    metadata = replace(
        MadeUpState().metadata(),
        globals=tuple(items),
        canister_version=version,
        taken_at_ns=taken,
        certified_data=certified,
        global_timer=timer,  # type: ignore[arg-type]
        on_low_wasm_memory_hook_status=hook,  # type: ignore[arg-type]
    )
    again = decode_metadata(encode_metadata(metadata), "x")
    assert _globals(again) == _globals(metadata)
    assert replace(again, globals=()) == replace(metadata, globals=())


def test_a_float_that_json_cannot_say_is_null_for_icp_and_exact_for_us() -> None:
    metadata = replace(MadeUpState().metadata(), globals=(Global("f64", math.nan), Global("f32", -math.inf)))
    document = json.loads(encode_metadata(metadata))
    assert document["globals"] == [{"f64": None}, {"f32": None}]
    again = decode_metadata(encode_metadata(metadata), "x")
    assert _globals(again) == _globals(metadata)


def test_an_f32_with_few_digits_is_the_f32_nearest_to_it() -> None:
    (read,) = decode_metadata(_document(globals=[{"f32": 0.1}]), "x").globals
    assert read == Global("f32", 0.10000000149011612)


@pytest.mark.parametrize(("written", "value"), [("340", 340), (340, 340), ([84, 1], (1 << 32) + 84), ([], 0)])
def test_vectors_are_read_in_every_form_that_icp_reads(written: object, value: int) -> None:
    metadata = decode_metadata(_document(globals=[{"v128": written}]), "x")
    assert metadata.globals == (Global("v128", value),)


def test_fields_that_older_tools_leave_out_may_miss() -> None:
    metadata = decode_metadata(_document(source=..., global_timer=..., on_low_wasm_memory_hook_status=...), "x")
    assert (metadata.source, metadata.global_timer, metadata.on_low_wasm_memory_hook_status) == (None, None, None)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"wasm_memory_size": "65536"}, "not a whole number"),
        ({"wasm_memory_size": True}, "not a whole number"),
        ({"wasm_memory_size": 65537}, "no multiple"),
        ({"wasm_memory_size": -65536}, "from 0"),
        ({"stable_memory_size": 1 << 62}, "from 0"),
        ({"wasm_module_size": ...}, "missing"),
        ({"wasm_module_size": 1.5}, "not a whole number"),
        ({"taken_at_timestamp": 1 << 64}, "from 0"),
        ({"certified_data": "00ff"}, "is a string"),
        ({"certified_data": [256]}, "not a byte"),
        ({"certified_data": [0] * 33}, "at most 32"),
        ({"wasm_chunk_store": [{"hash": "00" * 32}]}, "is a string"),
        ({"wasm_chunk_store": [{"hash": [0] * 31}]}, "31 bytes"),
        ({"wasm_chunk_store": [{"hash": [0] * 32}] * 2}, "twice"),
        ({"wasm_chunk_store": [{"hash": [0] * 32}] * 101}, "at most 100"),
        ({"source": "taken_from_canister"}, "not an object"),
        ({"source": {"elsewhere": None}}, "neither"),
        ({"global_timer": "active"}, "global_timer"),
        ({"global_timer": {"active": -1}}, "from 0"),
        ({"on_low_wasm_memory_hook_status": "sleeping"}, "known state"),
        ({"globals": [{"i32": 1 << 31}]}, "out of range"),
        ({"globals": [{"f32": 1e300}]}, "out of range"),
        ({"globals": [{"f64": None}]}, "not a number"),
        ({"globals": [{"v128": [1, 2, 3, 4, 5]}]}, "four"),
        ({"globals": [{"v128": 1 << 128}]}, "out of range"),
        ({"globals": [{"v128": "9" * 40}]}, "out of range"),
        ({"globals": [{"i32": 1, "i64": 2}]}, "exactly one"),
        ({"globals": [{"i16": 1}]}, "type other"),
        ({"globals": 5}, "not an array"),
    ],
)
def test_what_would_restore_another_state_is_refused(changes: dict[str, object], why: str) -> None:
    with pytest.raises(CorruptionError, match=why):
        decode_metadata(_document(**changes), "metadata.json")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"wasm_memory_size": NaN}',
        b'{"wasm_memory_size": 1, "wasm_memory_size": 1}',
        b'{"wasm_memory_size": ' + b"9" * 10_000 + b"}",
    ],
)
def test_what_is_no_metadata_is_refused(data: bytes) -> None:
    with pytest.raises(CorruptionError):
        decode_metadata(data, "metadata.json")
