"""Reports that reach people: a summary goes to the channels that a schedule names, and is tried again as alerts are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quri_console.config import load_config
from quri_console.console import Console
from quri_console.service.session import Session
from tests.support.operator_command import Operator, operator_on_fleet
from tests.support.webhook_receiver import Receiver, Reply, webhook_receiver

CHANNELS = """
[channels.ops]
kind = "generic"
url_file = "hook.url"
lowest = "critical"
[channels.other]
kind = "generic"
url_file = "hook.url"
[schedules.report-daily]
channels = ["ops"]
"""


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with webhook_receiver() as found:
        yield found


@pytest.fixture
async def operator(tmp_path: Path, receiver: Receiver) -> AsyncIterator[Operator]:
    async with operator_on_fleet(tmp_path) as found:
        secret = tmp_path / "hook.url"
        secret.write_text(receiver.url)
        secret.chmod(0o600)
        found.config.write_text(found.config.read_text() + CHANNELS)
        yield found


async def test_a_scheduled_report_is_written_and_its_summary_sent_to_the_channels_it_names(
    operator: Operator, receiver: Receiver
) -> None:
    assert (await operator("monitor")).code in (0, 1, 2)
    done = await operator("schedule", "run", "report-daily", "--json")
    assert done.json()["run"]["outcome"] == "done", done.output
    (sent,) = receiver.received
    message = sent.json()
    (file,) = (operator.folder / "console" / "state" / "reports").iterdir()
    assert message["receiver"] == "ops"
    assert message["title"].startswith("Daily report: local, ")
    assert message["message"].splitlines()[-1] == f"All of it: {file}"
    assert "Not covered by any backup" in message["message"]
    assert message["alerts"][0]["labels"] == {"alertname": "quri-console-report", "severity": "none"}
    explained = (await operator("schedule", "explain", "report-daily", "--json")).json()
    assert explained["commands"][0][-2:] == ["--send", "ops"]


async def test_a_summary_that_no_channel_took_waits_and_goes_out_with_what_delivers_next(
    operator: Operator, receiver: Receiver
) -> None:
    receiver.usual = Reply(503)
    config = load_config(operator.config)
    console = Console(Session(config, config.networks[0]))
    (waiting,) = await console.send_report(await console.report("daily"), ["ops"], seconds=1.5)
    assert (waiting.channel, waiting.state) == ("ops", "waiting")
    assert "503" in waiting.error
    refused = len(receiver.received)
    receiver.usual = Reply(200)
    await operator("monitor", "--notify", "--quiet")
    taken = [item for item in receiver.received[refused:] if item.key.startswith("report:")]
    assert [item.key for item in taken] == [receiver.received[0].key]


async def test_a_summary_is_sent_again_until_it_is_taken(operator: Operator, receiver: Receiver) -> None:
    receiver.script = [Reply(503), Reply(503)]
    sent = await operator("report", "daily", "--send", "ops")
    assert (sent.code, sent.errors) == (0, "")
    assert sent.output.startswith("# Daily report")
    assert len({item.key for item in receiver.received}) == 1
    assert len(receiver.received) == 3


async def test_a_channel_that_is_gone_for_good_is_named_and_the_others_are_told(
    operator: Operator, receiver: Receiver
) -> None:
    receiver.usual = lambda request: Reply(404 if request.json()["receiver"] == "ops" else 200)
    sent = await operator("report", "weekly", "--send", "ops")
    assert sent.code == 3
    assert "ops has not taken the summary; it was given up: " in sent.errors
    (told,) = [item.json() for item in receiver.received if item.json()["receiver"] == "other"]
    assert "Not delivered: Weekly report: local" in told["message"]


async def test_an_unknown_channel_is_refused_before_anything_is_written(operator: Operator) -> None:
    refused = await operator("report", "daily", "--out", str(operator.folder / "r.md"), "--send", "opps")
    assert refused.code == 2
    assert "opps" in refused.errors
    assert not (operator.folder / "r.md").exists()
