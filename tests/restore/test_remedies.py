from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quri_console.clock import SystemClock
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.identity import AnonymousIdentity
from quri_console.ic.management import change
from quri_console.ic.management.types import SettingsChange
from quri_console.ic.prepared import perform
from quri_console.restore.look import look_at
from quri_console.restore.remedies import Proposal, propose
from quri_console.restore.remedy_checks import Surroundings
from quri_console.restore.remedy_planning import RemedyWish
from tests.support.guinea_pig import Laboratory, laboratory, module

NAME = "pig"
OTHER = Principal(b"\x07" * 10 + b"\x02")


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Laboratory]:
    async with laboratory(tmp_path) as opened:
        yield opened


async def _propose(
    lab: Laboratory, canister: Principal, agent: Agent | None = None, *, burn_per_day: float | None = None
) -> Proposal:
    wish = RemedyWish("local", False, canister, NAME, burn_per_day=burn_per_day)
    around = Surroundings(SystemClock(), None, None)
    return await propose(agent or lab.agent, wish, around, lab.store(), {})


def _names(proposal: Proposal) -> list[str]:
    return [remedy.name for remedy in proposal.remedies]


async def _backed_up(lab: Laboratory) -> Principal:
    canister = await lab.create()
    await lab.back_up((canister, NAME))
    return canister


async def test_where_nothing_is_seen_to_be_wrong_nothing_is_recommended(lab: Laboratory) -> None:
    proposal = await _propose(lab, await _backed_up(lab))
    assert proposal.condition == "running"
    assert proposal.recommended is None
    assert _names(proposal) == ["backup"]
    assert "nothing is seen to be wrong" in proposal.summary


async def test_one_that_burns_its_last_days_is_topped_up_first(lab: Laboratory) -> None:
    canister = await _backed_up(lab)
    status = (await look_at(lab.agent, canister, NAME, SystemClock())).status
    above = status.cycles - status.freezing_limit_cycles
    proposal = await _propose(lab, canister, burn_per_day=above / 3.2)
    assert proposal.recommended is not None
    assert proposal.recommended.name == "top-up"
    assert proposal.recommended.why == "it is near its freezing limit: ≈ 3 d 4 h as it burns of late"
    assert proposal.recommended.cycles is not None
    assert proposal.recommended.cycles > 9 * above


async def test_a_stopped_one_is_started_first(lab: Laboratory) -> None:
    canister = await _backed_up(lab)
    await perform(lab.agent, change.stop_canister(canister))
    proposal = await _propose(lab, canister)
    assert proposal.recommended is not None
    assert proposal.recommended.name == "start"
    assert proposal.recommended.command == "quri-console start pig"
    assert _names(proposal)[-1] == "backup"


async def test_the_order_is_from_nothing_lost_to_most(lab: Laboratory) -> None:
    canister = await _backed_up(lab)
    settings = SettingsChange(controllers=(lab.agent.identity.sender, OTHER))
    await perform(lab.agent, change.update_settings(canister, settings))
    await perform(lab.agent, change.install_code(canister, "upgrade", module("1.5")))
    await lab.effects.take_snapshot(canister)
    await perform(lab.agent, change.stop_canister(canister))
    lab.net.network.subnet.get(canister.bytes).cycles = 10**9
    proposal = await _propose(lab, canister)
    assert _names(proposal) == ["start", "top-up", "settings", "module", "snapshot", "backup"]
    assert [remedy.destructive for remedy in proposal.remedies] == sorted(r.destructive for r in proposal.remedies)
    assert "its controllers differ" in proposal.remedies[2].why
    assert "its module is not that of backup" in proposal.remedies[3].why
    assert all(remedy.command.startswith("quri-console ") for remedy in proposal.remedies)
    assert proposal.remedies[1].paid_by_ledger
    assert proposal.remedies[1].cycles


async def test_one_that_ran_dry_needs_cycles_then_its_backup_and_has_nothing_to_lose(lab: Laboratory) -> None:
    canister = await _backed_up(lab)
    await lab.effects.take_snapshot(canister)
    on_network = lab.net.network.subnet.get(canister.bytes)
    on_network.cycles = 0
    lab.net.network.subnet._run_dry(on_network)
    proposal = await _propose(lab, canister)
    assert proposal.condition == "emptied"
    assert _names(proposal) == ["top-up", "backup"], "its snapshot is gone with its cycles"
    assert proposal.recommended is not None
    assert proposal.recommended.name == "top-up"
    assert "no safety snapshot is possible" in proposal.remedies[1].note


async def test_one_that_was_deleted_is_created_anew(lab: Laboratory) -> None:
    canister = await _backed_up(lab)
    await perform(lab.agent, change.stop_canister(canister))
    await perform(lab.agent, change.delete_canister(canister))
    proposal = await _propose(lab, canister)
    assert proposal.condition == "deleted"
    assert proposal.recommended is not None
    assert proposal.recommended.command.startswith("quri-console create pig --from ")
    assert "another id" in proposal.recommended.note


async def test_whoever_does_not_see_its_status_is_told_so_and_proposed_nothing(lab: Laboratory) -> None:
    canister = await _backed_up(lab)
    async with Agent(lab.net.url, root_key=lab.net.root_key, identity=AnonymousIdentity()) as stranger:
        proposal = await _propose(lab, canister, stranger)
    assert proposal.condition == "hidden"
    assert proposal.remedies == ()
    assert proposal.notes


async def test_without_any_backup_that_is_said(lab: Laboratory) -> None:
    proposal = await _propose(lab, await lab.create())
    assert _names(proposal) == []
    assert any("no backup of pig" in note for note in proposal.notes)
