from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.backup.plain import NotARecord, from_plain, to_plain
from quri_console.backup.status_record import decode_status, encode_status
from quri_console.errors import CorruptionError
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.types import (
    CanisterSettings,
    CanisterStatus,
    EnvironmentVariable,
    MemoryMetrics,
    QueryStatistics,
    Visibility,
)
from quri_console.repository.sealed import seal, unseal
from tests.support.backups import RUNE_ENGINE, made_up_status

NATURAL = st.integers(0, 1 << 130)
PRINCIPALS = st.binary(min_size=1, max_size=29).map(Principal)
VISIBILITY = st.builds(Visibility, st.sampled_from(["controllers", "public"]), st.lists(PRINCIPALS).map(tuple))
# TOML texts hold any character but lone surrogates
TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)
STATUS = st.builds(
    CanisterStatus,
    status=st.sampled_from(["running", "stopping", "stopped"]),
    cycles=NATURAL,
    idle_cycles_burned_per_day=NATURAL,
    memory_bytes=NATURAL,
    settings=st.builds(
        CanisterSettings,
        controllers=st.lists(PRINCIPALS).map(tuple),
        compute_allocation=NATURAL,
        memory_allocation=NATURAL,
        freezing_threshold=NATURAL,
        log_visibility=st.none() | VISIBILITY,
        environment_variables=st.none() | st.lists(st.builds(EnvironmentVariable, TEXT, TEXT)).map(tuple),
    ),
    module_hash=st.none() | st.binary(min_size=32, max_size=32),
    memory_metrics=st.builds(MemoryMetrics, st.none() | NATURAL, st.none() | NATURAL),
    query_statistics=st.none() | st.builds(QueryStatistics, NATURAL, NATURAL, NATURAL, NATURAL),
    ready_for_migration=st.none() | st.booleans(),
)


@given(STATUS)
def test_any_status_comes_back_from_its_toml_text(status: CanisterStatus) -> None:
    document = tomllib.loads(seal({"status": to_plain(status)}).decode())
    assert from_plain(CanisterStatus, document["status"]) == status


def test_a_status_record_reads_back() -> None:
    read_at = datetime(2025, 1, 24, tzinfo=UTC)
    status = made_up_status(module_hash=None)
    record = encode_status(status, canister_id=RUNE_ENGINE.to_str(), name="rune-engine", read_at=read_at)
    assert decode_status(record, "status.toml") == status


@pytest.mark.parametrize(
    "change",
    [
        {"status": "sleeping"},
        {"cycles": "many"},
        {"cycles": 1.5},
        {"cycles": True},
        {"module_hash": "xyz"},
        {"module_hash": 5},
        {"settings": 1},
        {"settings": {}},
        {"ready_for_migration": "yes"},
    ],
)
def test_a_value_of_another_type_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(NotARecord):
        from_plain(CanisterStatus, to_plain(made_up_status()) | change)


def test_a_newer_key_is_skipped_and_a_missing_one_named() -> None:
    status = made_up_status()
    plain = to_plain(status)
    assert from_plain(CanisterStatus, plain | {"invented_later": 1}) == status
    del plain["cycles"]
    with pytest.raises(NotARecord, match="cycles is missing"):
        from_plain(CanisterStatus, plain)


def test_a_record_without_status_is_corruption() -> None:
    record = seal({"canister_status": to_plain(replace(made_up_status())) | {"cycles": []}})
    with pytest.raises(CorruptionError, match=r"status\.toml is not a canister status"):
        decode_status(record, "status.toml")


@given(st.dictionaries(TEXT.filter(bool), TEXT), st.data())
def test_every_flipped_bit_of_a_sealed_text_is_found(document: dict[str, str], data: st.DataObject) -> None:
    sealed = seal(document)
    assert unseal(sealed, "x") == document
    position = data.draw(st.integers(0, len(sealed) * 8 - 1))
    flipped = bytearray(sealed)
    flipped[position // 8] ^= 1 << (position % 8)
    with pytest.raises(CorruptionError):
        unseal(bytes(flipped), "x")


@pytest.mark.parametrize("data", [b"", b"# sha256 ", b"a = 1\n"])
def test_a_text_without_a_seal_is_refused(data: bytes) -> None:
    with pytest.raises(CorruptionError):
        unseal(data, "x")
