"""One side on chain, read from the local network: its status, what anyone may see, and the bytes of a snapshot."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quri_console.backup.browse import open_backup
from quri_console.backup.compare_sides import OpenSide, compare_sides
from quri_console.backup.comparison import NO_MODULE
from quri_console.backup.diff import Diff, diff_sides
from quri_console.backup.interchange import BLOBS
from quri_console.backup.live_side import OnChain, ReadingBill, bill_of_side, open_live, open_snapshot
from quri_console.backup.side_opening import Places, SideOpener, open_stored
from quri_console.backup.sides import parse_side
from quri_console.clock import SystemClock
from quri_console.errors import Cancelled, RefusedBySafetyRule, UsageError
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management import change
from quri_console.ic.management.read import list_canister_snapshots
from quri_console.ic.management.types import SettingsChange
from quri_console.ic.prepared import perform
from quri_console.ic.public import CanisterNotFound
from tests.support.guinea_pig import Laboratory, heap, laboratory, module, stable_memory
from tests.support.modules import counter_module

NAME = "pig"


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Laboratory]:
    async with laboratory(tmp_path) as opened:
        yield opened


def on_chain(lab: Laboratory, canister: Principal, agent: Agent | None = None) -> OnChain:
    agent = agent or lab.agent
    return OnChain(agent, canister, NAME, hashlib.sha256(agent.root_key).digest(), SystemClock())


def newest_backup(lab: Laboratory) -> OpenSide:
    return open_stored(open_backup(lab.store()).canister(NAME))


async def newest_snapshot(lab: Laboratory, canister: Principal) -> str:
    return (await list_canister_snapshots(lab.agent, canister))[-1].id.hex()


async def test_a_live_canister_shows_what_its_status_tells_and_nothing_is_changed(lab: Laboratory) -> None:
    canister = await lab.create()
    await lab.back_up((canister, NAME))
    made = lab.net.network.subnet.get(canister.bytes).snapshots_made
    comparison = await compare_sides(newest_backup(lab), await open_live(on_chain(lab, canister)))
    assert comparison.differing_parts == ()
    assert comparison.left.root_key_hash == comparison.right.root_key_hash
    assert comparison.status.right == "running"
    assert comparison.chunks is not None
    assert comparison.memory == {}
    assert comparison.not_compared(("memory",)) == (
        "heap",
        "stable memory",
        "globals",
        "certified data",
        "global timer",
    )
    assert lab.net.network.subnet.get(canister.bytes).snapshots_made == made


async def test_whoever_may_not_see_the_status_sees_controllers_and_module(lab: Laboratory) -> None:
    canister = await lab.create()
    async with Agent(lab.net.url, root_key=lab.net.root_key) as stranger:
        side = await open_live(on_chain(lab, canister, stranger))
    assert side.facts.controllers == (lab.agent.identity.sender,)
    assert side.facts.module_hash == hashlib.sha256(module()).digest()
    assert side.facts.status is None
    assert any("status" in note for note in side.facts.notes)


async def test_a_canister_without_code_and_one_that_does_not_exist(lab: Laboratory) -> None:
    canister = await lab.create(code=b"")
    assert (await open_live(on_chain(lab, canister))).facts.module_hash == NO_MODULE
    with pytest.raises(CanisterNotFound):
        await open_live(on_chain(lab, Principal(bytes(8) + b"\x7f\x01")))


async def test_a_snapshot_on_chain_is_compared_byte_by_byte(lab: Laboratory) -> None:
    canister = await lab.create()
    await lab.back_up((canister, NAME))
    await lab.effects.take_snapshot(canister)
    side = await open_snapshot(on_chain(lab, canister), (await newest_snapshot(lab, canister))[:12])
    comparison = await compare_sides(newest_backup(lab), side, progress=lab.progress)
    assert comparison.right.label.startswith(f"snapshot:{NAME}/")
    assert comparison.differing_parts == ()
    assert comparison.not_compared() == ("settings", "controllers")
    assert comparison.memory["wasm_memory"].right_bytes == len(heap())
    assert comparison.memory["stable_memory"].right_bytes == len(stable_memory())
    read = {event.phase: event.done for event in lab.progress.events if event.phase.startswith("read")}
    assert read["read heap"] == len(heap())


async def test_the_bill_is_what_reading_then_costs(lab: Laboratory) -> None:
    canister = await lab.create()
    await lab.back_up((canister, NAME))
    await lab.effects.take_snapshot(canister)
    side = await open_snapshot(on_chain(lab, canister), await newest_snapshot(lab, canister))
    bill = await bill_of_side(side, BLOBS)
    assert bill is not None
    before = (await lab.status(canister)).cycles
    await compare_sides(newest_backup(lab), side)
    charged = before - (await lab.status(canister)).cycles
    assert bill.cycles == pytest.approx(charged, rel=0.05)
    assert bill.read_bytes == len(module()) + len(heap()) + len(stable_memory())


async def test_a_snapshot_that_is_not_there_is_refused_with_those_that_are(lab: Laboratory) -> None:
    canister = await lab.create()
    await lab.effects.take_snapshot(canister)
    identifier = await newest_snapshot(lab, canister)
    with pytest.raises(UsageError, match="no snapshot") as refused:
        await open_snapshot(on_chain(lab, canister), "ffff")
    assert identifier in refused.value.why


class Asked:
    """Remembers the bills that it was asked to approve."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.bills: list[ReadingBill] = []
        self._refusal = refusal

    async def __call__(self, bills: tuple[ReadingBill, ...]) -> None:
        self.bills += bills
        if self._refusal is not None:
            raise self._refusal


