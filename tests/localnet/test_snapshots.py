"""All eight snapshot methods: what they keep, what they refuse, what they cost."""

from __future__ import annotations

import hashlib

import pytest

from quri_console.localnet import management_types as types
from quri_console.localnet.messages import Ingress
from quri_console.localnet.snapshot_transfer import MAX_SLICE_BYTES
from tests.support.direct import settle_loop
from tests.support.modules import counter_module

PAGE = 65_536
BLOBS = {"wasm_module": "wasm_module_size", "wasm_memory": "wasm_memory_size", "stable_memory": "stable_memory_size"}


async def take(alice, canister, **options):
    return await alice.call("take_canister_snapshot", {"canister_id": canister, **options}, types.SNAPSHOT)


async def load(alice, canister, snapshot_id):
    await alice.call("load_canister_snapshot", {"canister_id": canister, "snapshot_id": snapshot_id})


async def metadata(alice, canister, snapshot_id):
    record = {"canister_id": canister, "snapshot_id": snapshot_id}
    return await alice.call("read_canister_snapshot_metadata", record, types.SNAPSHOT_METADATA_RESULT)


def slice_of(canister, snapshot_id, blob, offset, size):
    return {
        "canister_id": canister,
        "snapshot_id": snapshot_id,
        "kind": {blob: {"offset": offset, "size": size}},
    }


async def download(alice, canister, snapshot_id, blob, size):
    parts = []
    for offset in range(0, size, MAX_SLICE_BYTES):
        record = slice_of(canister, snapshot_id, blob, offset, min(MAX_SLICE_BYTES, size - offset))
        parts.append(await alice.call("read_canister_snapshot_data", record, types.READ_SNAPSHOT_DATA_RESULT))
    return b"".join(part["chunk"] for part in parts)


async def listed(alice, canister):
    return await alice.call("list_canister_snapshots", {"canister_id": canister}, types.SNAPSHOTS)


def empty_upload(canister, **fields):
    return {
        "canister_id": canister,
        "wasm_module_size": 8,
        "globals": [],
        "wasm_memory_size": 0,
        "stable_memory_size": 0,
        "certified_data": b"",
        **fields,
    }


def as_upload(canister, described):
    """The upload metadata that asks for the same snapshot again."""
    same = ("wasm_module_size", "wasm_memory_size", "stable_memory_size", "certified_data", "global_timer")
    return {
        "canister_id": canister,
        "globals": [value for (value,) in described["globals"]],
        "on_low_wasm_memory_hook_status": described["on_low_wasm_memory_hook_status"],
        **{name: described[name] for name in same},
    }


async def upload(alice, canister, record):
    result = await alice.call("upload_canister_snapshot_metadata", record, types.UPLOAD_SNAPSHOT_METADATA_RESULT)
    return result["snapshot_id"]


async def upload_blob(alice, canister, snapshot_id, blob, content, *, size=1_000_000):
    for offset in range(0, len(content), size):
        record = {
            "canister_id": canister,
            "snapshot_id": snapshot_id,
            "kind": {blob: {"offset": offset}},
            "chunk": content[offset : offset + size],
        }
        await alice.call("upload_canister_snapshot_data", record)


async def test_a_snapshot_brings_state_back_and_nothing_else(alice, counter):
    await alice.ask(counter, "keep", b"original")
    await alice.ask(counter, "certify")
    await alice.number(counter, "inc")
    snapshot = await take(alice, counter)
    await alice.number(counter, "inc")
    await alice.ask(counter, "keep", b"damaged!")
    await alice.call("update_settings", {"canister_id": counter, "settings": {"freezing_threshold": [1_000]}})
    before = await alice.status(counter)
    await load(alice, counter, snapshot["id"])
    after = await alice.status(counter)
    assert await alice.number(counter, "get", query=True) == 101
    assert (await alice.ask(counter, "kept", query=True)).argument == b"original"
    assert after["settings"] == before["settings"]
    assert after["version"] == before["version"] + 1
    assert 2 * 10**9 < before["cycles"] - after["cycles"] < 3 * 10**9


async def test_the_id_is_a_counter_and_the_canister(alice, counter, clock):
    first, second = await take(alice, counter), await take(alice, counter)
    assert first["id"] == bytes(8) + counter
    assert second["id"] == (1).to_bytes(8, "big") + counter
    assert first["taken_at_timestamp"] == clock.now_ns()
    assert [item["id"] for item in await listed(alice, counter)] == [first["id"], second["id"]]


