"""Messages: execution, traps, calls between canisters, callbacks, cycles, stops that hang, timers, inspection."""

from __future__ import annotations

import asyncio

import pytest

from quri_console.ic.encoding import candid
from quri_console.localnet import management_types as types
from quri_console.localnet.messages import Reject, Reply
from tests.support.direct import complete, settle_loop
from tests.support.modules import counter_module


def relay(callee: bytes, method: str, *, cycles: int = 0, trap: bool = False) -> bytes:
    return callee + bytes([trap]) + cycles.to_bytes(8, "little") + method.encode()


def manage(method: str, kind, record) -> bytes:
    return bytes([len(method)]) + method.encode() + candid.encode([kind], [complete(kind, record)])


async def test_updates_change_state_and_queries_do_not(alice, counter):
    assert await alice.number(counter, "get", query=True) == 100
    assert await alice.number(counter, "inc") == 101
    assert await alice.number(counter, "bump_in_vain", query=True) == 102
    assert await alice.number(counter, "bump_in_vain") == 102
    assert await alice.number(counter, "get", query=True) == 101


async def test_a_trap_leaves_no_trace_and_costs_cycles(alice, counter, network):
    before = network.subnet.get(counter).cycles
    reject = await alice.refusal(counter, "fail")
    assert (reject.code, reject.error_code) == (5, "IC0503")
    assert "no!" in reject.message
    assert await alice.number(counter, "get", query=True) == 100
    assert network.subnet.get(counter).cycles < before


@pytest.mark.parametrize(
    ("method", "query", "error_code"),
    [
        ("refuse", False, "IC0406"),
        ("silent", False, "IC0506"),
        ("nothing", False, "IC0536"),
        ("nothing", True, "IC0536"),
        ("inc", True, "IC0536"),
    ],
)
async def test_what_is_not_answered_is_rejected(alice, counter, method, query, error_code):
    assert (await alice.refusal(counter, method, query=query)).error_code == error_code


async def test_execution_is_charged_by_instructions_and_ingress_bytes(alice, counter, network):
    canister = network.subnet.get(counter)
    before, instructions = canister.cycles, canister.consumed["instructions"]
    await alice.number(counter, "inc")
    executed = canister.consumed["instructions"] - instructions
    assert 5_000_000 < executed < 5_010_000
    assert before - canister.cycles == executed + 1_200_000 + 2_000 * len("inc")


async def test_queries_are_free_and_counted(alice, counter, network):
    before = network.subnet.get(counter).cycles
    await alice.number(counter, "get", b"12345", query=True)
    assert network.subnet.get(counter).cycles == before
    statistics = (await alice.status(counter))["query_stats"]
    assert statistics["num_calls_total"] == 1
    assert statistics["request_payload_bytes_total"] == 5
    assert statistics["response_payload_bytes_total"] == 8


async def test_canisters_call_each_other_and_get_unaccepted_cycles_back(alice, counter, network):
    other = await alice.install(counter_module())
    before = network.subnet.get(other).cycles
    answer = await alice.ask(counter, "relay", relay(other, "take_cycles", cycles=3 * 10**12))
    assert isinstance(answer, Reply), answer
    assert int.from_bytes(answer.argument[:8], "little") == 2 * 10**12
    assert 0 < before + 10**12 - network.subnet.get(other).cycles < 10**7


async def test_a_canister_may_call_itself(alice, counter):
    answer = await alice.ask(counter, "relay", relay(counter, "inc"))
    assert isinstance(answer, Reply), answer
    assert int.from_bytes(answer.argument[8:], "little") == 101


async def test_a_trapping_callback_undoes_itself_and_not_the_callee(alice, counter):
    other = await alice.install(counter_module())
    reject = await alice.refusal(counter, "relay", relay(other, "inc", trap=True))
    assert reject.error_code == "IC0503"
    assert await alice.number(other, "get", query=True) == 101
    assert await alice.number(counter, "get", query=True) == 100


