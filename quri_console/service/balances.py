"""The balances of an operation's canisters before and after it, for its outcome and the audit log.

Before is what its plan found, after is a look at the end. What is not known is left out, never guessed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from quri_console.effects.replay import attempts
from quri_console.effects.runner import Finished
from quri_console.errors import NetworkError, QuriError
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal, parse_principal
from quri_console.ic.management.read import canister_status
from quri_console.restore.group_plan import members_of, read_any_plan
from quri_console.restore.plan import read_plan
from quri_console.restore.remedy_plan import RemedyPlan
from quri_console.restore.rollback import RollbackPlan
from quri_console.service.bench import Bench

LOOK_SECONDS = 15.0
"""An operation that is done does not wait longer for a figure."""
REMEDIES = ("start", "stop", "top-up", "settings", "module", "create")
Planned = Mapping[Principal, int | None]


async def with_balances(bench: Bench, work: Callable[[Bench], Awaitable[Finished]]) -> Finished:
    """Do the work; what it comes to, or the failure that it raises, tells the balances as well."""
    try:
        finished = await work(bench)
    except QuriError as error:
        # where the network is gone nothing is known, and where nothing was attempted nothing is told
        if not isinstance(error, NetworkError) and attempts(bench.running.journal.records):
            result = dict(getattr(error, "result", {}))
            vars(error)["result"] = {**result, **await _looked_up(bench, result)}
        raise
    return replace(finished, result={**finished.result, **await _looked_up(bench, finished.result)})


async def _looked_up(bench: Bench, result: Mapping[str, Any]) -> dict[str, object]:
    """What is known of the balances; that nothing is must not make a failure of what is done, or another of one."""
    try:
        return await _balances(bench, result)
    except QuriError:
        return {}


async def _balances(bench: Bench, result: Mapping[str, Any]) -> dict[str, object]:
    planned = _planned(bench)
    made = result.get("new_canister")
    if made is not None:
        planned = {parse_principal(str(made)): None}
    after = await asyncio.gather(*(_balance(bench.agent, canister) for canister in planned))
    told: dict[str, object] = {
        **_summed("cycles_before", list(planned.values())),
        **_summed("cycles_after", list(after)),
    }
    if len(planned) > 1:
        told["balances"] = [
            {"canister": canister.to_str(), "cycles_before": before, "cycles_after": now}
            for (canister, before), now in zip(planned.items(), after, strict=True)
        ]
    return told


def _summed(name: str, cycles: list[int | None]) -> dict[str, object]:
    """The balances of all together, where each of them is known."""
    known = [item for item in cycles if item is not None]
    return {name: sum(known)} if known and len(known) == len(cycles) else {}


def _planned(bench: Bench) -> Planned:
    """The canisters of the operation's plan, and what it found in them."""
    kind, folder = bench.running.request.kind, bench.running.files.directory
    if kind == "restore":
        return {member.canister: member.live.cycles for member in members_of(read_any_plan(folder))}
    if kind == "rollback":
        members = read_plan(folder, RollbackPlan).members
        return {member.canister: None if member.live is None else member.live.cycles for member in members}
    if kind in REMEDIES:
        plan = read_plan(folder, RemedyPlan)
        return {plan.canister: None if plan.live is None else plan.live.cycles}
    return {}


async def _balance(agent: Agent, canister: Principal) -> int | None:
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            return (await canister_status(agent, canister)).cycles
    except (QuriError, TimeoutError):
        return None  # somebody who is no controller does not see it, nor does anybody without a network