async def test_metadata_describes_the_state(alice, counter, network):
    await alice.ask(counter, "certify")
    await alice.ask(counter, "in_ten_seconds")
    await alice.call("upload_chunk", {"canister_id": counter, "chunk": b"a chunk"}, types.CHUNK_HASH)
    snapshot = await take(alice, counter)
    described = await metadata(alice, counter, snapshot["id"])
    assert described["source"] == [{"taken_from_canister": None}]
    assert described["globals"] == [[{"i64": 100}], [{"i32": 0}]]
    assert described["certified_data"] == b"a log line"
    assert described["global_timer"] == [{"active": network.subnet.clock.now_ns() + 10 * 10**9}]
    assert described["on_low_wasm_memory_hook_status"] == [{"condition_not_satisfied": None}]
    assert described["wasm_memory_size"] == PAGE
    assert described["wasm_module_size"] == len(counter_module())
    assert described["wasm_chunk_store"] == [{"hash": hashlib.sha256(b"a chunk").digest()}]
    chunk = await alice.call(
        "read_canister_snapshot_data",
        {
            "canister_id": counter,
            "snapshot_id": snapshot["id"],
            "kind": {"wasm_chunk": {"hash": hashlib.sha256(b"a chunk").digest()}},
        },
        types.READ_SNAPSHOT_DATA_RESULT,
    )
    assert chunk["chunk"] == b"a chunk"


async def test_what_is_downloaded_can_be_uploaded_into_another_canister(alice, counter):
    await alice.ask(counter, "keep", b"12345678")
    await alice.number(counter, "grow")
    await alice.number(counter, "inc")
    snapshot = await take(alice, counter)
    described = await metadata(alice, counter, snapshot["id"])
    other = await alice.create()
    uploaded = await upload(alice, other, as_upload(other, described))
    for blob, size in BLOBS.items():
        content = await download(alice, counter, snapshot["id"], blob, described[size])
        await upload_blob(alice, other, uploaded, blob, content)
        assert await download(alice, other, uploaded, blob, described[size]) == content
    await load(alice, other, uploaded)
    assert await alice.number(other, "get", query=True) == 101
    assert (await alice.ask(other, "kept", query=True)).argument == b"12345678"
    assert await alice.number(other, "inc") == 102
    again = await metadata(alice, other, uploaded)
    assert again["source"] == [{"metadata_upload": None}]
    assert {**again, "source": 0, "taken_at_timestamp": 0, "canister_version": 0} == {
        **described,
        "source": 0,
        "taken_at_timestamp": 0,
        "canister_version": 0,
    }


async def test_the_eleventh_snapshot_is_refused_but_may_replace(alice, counter):
    taken = [await take(alice, counter) for _ in range(10)]
    eleventh = await alice.reject("take_canister_snapshot", {"canister_id": counter})
    assert (eleventh.code, eleventh.error_code) == (4, "IC0406")
    assert (await alice.reject("upload_canister_snapshot_metadata", empty_upload(counter))).error_code == "IC0406"
    new = await take(alice, counter, replace_snapshot=[taken[3]["id"]])
    ids = [item["id"] for item in await listed(alice, counter)]
    assert len(ids) == 10
    assert new["id"] in ids
    assert taken[3]["id"] not in ids
    unknown = {"canister_id": counter, "replace_snapshot": [b"x" * 8 + counter]}
    assert (await alice.reject("take_canister_snapshot", unknown)).error_code == "IC0305"


@pytest.mark.parametrize(
    ("offset", "size"), [(0, MAX_SLICE_BYTES + 1), (PAGE, 1), (PAGE - 1, 2), (2**63, 1), (0, PAGE + 1)]
)
async def test_slices_too_large_or_beyond_the_blob_are_refused(alice, counter, offset, size):
    snapshot = await take(alice, counter)
    record = slice_of(counter, snapshot["id"], "wasm_memory", offset, size)
    assert (await alice.reject("read_canister_snapshot_data", record)).error_code == "IC0408"


async def test_an_empty_slice_at_the_end_is_nothing(alice, counter):
    snapshot = await take(alice, counter)
    record = slice_of(counter, snapshot["id"], "wasm_memory", PAGE, 0)
    assert (await alice.call("read_canister_snapshot_data", record, types.READ_SNAPSHOT_DATA_RESULT))["chunk"] == b""


async def test_a_taken_snapshot_is_immutable(alice, counter):
    snapshot = await take(alice, counter)
    record = {
        "canister_id": counter,
        "snapshot_id": snapshot["id"],
        "kind": {"wasm_memory": {"offset": 0}},
        "chunk": b"x",
    }
    assert (await alice.reject("upload_canister_snapshot_data", record)).error_code == "IC0409"


async def test_an_empty_canister_has_nothing_to_take(alice):
    canister = await alice.create()
    reject = await alice.reject("take_canister_snapshot", {"canister_id": canister})
    assert reject.error_code == "IC0406"
    assert "empty canister" in reject.message


