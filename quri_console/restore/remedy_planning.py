"""Planning start and stop, and what every plan of a smaller remedy begins with; reads and changes nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from quri_console.backup.plan import answered_soon
from quri_console.config.model import HealthCheck
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.types import CanisterStatus
from quri_console.restore import remedy_checks as checks
from quri_console.restore.bill import message_cycles
from quri_console.restore.health import health_query_of
from quri_console.restore.look import Looked, look_at
from quri_console.restore.plan import Check, Step
from quri_console.restore.remedy_checks import Surroundings
from quri_console.restore.remedy_plan import RemedyKind, RemedyPlan


@dataclass(frozen=True, slots=True)
class RemedyWish:
    """Where a remedy is wanted, and for which canister."""

    network: str
    production: bool
    canister: Principal
    name: str
    stop_timeout_seconds: int = 60
    health_checks: tuple[HealthCheck, ...] = ()
    burn_per_day: float | None = None
    """Cycles, as the history saw them go; None where nobody watched."""


async def plan_start(agent: Agent, wish: RemedyWish, around: Surroundings) -> RemedyPlan:
    """What starting would do. Raises NotAuthorised, NetworkError."""
    looked = await look(agent, wish, around)
    status = looked.status
    sentences = ["Its state stays as it is: nothing is loaded, nothing is lost."]
    if status.status == "stopping":
        sentences.append("It is being stopped at the moment: starting cancels that stop.")
    if status.module_hash is None:
        sentences.append("It has no code, so it answers nothing until it is restored from a backup.")
    if status.cycles < status.freezing_limit_cycles:
        sentences.append(f"It is frozen and serves no updates until it is topped up: quri-console topup {wish.name}.")
    sentences.append(f"The way back: quri-console stop {wish.name}.")
    found = (
        checks.controller(agent.identity.sender, status),
        checks.check("state", status.status != "running", f"the canister is {status.status}", "It runs already."),
    )
    plan = remedy_plan("start", agent, wish, looked, around, found, sentences)
    asked = await health_checks_of(agent, wish)
    return replace(plan, steps=(Step("start", priced(status, message_cycles())),), health_checks=asked)


async def plan_stop(agent: Agent, wish: RemedyWish, around: Surroundings) -> RemedyPlan:
    """What stopping would do. Raises NotAuthorised, NetworkError."""
    looked = await look(agent, wish, around)
    sentences = (
        "It answers no call and no query, and its timers do not run, until it is started again.",
        "Its state stays as it is; it goes on paying for its memory.",
        f"When it has not stopped after {wish.stop_timeout_seconds} s, it is started again and nothing is changed.",
        "Nothing of this tool starts it again by itself: it stays stopped until somebody wants it to run.",
        f"The way back: quri-console start {wish.name}.",
    )
    running = looked.status.status == "running"
    found = (
        checks.controller(agent.identity.sender, looked.status),
        checks.check("state", running, f"the canister is {looked.status.status}", "There is nothing to stop."),
    )
    plan = remedy_plan("stop", agent, wish, looked, around, found, sentences)
    return replace(plan, steps=(Step("stop", priced(looked.status, message_cycles()), True),))


def priced(status: CanisterStatus, cycles: int) -> int:
    """Nothing on a subnet that charges no idle burn."""
    return cycles if status.idle_cycles_burned_per_day else 0


def key_hash(agent: Agent) -> bytes:
    """SHA-256 of the root key of the network that the agent trusts."""
    return hashlib.sha256(agent.root_key).digest()


async def look(agent: Agent, wish: RemedyWish, around: Surroundings) -> Looked:
    """The canister as it is now. Raises NotAuthorised, NetworkError."""
    async with answered_soon(agent):
        return await look_at(agent, wish.canister, wish.name, around.clock)


async def health_checks_of(agent: Agent, wish: RemedyWish) -> tuple[HealthCheck, ...]:
    """As configured, else the query that the canister itself publishes."""
    if wish.health_checks:
        return wish.health_checks
    found = await health_query_of(agent, wish.canister)
    return () if found is None else (HealthCheck(found),)


def remedy_plan(
    kind: RemedyKind,
    agent: Agent,
    wish: RemedyWish,
    looked: Looked,
    around: Surroundings,
    found: tuple[Check, ...],
    sentences: tuple[str, ...] | list[str],
) -> RemedyPlan:
    """The beginning of every plan about a canister that was looked at."""
    return RemedyPlan(
        kind=kind,
        network=wish.network,
        production=wish.production,
        root_key_hash=key_hash(agent),
        canister=wish.canister,
        name=wish.name,
        made_at_ns=looked.at_ns,
        live=looked.live(),
        consequences=tuple(sentences),
        steps=(),
        checks=(*found, *checks.around(around)),
        stop_timeout_seconds=wish.stop_timeout_seconds,
    )
