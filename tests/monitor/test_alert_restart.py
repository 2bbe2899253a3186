"""SIGKILL before, within and after any step: states, messages and the past are as if it had never happened."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import aiosqlite
import pytest

from quri_console.config.alerting import AlertsConfig, ChannelConfig, SecretSource
from quri_console.history import History
from quri_console.monitor.alert_book import read_book
from quri_console.monitor.alert_engine import AlertEngine, Picture, run_step
from quri_console.monitor.notification import Notification
from quri_console.monitor.notify import outbox_message
from quri_console.monitor.rules import Rule
from tests.support.alerting import INTERVAL, MINUTE, START, finding, health

Place = Literal["before", "unkept", "after"]
Fleet = Mapping[str, Sequence[Rule]]

SUBJECTS = ("a", "b", "c")
CONFIG = AlertsConfig(keep_firing_seconds=60, group_interval_seconds=120, repeat_critical_seconds=300)

# By step: something critical and a warning, all gone, no data, a change, back to well.
SCRIPT: tuple[Fleet, ...] = (
    {"a": ["stopped"], "b": ["cycles-low"]},
    {"a": ["stopped"], "b": ["cycles-low"]},
    {"a": ["stopped", "unreachable"], "b": ["cycles-low", "unreachable"], "c": ["unreachable"]},
    *({"a": ["unreachable"], "b": ["unreachable"], "c": ["unreachable"]},) * 4,
    {"b": ["module-changed"], "c": ["frozen", "cycles-low"]},
    *({"c": ["frozen", "cycles-low"]},) * 2,
    *({},) * 5,
)


async def run(path: Path, kill: tuple[int, Place] | None = None) -> None:
    """Make the script's steps that are still to be made; which those are only the history knows."""

    async def put(
        connection: aiosqlite.Connection, message: Notification, channels: Sequence[ChannelConfig], now_ns: int
    ) -> None:
        document = json.dumps(asdict(message))
        await connection.execute("INSERT INTO messages VALUES (?, ?)", (message.key, document))

    async with await History.open(path) as history:
        engine = AlertEngine("ic", CONFIG, INTERVAL)
        while True:
            async with history.alerts.changing("ic") as alerts:
                step = read_book(await alerts.pages()).clock.steps
            if step == len(SCRIPT):
                return
            die_at = kill[1] if kill is not None and kill[0] == step else None
            if die_at == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            now_ns = START + step * MINUTE
            picture = Picture(
                {subject: health(*map(finding, SCRIPT[step].get(subject, ()))) for subject in SUBJECTS},
                {subject: subject for subject in SUBJECTS},
            )
            if die_at == "unkept":
                async with history.alerts.changing("ic") as alerts:
                    pages = await alerts.pages()
                    changes = engine.step(read_book(pages), now_ns, picture)
                    for message in changes.notifications:
                        await put(alerts.connection, message, (), now_ns)
                    os.kill(os.getpid(), signal.SIGKILL)
            await run_step(history, engine, picture, now_ns, put, ())
            if die_at == "after":
                os.kill(os.getpid(), signal.SIGKILL)


# forked from a server without threads: a child of pytest's own process would share its workers' sockets
CHILDREN = multiprocessing.get_context("forkserver")


def run_in_child(path: Path, kill: tuple[int, Place]) -> None:
    asyncio.run(run(path, kill))


def in_a_child(path: Path, kill: tuple[int, Place]) -> None:
    """Run until killed at that place."""
    CHILDREN.set_forkserver_preload([__name__])
    child = CHILDREN.Process(target=run_in_child, args=(path, kill))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL


def prepare(path: Path) -> Path:
    async def make() -> None:
        async with await History.open(path):
            pass

    asyncio.run(make())
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE messages (key TEXT UNIQUE, document TEXT)")
    connection.close()
    return path


def outcome(path: Path) -> dict[str, list[tuple[object, ...]]]:
    tables = ("messages", "alerts", "alert_history", "alert_groups", "alert_clocks")
    connection = sqlite3.connect(path)
    found = {table: sorted(connection.execute(f"SELECT * FROM {table}")) for table in tables}
    connection.close()
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[object, ...]]]:
    path = prepare(tmp_path_factory.mktemp("undisturbed") / "h.sqlite")
    asyncio.run(run(path))
    return outcome(path)


def test_the_script_has_something_of_everything(undisturbed: dict[str, list[tuple[object, ...]]]) -> None:
    messages = [json.loads(str(row[1])) for row in undisturbed["messages"]]
    told = {(note["subject"], note["rule"], note["status"]) for message in messages for note in message["alerts"]}
    assert {
        ("a", "stopped", "firing"),
        ("a", "stopped", "resolved"),
        ("watch", "unreachable", "firing"),
        ("watch", "unreachable", "resolved"),
        ("b", "module-changed", "firing"),
        ("c", "frozen", "resolved"),
    } <= told


async def test_a_step_and_its_message_in_the_outbox_are_kept_together(tmp_path: Path) -> None:
    async with await History.open(tmp_path / "h.sqlite") as history:

        async def put(
            connection: aiosqlite.Connection, message: Notification, channels: Sequence[ChannelConfig], now_ns: int
        ) -> None:
            names = [channel.name for channel in channels]
            await history.outbox.put_in(
                connection, outbox_message(message), names, now_ns=now_ns, expires_ns=now_ns + MINUTE
            )

        async def fail(*_: object) -> None:
            raise ZeroDivisionError

        engine = AlertEngine("ic", CONFIG, INTERVAL)
        picture = Picture({"a": health("stopped")}, {"a": "a"})
        channels = [ChannelConfig("chat", "slack", SecretSource(env="URL"))]
        with pytest.raises(ZeroDivisionError):
            await run_step(history, engine, picture, START, fail, channels)
        assert await history.alerts.current("ic") == ()
        assert await history.outbox.counts() == {}
        await run_step(history, engine, picture, START + MINUTE, put, channels)
        await run_step(history, engine, picture, START + 2 * MINUTE, put, channels)
        assert [row.state for row in await history.alerts.current("ic")] == ["firing"]
        assert {name: counts.waiting for name, counts in (await history.outbox.counts()).items()} == {"chat": 1}


@pytest.mark.parametrize("place", ["before", "unkept", "after"])
def test_killed_at_every_step_and_nothing_is_repeated_or_forgotten(
    tmp_path: Path, place: Place, undisturbed: dict[str, list[tuple[object, ...]]]
) -> None:
    path = prepare(tmp_path / "h.sqlite")
    for step in range(len(SCRIPT)):
        in_a_child(path, (step, place))
    asyncio.run(run(path))
    assert outcome(path) == undisturbed
