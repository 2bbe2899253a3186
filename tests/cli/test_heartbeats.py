"""A dead man's switch hears of every round and every backup, and none of them depends on it."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from tests.cli.test_monitor import set_up
from tests.support.operator_command import Operator, operator_on_fleet
from tests.support.webhook_receiver import HANG, Receiver, webhook_receiver


def with_switch(operator: Operator, duty: str, receiver: Receiver) -> None:
    secret = operator.folder / "switch.url"
    secret.write_text(receiver.url)
    secret.chmod(0o600)
    set_up(operator, f'[monitor.heartbeats.{duty}]\nurl_file = "switch.url"\n')


def ends(receiver: Receiver) -> list[str]:
    return [request.target.split("?")[0].rsplit("/", 1)[1] for request in receiver.received]


async def test_a_backup_is_told_when_it_begins_and_how_it_ends(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator, webhook_receiver() as receiver:
        with_switch(operator, "backup", receiver)
        assert (await operator("backup", "registry")).code == 0
        assert ends(receiver) == ["start", "0"]
        runs = {request.target.split("rid=")[1] for request in receiver.received}
        assert len(runs) == 1, "start and end belong together"
        failed = await operator("backup", "registry", "--mode", "reuse", "--snapshot", "registry=00")
        assert failed.code != 0


async def test_a_switch_that_hangs_holds_up_no_watch(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator, webhook_receiver(HANG) as receiver:
        with_switch(operator, "watch", receiver)
        process = await operator.start("watch")
        await asyncio.wait_for(receiver.arrived.wait(), 20)
        await asyncio.sleep(1)
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 5)
    assert process.returncode == 0
