"""The four demo canisters as they are shipped: create, read back, damage, notice, put back."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from quri_console.ic.encoding.candid import field_hash
from quri_console.wasm.instance import Call
from tests.support.icp import require_package
from tests.support.wasm_canisters import (
    CANISTER,
    CONTROLLER,
    FLEET,
    FLEET_FOLDER,
    MODULES_FOLDER,
    NO_ARGUMENT,
    Surroundings,
    Types,
    answer_of,
    arguments,
    ask,
    converse,
    fleet_module,
    installed,
    restore,
    tell,
)

CREATE = {
    "rune-engine": "etch_runes",
    "registry": "register_many",
    "bitcoin-integration": "index_utxos",
    "identity-manager": "create_profiles",
}
COUNT = {
    "rune-engine": "rune_count",
    "registry": "entry_count",
    "bitcoin-integration": "utxo_count",
    "identity-manager": "profile_count",
}


def field(record: dict[str, Any], name: str) -> Any:
    return record[str(field_hash(name))]


@pytest.mark.parametrize("name", FLEET)
def test_damage_shows_in_health_and_a_state_put_back_is_healthy_again(name: str) -> None:
    canister = installed(fleet_module(name))
    empty = ask(canister, "health")
    assert field(empty, "healthy") is True
    assert field(empty, "canister_id").bytes == CANISTER
    assert tell(canister, CREATE[name], (Types.Nat, 200), (Types.Nat64, 7)) == 200
    if name == "bitcoin-integration":
        tell(canister, "sync_headers", (Types.Nat, 10))
    assert ask(canister, COUNT[name]) == 200
    good = canister.capture()
    tell(canister, "corrupt", (Types.Nat, 3))
    sick = ask(canister, "health")
    assert field(sick, "healthy") is False
    assert field(sick, "problem")[0]
    twin = restore(good)
    assert field(ask(twin, "health"), "healthy") is True
    assert ask(twin, COUNT[name]) == 200
    assert twin.capture() == good


@pytest.mark.parametrize("name", FLEET)
def test_only_a_controller_may_damage(name: str) -> None:
    canister = installed(fleet_module(name))
    outcome = canister.execute(Call("update", "corrupt", arguments((Types.Nat, 1)), caller=b"\4"))
    assert outcome.trap is not None
    assert "controller" in outcome.trap.message


def test_the_rune_engine_reads_back_what_was_written() -> None:
    engine = installed(fleet_module("rune-engine"))
    assert tell(engine, "etch_rune", (Types.Text, "QURI•FIRST"), (Types.Text, "Q"), (Types.Nat, 21_000_000)) == 0
    assert tell(engine, "mint", (Types.Nat, 0), (Types.Nat, 5)) == 21_000_005
    (rune,) = ask(engine, "get_rune", (Types.Nat, 0))
    assert (field(rune, "name"), field(rune, "supply")) == ("QURI•FIRST", 21_000_005)
    assert field(rune, "creator").bytes == CONTROLLER
    digest = ask(engine, "digest")
    assert tell(engine, "settle", (Types.Nat, 5_000), (Types.Nat64, 1)) == 5_000
    assert ask(engine, "digest") != digest
    assert engine.stable_bytes >= 5_000 * 32
    (settlement,) = ask(engine, "get_settlement", (Types.Nat, 4_999))
    assert field(settlement, "block_height") >= 840_000
    assert ask(engine, "get_settlement", (Types.Nat, 5_000)) == []
    exported = ask(engine, "export_state")
    assert field(exported, "digest") == ask(engine, "digest")
    assert len(field(exported, "runes")) == 1
    assert field(ask(engine, "get_metrics_summary"), "settlements") == 5_000


def test_the_registry_reads_back_what_was_written() -> None:
    registry = installed(fleet_module("registry"))
    tell(registry, "register", (Types.Text, "QURI"), (Types.Text, "QURI•RUNE"), (Types.Nat64, 100))
    assert tell(registry, "buy", (Types.Text, "QURI"), (Types.Nat, 900)) == 900
    (entry,) = ask(registry, "get_entry", (Types.Text, "QURI"))
    assert field(field(entry, "curve"), "tokens_sold") == 300
    assert registry.execute(
        Call("update", "register", arguments((Types.Text, "QURI"), (Types.Text, ""), (Types.Nat64, 1)))
    ).trap
    tell(registry, "register_many", (Types.Nat, 50), (Types.Nat64, 1))
    assert len(field(ask(registry, "export_state"), "entries")) == 51
    page = ask(registry, "list_entries", (Types.Text, "T"), (Types.Nat, 5))
    assert [field(entry, "ticker") for entry in page] == ["T1", "T10", "T11", "T12", "T13"]


def test_the_bitcoin_bridge_follows_the_chain_by_its_timer() -> None:
    surroundings = Surroundings()
    bridge = installed(fleet_module("bitcoin-integration"), surroundings)
    assert field(ask(bridge, "health"), "tip_height") == 840_000
    for minute in range(1, 4):
        assert bridge.global_timer_ns == surroundings.now_ns + 60 * 10**9
        surroundings.now_ns, bridge.global_timer_ns = bridge.global_timer_ns, 0
        first = bridge.execute(Call("timer"))
        assert first.trap is None
        converse({CANISTER: bridge}, first, bridge)
        assert field(ask(bridge, "health"), "tip_height") == 840_000 + minute
    (header,) = ask(bridge, "get_header", (Types.Nat64, 840_002))
    (parent,) = ask(bridge, "get_header", (Types.Nat64, 840_001))
    assert field(header, "previous") == field(parent, "hash")


def test_the_identity_manager_knows_its_users() -> None:
    manager = installed(fleet_module("identity-manager"))
    tell(manager, "create_profile", (Types.Text, "ada"), (Types.Opt(Types.Text), ["bc1qada"]))
    assert tell(manager, "log_in", (Types.Text, "ada")) == 1
    (profile,) = ask(manager, "get_profile", (Types.Text, "ada"))
    assert field(profile, "bitcoin_address") == ["bc1qada"]
    assert ask(manager, "whoami").bytes == CONTROLLER


@pytest.mark.parametrize("name", FLEET)
def test_modules_are_small_packed_and_describe_themselves(name: str) -> None:
    module = fleet_module(name)
    assert len(module) < 250_000
    assert module[:10] == b"\x1f\x8b\x08\0\0\0\0\0\x02\xff"
    canister = installed(module)
    service = canister.metadata["candid:service"]
    assert service.is_public
    assert b"health: () ->" in service.content
    assert canister.is_64_bit == (name != "identity-manager")
    assert ("enhanced-orthogonal-persistence" in canister.metadata) == canister.is_64_bit
    assert ("canister_query export_state" in canister.exports) == (name in ("rune-engine", "registry"))


@pytest.mark.parametrize("name", FLEET)
def test_an_upgrade_to_itself_keeps_the_data(name: str) -> None:
    canister = installed(fleet_module(name))
    tell(canister, CREATE[name], (Types.Nat, 100), (Types.Nat64, 7))
    outcome = canister.upgrade(
        fleet_module(name), caller=CONTROLLER, argument=NO_ARGUMENT, keep_heap=canister.is_64_bit
    )
    assert outcome.trap is None
    assert ask(canister, COUNT[name]) == 100
    assert field(ask(canister, "health"), "healthy") is True


def test_the_same_seed_gives_the_same_data() -> None:
    digests = []
    for _ in range(2):
        engine = installed(fleet_module("rune-engine"))
        tell(engine, "etch_runes", (Types.Nat, 100), (Types.Nat64, 99))
        digests.append(ask(engine, "digest"))
    assert digests[0] == digests[1]
    assert answer_of(engine.execute(Call("query", "rune_count", NO_ARGUMENT, replicated=False))) == 100


@pytest.mark.interop
def test_the_shipped_modules_are_what_the_sources_build(tmp_path: Path) -> None:
    environment = {**os.environ, "QURI_NODE_MODULES": str(require_package("motoko").parent)}
    sources = [*sorted(FLEET_FOLDER.glob("*.mo")), MODULES_FOLDER / "probe.mo"]
    entries = [f"{source}:classic" if source.stem == "identity-manager" else str(source) for source in sources]
    node = shutil.which("node")
    assert node is not None
    subprocess.run(
        [node, str(FLEET_FOLDER / "build.mjs"), *entries, "--out", str(tmp_path)], env=environment, check=True
    )
    for source in sources:
        shipped = source.with_suffix(".wasm.gz").read_bytes()
        built = (tmp_path / f"{source.stem}.wasm.gz").read_bytes()
        assert hashlib.sha256(gzip.decompress(built)).digest() == hashlib.sha256(gzip.decompress(shipped)).digest()