async def diff(lab: Laboratory, left: str, right: str, asked: Asked, *parts: str) -> Diff:
    async def agent() -> Agent:
        return lab.agent

    places = Places(
        repository=lambda path: lab.store(),
        unlock=lambda backend, facts: lab.store().vault,
        cache_folder=lab.folder / "cache",
        agent=agent,
        root_key_hash=lambda agent: hashlib.sha256(agent.root_key).digest(),
        resolve=lambda text: (Principal.from_str(text), text),
        clock=SystemClock(),
    )
    wanted = parts or ("settings", "module", "interface", "memory")
    async with SideOpener(places, wanted) as opener:  # type: ignore[arg-type]
        return await diff_sides(opener, parse_side(left), parse_side(right), approve=asked, parts=wanted)  # type: ignore[arg-type]


async def test_live_alone_is_every_canister_of_the_other_side(lab: Laboratory) -> None:
    first, second = await lab.create(), await lab.create()
    await lab.back_up((first, "first"), (second, "second"))
    await perform(lab.agent, change.update_settings(first, SettingsChange(freezing_threshold=604_800)))
    await perform(lab.agent, change.install_code(second, "reinstall", counter_module()))
    found = await diff(lab, "latest", "live", Asked())
    assert [one.right.label for one in found.comparisons] == ["live:first", "live:second"]
    assert [one.differing_parts for one in found.comparisons] == [("settings",), ("module", "memory")]
    back = await diff(lab, "live", "latest/first", Asked(), "settings")
    assert [one.differing_parts for one in back.comparisons] == [("settings",)]


async def test_a_snapshot_is_read_only_once_its_bill_was_approved(lab: Laboratory) -> None:
    canister = await lab.create()
    await lab.back_up((canister, NAME))
    await lab.effects.take_snapshot(canister)
    name = f"snapshot:{await newest_snapshot(lab, canister)}"
    before = (await lab.status(canister)).cycles
    refusing = Asked(Cancelled("no"))
    with pytest.raises(Cancelled):
        await diff(lab, f"latest/{NAME}", name, refusing)
    assert refusing.bills[0].read_bytes > len(heap())
    assert before - (await lab.status(canister)).cycles < refusing.bills[0].cycles
    asked = Asked()
    assert (await diff(lab, f"latest/{NAME}", name, asked)).comparisons[0].differing_parts == ()
    assert len(asked.bills) == 1


async def test_only_the_module_of_a_snapshot_is_read_against_a_live_canister(lab: Laboratory) -> None:
    canister = await lab.create()
    await lab.effects.take_snapshot(canister)
    asked = Asked()
    name = f"snapshot:{canister.to_str()}/{await newest_snapshot(lab, canister)}"
    comparison = (await diff(lab, name, "live", asked)).comparisons[0]
    assert [bill.read_bytes for bill in asked.bills] == [len(module())]
    assert comparison.module_hash.is_known
    nothing = Asked()
    await diff(lab, name, "live", nothing, "settings")
    assert nothing.bills == []


async def test_a_canister_that_reading_would_freeze_is_not_read(lab: Laboratory) -> None:
    canister = await lab.create()
    await lab.back_up((canister, NAME))
    await lab.effects.take_snapshot(canister)
    status = await lab.status(canister)
    on_network = lab.net.network.subnet.get(canister.bytes)
    on_network.cycles = status.freezing_limit_cycles + 10_000_000
    asked = Asked()
    with pytest.raises(RefusedBySafetyRule, match="would freeze"):
        await diff(lab, f"latest/{NAME}", f"snapshot:{await newest_snapshot(lab, canister)}", asked)
    assert asked.bills == []
