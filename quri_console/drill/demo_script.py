"""The whole story without a screen, each step with its proof: from status and backup to restore and roll back.

Proofs come from the canister itself, asked by a query whose answer the network signs. The journal is not believed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quri_console.console import Console
from quri_console.drill.local_process import LocalNetwork
from quri_console.drill.sight import digest_of, is_healthy
from quri_console.errors import ExitCode, QuriError
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.candid import Types, decode, encode
from quri_console.ic.encoding.principal import parse_principal
from quri_console.render.operation import error_lines
from quri_console.render.restore_plan import restore_plan_lines
from quri_console.render.spans import plain
from quri_console.service.connect import connect

if TYPE_CHECKING:
    from quri_console.restore.plan import RestorePlan
    from quri_console.service.following import OperationHandle

CANISTER = "rune-engine"
DAMAGED_RUNES = 3

Say = Callable[[str], None]


class ProofFailed(QuriError):
    """The canister answered something else than the step claims."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the canister says of itself: its health, and the digest of all its data."""

    healthy: bool
    digest: int

    def __str__(self) -> str:
        return f"{'healthy' if self.healthy else 'NOT healthy'}, digest of the data {self.digest:016x}"


def play(network: LocalNetwork, say: Say) -> int:
    """Play the story on this network; the exit code is 0 when every proof holds."""
    try:
        asyncio.run(_Story(Console.open(config_path=network.config), say).play())
    except QuriError as error:
        say("")
        for span in error_lines(error):
            say(span.text)
        return int(error.exit_code)
    say("\nAll proofs hold.")
    return int(ExitCode.OK)


class _Story:
    def __init__(self, console: Console, say: Say) -> None:
        self._console = console
        self._say = say
        self._steps = 0
        self._canister = parse_principal(console.config.canister(CANISTER).id)
        self._confirmation = f"{console.network.name}/{CANISTER}"

    async def play(self) -> None:
        before = await self._show_the_fleet()
        await self._back_up()
        damaged = await self._damage(before)
        plan = await self._dry_run(damaged)
        self._step(f"Restore {CANISTER} from the backup, confirmed as {self._confirmation}")
        restore = await self._console.start_restore(plan, confirmation=self._confirmation)
        await self._finish(restore)
        restored = await self._evidence()
        self._prove(restored == before, f"the data is back: {restored}")
        self._step("Roll back: load the safety snapshot that the restore took")
        await self._finish(await self._console.start_rollback(restore.id, confirmation=self._confirmation))
        rolled_back = await self._evidence()
        self._prove(rolled_back == damaged, f"the damaged state is back as it was: {rolled_back}")

    async def _show_the_fleet(self) -> Evidence:
        self._step("Status of the fleet, asked from the network")
        fleet = await self._console.fleet_status(live=True)
        for view in fleet.canisters:
            self._say(f"  {view.name:<20} {view.status or 'no answer'}, {view.cycles or 0:,} cycles")
        self._prove(all(view.status == "running" for view in fleet.canisters), "every canister runs")
        evidence = await self._evidence()
        self._prove(evidence.healthy, f"{CANISTER} is {evidence}")
        return evidence

    async def _back_up(self) -> None:
        self._step(f"Back up {CANISTER}")
        await self._finish(await self._console.start_backup([CANISTER]))
        newest = self._console.backups()[0]
        verification = self._console.verify(newest.name)
        self._prove(verification.ok and verification.logical_bytes > 0, f"{newest.name} reads back as its digests say")

    async def _damage(self, before: Evidence) -> Evidence:
        self._step(f"Damage {CANISTER} by a real update call: corrupt({DAMAGED_RUNES})")
        async with await self._agent() as agent:
            reply = await agent.update(self._canister, "corrupt", encode([Types.Nat], [DAMAGED_RUNES]))
        (corrupted,) = decode(reply, [Types.Nat])
        damaged = await self._evidence()
        self._prove(corrupted > 0 and damaged != before and not damaged.healthy, f"{CANISTER} is {damaged}")
        return damaged

    async def _dry_run(self, damaged: Evidence) -> RestorePlan:
        self._step("Dry run of the restore")
        plan = await self._console.plan_restore(CANISTER)
        for line in restore_plan_lines(plan):
            self._say(f"  {plain(line)}")
        self._prove(plan.feasible and await self._evidence() == damaged, "every check passed, and nothing was changed")
        return plan

    async def _finish(self, handle: OperationHandle) -> None:
        phases: list[str] = []
        async for event in handle.events():
            if event.phase not in phases:
                phases.append(event.phase)
        outcome = await handle.wait()
        self._say(f"  {' → '.join(phases)}")
        outcome.raise_failure()
        self._say(f"  {outcome.what}")

    async def _evidence(self) -> Evidence:
        async with await self._agent() as agent:
            return Evidence(await is_healthy(agent, self._canister), await digest_of(agent, self._canister))

    async def _agent(self) -> AbstractAsyncContextManager[Agent]:
        return await connect(
            self._console.network, self._console.config.require_identity("operate"), self._console.clock
        )

    def _step(self, text: str) -> None:
        self._steps += 1
        self._say(f"\n{self._steps}. {text}")

    def _prove(self, holds: bool, claim: str) -> None:
        if not holds:
            raise ProofFailed(
                f"step {self._steps} could not be proven: {claim}",
                next_step="This is a bug in quri-console or its local network; please report this output.",
            )
        self._say(f"  proven: {claim}")
