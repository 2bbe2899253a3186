"""Two canisters that belong together, backed up and then damaged, and the plan that brings both back."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from quri_console.clock import SystemClock
from quri_console.effects.gate import Permit
from quri_console.effects.journal import Journal
from quri_console.effects.perform import Effects
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management import change
from quri_console.ic.prepared import perform
from quri_console.progress import NoProgress
from quri_console.restore.execute import GroupReport, execute_all
from quri_console.restore.group_plan import GroupPlan
from quri_console.restore.planning import plan_restore
from quri_console.restore.wish import RestoreWish
from tests.support.guinea_pig import Laboratory, Recorder, laboratory, module
from tests.support.incidents import OTHER_MODULE, QUIET_NAN, State, state_of

NAMES = ("pig", "hen")


@dataclass
class Pair:
    """Both canisters; `effects` journal into the folder of one operation."""

    lab: Laboratory
    canisters: tuple[Principal, Principal]
    good: State
    bad: State
    effects: Effects
    progress: Recorder = field(default_factory=Recorder)

    @property
    def states(self) -> list[State]:
        return [state_of(self.lab.net.network.subnet.get(canister.bytes)) for canister in self.canisters]

    async def statuses(self) -> list[str]:
        return [(await self.lab.status(canister)).status for canister in self.canisters]

    async def plan(self, **changes: object) -> GroupPlan:
        members = []
        for canister, name in zip(self.canisters, NAMES, strict=True):
            wish = RestoreWish(
                network="local",
                production=False,
                canister=canister,
                name=name,
                source="latest",
                stop_timeout_seconds=20,
                with_group=True,
                **changes,  # type: ignore[arg-type]
            )
            members.append(
                await plan_restore(
                    self.lab.agent,
                    wish,
                    repository=self.lab.store(),
                    locks=self.lab.folder / "locks",
                    clock=SystemClock(),
                    progress=NoProgress(),
                )
            )
        root_key_hash = hashlib.sha256(self.lab.agent.root_key).digest()
        return GroupPlan("local", False, root_key_hash, "farm", 0, tuple(members))

    async def restore(self, plan: GroupPlan, effects: Effects | None = None) -> GroupReport:
        return await execute_all(plan, effects or self.effects, self.lab.store(), progress=self.progress)

    def order(self, *kinds: str) -> list[tuple[str, str]]:
        """Which effects were begun on which canister, in their order."""
        names = {canister.to_str(): name for canister, name in zip(self.canisters, NAMES, strict=True)}
        return [
            (record.fields["effect"], names[record.fields["canister"]])
            for record in self.effects.journal.records
            if record.event == "intent" and record.fields["effect"] in kinds
        ]


@asynccontextmanager
async def pair(folder: Path) -> AsyncIterator[Pair]:
    """Back two fresh canisters up, then put another module and state in the place of each."""
    async with laboratory(folder) as lab:
        first, second = await lab.create(code=module(QUIET_NAN)), await lab.create(code=module(QUIET_NAN))
        await lab.back_up((first, "pig"), (second, "hen"))
        good = state_of(lab.net.network.subnet.get(first.bytes))
        for canister in (first, second):
            await perform(lab.agent, change.install_code(canister, "reinstall", module(OTHER_MODULE)))
        bad = state_of(lab.net.network.subnet.get(first.bytes))
        journal = Journal(folder / "restore" / "journal.jsonl")
        effects = Effects(lab.agent, journal, Permit("restore", lab.effects.permit.root_key_hash))
        try:
            yield Pair(lab, (first, second), good, bad, effects)
        finally:
            await effects.aclose()
            journal.close()
