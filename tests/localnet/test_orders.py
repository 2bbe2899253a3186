"""Orders to a local network: incidents that no caller can make, and only the owner of its process may."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quri_console.drill.local_process import LocalNetworkFailed, local_process
from quri_console.errors import NetworkError
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import parse_principal
from quri_console.ic.identity import identity_from_pem
from quri_console.ic.management import change
from quri_console.ic.management.read import canister_status
from quri_console.ic.prepared import perform
from quri_console.ic.rejection import Rejected
from quri_console.localnet.canister import Use
from quri_console.localnet.demo_fleet import FLEET
from quri_console.localnet.orders import LONGEST_ORDER_BYTES, OrderLines, OrderRefused, Orders
from tests.support.networks import LocalNetwork, local_network

NAME = FLEET[0].id
CANISTER = parse_principal(NAME)


def agent_of(net: LocalNetwork) -> Agent:
    return Agent(net.url, root_key=net.root_key, identity=identity_from_pem(net.controller.pem))


async def test_burning_leaves_what_was_ordered_and_the_network_says_where_it_went() -> None:
    async with local_network(fleet=True) as net, agent_of(net) as agent:
        orders = Orders(net.network, net.faults)
        orders.obey({"order": "burn", "canister": NAME, "leave": 10**9})
        canister = net.network.subnet.canisters[CANISTER.bytes]
        assert canister.cycles == 10**9
        assert canister.consumed[Use.BURNED] > 10**11
        orders.obey({"order": "burn", "canister": NAME, "leave": 10**12})
        assert canister.cycles == 10**9, "nothing is given back"
        orders.obey({"order": "burn", "canister": NAME, "leave": 0})
        status = await canister_status(agent, CANISTER)
        assert (status.cycles, status.module_hash) == (0, None), "the network itself empties it"


async def test_a_network_that_was_cut_off_answers_nothing_until_it_may_again() -> None:
    async with local_network(fleet=True) as net, agent_of(net) as agent:
        orders = Orders(net.network, net.faults)
        orders.obey({"order": "cut off"})
        with pytest.raises(NetworkError):
            await canister_status(agent, CANISTER, form="query")
        orders.obey({"order": "answer again"})
        assert (await canister_status(agent, CANISTER, form="query")).status == "running"


async def test_a_deleted_canister_is_unknown_to_a_subnet_that_still_answers_for_its_id() -> None:
    async with local_network(fleet=True) as net, agent_of(net) as agent:
        await perform(agent, change.stop_canister(CANISTER))
        await perform(agent, change.delete_canister(CANISTER))
        with pytest.raises(Rejected) as unknown:
            await canister_status(agent, CANISTER, form="query")
        assert unknown.value.error_code == "IC0301"


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"order": "explode"},
        {"order": "burn", "canister": NAME},
        {"order": "burn", "canister": NAME, "leave": -1},
        {"order": "burn", "canister": NAME, "leave": "5"},
        {"order": "burn", "canister": "aaaaa-aa", "leave": 5},
        {"order": "burn", "canister": "no principal", "leave": 5},
    ],
    ids=str,
)
async def test_what_is_no_order_is_refused_and_changes_nothing(order: dict[str, object]) -> None:
    async with local_network(fleet=True) as net:
        with pytest.raises(OrderRefused):
            Orders(net.network, net.faults).obey(order)
        assert net.network.subnet.canisters[CANISTER.bytes].cycles == pytest.approx(FLEET[0].cycles, rel=0.01)
        assert net.faults.rules == []


async def test_orders_are_read_line_by_line_however_they_arrive() -> None:
    async with local_network() as net:
        answers: list[str] = []
        lines = OrderLines(Orders(net.network, net.faults), answers.append)
        for piece in (b'{"order": "cut', b' off"}\n{"order": ', b'"answer again"}\n', b"{\n[]\n", b'{"order": 1}\n'):
            lines.feed(piece)
        assert [set(json.loads(answer)) for answer in answers] == [{"done"}, {"done"}, {"error"}, {"error"}, {"error"}]
        lines.feed(b"x" * (LONGEST_ORDER_BYTES + 1))
        assert "too long" in answers[-1]
        lines.feed(b'{"order": "cut off"}\n')
        assert json.loads(answers[-1]) == {"done": "cut off"}


def test_a_process_obeys_through_its_pipe_and_says_what_it_refuses(tmp_path: Path) -> None:
    with local_process(("--empty", "--orders")) as process:
        process.wait_until_serving()
        process.order("cut off")
        process.order("answer again")
        with pytest.raises(LocalNetworkFailed, match="no canister"):
            process.order("burn", canister=NAME, leave=0)
