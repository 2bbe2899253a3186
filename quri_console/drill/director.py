"""A drill from its first stage to its record, in a thread of its own: a console or a shell has the main one."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import wait
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

from quri_console.clock import Clock, SystemClock
from quri_console.drill.errors import DrillFailed
from quri_console.drill.incidents import INCIDENTS
from quri_console.drill.local_process import LocalProcess
from quri_console.drill.referee import News, Referee
from quri_console.drill.scenario import Scenario
from quri_console.drill.shell import Shell
from quri_console.drill.solving import Say, Script
from quri_console.drill.staging import ENDING_SECONDS, Stage, end_operation, staged
from quri_console.history.drills import DrillMode, DrillRecord

LOOK_SECONDS = 1.0
INTERRUPT_SECONDS = 0.1
TROUBLE_SECONDS = 90.0
"""How long trouble of the network lasts; that of a script lasts until the script waits for its end."""
NETWORK = ("--fleet", "--orders")
_Result = TypeVar("_Result")


@contextmanager
def drill_process(*, keep: bool = False) -> Iterator[LocalProcess]:
    """A local network for one drill, in a folder of its own that vanishes with the block unless it is kept."""
    folder = Path(tempfile.mkdtemp(prefix="quri-drill-"))
    try:
        process = LocalProcess(folder, NETWORK)
        try:
            yield process
        finally:
            process.stop()
    finally:
        if not keep:
            # a runner that was killed may still be writing into it
            shutil.rmtree(folder, ignore_errors=True)


class Director:
    """Plays one drill; every method may be called from one other thread.

    The network, the operator's watch and the referee run beside the trainee until the block ends.
    """

    def __init__(self, scenario: Scenario, process: LocalProcess, mode: DrillMode, clock: Clock | None = None) -> None:
        self.scenario = scenario
        self.mode = mode
        self._process = process
        self._clock = clock or SystemClock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="quri-drill", daemon=True)
        self._opened = AsyncExitStack()
        self._tasks: set[asyncio.Task[None]] = set()
        self._working: set[asyncio.Task[Any]] = set()
        """What the other thread waits for, or has given up in an interrupt."""
        self._stage: Stage | None = None
        self._referee: Referee | None = None
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def begin(self) -> None:
        """Set the stage, then let it happen. Raises DrillFailed, QuriError."""
        self._run(self._begin())

    def solve(self, say: Say) -> None:
        """Let the script solve it. Raises DrillFailed."""
        stage, referee = self._on_stage()
        self._run(Script(stage, self.scenario, referee, self._clock, say).solve())

    def looked(self) -> None:
        """The trainee sees the fleet from now on."""
        self._on_stage()[1].looked()

    def end(self) -> DrillRecord:
        """Look once more; what the drill came to. Raises DrillFailed where it could not be judged."""
        return self._run(self._end())

    def news(self) -> tuple[News, ...]:
        """What has to be told and was not told yet."""
        waiting = self._on_stage()[1].news
        return tuple(waiting.popleft() for _ in range(len(waiting)))

    @property
    def config(self) -> Path:
        """The configuration that the trainee works with; it is not there yet after the loss of a machine."""
        return self._on_stage()[0].ground.config

    def shell(self) -> Shell:
        """A shell on the scene, whose variables are those of the page."""
        ground = self._on_stage()[0].ground
        return Shell(ground.elsewhere, ground.config, ground.variables)

    def task(self) -> str:
        """What the trainee hears, with the places that it names."""
        text = self.scenario.task
        for name, value in self._on_stage()[0].ground.variables.items():
            text = text.replace(f"${name}", value)
        return text

    def _run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        future = asyncio.run_coroutine_threadsafe(self._tracked(work), self._loop)
        try:
            # a signal may be given to any thread, and then wakes nobody who waits in this one
            while not wait((future,), INTERRUPT_SECONDS).done:
                pass
            return future.result()
        except BaseException:
            # an interrupt must not leave the work running beside the verdict
            future.cancel()
            raise

    async def _tracked(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        task = asyncio.current_task()
        assert task is not None
        self._working.add(task)
        try:
            return await work
        finally:
            self._working.discard(task)

    def _on_stage(self) -> tuple[Stage, Referee]:
        assert self._stage is not None
        assert self._referee is not None
        return self._stage, self._referee

    async def _begin(self) -> None:
        network = await asyncio.to_thread(self._process.wait_until_serving)
        stage = self._stage = await self._opened.enter_async_context(staged(self._process, network))
        watch = self._background(stage.console.watch(lambda _: None))
        referee = self._referee = Referee(stage, self.scenario, self._clock)
        if self.scenario.on_machine:
            await _ended(watch)
        referee.incident_ns = self._clock.now_ns()
        await INCIDENTS[self.scenario.scene](stage.ground)
        if not await referee.look():
            raise DrillFailed("the incident did nothing", next_step="This is a bug in quri-console; please report it.")
        referee.news.append(News("In another terminal: export", f"QURI_CONFIG={self.config}"))
        where = f"Key K opens the runbook: page {self.scenario.page}."
        referee.news.append(News(f"DRILL: {self.scenario.title}", f"{self.task()} {where}", "warning"))
        self._background(self._keep_looking(referee))
        if self.scenario.scene == "network" and self.mode != "script":
            self._background(self._end_the_trouble(stage, referee))

    async def _keep_looking(self, referee: Referee) -> None:
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            await referee.look()

    async def _end_the_trouble(self, stage: Stage, referee: Referee) -> None:
        await self._clock.sleep(TROUBLE_SECONDS)
        stage.ground.order("answer again")
        referee.news.append(News("The network", "It answers again."))

    async def _end(self) -> DrillRecord:
        if self._failure is not None:
            raise DrillFailed("the drill could not be judged", why=str(self._failure)) from self._failure
        _, referee = self._on_stage()
        record = await referee.record(self.mode)
        await self._end_operations(referee)
        return record

    async def _end_operations(self, referee: Referee) -> None:
        """Their processes outlive the trainee's; without the network they would try for minutes."""
        for handle in referee.running():
            await end_operation(handle)

    def _background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = error

    async def _close(self) -> None:
        given_up = self._working - {asyncio.current_task()}
        if given_up:
            await asyncio.wait(given_up, timeout=ENDING_SECONDS)
        for task in list(self._tasks):
            await _ended(task)
        await self._opened.aclose()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
