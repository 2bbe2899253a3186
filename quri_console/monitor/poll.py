"""Asks the network for every canister's status, at once but not all at once, and never waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence

from quri_console.clock import Clock
from quri_console.errors import NetworkError
from quri_console.history import Sample
from quri_console.ic.agent import Agent
from quri_console.monitor.sources import PollTarget, sample_canister

OpenAgent = Callable[[], Awaitable[Agent]]


class Poller:
    """Rounds over one network's canisters; one round at a time, whoever asks."""

    def __init__(
        self,
        open_agent: OpenAgent,
        targets: Sequence[PollTarget],
        *,
        clock: Clock,
        concurrency: int,
        deadline_seconds: float,
    ) -> None:
        self._open_agent = open_agent
        self._targets = tuple(targets)
        self._clock = clock
        self._deadline_seconds = deadline_seconds
        self._slots = asyncio.Semaphore(concurrency)
        self._round = asyncio.Lock()
        self._agent: Agent | None = None

    @property
    def root_key(self) -> bytes | None:
        """The DER root key of the network that answers, None before the first connection."""
        return self._agent.root_key if self._agent is not None else None

    @property
    def agent(self) -> Agent | None:
        """The connection of the newest round, None when there is none."""
        return self._agent

    async def round(self, only: Collection[str] | None = None) -> tuple[Sample, ...]:
        """One sample per canister (of those in `only`), in their order; failures are samples, too.

        What has not answered at the deadline has failed.

        Raises QuriError when there is no agent to ask with for a reason that is not the network's,
        such as an unreadable key.
        """
        async with self._round:
            targets = [target for target in self._targets if only is None or target.canister_id in only]
            started = self._clock.monotonic()
            try:
                async with asyncio.timeout(self._deadline_seconds):
                    agent = await self._connected()
            except (NetworkError, TimeoutError) as error:
                return tuple(self._unreachable(target, error) for target in targets)
            left = max(self._deadline_seconds - (self._clock.monotonic() - started), 0.0)
            samples = await self._sample_all(agent, targets, left)
            if samples and not any(sample.answered for sample in samples):
                # the address may mean another machine by now, or a local network another root key
                await self.aclose()
            return samples

    async def aclose(self) -> None:
        """Close the connections; the next round opens new ones."""
        agent, self._agent = self._agent, None
        if agent is not None:
            await agent.aclose()

    async def _connected(self) -> Agent:
        if self._agent is None:
            self._agent = await self._open_agent()
        return self._agent

    async def _sample_all(self, agent: Agent, targets: Sequence[PollTarget], seconds: float) -> tuple[Sample, ...]:
        tasks = [asyncio.create_task(self._limited(agent, target)) for target in targets]
        try:
            if tasks:
                await asyncio.wait(tasks, timeout=seconds)
        finally:
            for task in tasks:
                task.cancel()
            # a cancelled call has let go of its connection only when it has ended
            await asyncio.gather(*tasks, return_exceptions=True)
        late = TimeoutError(f"no answer within {self._deadline_seconds:g} s")
        return tuple(
            self._unreachable(target, late) if task.cancelled() else task.result()
            for target, task in zip(targets, tasks, strict=True)
        )

    async def _limited(self, agent: Agent, target: PollTarget) -> Sample:
        async with self._slots:
            return await sample_canister(agent, target, self._clock)

    def _unreachable(self, target: PollTarget, error: Exception) -> Sample:
        why = f"no answer within {self._deadline_seconds:g} s" if isinstance(error, TimeoutError) else str(error)
        return Sample(target.canister_id, self._clock.now_ns(), error_kind="unreachable", error=why)
