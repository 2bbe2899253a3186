from __future__ import annotations

from pathlib import Path

import pytest

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.console import Console
from quri_console.errors import NetworkError
from quri_console.history import History
from quri_console.history.duties import Duty
from quri_console.localnet.demo_fleet import FLEET
from quri_console.monitor.not_ready import READY_ALL, not_ready
from quri_console.service.readiness import ask_if_due, keep_asking
from quri_console.service.session import Session
from quri_console.units import DAY_SECONDS
from tests.support.operator_command import operator_on_fleet


async def _away(_session: Session) -> None:
    raise NetworkError("nobody answers")


async def test_the_watch_asks_once_in_the_interval_and_keeps_what_came_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        text = operator.config.read_text()
        monitor = '[monitor]\nready_interval = "24h"\n'
        operator.config.write_text(
            text.replace("[monitor]\n", monitor) if "[monitor]\n" in text else f"{text}\n{monitor}"
        )
        session = Console.open(config_path=operator.config).session
        async with await History.open(session.config.paths.history) as history:
            await ask_if_due(session, history)
            first = await history.duties.get("local", READY_ALL)
            assert first.succeeded_ns is not None
            assert set(not_ready(await history.duties.all("local"))) == {item.id for item in FLEET}
            await ask_if_due(session, history)
            assert await history.duties.get("local", READY_ALL) == first
            long_ago = session.clock.now_ns() - 25 * 3600 * NANOSECONDS_PER_SECOND
            await history.duties.started("local", READY_ALL, long_ago)
            monkeypatch.setattr("quri_console.service.readiness.readiness", _away)
            await ask_if_due(session, history)
            away = await history.duties.get("local", READY_ALL)
            assert away.failing, "a network that is away says nothing about any canister"
            assert set(not_ready(await history.duties.all("local"))) == {item.id for item in FLEET}


async def test_it_is_off_unless_the_configuration_says_otherwise(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        session = Console.open(config_path=operator.config).session
        assert session.config.monitor.ready_interval_seconds == 0
        await keep_asking(session)
        assert not session.config.paths.history.exists()


def test_only_what_failed_last_is_not_ready() -> None:
    day = DAY_SECONDS * NANOSECONDS_PER_SECOND
    duties = {
        "ready:a": Duty("ic", "ready:a", failed_ns=2 * day, succeeded_ns=day, note="no backup"),
        "ready:b": Duty("ic", "ready:b", failed_ns=day, succeeded_ns=2 * day, note="no backup"),
        "retention": Duty("ic", "retention", failed_ns=day, note="disk full"),
    }
    assert not_ready(duties) == {"a": "no backup"}
