"""The accounts that top-ups are paid from: read from the ledger, judged, and told of when they run low."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from quri_console.clock import SystemClock
from quri_console.config import Thresholds
from quri_console.config.alerting import PayerConfig
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal
from quri_console.monitor.payers import PayerReading, PayerView, fleet_burn_per_day, payer_view, read_payer
from quri_console.service.monitoring import monitor_once
from quri_console.units import DAY_SECONDS
from tests.support.fleets import HEALTHY
from tests.support.networks import local_network
from tests.support.watched import watched_network

TEAM = PayerConfig("team", "2vxsx-fae", warning_cycles=5 * 10**12)


def view(cycles: int | None, *, burn: float | None = 10**12, error: str = "") -> PayerView:
    reading = None if cycles is None else PayerReading("team", 1, cycles)
    return payer_view(TEAM, reading, error, burn, Thresholds())


async def test_a_balance_is_read_from_the_ledger_and_a_failure_is_a_reading() -> None:
    async with local_network() as net:
        owner = Principal(net.controller.principal)
        async with Agent(net.url, root_key=net.root_key) as agent:
            found = await read_payer(agent, PayerConfig("team", owner.to_str()), SystemClock())
            wallet = await read_payer(agent, PayerConfig("old", owner.to_str(), kind="wallet"), SystemClock())
    assert found.cycles is not None
    assert found.cycles > 0
    assert (wallet.cycles, wallet.error != "") == (None, True)


def test_the_worst_of_balance_and_runway_comes_first() -> None:
    assert view(100 * 10**12).health.level == "ok"
    found = view(20 * 10**12)
    assert (found.runway_seconds, found.health.level) == (20 * DAY_SECONDS, "warning")
    low = view(3 * 10**12)
    assert [finding.level for finding in low.health.findings] == ["critical", "warning"]
    assert "could keep the fleet going for ≈ 3 d" in low.health.reasons[0]
    assert "less than 5 T" in low.health.reasons[1]


def test_what_is_not_known_is_said_to_be_so() -> None:
    assert view(None).health.level == "ok"
    unknown = view(None, error="no route")
    assert (unknown.health.level, unknown.cycles) == ("unknown", None)
    assert view(3 * 10**15, burn=None).runway_seconds is None


def test_the_fleets_burn_is_that_of_all_whose_burn_is_known() -> None:
    views = [
        replace(HEALTHY, burn_per_day=2.0),
        replace(HEALTHY, burn_per_day=None),
        replace(HEALTHY, burn_per_day=3.0),
    ]
    assert fleet_burn_per_day(views) == 5.0
    assert fleet_burn_per_day([replace(HEALTHY, burn_per_day=None)]) is None


async def test_a_round_asks_the_payers_too(tmp_path: Path) -> None:
    payer = '[monitor.payers.team]\nowner = "2vxsx-fae"\nwarning = "1001T"\n'
    async with watched_network(tmp_path, count=1, monitor=f'interval = "60s"\n{payer}') as watched:
        fleet = await monitor_once(watched.session)
    (found,) = fleet.payers
    assert (found.name, found.cycles, found.health.level) == ("team", 10**15, "warning")
