"""The proxy canister: a canister's voice for those who control it, and for nobody else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from quri_console.clock import ManualClock
from quri_console.ic.agent import Agent
from quri_console.ic.encoding import candid
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.identity import identity_from_pem
from quri_console.ic.management.read import canister_history
from quri_console.localnet import management_types as types
from quri_console.localnet.builtins import BLACKHOLE_ID, CYCLES_LEDGER_ID, PROXY_ID, blackhole, register_builtins
from quri_console.localnet.builtins import cycles_ledger_types as ledger_types
from quri_console.localnet.builtins.proxy import ARGUMENT, ENDOWMENT_CYCLES, RESULT, Proxy
from quri_console.localnet.messages import MANAGEMENT_CANISTER, Reject, Reply
from quri_console.localnet.network import Network
from quri_console.localnet.standalone import StandaloneOptions, standalone
from quri_console.units import TRILLION
from tests.support.direct import ALICE, BOB, Direct, complete


class Proxied:
    """Calls through the proxy as one user."""

    def __init__(self, network: Network, caller: bytes) -> None:
        self.direct = Direct(network, caller)

    async def result(self, canister: bytes, method: str, argument: bytes, cycles: int = 0) -> dict[str, Any]:
        """What the proxy says, decoded."""
        request = {"canister_id": Principal(canister), "method": method, "args": argument, "cycles": cycles}
        answer = await self.direct.ask(PROXY_ID, "proxy", candid.encode([ARGUMENT], [request]))
        assert isinstance(answer, Reply), answer
        decoded: dict[str, Any] = candid.decode(answer.argument, [RESULT])[0]
        return decoded

    async def manage(self, method: str, kind: Any, record: Mapping[str, Any], cycles: int = 0) -> dict[str, Any]:
        """The same for a method of the management canister."""
        return await self.result(MANAGEMENT_CANISTER, method, candid.encode([kind], [complete(kind, record)]), cycles)


def reason(result: dict[str, Any]) -> str:
    """Why a proxied call failed."""
    text: str = result["Err"]["CallFailed"]["reason"]
    return text


@pytest.fixture
def proxied(network: Network) -> Proxied:
    network.register_builtin(PROXY_ID, Proxy(network, [ALICE]))
    return Proxied(network, ALICE)


@pytest.fixture
def proxy(proxied: Proxied, network: Network) -> Proxy:
    registered = network.subnet.builtins[PROXY_ID]
    assert isinstance(registered, Proxy)
    return registered


INFO = types.CANISTER_INFO_ARGUMENT


async def test_a_method_for_canisters_only_answers_through_the_proxy(alice: Direct, proxied: Proxied) -> None:
    canister = await alice.create()
    record = {"canister_id": canister, "num_requested_changes": [20]}
    assert "Only canisters can call" in (await alice.reject("canister_info", record)).message
    result = await proxied.manage("canister_info", INFO, record)
    info = candid.decode(result["Ok"]["result"], [types.CANISTER_INFO_RESULT])[0]
    assert (info["total_num_changes"], list(info["recent_changes"][0]["details"])) == (1, ["creation"])


async def test_the_proxy_is_the_caller_and_has_no_right_of_its_user(alice: Direct, proxied: Proxied) -> None:
    theirs, shared = await alice.create(), await alice.create(controllers=[ALICE, PROXY_ID])
    stop, kind = "stop_canister", types.CANISTER_ID_ARGUMENT
    refused = reason(await proxied.manage(stop, kind, {"canister_id": theirs}))
    assert refused.startswith("Call Rejected, reject_code: CANISTER_ERROR (5), reject_message: Only the controllers")
    assert "Ok" in await proxied.manage(stop, kind, {"canister_id": shared})
    assert (await alice.status(shared))["status"] == {"stopped": None}


async def test_a_change_through_the_proxy_is_remembered_as_a_canisters(alice: Direct, proxied: Proxied) -> None:
    canister = await alice.create(controllers=[ALICE, PROXY_ID])
    update = {"canister_id": canister, "settings": {"controllers": [[PROXY_ID]]}, "sender_canister_version": [4]}
    assert "Ok" in await proxied.manage("update_settings", types.UPDATE_SETTINGS_ARGUMENT, update)
    result = await proxied.manage("canister_info", INFO, {"canister_id": canister, "num_requested_changes": [1]})
    [change] = candid.decode(result["Ok"]["result"], [types.CANISTER_INFO_RESULT])[0]["recent_changes"]
    origin = change["origin"]["from_canister"]
    assert (origin["canister_id"].bytes, origin["canister_version"]) == (PROXY_ID, [4])


async def test_nobody_but_a_controller_is_served(alice: Direct, proxied: Proxied, network: Network) -> None:
    record, refused = {"canister_id": await alice.create()}, {"Err": {"UnauthorizedUser": None}}
    for caller in (BOB, PROXY_ID, b"\x04"):
        assert await Proxied(network, caller).manage("canister_info", INFO, record) == refused


async def test_the_state_tree_names_who_is_served(proxied: Proxied, network: Network) -> None:
    assert network.is_controller(PROXY_ID, ALICE)
    assert not network.is_controller(PROXY_ID, BOB)
    assert "proxy : " in str(network.canister_tree(PROXY_ID)[b"metadata"])


async def test_no_user_is_served_unless_the_network_is_made_so(network: Network, clock: ManualClock) -> None:
    register_builtins(network, clock)
    result = await Proxied(network, ALICE).manage("canister_info", INFO, {"canister_id": PROXY_ID})
    assert result == {"Err": {"UnauthorizedUser": None}}


async def test_a_rejected_call_tells_code_and_message(proxied: Proxied) -> None:
    nobody = bytes.fromhex("80000000001fffff0101")
    missing = reason(await proxied.manage("canister_info", INFO, {"canister_id": nobody}))
    assert missing.startswith("Call Rejected, reject_code: DESTINATION_INVALID (3), reject_message: Canister ")
    assert "DESTINATION_INVALID (3)" in reason(await proxied.result(nobody, "get", b""))
    assert "has no method 'invented'" in reason(await proxied.result(MANAGEMENT_CANISTER, "invented", b""))


async def test_ordinary_canisters_are_called_as_the_proxy(alice: Direct, counter: bytes, proxied: Proxied) -> None:
    result = await proxied.result(counter, "inc", b"")
    assert int.from_bytes(result["Ok"]["result"], "little") == 101
    assert "CANISTER_REJECT (4), reject_message: no!" in reason(await proxied.result(counter, "refuse", b""))


async def test_other_built_ins_see_the_proxy_and_its_cycles(proxied: Proxied, proxy: Proxy, clock: ManualClock) -> None:
    network = proxied.direct.network
    register_builtins(network, clock)
    network.register_builtin(PROXY_ID, proxy)
    owner = {"owner": Principal(ALICE), "subaccount": []}
    deposit = candid.encode([ledger_types.DEPOSIT_ARGUMENT], [{"to": owner, "memo": []}])
    assert "Ok" in await proxied.result(CYCLES_LEDGER_ID, "deposit", deposit, cycles=TRILLION)
    assert proxy.cycles == ENDOWMENT_CYCLES - TRILLION
    watched = network.create_canister(controllers=[BLACKHOLE_ID], cycles=TRILLION)
    argument = candid.encode([types.CANISTER_ID_ARGUMENT], [{"canister_id": Principal(watched)}])
    status = (await proxied.result(BLACKHOLE_ID, "canister_status", argument))["Ok"]["result"]
    assert candid.decode(status, [blackhole.STATUS])[0]["cycles"] == TRILLION


async def test_it_pays_for_a_canister_with_its_own_cycles(proxied: Proxied, proxy: Proxy, network: Network) -> None:
    result = await proxied.manage("create_canister", types.CREATE_ARGUMENT, {}, cycles=3 * TRILLION)
    created = candid.decode(result["Ok"]["result"], [types.CANISTER_ID_RESULT])[0]["canister_id"].bytes
    assert network.is_controller(created, PROXY_ID)
    assert proxy.cycles == ENDOWMENT_CYCLES - 3 * TRILLION


async def test_cycles_that_are_not_taken_come_back(proxied: Proxied, proxy: Proxy, counter: bytes) -> None:
    assert "Ok" in await proxied.manage("canister_info", INFO, {"canister_id": counter}, cycles=TRILLION)
    assert "Err" in await proxied.manage("create_canister", types.CREATE_ARGUMENT, {}, cycles=1)
    assert proxy.cycles == ENDOWMENT_CYCLES


async def test_it_attaches_no_more_than_it_has(proxied: Proxied) -> None:
    wanted = ENDOWMENT_CYCLES + 1
    result = await proxied.manage("create_canister", types.CREATE_ARGUMENT, {}, cycles=wanted)
    assert result == {"Err": {"InsufficientCycles": {"available": ENDOWMENT_CYCLES, "required": wanted}}}


async def test_cycles_for_an_ordinary_canister_are_refused_not_lost(
    proxied: Proxied, proxy: Proxy, counter: bytes
) -> None:
    assert "attaches cycles only" in reason(await proxied.result(counter, "take_cycles", b"", cycles=TRILLION))
    assert proxy.cycles == ENDOWMENT_CYCLES


async def test_it_has_one_method_and_no_query(alice: Direct, proxied: Proxied) -> None:
    assert (await alice.refusal(PROXY_ID, "proxies")).error_code == "IC0536"
    assert (await alice.refusal(PROXY_ID, "proxy", query=True)).error_code == "IC0536"
    answer = await alice.ask(PROXY_ID, "proxy", candid.encode([], []))
    assert isinstance(answer, Reject)
    assert answer.error_code == "IC0503"


async def test_a_canister_cannot_be_made_under_its_id(alice: Direct, proxied: Proxied) -> None:
    record = {"amount": [], "settings": [], "specified_id": [PROXY_ID]}
    assert (await alice.reject("provisional_create_canister_with_cycles", record)).error_code == "IC0205"


async def test_the_controller_of_a_network_of_its_own_is_served() -> None:
    async with standalone(StandaloneOptions(fleet=False, extra=1)) as announced:
        [canister] = announced.canisters
        identity = identity_from_pem(announced.controller_pem.read_bytes())
        async with Agent(announced.url, root_key=announced.root_key, identity=identity) as agent:
            history = await canister_history(agent, Principal.from_str(canister.id), proxy=Principal(PROXY_ID))
    assert [change.details.kind for change in history.changes] == ["creation", "code_deployment"]
