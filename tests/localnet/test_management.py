"""The management canister without code: create, settings, start, stop, delete, rights."""

from __future__ import annotations

import pytest

from quri_console.localnet import management_types as types
from quri_console.localnet.messages import Ingress, Reject
from quri_console.localnet.words import text_of
from tests.support.direct import ALICE, BOB, Direct, complete


async def test_a_new_canister_is_empty_and_running_with_default_settings(alice):
    canister = await alice.create(cycles=7 * 10**12)
    status = await alice.status(canister)
    assert status["status"] == {"running": None}
    asked = alice.ingress("canister_status", {"canister_id": canister})
    assert status["cycles"] == 7 * 10**12 - (1_200_000 + 2_000 * len(asked.argument + asked.method.encode()))
    assert status["module_hash"] == []
    assert [principal.bytes for principal in status["settings"]["controllers"]] == [ALICE]
    assert status["settings"]["freezing_threshold"] == 2_592_000
    assert status["settings"]["reserved_cycles_limit"] == 5 * 10**12
    assert status["settings"]["log_memory_limit"] == 4096
    assert status["settings"]["status_visibility"] == {"controllers": None}
    assert status["memory_size"] == sum(status["memory_metrics"].values()) > 0
    assert status["version"] == 0


async def test_local_ids_are_consecutive_and_inside_the_ranges(alice, network):
    first, second = await alice.create(), await alice.create()
    assert int.from_bytes(second[:8], "big") == int.from_bytes(first[:8], "big") + 1
    assert first.endswith(b"\x01\x01")
    assert any(low <= first <= high for low, high in network.canister_ranges())


async def test_a_wanted_id_is_given_and_enters_the_ranges(alice, network):
    wanted = bytes.fromhex("00000000002000000101")
    method, record = "provisional_create_canister_with_cycles", {"specified_id": [wanted]}
    assert (await alice.call(method, record, types.CANISTER_ID_RESULT))["canister_id"].bytes == wanted
    assert (wanted, wanted) in network.canister_ranges()
    again = await alice.reject(method, record)
    assert again.error_code == "IC0205"


async def test_only_controllers_may_control_and_the_reject_names_them(alice, bob):
    canister = await alice.create()
    reject = await bob.reject("stop_canister", {"canister_id": canister})
    assert (reject.code, reject.error_code) == (5, "IC0512")
    assert text_of(ALICE) in reject.message
    assert f"Sender's ID: {text_of(BOB)}" in reject.message


async def test_rights_are_checked_again_when_the_call_is_executed(alice, bob, network):
    canister = await alice.create()
    answer = await network.update(bob.ingress("stop_canister", {"canister_id": canister}))
    assert isinstance(answer, Reject)
    assert answer.error_code == "IC0512"


async def test_an_unknown_canister_is_not_found(alice):
    reject = await alice.reject("canister_status", {"canister_id": bytes.fromhex("00000000002000990101")})
    assert (reject.code, reject.error_code) == (3, "IC0301")
    assert "not found" in reject.message


async def test_status_can_be_opened_to_viewers_or_everybody(alice, bob):
    canister = await alice.create(status_visibility={"allowed_viewers": [BOB]})
    assert (await bob.status(canister, query=True))["status"] == {"running": None}
    anonymous = Direct(alice.network, b"\x04")
    assert (await anonymous.reject("canister_status", {"canister_id": canister}, query=True)).error_code == "IC0512"
    public = {"status_visibility": [{"public": None}]}
    await alice.call("update_settings", {"canister_id": canister, "settings": public})
    assert (await anonymous.status(canister))["status"] == {"running": None}


async def test_settings_are_kept_and_raise_the_version(alice):
    canister = await alice.create()
    settings = {
        "controllers": [[ALICE, BOB]],
        "compute_allocation": [2],
        "freezing_threshold": [86_400],
        "environment_variables": [[{"name": "MODE", "value": "test"}]],
        "wasm_memory_limit": [10**9],
    }
    await alice.call("update_settings", {"canister_id": canister, "settings": settings})
    status = await alice.status(canister)
    assert [principal.bytes for principal in status["settings"]["controllers"]] == [ALICE, BOB]
    assert status["settings"]["compute_allocation"] == 2
    assert status["settings"]["freezing_threshold"] == 86_400
    assert status["settings"]["environment_variables"] == [{"name": "MODE", "value": "test"}]
    assert status["version"] == 1
    assert status["idle_cycles_burned_per_day"] >= 2 * 10_000_000 * 86_400


