"""One command's view: history when it is young, the network when it is not, mainnet never in disguise."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.clock import ManualClock
from quri_console.config import NetworkConfig
from quri_console.console import Console
from quri_console.errors import QuriError
from quri_console.history import History, Sample
from quri_console.ic.certificates import MAINNET_ROOT_KEY_DER
from quri_console.service.connect import as_shown, connect, root_key_of
from quri_console.service.session import Session
from quri_console.service.status import fleet_status
from tests.support.fleets import config
from tests.support.watched import watched_network

DAY_NS = 86_400 * 10**9


async def attempts(session: Session) -> int:
    async with await History.open(session.config.paths.history) as history:
        return len(await history.samples("local", session.config.canisters[0].id))


async def test_the_first_look_asks_and_the_second_remembers(tmp_path: Path) -> None:
    async with watched_network(tmp_path) as watched:
        first = await fleet_status(watched.session)
        second = await fleet_status(watched.session)
        assert await attempts(watched.session) == 1
        live = await fleet_status(watched.session, live=True)
        assert await attempts(watched.session) == 2
    assert [view.status for view in first.canisters] == ["running", "running"]
    assert [view.sampled_at_ns for view in second.canisters] == [view.sampled_at_ns for view in first.canisters]
    assert live.canisters[0].sampled_at_ns > second.canisters[0].sampled_at_ns
    assert not live.production


async def test_after_two_intervals_it_asks_again(tmp_path: Path) -> None:
    clock = ManualClock()
    async with watched_network(tmp_path, clock=clock, monitor='interval = "60s"') as watched:
        await fleet_status(watched.session)
        await clock.advance(119)
        await fleet_status(watched.session)
        assert await attempts(watched.session) == 1
        await clock.advance(2)
        fleet = await fleet_status(watched.session)
        assert await attempts(watched.session) == 2
    assert not fleet.canisters[0].stale


async def test_a_clock_set_back_does_not_freeze_the_picture(tmp_path: Path) -> None:
    async with watched_network(tmp_path, count=1) as watched:
        ahead_ns = time.time_ns() + 30 * DAY_NS
        async with await History.open(watched.session.config.paths.history) as history:
            await history.add_samples("local", [Sample(watched.ids[0], ahead_ns, origin="query", cycles=1)])
        fleet = await fleet_status(watched.session)
    assert fleet.canisters[0].cycles != 1
    assert (fleet.canisters[0].sampled_at_ns or 0) < ahead_ns
    assert not fleet.canisters[0].stale


async def test_a_network_gone_leaves_what_was_known(tmp_path: Path) -> None:
    async with watched_network(tmp_path, count=1) as watched:
        await fleet_status(watched.session)
        session = watched.session
    fleet = await fleet_status(session, live=True)
    view = fleet.canisters[0]
    assert (view.status, view.answering) == ("running", False)
    assert view.error
    assert "unreachable" in view.health.reasons[-1]


async def test_the_console_opens_the_same_door(tmp_path: Path) -> None:
    async with watched_network(tmp_path, count=1) as watched:
        console = Console.open(config_path=watched.session.config.path, read_only=True)
        fleet = await console.fleet_status()
    assert console.read_only
    assert console.network.name == fleet.network == "local"


async def test_an_unreadable_key_is_an_error_not_a_sample(tmp_path: Path) -> None:
    async with watched_network(tmp_path) as watched:
        (tmp_path / "controller.pem").unlink()
        with pytest.raises(QuriError, match=r"controller\.pem"):
            await fleet_status(watched.session, live=True)


async def test_mainnet_is_production_whatever_the_file_says() -> None:
    network = NetworkConfig("local", "http://127.0.0.1:1", "fetch", production=False)
    assert as_shown(network, MAINNET_ROOT_KEY_DER).production
    assert not as_shown(network, bytes(133)).production
    assert not as_shown(network, None).production
    assert await root_key_of(replace(network, root_key=None)) == MAINNET_ROOT_KEY_DER
    assert await root_key_of(replace(network, root_key=b"given")) == b"given"


async def test_without_an_identity_the_caller_is_anonymous(tmp_path: Path) -> None:
    async with watched_network(tmp_path) as watched:
        agent = await connect(watched.session.network, None, watched.session.clock)
        assert agent.identity.sender.to_str() == "2vxsx-fae"
        assert agent.root_key == watched.net.root_key
        await agent.aclose()


async def test_state_is_private(tmp_path: Path) -> None:
    await fleet_status(Session(config(tmp_path), config(tmp_path).networks[0]))
    state = tmp_path / "root/state"
    assert state.stat().st_mode & 0o777 == 0o700
