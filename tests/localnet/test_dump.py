"""A network that is saved and loaded again is the same network, bit for bit."""

from __future__ import annotations

import json

import pytest

from quri_console.clock import ManualClock
from quri_console.errors import CorruptionError
from quri_console.localnet import dump
from quri_console.localnet import management_types as types
from quri_console.localnet.canister import Canister
from quri_console.localnet.network import Network
from quri_console.units import GIB
from tests.support.direct import BOB, Direct, settle_loop

TRANSIENT = {"charged_until_ns", "message_time_ns", "slow_methods", "lock", "inbox", "contexts", "stop_waiters"}


@pytest.fixture
async def lived_in(alice, counter):
    """A canister that has something of everything."""
    await alice.number(counter, "inc")
    await alice.ask(counter, "keep", b"\x00\xff stable")
    await alice.ask(counter, "certify")
    await alice.ask(counter, "log")
    await alice.number(counter, "get", query=True)
    await alice.call("upload_chunk", {"canister_id": counter, "chunk": b"chunk"}, types.CHUNK_HASH)
    await alice.call("take_canister_snapshot", {"canister_id": counter}, types.SNAPSHOT)
    upload = {
        "canister_id": counter,
        "wasm_module_size": 8,
        "globals": [{"f64": float("nan")}, {"v128": 2**127}, {"i32": -1}],
        "wasm_memory_size": 65_536,
        "stable_memory_size": 0,
        "certified_data": b"c",
        "global_timer": [{"active": 12345}],
    }
    await alice.call("upload_canister_snapshot_metadata", upload, types.UPLOAD_SNAPSHOT_METADATA_RESULT)
    settings = {
        "controllers": [[alice.caller, BOB]],
        "log_visibility": [{"allowed_viewers": [BOB]}],
        "environment_variables": [[{"name": "A", "value": "b"}]],
    }
    await alice.call("update_settings", {"canister_id": counter, "settings": settings})
    await alice.ask(counter, "in_ten_seconds")
    return counter


def everything(canister: Canister):
    seen = {name: getattr(canister, name) for name in Canister.__slots__ if name not in {*TRANSIENT, "instance"}}
    seen["log"] = (canister.log.records, canister.log.next_index)
    seen["snapshots"] = {
        key: {name: getattr(value, name) for name in value.__slots__} for key, value in canister.snapshots.items()
    }
    seen["code"] = canister.instance.capture() if canister.instance else None
    return seen


async def reloaded(folder, clock):
    network = Network(clock)
    assert dump.load(network, folder)
    await network.start()
    return network


async def test_everything_comes_back(lived_in, network, tmp_path, clock):
    dump.save(network, tmp_path)
    again = await reloaded(tmp_path, clock)
    assert everything(again.subnet.canisters[lived_in]) == everything(network.subnet.canisters[lived_in])
    assert again.canister_tree(lived_in) == network.canister_tree(lived_in)
    await again.aclose()


async def test_the_loaded_canister_goes_on(lived_in, network, tmp_path, clock):
    dump.save(network, tmp_path)
    again = await reloaded(tmp_path, clock)
    alice = Direct(again)
    assert await alice.number(lived_in, "inc") == 102
    await clock.advance(11)
    await settle_loop()
    assert await alice.number(lived_in, "ticks", query=True) == 1
    uploaded = next(item for item in again.subnet.canisters[lived_in].snapshots.values() if item.is_uploaded)
    record = {
        "canister_id": lived_in,
        "snapshot_id": uploaded.id,
        "kind": {"wasm_memory": {"offset": 7}},
        "chunk": b"more",
    }
    await alice.call("upload_canister_snapshot_data", record)
    assert bytes(uploaded.wasm_memory[7:11]) == b"more"
    assert await alice.create() not in network.subnet.canisters, "ids are never given out twice"
    await again.aclose()


async def test_time_between_stop_and_start_costs_nothing(alice, network, tmp_path):
    canister = await alice.create(memory_allocation=GIB)
    cycles = network.subnet.get(canister).cycles
    dump.save(network, tmp_path)
    later = ManualClock(network.subnet.clock.now_ns() + 10**18)
    again = await reloaded(tmp_path, later)
    assert again.subnet.get(canister).cycles == cycles
    await again.aclose()


async def test_saving_again_leaves_no_rubbish(lived_in, network, tmp_path, alice):
    dump.save(network, tmp_path)
    first = {path.name for path in (tmp_path / dump.BLOB_FOLDER).iterdir()}
    await alice.number(lived_in, "grow")
    dump.save(network, tmp_path)
    document = (tmp_path / dump.STATE_FILE).read_text()
    blobs = {path.name for path in (tmp_path / dump.BLOB_FOLDER).iterdir()}
    assert first != blobs
    assert all(name in document for name in blobs)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


async def test_a_failed_save_leaves_the_older_state(lived_in, network, tmp_path, alice, clock, monkeypatch):
    dump.save(network, tmp_path)
    await alice.number(lived_in, "inc")

    def full_disk(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        dump.save(network, tmp_path)
    monkeypatch.undo()
    again = await reloaded(tmp_path, clock)
    assert await Direct(again).number(lived_in, "get", query=True) == 101
    await again.aclose()


def flip(path, position):
    content = bytearray(path.read_bytes())
    content[position % len(content)] ^= 1
    path.write_bytes(content)


async def test_a_flipped_byte_in_a_blob_is_found(lived_in, network, tmp_path, clock):
    dump.save(network, tmp_path)
    flip(max((tmp_path / dump.BLOB_FOLDER).iterdir(), key=lambda path: path.stat().st_size), 1_000)
    with pytest.raises(CorruptionError):
        dump.load(Network(clock), tmp_path)


@pytest.mark.parametrize("position", [0, 5, 12, 60, 100, 500, -1])
async def test_a_flipped_byte_in_the_record_is_found(lived_in, network, tmp_path, clock, position):
    dump.save(network, tmp_path)
    flip(tmp_path / dump.STATE_FILE, position)
    with pytest.raises(CorruptionError):
        dump.load(Network(clock), tmp_path)


@pytest.mark.parametrize("text", ["", "not json", '{"format": 99, "sha256": ""}', "[]"])
async def test_another_format_is_refused_with_what_to_do(tmp_path, clock, text):
    (tmp_path / dump.STATE_FILE).write_text(text)
    with pytest.raises(CorruptionError) as caught:
        dump.load(Network(clock), tmp_path)
    assert caught.value.next_step


async def test_an_empty_folder_is_a_fresh_network(tmp_path, clock):
    assert not dump.load(Network(clock), tmp_path)


async def test_the_file_says_its_format(network, tmp_path):
    dump.save(network, tmp_path)
    assert json.loads((tmp_path / dump.STATE_FILE).read_text().splitlines()[0])["format"] == dump.FORMAT_VERSION
    assert (tmp_path / dump.STATE_FILE).stat().st_mode & 0o077 == 0