@pytest.mark.parametrize(
    ("settings", "error_code"),
    [
        ({"controllers": [[bytes([number]) * 10 for number in range(11)]]}, "IC0408"),
        ({"compute_allocation": [101]}, "IC0504"),
        ({"memory_allocation": [2**48 + 1]}, "IC0504"),
        ({"freezing_threshold": [2**64]}, "IC0504"),
        ({"log_memory_limit": [2**30]}, "IC0406"),
        ({"status_visibility": [{"allowed_viewers": [bytes([number]) * 10 for number in range(11)]}]}, "IC0408"),
        ({"environment_variables": [[{"name": str(number), "value": ""} for number in range(21)]]}, "IC0408"),
        ({"environment_variables": [[{"name": "n" * 129, "value": ""}]]}, "IC0408"),
        ({"compute_allocation": [100]}, "IC0530"),
        ({"memory_allocation": [2**40]}, "IC0101"),
        ({"memory_allocation": [2**39]}, "IC0531"),
    ],
)
async def test_settings_beyond_the_limits_are_refused_whole(alice, settings, error_code):
    canister = await alice.create(cycles=10**11)
    before = await alice.status(canister)
    reject = await alice.reject(
        "update_settings", {"canister_id": canister, "settings": {**settings, "wasm_memory_threshold": [5]}}
    )
    assert reject.error_code == error_code
    assert (await alice.status(canister))["settings"] == before["settings"]


async def test_stop_start_and_delete(alice, network):
    canister = await alice.create()
    assert (await alice.reject("delete_canister", {"canister_id": canister})).error_code == "IC0510"
    await alice.call("stop_canister", {"canister_id": canister})
    assert (await alice.status(canister))["status"] == {"stopped": None}
    assert (await alice.ask(canister, "health")).error_code == "IC0508"
    await alice.call("start_canister", {"canister_id": canister})
    assert (await alice.status(canister))["status"] == {"running": None}
    assert (await alice.ask(canister, "health")).error_code == "IC0537"
    await alice.call("stop_canister", {"canister_id": canister})
    await alice.call("delete_canister", {"canister_id": canister})
    assert (await alice.reject("canister_status", {"canister_id": canister})).error_code == "IC0301"
    assert canister not in network.canister_ids()
    assert network.canister_tree(canister) == {}


async def test_top_up_is_for_anybody(alice, bob):
    canister = await alice.create(cycles=10**12)
    before = (await alice.status(canister))["cycles"]
    await bob.call("provisional_top_up_canister", {"canister_id": canister, "amount": 10**12})
    after = (await alice.status(canister))["cycles"]
    assert 10**12 - 10**7 < after - before <= 10**12


@pytest.mark.parametrize("method", ["raw_rand", "create_canister", "deposit_cycles", "canister_info"])
async def test_what_only_canisters_may_call_is_refused_to_users(alice, method):
    reject = await alice.network.inspect(Ingress(ALICE, b"", method, b"DIDL\x00\x00"))
    assert reject is not None
    assert reject.error_code == "IC0406"


async def test_unknown_methods_and_bad_arguments_have_their_own_codes(alice, network):
    unknown = await network.inspect(Ingress(ALICE, b"", "make_coffee", b"DIDL\x00\x00"))
    assert unknown is not None
    assert unknown.error_code == "IC0536"
    for argument in (b"", b"DIDL\x00\x00", b"DIDL" + b"\xff" * 50):
        malformed = await network.inspect(Ingress(ALICE, b"", "start_canister", argument))
        assert malformed is not None
        assert malformed.error_code == "IC0408"


async def test_updates_are_not_queries_and_logs_are_not_updates(alice):
    canister = await alice.create()
    assert (await alice.reject("start_canister", {"canister_id": canister}, query=True)).error_code == "IC0536"
    assert (await alice.reject("fetch_canister_logs", {"canister_id": canister})).error_code == "IC0536"
    logs = await alice.call("fetch_canister_logs", {"canister_id": canister}, types.FETCH_LOGS_RESULT, query=True)
    assert logs == {"canister_log_records": []}


async def test_the_chunk_store_keeps_a_hundred_chunks_of_a_mebibyte(alice):
    canister = await alice.create(cycles=10**14)
    for number in range(100):
        await alice.call("upload_chunk", {"canister_id": canister, "chunk": bytes([number])}, types.CHUNK_HASH)
    full = await alice.reject("upload_chunk", {"canister_id": canister, "chunk": b"one more"})
    assert full.error_code == "IC0504"
    stored = await alice.call("stored_chunks", {"canister_id": canister}, types.STORED_CHUNKS_RESULT)
    assert len(stored) == 100
    large = await alice.reject("upload_chunk", {"canister_id": canister, "chunk": bytes(2**20 + 1)})
    assert large.error_code == "IC0504"
    await alice.call("clear_chunk_store", {"canister_id": canister})
    assert await alice.call("stored_chunks", {"canister_id": canister}, types.STORED_CHUNKS_RESULT) == []


async def test_metrics_say_what_cycles_were_used_for(alice):
    canister = await alice.create()
    metrics = await alice.call("canister_metrics", {"canister_id": canister}, types.CANISTER_METRICS_RESULT)
    assert metrics["cycles_consumed"]["ingress_induction"] > 0
    assert metrics["cycles_consumed"]["burned_cycles"] == 0


async def test_the_route_must_name_the_canister_in_the_argument(alice, network):
    canister = await alice.create()
    assert network.effective_canister(alice.ingress("start_canister", {"canister_id": canister})) == canister
    create = alice.ingress("provisional_create_canister_with_cycles", complete(types.PROVISIONAL_CREATE_ARGUMENT, {}))
    assert network.effective_canister(create) is None