async def test_a_call_to_nobody_is_rejected_to_the_caller_and_refunded(alice, counter, network):
    before = network.subnet.get(counter).cycles
    reject = await alice.refusal(counter, "relay", relay(b"\x00" * 7 + b"\x09\x01\x01", "inc", cycles=10**12))
    assert reject.message == "no!"
    assert before - network.subnet.get(counter).cycles < 10**9


async def test_canisters_use_the_management_canister(alice, counter, network):
    other = await alice.create(controllers=[alice.caller, counter])
    stop = manage("stop_canister", types.CANISTER_ID_ARGUMENT, {"canister_id": other})
    assert isinstance(await alice.ask(counter, "manage", stop), Reply)
    assert (await alice.status(other))["status"] == {"stopped": None}
    random = await alice.ask(counter, "manage", b"\x08raw_randDIDL\x00\x00")
    assert isinstance(random, Reply)
    assert len(candid.decode(random.argument[8:], [types.BLOB])[0]) == 32
    info = manage("canister_info", types.CANISTER_INFO_ARGUMENT, {"canister_id": other, "num_requested_changes": [9]})
    answer = await alice.ask(counter, "manage", info)
    assert isinstance(answer, Reply), answer
    decoded = candid.decode(answer.argument[8:], [types.CANISTER_INFO_RESULT])[0]
    assert decoded["total_num_changes"] == 1
    assert list(decoded["recent_changes"][0]["details"]) == ["creation"]


async def test_management_rights_hold_for_canisters_too(alice, counter):
    other = await alice.create()
    stop = manage("stop_canister", types.CANISTER_ID_ARGUMENT, {"canister_id": other})
    assert (await alice.refusal(counter, "manage", stop)).message == "no!"
    assert (await alice.status(other))["status"] == {"running": None}


async def test_a_composite_query_reads_across_canisters(alice, counter):
    other = await alice.install(counter_module())
    await alice.number(other, "inc")
    assert await alice.number(counter, "across", other + b"get", query=True) == 101


async def test_a_stop_hangs_while_a_call_is_open_and_start_cancels_it(alice, counter, silence):
    hanging = asyncio.ensure_future(alice.ask(counter, "relay", relay(silence, "anything")))
    await settle_loop()
    stop = asyncio.ensure_future(alice.answer("stop_canister", {"canister_id": counter}))
    await settle_loop()
    assert not stop.done()
    assert (await alice.status(counter))["status"] == {"stopping": None}
    assert (await alice.refusal(counter, "inc")).error_code == "IC0509"
    assert (await alice.refusal(counter, "get", query=True)).error_code == "IC0509"
    await alice.call("start_canister", {"canister_id": counter})
    answer = await stop
    assert isinstance(answer, Reject)
    assert answer.error_code == "IC0511"
    assert (await alice.status(counter))["status"] == {"running": None}
    assert not hanging.done()
    hanging.cancel()


async def test_a_stop_gives_up_after_five_minutes_and_the_canister_stays_stopping(alice, counter, silence, clock):
    hanging = asyncio.ensure_future(alice.ask(counter, "relay", relay(silence, "anything")))
    await settle_loop()
    stop = asyncio.ensure_future(alice.answer("stop_canister", {"canister_id": counter}))
    await settle_loop()
    await clock.advance(299)
    assert not stop.done()
    await clock.advance(2)
    answer = await stop
    assert isinstance(answer, Reject)
    assert (answer.code, answer.error_code) == (2, "IC0206")
    assert (await alice.status(counter))["status"] == {"stopping": None}
    hanging.cancel()


async def test_calls_to_oneself_end_when_the_canister_stops(alice, counter, network):
    running = asyncio.ensure_future(alice.ask(counter, "forever"))
    await settle_loop()
    assert network.subnet.get(counter).contexts
    await alice.call("stop_canister", {"canister_id": counter})
    assert isinstance(await running, Reject)
    assert not network.subnet.get(counter).contexts