@pytest.mark.parametrize(
    "fields",
    [
        {"wasm_memory_size": PAGE + 1},
        {"stable_memory_size": 1},
        {"certified_data": bytes(33)},
        {"wasm_module_size": 101 << 20},
    ],
)
async def test_impossible_metadata_is_refused(alice, counter, fields):
    reject = await alice.reject("upload_canister_snapshot_metadata", empty_upload(counter, **fields))
    assert reject.error_code == "IC0408"


async def test_a_snapshot_larger_than_the_subnet_is_refused(alice, counter):
    record = empty_upload(counter, stable_memory_size=1 << 40)
    assert (await alice.reject("upload_canister_snapshot_metadata", record)).error_code == "IC0101"


async def test_chunks_of_an_upload_keep_the_rules_of_the_chunk_store(alice, counter):
    uploaded = await upload(alice, counter, empty_upload(counter))
    record = {"canister_id": counter, "snapshot_id": uploaded, "kind": {"wasm_chunk": None}}
    large = await alice.reject("upload_canister_snapshot_data", {**record, "chunk": bytes(2**20 + 1)})
    assert large.error_code == "IC0504"
    for number in range(100):
        await alice.call("upload_canister_snapshot_data", {**record, "chunk": bytes([number])})
    assert (await alice.reject("upload_canister_snapshot_data", {**record, "chunk": b"full"})).error_code == "IC0504"


async def test_uploads_beyond_a_blob_are_refused(alice, counter):
    uploaded = await upload(alice, counter, empty_upload(counter))
    record = {
        "canister_id": counter,
        "snapshot_id": uploaded,
        "kind": {"wasm_module": {"offset": 5}},
        "chunk": b"1234",
    }
    assert (await alice.reject("upload_canister_snapshot_data", record)).error_code == "IC0408"


@pytest.mark.parametrize(
    "globals_",
    [
        [],
        [{"i64": 1}],
        [{"i64": 1}, {"i32": 1}, {"i32": 1}],
        [{"i32": 1}, {"i64": 1}],
        [{"i64": 1}, {"f32": 1.0}],
    ],
)
async def test_uploaded_globals_must_be_those_of_the_module(alice, counter, globals_):
    module = counter_module()
    record = empty_upload(counter, wasm_module_size=len(module), wasm_memory_size=PAGE, globals=globals_)
    uploaded = await upload(alice, counter, record)
    await upload_blob(alice, counter, uploaded, "wasm_module", module)
    reject = await alice.reject("load_canister_snapshot", {"canister_id": counter, "snapshot_id": uploaded})
    assert reject.error_code == "IC0408"
    assert await alice.number(counter, "inc") == 101


async def test_an_upload_without_a_module_does_not_load(alice, counter):
    uploaded = await upload(alice, counter, empty_upload(counter))
    reject = await alice.reject("load_canister_snapshot", {"canister_id": counter, "snapshot_id": uploaded})
    assert reject.error_code == "IC0505"
    assert await alice.number(counter, "inc") == 101


async def test_a_hook_status_that_contradicts_the_memory_does_not_load(alice, counter):
    snapshot = await take(alice, counter)
    described = await metadata(alice, counter, snapshot["id"])
    record = as_upload(counter, {**described, "on_low_wasm_memory_hook_status": [{"ready": None}]})
    uploaded = await upload(alice, counter, record)
    await upload_blob(alice, counter, uploaded, "wasm_module", counter_module())
    reject = await alice.reject("load_canister_snapshot", {"canister_id": counter, "snapshot_id": uploaded})
    assert reject.error_code == "IC0408"
    assert "Hook status" in reject.message


async def test_the_timer_comes_only_from_uploads_that_name_it(alice, counter, network, clock):
    await alice.ask(counter, "in_ten_seconds")
    taken = await take(alice, counter)
    due_ns = network.subnet.get(counter).instance.global_timer_ns
    await clock.advance(11)
    await settle_loop()
    assert await alice.number(counter, "ticks", query=True) == 1
    await load(alice, counter, taken["id"])
    assert network.subnet.get(counter).instance.global_timer_ns == 0
    described = await metadata(alice, counter, taken["id"])
    uploaded = await upload(alice, counter, as_upload(counter, described))
    for blob, size in BLOBS.items():
        content = await download(alice, counter, taken["id"], blob, described[size])
        await upload_blob(alice, counter, uploaded, blob, content)
    await load(alice, counter, uploaded)
    assert network.subnet.get(counter).instance.global_timer_ns == due_ns
    await settle_loop()
    assert await alice.number(counter, "ticks", query=True) == 1, "a timer in the past fires at once"


