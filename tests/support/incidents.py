"""A canister that was backed up and then damaged, and everything needed to bring it back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from quri_console.backup.capture import back_up
from quri_console.clock import SystemClock
from quri_console.config.model import HealthCheck
from quri_console.effects.gate import Permit
from quri_console.effects.journal import Journal
from quri_console.effects.perform import Effects
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management import change
from quri_console.ic.prepared import perform
from quri_console.localnet.canister import Canister
from quri_console.progress import NoProgress
from quri_console.restore.execute import RestoreReport, execute
from quri_console.restore.plan import RestorePlan
from quri_console.restore.planning import RestoreWish, plan_restore
from tests.support.guinea_pig import Laboratory, Recorder, laboratory, module

NAME = "pig"
QUIET_NAN = "nan:0x600001"
"""Signalling ones lose a bit wherever a language turns them into a double, as JSON and Candid libraries do."""
OTHER_MODULE = "1.5"
"""What makes the damaged canister's module another one."""


@dataclass(frozen=True)
class State:
    """What a canister is, as the network itself holds it."""

    module: bytes
    heap: bytes
    stable_memory: bytes
    globals: tuple[object, ...]
    certified_data: bytes


@dataclass
class Incident:
    """One damaged canister; `effects` journal into the folder of one operation."""

    lab: Laboratory
    canister: Principal
    good: State
    bad: State
    effects: Effects
    progress: Recorder = field(default_factory=Recorder)

    @property
    def on_network(self) -> Canister:
        """The network's own record of the canister."""
        return self.lab.net.network.subnet.get(self.canister.bytes)

    @property
    def state(self) -> State:
        return state_of(self.on_network)

    async def plan(self, **changes: object) -> RestorePlan:
        wish = RestoreWish(
            network="local",
            production=False,
            canister=self.canister,
            name=NAME,
            source=str(changes.get("source", "latest")),
            stop_timeout_seconds=int(str(changes.get("stop_timeout_seconds", 20))),
            health_checks=(HealthCheck("health"),),
        )
        return await plan_restore(
            self.lab.agent,
            wish,
            repository=self.lab.store(),
            locks=self.lab.folder / "locks",
            clock=SystemClock(),
            progress=NoProgress(),
        )

    async def restore(self, plan: RestorePlan | None = None) -> RestoreReport:
        plan = await self.plan() if plan is None else plan
        return await execute(plan, self.effects, self.lab.store(), clock=SystemClock(), progress=self.progress)

    def reopened(self) -> Effects:
        """The same operation in a later process: the journal read again, nothing else known."""
        journal = Journal(self.effects.journal.path)
        return Effects(self.lab.agent, journal, self.effects.permit)

    def effects_done(self) -> list[str]:
        """Names of the effects in the journal, uploads of data once."""
        names = [record.fields["effect"] for record in self.effects.journal.records if record.event == "intent"]
        return list(dict.fromkeys(names))


def state_of(canister: Canister) -> State:
    """Everything that a restore must bring back."""
    assert canister.instance is not None
    captured = canister.instance.capture()
    return State(
        captured.module,
        bytes(captured.heap),
        bytes(captured.stable_memory),
        tuple(str(item) for item in captured.globals),
        captured.certified_data,
    )


@asynccontextmanager
async def incident(folder: Path, *, stopped: bool = False) -> AsyncIterator[Incident]:
    """Back a fresh canister up, then put another module and state in its place."""
    async with laboratory(folder) as lab:
        canister = await lab.create(code=module(QUIET_NAN))
        good = state_of(lab.net.network.subnet.get(canister.bytes))
        await back_up(lab.request((canister, NAME)), lab.effects, clock=SystemClock(), progress=NoProgress())
        await perform(lab.agent, change.install_code(canister, "reinstall", module(OTHER_MODULE)))
        if stopped:
            await perform(lab.agent, change.stop_canister(canister))
        bad = state_of(lab.net.network.subnet.get(canister.bytes))
        assert bad != good
        journal = Journal(folder / "restore" / "journal.jsonl")
        effects = Effects(lab.agent, journal, Permit("restore", lab.effects.permit.root_key_hash))
        try:
            yield Incident(lab, canister, good, bad, effects)
        finally:
            await effects.aclose()
            journal.close()
