"""Planning to put settings and controllers of a backup back, and to take that back; changes nothing."""

from __future__ import annotations

import asyncio
from dataclasses import fields, replace
from typing import Any

from quri_console.backup.bill import storage_cycles_per_day
from quri_console.effects.settings import differing, named
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.types import SECONDS_PER_DAY, CanisterStatus, SettingsChange
from quri_console.repository.store import Repository
from quri_console.restore import remedy_checks as checks
from quri_console.restore.bill import Balance, message_cycles
from quri_console.restore.look import Looked
from quri_console.restore.plan import Check, Step
from quri_console.restore.remedy_checks import Surroundings
from quri_console.restore.remedy_plan import RemedyPlan
from quri_console.restore.remedy_planning import RemedyWish, key_hash, look, priced, remedy_plan
from quri_console.restore.remedy_source import open_recorded
from quri_console.restore.remedy_words import setting_differences
from quri_console.restore.settings_back import settings_back

COMPUTE_PERCENT_DAY_CYCLES = 10_000_000 * SECONDS_PER_DAY


async def plan_settings(
    agent: Agent, wish: RemedyWish, around: Surroundings, repository: Repository, source: str
) -> RemedyPlan:
    """What putting a backup's settings and controllers back would do. Raises BackupNotFound, NotAuthorised."""
    recorded = await asyncio.to_thread(open_recorded, repository, wish.canister, wish.name, source, key_hash(agent))
    looked = await look(agent, wish, around)
    known = None if recorded.stored.status is None else recorded.stored.status.settings
    change = None if known is None else settings_back(known, looked.status.settings)
    same = checks.same_network(recorded.stored.network.root_key_hash, key_hash(agent))
    plan = _settings_plan(agent, wish, looked, around, change, (same,), known=known is not None)
    return replace(plan, source=recorded.source)


async def plan_settings_undone(
    agent: Agent, wish: RemedyWish, around: Surroundings, done: RemedyPlan, operation: str
) -> RemedyPlan:
    """What taking the settings of an operation back would do; `done` is the plan that it carried out."""
    looked = await look(agent, wish, around)
    before = done.settings_before
    if before is not None and not differing(before, looked.status.settings):
        before = None
    same = checks.same_network(done.root_key_hash, key_hash(agent))
    plan = _settings_plan(agent, wish, looked, around, before, (same,), known=True)
    return replace(plan, undoes=operation)


def _settings_plan(
    agent: Agent,
    wish: RemedyWish,
    looked: Looked,
    around: Surroundings,
    change: SettingsChange | None,
    more: tuple[Check, ...],
    *,
    known: bool,
) -> RemedyPlan:
    status, sender = looked.status, agent.identity.sender
    differences = () if change is None else setting_differences(change, status.settings)
    after = () if change is None else (_balance_with(status, change),)
    sentences = (
        "Only the settings named below change; module, memory and cycles stay as they are, and nothing is stopped.",
        "The way back: quri-console rollback OPERATION puts the present settings in force again.",
    )
    found = (
        *more,
        checks.controller(sender, status),
        checks.check(
            "settings",
            bool(differences),
            f"{len(differences)} differ" if known else "the backup holds none",
            "There is nothing to change." if known else "Choose a backup that was taken by a controller.",
        ),
        _stays_controller(sender, change),
        *((checks.cycles(after, wish.name),) if after else ()),
    )
    plan = remedy_plan("settings", agent, wish, looked, around, found, sentences)
    names = () if change is None else named(change)
    return replace(
        plan,
        settings=change,
        settings_before=_present(status, names),
        differences=differences,
        balances=after,
        steps=(
            Step(f"put in force: {', '.join(name.replace('_', ' ') for name in names)}", _price(status)),
            Step("read them back"),
        )
        if names
        else (),
    )


def _price(status: CanisterStatus) -> int:
    return priced(status, message_cycles())


def _stays_controller(sender: Principal, change: SettingsChange | None) -> Check:
    controllers = None if change is None else change.controllers
    return checks.check(
        "stays controller",
        controllers is None or sender in controllers,
        "this identity stays a controller"
        if controllers is None or sender in controllers
        else f"the backup's controllers do not include {sender.to_str()}, who would lose the canister",
        "Change the controllers by `icp canister settings update` instead.",
    )


def _present(status: CanisterStatus, names: tuple[str, ...]) -> SettingsChange:
    values: dict[str, Any] = {name: getattr(status.settings, name) for name in names}
    return SettingsChange(**values)


def _balance_with(status: CanisterStatus, change: SettingsChange) -> Balance:
    """Balance and freezing limit with other settings."""
    present = status.settings
    values: dict[str, Any] = {field.name: getattr(present, field.name) for field in fields(present)}
    settings = replace(present, **{**values, **{name: getattr(change, name) for name in named(change)}})
    burn = status.idle_cycles_burned_per_day
    if burn:
        more = max(settings.memory_allocation, status.memory_bytes) - max(
            present.memory_allocation, status.memory_bytes
        )
        burn += storage_cycles_per_day(status, more) if more > 0 else 0
        burn += max(settings.compute_allocation - present.compute_allocation, 0) * COMPUTE_PERCENT_DAY_CYCLES
    limit = max(burn * settings.freezing_threshold // SECONDS_PER_DAY - (status.reserved_cycles or 0), 0)
    return Balance("settings", status.cycles - priced(status, message_cycles()), limit)