async def test_a_stop_waits_for_open_calls_and_then_answers(alice, counter):
    other = await alice.install(counter_module())
    relayed = asyncio.ensure_future(alice.ask(counter, "relay", relay(other, "inc")))
    await asyncio.sleep(0)
    await alice.call("stop_canister", {"canister_id": counter})
    assert isinstance(await relayed, Reply)
    assert (await alice.status(counter))["status"] == {"stopped": None}


async def test_uninstalling_rejects_open_calls_and_ends_a_stop(alice, counter, silence):
    hanging = asyncio.ensure_future(alice.ask(counter, "relay", relay(silence, "anything")))
    await settle_loop()
    stop = asyncio.ensure_future(alice.answer("stop_canister", {"canister_id": counter}))
    await settle_loop()
    await alice.call("uninstall_code", {"canister_id": counter})
    answer = await hanging
    assert isinstance(answer, Reject)
    assert answer.error_code == "IC0406"
    assert isinstance(await stop, Reply)
    assert (await alice.status(counter))["module_hash"] == []


async def test_a_timer_fires_when_it_is_due(alice, counter, clock):
    await alice.ask(counter, "in_ten_seconds")
    await clock.advance(9)
    await settle_loop()
    assert await alice.number(counter, "ticks", query=True) == 0
    await clock.advance(1.1)
    await settle_loop()
    assert await alice.number(counter, "ticks", query=True) == 1
    await clock.advance(100)
    await settle_loop()
    assert await alice.number(counter, "ticks", query=True) == 1


async def test_the_timer_of_a_stopped_canister_waits_for_its_start(alice, counter, clock):
    await alice.ask(counter, "in_ten_seconds")
    await alice.call("stop_canister", {"canister_id": counter})
    await clock.advance(60)
    await settle_loop()
    await alice.call("start_canister", {"canister_id": counter})
    await settle_loop()
    assert await alice.number(counter, "ticks", query=True) == 1


async def test_the_timer_of_a_frozen_canister_waits_for_a_top_up(alice, counter, clock, network):
    await alice.ask(counter, "in_ten_seconds")
    network.subnet.get(counter).cycles = 10**6
    await clock.advance(1)
    assert (await alice.refusal(counter, "inc")).error_code == "IC0207"
    assert (await alice.refusal(counter, "get", query=True)).error_code == "IC0207"
    await clock.advance(20)
    await settle_loop()
    await alice.call("provisional_top_up_canister", {"canister_id": counter, "amount": 10**13})
    await settle_loop()
    assert await alice.number(counter, "ticks", query=True) == 1


async def test_the_low_memory_hook_runs_once_when_memory_runs_low(alice):
    page = 65_536
    canister = await alice.install(counter_module(), wasm_memory_limit=20 * page, wasm_memory_threshold=10 * page)
    await alice.number(canister, "inc")
    assert await alice.number(canister, "ticks", query=True) == 0
    for method in ("grow", "inc"):
        await alice.number(canister, method)
        assert await alice.number(canister, "ticks", query=True) == 1000
    taken = await alice.call("take_canister_snapshot", {"canister_id": canister}, types.SNAPSHOT)
    wanted = {"canister_id": canister, "snapshot_id": taken["id"]}
    described = await alice.call("read_canister_snapshot_metadata", wanted, types.SNAPSHOT_METADATA_RESULT)
    assert described["on_low_wasm_memory_hook_status"] == [{"executed": None}]


async def test_a_call_that_waited_for_a_deletion_finds_nobody(alice, counter, network):
    await alice.call("stop_canister", {"canister_id": counter})
    async with network.subnet.get(counter).lock:
        delete = asyncio.ensure_future(alice.answer("delete_canister", {"canister_id": counter}))
        await settle_loop()
        take = asyncio.ensure_future(alice.answer("take_canister_snapshot", {"canister_id": counter}))
        await settle_loop()
    assert isinstance(await delete, Reply)
    answer = await take
    assert isinstance(answer, Reject)
    assert answer.error_code == "IC0301"


