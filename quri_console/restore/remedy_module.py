"""Planning an upgrade to a backup's module, the memory kept; changes nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from quri_console.backup.bill import snapshot_bytes
from quri_console.errors import NetworkError
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.types import CanisterStatus
from quri_console.ic.public import metadata
from quri_console.repository.store import Repository
from quri_console.restore import remedy_checks as checks
from quri_console.restore.bill import Balance, Charge, balances, message_cycles, take_cycles
from quri_console.restore.durations import SLOWER
from quri_console.restore.look import Looked
from quri_console.restore.plan import Check, Step
from quri_console.restore.remedy_checks import Surroundings
from quri_console.restore.remedy_plan import RemedyPlan
from quri_console.restore.remedy_planning import RemedyWish, health_checks_of, key_hash, look, priced, remedy_plan
from quri_console.restore.remedy_source import PERSISTENCE, BackedUp, open_recorded
from quri_console.restore.remedy_words import interface_sentences, module_difference

CALLS_OF_UPGRADE = 6
"""Stop, status, take, upgrade, status, start."""


async def plan_module(
    agent: Agent, wish: RemedyWish, around: Surroundings, repository: Repository, source: str
) -> RemedyPlan:
    """What an upgrade to a backup's module, its memory kept, would do. Raises BackupNotFound, CorruptionError."""
    recorded = await asyncio.to_thread(open_recorded, repository, wish.canister, wish.name, source, key_hash(agent))
    backed_up = await asyncio.to_thread(recorded.with_module)
    looked = await look(agent, wish, around)
    kept = await _keeps_main_memory(agent, wish.canister)
    charges = upgrade_charges(looked.status, len(backed_up.module))
    after = balances(looked.status, charges)
    changed = interface_sentences(looked.interface, backed_up.facts.candid_interface)
    plan = remedy_plan(
        "module",
        agent,
        wish,
        looked,
        around,
        _module_checks(agent, looked, backed_up, after, wish.name, keeps=kept),
        (*_module_sentences(kept), *changed),
    )
    down = CALLS_OF_UPGRADE * looked.seconds_per_call if looked.status.status == "running" else 0.0
    return replace(
        plan,
        source=backed_up.source,
        keep_main_memory=kept,
        differences=(module_difference(backed_up.source.module_hash, looked.status.module_hash),),
        steps=tuple(Step(c.step, c.cycles, c.step in ("stop", "safety snapshot", "upgrade")) for c in charges),
        balances=after,
        downtime_low_seconds=round(down + 0.5) if down else 0,
        downtime_high_seconds=round(SLOWER * down + 0.5) if down else 0,
        health_checks=await health_checks_of(agent, wish),
    )


def _module_sentences(keep_main_memory: bool) -> tuple[str, ...]:
    heap = (
        "The heap is kept, too (enhanced orthogonal persistence)."
        if keep_main_memory
        else "The heap comes back only as far as the present module's pre-upgrade saves it, as in any upgrade."
    )
    return (
        "Stable memory is kept: nothing that was written since the backup is lost.",
        heap,
        "The backup's module must understand the data as it is now; when its upgrade fails, the network undoes it.",
        "The way back: quri-console rollback OPERATION loads the safety snapshot.",
    )


def _module_checks(
    agent: Agent, looked: Looked, backed_up: BackedUp, after: tuple[Balance, ...], name: str, *, keeps: bool
) -> tuple[Check, ...]:
    status = looked.status
    present = status.module_hash is not None
    restored = f"Restore it instead: quri-console restore {name} --from {backed_up.source.label}."
    return (
        checks.controller(agent.identity.sender, status),
        checks.same_network(backed_up.recorded.stored.network.root_key_hash, key_hash(agent)),
        checks.check("code", present, "it has a module" if present else "it has no module to upgrade", restored),
        checks.check(
            "module",
            True,
            "the backup's is another one"
            if status.module_hash != backed_up.source.module_hash
            else "it has the backup's module already: only its upgrade hooks run, which may set timers again",
            "",
        ),
        checks.check(
            "heap",
            not keeps or backed_up.facts_persistent,
            "its heap can be kept"
            if not keeps or backed_up.facts_persistent
            else "the present module keeps its data in the heap, and the backup's cannot take that over",
            restored,
        ),
        checks.not_stopping(status),
        checks.slot(len(looked.snapshots)),
        checks.cycles(after, name),
    )


def upgrade_charges(status: CanisterStatus, module_bytes: int) -> tuple[Charge, ...]:
    """The bill of an upgrade in the order of its steps."""
    size, runs = snapshot_bytes(status), status.status != "stopped"
    charges = (
        *([Charge("stop", message_cycles())] if runs else []),
        Charge("safety snapshot", take_cycles(size), size),
        Charge("upgrade", message_cycles(module_bytes) + module_bytes),
        Charge("check", message_cycles()),
        # one that is stopped before stays so
        *([Charge("start", message_cycles())] if runs else []),
    )
    return tuple(replace(charge, cycles=priced(status, charge.cycles)) for charge in charges)


async def _keeps_main_memory(agent: Agent, canister: Principal) -> bool:
    try:
        return await metadata(agent, canister, PERSISTENCE) is not None
    except NetworkError:
        return False  # a private section is told to controllers; whoever is none fails that check
