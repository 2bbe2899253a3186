"""Operations that run in the test's own event loop, whose process can die, and whose network can go away.

Everything below `runner_main.work` is the product. A process that is dead sends nothing and writes nothing any more,
whatever its clean-up would like to do; its start guard is a process of its own and acts as after a real death.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import pytest

from quri_console.clock import Clock
from quri_console.effects import guard
from quri_console.effects.journal import JOURNAL_NAME, Journal
from quri_console.effects.operation_files import OperationFiles, Outcome, ProgressFile
from quri_console.effects.runner import BRING_BACK, Key, Running, read_key
from quri_console.errors import ExitCode, QuriError
from quri_console.ic.agent import Agent
from quri_console.ic.envelope import SignedCall
from quri_console.ic.transport import ConnectionLost, HttpAnswer, HttpTransport, Unreachable
from quri_console.service import left_stopped, operations, resuming
from quri_console.service.runner_main import work

OUTAGE_SECONDS = 60.0


class Killed(BaseException):
    """What a dead process meets wherever it would act."""


@dataclass
class Mishap:
    """What happens to the process at its call number `first` of `method`, on the side of the network or before it."""

    method: str
    dies: bool = False
    after: bool = False
    """Whether the network executes the call first."""
    first: int = 1
    with_guard: bool = False
    """Whether the start guard dies, too, as when the machine is rebooted."""
    seen: int = 0

    def is_due(self, method: str) -> bool:
        if method != self.method:
            return False
        self.seen += 1
        return self.seen == self.first


@dataclass
class Process:
    """One process of an operation."""

    clock: Clock
    mishap: Mishap | None = None
    dead: bool = False
    cut_until: float = 0.0
    """On the clock's `monotonic`."""
    losing_replies: bool = False
    in_flight: int = 0
    """Requests without an answer yet."""
    guards: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def die(self) -> None:
        """Be gone from now on."""
        self.dead = True
        if self.mishap is not None and self.mishap.with_guard:
            for child in self.guards:
                child.kill()
        raise Killed

    def cut(self) -> None:
        """Reach nobody for a minute."""
        self.cut_until = self.clock.monotonic() + OUTAGE_SECONDS

    def require_alive(self) -> None:
        if self.dead:
            raise Killed


PROCESS: ContextVar[Process | None] = ContextVar("PROCESS", default=None)


def _mortal_append(append: Any) -> Any:
    def appended(journal: Journal, event: str, /, **fields: object) -> Any:
        process = PROCESS.get()
        if process is not None:
            process.require_alive()
        return append(journal, event, **fields)

    return appended


def _mortal_post(post: Any) -> Any:
    async def posted(transport: HttpTransport, path: str, body: bytes, *, bulk: bool = False) -> HttpAnswer:
        process = PROCESS.get()
        if process is None:
            answer: HttpAnswer = await post(transport, path, body, bulk=bulk)
            return answer
        process.require_alive()
        if process.clock.monotonic() < process.cut_until:
            raise Unreachable("the network is unreachable")
        losing, process.losing_replies = process.losing_replies and path.endswith("/call"), False
        process.in_flight += 1
        try:
            answer = await post(transport, path, body, bulk=bulk)
        finally:
            process.in_flight -= 1
        process.require_alive()
        if losing:
            process.cut()
            raise ConnectionLost("the connection broke")
        return answer

    return posted


def _mortal_send(send: Any) -> Any:
    async def sent(agent: Agent, call: SignedCall, **options: bool) -> bytes:
        process = PROCESS.get()
        mishap = None if process is None else process.mishap
        if process is None or mishap is None or not mishap.is_due(call.method):
            reply: bytes = await send(agent, call, **options)
            return reply
        if mishap.dies:
            if mishap.after:
                await send(agent, call, **options)
            process.die()
        process.losing_replies = mishap.after
        if not mishap.after:
            process.cut()
        answer: bytes = await send(agent, call, **options)
        return answer

    return sent


def _watched_guard(spawn: Any) -> Any:
    def spawned() -> subprocess.Popen[bytes]:
        child: subprocess.Popen[bytes] = spawn()
        if (process := PROCESS.get()) is not None:
            process.guards.append(child)
        return child

    return spawned


class Runners:
    """Stands in for the start of runner processes: each becomes a task, `last` the newest."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.mishap: Mishap | None = None
        """Of the next process."""
        self.last: asyncio.Task[Outcome | None] | None = None
        self._process: Process | None = None

    @property
    def in_flight(self) -> int:
        """Requests of the newest process without an answer yet."""
        return 0 if self._process is None else self._process.in_flight

    def start(self, files: OperationFiles, module: str, key: Key, *, begin: Callable[[], None] = lambda: None) -> None:
        """As `effects.runner.start_runner`."""
        del module
        begin()
        process = self._process = Process(self.clock, self.mishap)
        self.mishap = None
        self.last = asyncio.create_task(_life(process, files, key))


async def _life(process: Process, files: OperationFiles, key: Key) -> Outcome | None:
    """What `effects.runner.run` does; None when the process died."""
    PROCESS.set(process)
    lock = files.lock_runner()
    assert lock is not None, "two runners of one operation"
    try:
        outcome = await _outcome(process, files, key)
        if not files.asked(BRING_BACK):
            files.write_outcome(outcome)
    except Killed:
        return None
    finally:
        os.close(lock)
    return outcome


async def _outcome(process: Process, files: OperationFiles, key: Key) -> Outcome:
    document = {"pem": key.pem.decode(), "passphrase": key.passphrase, "repository": key.repository_passphrase}
    now_ns = process.clock.now_ns
    journal = Journal(files.directory / JOURNAL_NAME, clock=process.clock)
    progress = ProgressFile(files.directory)
    read = read_key(io.BytesIO(json.dumps(document).encode()))
    try:
        done = await work(Running(files.request(), files, read, journal, progress, process.clock))
    except QuriError as error:
        result = dict(getattr(error, "result", {}))
        return Outcome(error.exit_code, now_ns(), error.what, error.why, error.next_step, result)
    finally:
        progress.close()
        journal.close()
    return Outcome(ExitCode(done.exit_code), now_ns(), done.what, done.why, done.next_step, dict(done.result))


def runners_in_this_process(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Runners:
    """Let every runner that is started from now on be a task that can die."""
    runners = Runners(clock)
    monkeypatch.setattr(operations, "start_runner", runners.start)
    monkeypatch.setattr(resuming, "start_runner", runners.start)
    monkeypatch.setattr(left_stopped, "start_runner", runners.start)
    monkeypatch.setattr(Journal, "append", _mortal_append(Journal.append))
    monkeypatch.setattr(HttpTransport, "post", _mortal_post(HttpTransport.post))
    monkeypatch.setattr(Agent, "send", _mortal_send(Agent.send))
    monkeypatch.setattr(guard, "_spawn", _watched_guard(guard._spawn))
    return runners