async def test_unknown_and_foreign_snapshots_have_their_own_codes(alice, bob, counter):
    unknown = {"canister_id": counter, "snapshot_id": (9).to_bytes(8, "big") + counter}
    for method in ("load_canister_snapshot", "delete_canister_snapshot", "read_canister_snapshot_metadata"):
        assert (await alice.reject(method, unknown)).error_code == "IC0305"
    theirs = await bob.install(counter_module())
    foreign = {"canister_id": counter, "snapshot_id": (await take(bob, theirs))["id"]}
    for method in ("load_canister_snapshot", "delete_canister_snapshot"):
        assert (await alice.reject(method, foreign)).error_code == "IC0406"


async def test_a_controller_of_both_loads_one_canisters_snapshot_into_the_other(alice, counter, network):
    await alice.number(counter, "inc")
    snapshot = await take(alice, counter)
    other = await alice.create()
    await load(alice, other, snapshot["id"])
    assert await alice.number(other, "get", query=True) == 101
    details = network.subnet.get(other).history.changes[-1].details["load_snapshot"]
    assert details["from_canister_id"] == [counter]


async def test_snapshot_visibility_opens_reading_and_nothing_else(alice, bob):
    canister = await alice.install(counter_module(), snapshot_visibility={"allowed_viewers": [bob.caller]})
    snapshot = await take(alice, canister)
    assert (await metadata(bob, canister, snapshot["id"]))["wasm_memory_size"] == PAGE
    assert len(await listed(bob, canister)) == 1
    assert len(await download(bob, canister, snapshot["id"], "wasm_memory", PAGE)) == PAGE
    record = {"canister_id": canister, "snapshot_id": snapshot["id"]}
    for method in ("load_canister_snapshot", "delete_canister_snapshot"):
        assert (await bob.reject(method, record)).error_code == "IC0512"


async def test_snapshot_methods_are_not_queries(alice, counter):
    assert (await alice.reject("list_canister_snapshots", {"canister_id": counter}, query=True)).error_code == "IC0536"


async def test_uninstalling_while_taking_leaves_the_snapshot(alice, counter):
    snapshot = await take(alice, counter, uninstall_code=[True])
    assert (await alice.status(counter))["module_hash"] == []
    await load(alice, counter, snapshot["id"])
    assert await alice.number(counter, "get", query=True) == 100


async def test_snapshots_vanish_with_the_canister(alice, counter):
    await take(alice, counter)
    await alice.call("stop_canister", {"canister_id": counter})
    await alice.call("delete_canister", {"canister_id": counter})
    assert (await alice.reject("list_canister_snapshots", {"canister_id": counter})).error_code == "IC0301"


async def test_reading_and_uploading_are_charged_by_size(alice, counter, network):
    canister = network.subnet.get(counter)
    snapshot = await take(alice, counter)
    spent = canister.consumed["instructions"]
    await download(alice, counter, snapshot["id"], "wasm_memory", PAGE)
    assert canister.consumed["instructions"] - spent == 5_000_000 + PAGE
    uploaded = await upload(alice, counter, empty_upload(counter, wasm_memory_size=PAGE))
    spent, received = canister.consumed["instructions"], canister.consumed["ingress_induction"]
    await upload_blob(alice, counter, uploaded, "wasm_memory", bytes(PAGE))
    assert canister.consumed["instructions"] - spent == PAGE
    assert 2_000 * PAGE < canister.consumed["ingress_induction"] - received - 1_200_000 < 2_000 * (PAGE + 300)


async def test_a_snapshot_that_would_freeze_the_canister_is_refused(alice, network):
    canister = await alice.install(counter_module(), memory_allocation=0)
    network.subnet.get(canister).cycles = 2 * 10**9 + 30 * 10**6
    assert (await alice.reject("take_canister_snapshot", {"canister_id": canister})).error_code == "IC0207"


async def test_a_slice_reply_is_made_without_the_library(alice, counter, network):
    """2,000,000 bytes must not cost more than copying them: the reply is a header and a view."""
    uploaded = await upload(alice, counter, empty_upload(counter, wasm_memory_size=64 * PAGE))
    await upload_blob(alice, counter, uploaded, "wasm_memory", bytes(range(256)) * 8192)
    ingress = alice.ingress(
        "read_canister_snapshot_data", slice_of(counter, uploaded, "wasm_memory", 1, MAX_SLICE_BYTES)
    )
    answer = await network.update(Ingress(ingress.caller, b"", ingress.method, ingress.argument))
    assert len(answer.argument) < MAX_SLICE_BYTES + 40
    assert answer.argument.endswith((bytes(range(256)) * 8192)[1 : MAX_SLICE_BYTES + 1])