async def test_inspect_message_refuses_before_anything_is_charged(alice, network):
    canister = await alice.install(counter_module(inspecting=True))
    before = network.subnet.get(canister).cycles
    assert (await alice.refusal(canister, "forever")).error_code == "IC0406"
    assert network.subnet.get(canister).cycles == before
    assert await alice.number(canister, "inc") == 101


async def test_logs_are_kept_for_their_readers(alice, bob, counter):
    for _ in range(3):
        await alice.ask(counter, "log")
    logs = await alice.call("fetch_canister_logs", {"canister_id": counter}, types.FETCH_LOGS_RESULT, query=True)
    assert [record["content"] for record in logs["canister_log_records"]] == [b"a log line"] * 3
    assert [record["idx"] for record in logs["canister_log_records"]] == [0, 1, 2]
    some = {"canister_id": counter, "filter": [{"by_idx": {"start": 1, "end": 2}}]}
    part = await alice.call("fetch_canister_logs", some, types.FETCH_LOGS_RESULT, query=True)
    assert [record["idx"] for record in part["canister_log_records"]] == [1]
    assert (await bob.reject("fetch_canister_logs", {"canister_id": counter}, query=True)).error_code == "IC0512"


async def test_a_trap_enters_the_log(alice, counter):
    await alice.refusal(counter, "fail")
    logs = await alice.call("fetch_canister_logs", {"canister_id": counter}, types.FETCH_LOGS_RESULT, query=True)
    assert [record["content"] for record in logs["canister_log_records"]] == [b"[TRAP]: no!"]


async def test_logs_stay_within_four_kibibytes(alice, counter, network):
    for _ in range(200):
        await alice.ask(counter, "log")
    log = network.subnet.get(counter).log
    assert log.size_bytes <= 4096
    assert log.records[-1].index == 199


async def test_installing_upgrading_and_reinstalling(alice, counter, network):
    again = await alice.reject(
        "install_code",
        {"mode": {"install": None}, "canister_id": counter, "wasm_module": counter_module(), "arg": b""},
    )
    assert again.error_code == "IC0514"
    await alice.ask(counter, "keep", b"12345678")
    await alice.install(counter_module(), canister=counter, mode={"upgrade": []})
    assert await alice.number(counter, "get", query=True) == 7
    assert (await alice.ask(counter, "kept", query=True)) == Reply(b"12345678")
    await alice.install(counter_module(), canister=counter, mode={"reinstall": None})
    assert await alice.number(counter, "get", query=True) == 100
    assert (await alice.status(counter))["memory_metrics"]["stable_memory_size"] == 0
    kinds = [next(iter(change.details)) for change in network.subnet.get(counter).history.changes]
    assert kinds == ["creation", *["code_deployment"] * 3]


async def test_a_module_in_chunks_is_put_together_by_hash(alice, counter, network):
    import hashlib

    module = counter_module(inspecting=True)
    parts = [module[:500], module[500:]]
    for part in parts:
        await alice.call("upload_chunk", {"canister_id": counter, "chunk": part}, types.CHUNK_HASH)
    record = {
        "mode": {"upgrade": []},
        "target_canister": counter,
        "chunk_hashes_list": [{"hash": hashlib.sha256(part).digest()} for part in parts],
        "wasm_module_hash": hashlib.sha256(module).digest(),
        "arg": b"",
    }
    wrong = await alice.reject("install_chunked_code", {**record, "wasm_module_hash": bytes(32)})
    assert wrong.error_code == "IC0504"
    await alice.call("install_chunked_code", record)
    assert network.canister_tree(counter)[b"module_hash"] == hashlib.sha256(module).digest()


async def test_a_module_that_is_none_is_refused_and_the_old_one_stays(alice, counter):
    record = {"mode": {"upgrade": []}, "canister_id": counter, "wasm_module": b"\x00asm rubbish", "arg": b""}
    assert (await alice.reject("install_code", record)).error_code == "IC0505"
    assert await alice.number(counter, "inc") == 101
