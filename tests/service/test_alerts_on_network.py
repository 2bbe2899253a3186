"""What happens to canisters on a real network raises its alert in time, and the alert ends with its cause."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from quri_console.clock import ManualClock
from quri_console.history import History
from quri_console.history.alerts import AlertRow
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.identity import load_identity
from quri_console.ic.management import change
from quri_console.ic.management.types import SettingsChange
from quri_console.ic.prepared import PreparedCall, perform
from quri_console.localnet.faults import DropBefore, FaultRule
from quri_console.monitor.fleet import FleetStatus
from quri_console.monitor.poll import Poller
from quri_console.service.after_round import AfterRound
from quri_console.service.burn_view import fleet_burn
from quri_console.service.pictures import picture
from quri_console.service.polling import poller_for
from tests.support.modules import counter_module
from tests.support.watched import Watched, watched_network

MINUTE = 60.0
MONITOR = 'interval = "60s"\nwarning = "1T"\ncritical = "100B"\n'


@dataclass
class Duty:
    """A watch whose rounds the test makes."""

    watched: Watched
    clock: ManualClock
    history: History
    poller: Poller
    after: AfterRound
    fleets: list[FleetStatus] = field(default_factory=list)

    async def rounds(self, count: int = 1, minutes: float = 1.0) -> None:
        """So many rounds, each followed by as many minutes."""
        session = self.watched.session
        for _ in range(count):
            await self.history.add_samples("local", await self.poller.round())
            await self.after.gather(self.history, self.poller.agent)
            fleet = await picture(session.config, session.network, self.history, self.clock.now_ns())
            self.fleets.append(fleet)
            await self.after.step(self.history, fleet, fresh=True)
            await self.clock.advance(minutes * MINUTE)

    async def states(self) -> dict[str, str]:
        """The state of every alert, by rule."""
        rows: tuple[AlertRow, ...] = await self.history.alerts.current("local")
        return {row.rule: row.state for row in rows}

    async def told(self) -> list[tuple[str, str]]:
        """(rule, state) of everything that happened to alerts, in order."""
        return [(event.rule, event.state) for event in await self.history.alerts.events("local", 0)]

    async def do(self, call: PreparedCall[object]) -> None:
        session = self.watched.session
        identity = session.config.identity("poll")
        assert identity is not None
        net = self.watched.net
        async with Agent(net.url, root_key=net.root_key, identity=load_identity(identity.pem), clock=self.clock) as a:
            await perform(a, call)


@asynccontextmanager
async def on_duty(folder: Path, *, cycles: int = 5 * 10**12) -> AsyncIterator[Duty]:
    clock = ManualClock()
    async with watched_network(folder, count=1, cycles=cycles, monitor=MONITOR, clock=clock) as watched:
        poller = poller_for(watched.session)
        async with await History.open(watched.session.config.paths.history) as history:
            duty = Duty(watched, clock, history, poller, AfterRound(watched.session))
            await duty.do(change.install_code(Principal(watched.canisters[0]), "install", counter_module()))
            await duty.rounds()
            try:
                yield duty
            finally:
                await poller.aclose()


def canister(duty: Duty) -> Principal:
    return Principal(duty.watched.canisters[0])


async def test_a_stop_is_told_from_its_first_sample_and_resolves_after_the_start(tmp_path: Path) -> None:
    async with on_duty(tmp_path) as duty:
        await duty.do(change.stop_canister(canister(duty)))
        await duty.rounds()
        assert (await duty.states())["stopped"] == "firing"
        await duty.do(change.start_canister(canister(duty)))
        await duty.rounds()
        assert (await duty.states())["stopped"] == "resolving"
        await duty.rounds(6)
        assert ("stopped", "resolved") in await duty.told()


async def test_low_cycles_wait_a_minute_and_a_top_up_ends_them(tmp_path: Path) -> None:
    async with on_duty(tmp_path, cycles=900 * 10**9) as duty:
        assert (await duty.states())["cycles-low"] == "pending"
        await duty.rounds()
        assert (await duty.states())["cycles-low"] == "firing"
        duty.watched.net.network.deposit_cycles(canister(duty).bytes, 5 * 10**12)
        await duty.rounds(7)
        assert ("cycles-low", "resolved") in await duty.told()
        events = await duty.history.events.of("local", duty.watched.ids[0], 0, duty.clock.now_ns())
        (top_up,) = [event for event in events if event.kind == "topped-up"]
        assert top_up.cycles is not None
        assert abs(top_up.cycles - 5 * 10**12) < 10**10


async def test_freezing_and_running_dry_are_told_at_once(tmp_path: Path) -> None:
    async with on_duty(tmp_path) as duty:
        await duty.do(change.update_settings(canister(duty), SettingsChange(freezing_threshold=10**12)))
        await duty.rounds()
        states = await duty.states()
        assert states["frozen"] == "firing"
        await duty.do(change.update_settings(canister(duty), SettingsChange(freezing_threshold=2_592_000)))
        await duty.rounds(7)
        assert ("frozen", "resolved") in await duty.told()
        duty.watched.net.network.subnet.canisters[canister(duty).bytes].cycles = 1
        await duty.rounds(3, minutes=60 * 24 * 30)
        states = await duty.states()
        assert "emptied" in states or "frozen" in states
        assert duty.fleets[-1].canisters[0].health.level == "critical"


async def test_an_upgrade_and_new_controllers_are_told_and_end_by_themselves(tmp_path: Path) -> None:
    async with on_duty(tmp_path) as duty:
        mine = Principal(duty.watched.net.controller.principal)
        await duty.do(change.install_code(canister(duty), "upgrade", counter_module(inspecting=True)))
        await duty.do(
            change.update_settings(canister(duty), SettingsChange(controllers=(mine, Principal.from_str("aaaaa-aa"))))
        )
        await duty.rounds()
        states = await duty.states()
        assert (states["module-changed"], states["controllers-changed"]) == ("firing", "firing")
        text = " ".join(duty.fleets[-1].canisters[0].health.reasons)
        assert "added aaaaa-aa" in text
        # a finding for an hour, and its alert for an hour after it was last seen
        await duty.rounds(125)
        assert {("module-changed", "resolved"), ("controllers-changed", "resolved")} <= set(await duty.told())


async def test_the_burn_is_split_by_what_it_was_for(tmp_path: Path) -> None:
    async with on_duty(tmp_path) as duty:
        await duty.rounds(3, minutes=60)
        (burn,) = await fleet_burn(duty.watched.session)
        assert burn.causes is not None
        assert burn.causes.causes[0].cause == "memory"
        assert abs(burn.causes.per_day - (burn.idle_burn_per_day or 0)) < 0.2 * burn.causes.per_day


async def test_an_outage_resolves_nothing_and_is_told_after_three_intervals(tmp_path: Path) -> None:
    async with on_duty(tmp_path) as duty:
        await duty.do(change.stop_canister(canister(duty)))
        await duty.rounds()
        duty.watched.net.faults.add(FaultRule(DropBefore(), count=None))
        duty.poller = Poller(
            duty.poller._open_agent, duty.poller._targets, clock=duty.clock, concurrency=1, deadline_seconds=1
        )
        for _ in range(5):
            from tests.support.passing_time import while_time_passes

            await while_time_passes(duty.clock, duty.rounds(), sleepers=duty.clock)
        states = await duty.states()
        assert states["stopped"] == "firing", "no data is no resolution"
        assert states["unreachable"] == "firing"
