"""A drill solved by a script: the command lines of the runbook's page, in its order, and what it says to do by hand."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import tomli_w

from quri_console.clock import Clock
from quri_console.config import load_config
from quri_console.drill.errors import DrillFailed
from quri_console.drill.incidents import NAME
from quri_console.drill.pages import Block, blocks_of
from quri_console.drill.referee import Referee
from quri_console.drill.scenario import ByHand, Scenario, Step
from quri_console.drill.shell import Ended, Shell
from quri_console.drill.staging import Stage
from quri_console.localnet.configuration import write_private
from quri_console.report.runbook import FIRST

Say = Callable[[str], None]
LOOK_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 90.0
_OUTPUT_SHOWN = 400


@dataclass
class Script:
    """Solves one scenario on its stage; `say` hears of every command line."""

    stage: Stage
    scenario: Scenario
    referee: Referee
    clock: Clock
    say: Say
    last: Ended | None = None
    new_id: str = ""

    async def solve(self) -> None:
        """Play every step. Raises DrillFailed where a command ends otherwise than its page says."""
        if self.scenario.alert:
            await self._until(self.referee.alerted, "an alert")
            for block in blocks_of(FIRST, scene="alert"):
                await self._run(block)
        for step in self.scenario.steps:
            if isinstance(step, ByHand):
                self.say(f"  by hand: {step.name}")
                await HANDIWORK[step.name](self)
            else:
                for block in self._blocks(step):
                    await self._run(block)

    def _blocks(self, step: Step) -> list[Block]:
        assert not isinstance(step, ByHand)
        return blocks_of(self.scenario.page, step.scene or self.scenario.scene, step.heading)

    async def _run(self, block: Block) -> None:
        for line in block.lines:
            await self.run(line, block.exits)

    async def run(self, line: str, exits: tuple[int, ...] = (0,), *, confirm: str = f"local/{NAME}") -> None:
        """Run one line as an operator would. Raises DrillFailed."""
        ground = self.stage.ground
        self.say(f"  $ {line}")
        ended = self.last = await Shell(ground.elsewhere, ground.config, ground.variables)(line, confirm=confirm)
        self.referee.looked()
        if ended.code not in exits:
            raise DrillFailed(
                f"the runbook's page {self.scenario.page} does not solve this: `{line}` ended with {ended.code}",
                why=(ended.errors or ended.output).strip()[-_OUTPUT_SHOWN:],
                next_step="This is a bug in quri-console or in its runbook; please report this output.",
            )

    async def _until(self, holds: Callable[[], Awaitable[bool]], what: str) -> None:
        end = self.clock.monotonic() + LONGEST_WAIT_SECONDS
        while not await holds():
            if self.clock.monotonic() > end:
                raise DrillFailed(f"{what} did not come within {LONGEST_WAIT_SECONDS:.0f} s")
            await self.clock.sleep(LOOK_SECONDS)

    async def restore_into_the_new_one(self) -> None:
        """Run the command that `create` has printed."""
        assert self.last is not None
        found = re.search(r"quri-console (restore .*)", self.last.output)
        if found is None:
            raise DrillFailed("`create` printed no command to go on with", why=self.last.output[-_OUTPUT_SHOWN:])
        words = found[1].split()
        self.new_id = words[words.index("--to") + 1]
        await self.run(f"quri-console {found[1]}", confirm=f"local/{self.new_id}")

    async def name_the_new_id(self) -> None:
        """Put the new canister's id into the configuration."""
        self._edit("canisters", NAME, "id", self.new_id)

    async def name_the_new_key(self) -> None:
        """Put the new key into the configuration, and wait for the colleague who makes it a controller."""
        for duty in ("poll", "backup", "operate"):
            self._edit("identities", duty, "pem", self.stage.ground.variables["NEW_KEY"])
        await self._until(self._recovered, "the colleague's help")

    async def wait_until_it_is_over(self) -> None:
        """Do nothing, which is what the page says, while others repair it."""
        self.stage.ground.order("answer again")
        await self._until(self._recovered, "the end of the trouble")

    async def _recovered(self) -> bool:
        return not await self.referee.look()

    def _edit(self, table: str, name: str, field: str, value: str) -> None:
        path = load_config(self.stage.ground.config).path
        document = tomllib.loads(path.read_text())
        document[table][name][field] = value
        write_private(path, tomli_w.dumps(document).encode())


HANDIWORK: dict[str, Callable[[Script], Awaitable[None]]] = {
    "restore into the new one": Script.restore_into_the_new_one,
    "name the new id": Script.name_the_new_id,
    "name the new key": Script.name_the_new_key,
    "wait until it is over": Script.wait_until_it_is_over,
}
"""By the names that steps of scenarios have."""
