"""The history keeps alerts, silences and their past together, or not at all."""

from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.history import History
from quri_console.history.alerts import AlertChange, AlertEvent, AlertPages, AlertRow

STOPPED = AlertRow("a", "stopped", "firing", "critical", 5, '{"x":1}')
LOW = AlertRow("b", "cycles-low", "pending", "warning", 6, "{}")
PAST = AlertEvent("a", "stopped", 5, "firing", "critical", "it stands still")


async def save(history: History, change: AlertChange, network: str = "ic") -> None:
    async with history.alerts.changing(network) as alerts:
        await alerts.save(change)


async def save_and_fail(history: History, change: AlertChange) -> None:
    async with history.alerts.changing("ic") as alerts:
        await alerts.save(change)
        raise ZeroDivisionError


async def pages(history: History, network: str = "ic") -> AlertPages:
    async with history.alerts.changing(network) as alerts:
        return await alerts.pages()


@pytest.fixture
async def history(tmp_path: Path):  # type: ignore[no-untyped-def]
    async with await History.open(tmp_path / "h.sqlite") as opened:
        await save(opened, AlertChange("clock 1", (STOPPED, LOW), groups={"ic": "7"}, events=(PAST,)))
        yield opened


async def test_everything_comes_back_as_it_was(history: History) -> None:
    assert await pages(history) == AlertPages((STOPPED, LOW), {"ic": "7"}, (), "clock 1")
    assert await history.alerts.current("ic") == (STOPPED, LOW)
    assert await history.alerts.events("ic", 5) == (PAST,)
    assert await history.alerts.events("ic", 6) == ()


async def test_a_change_replaces_removes_and_forgets(history: History) -> None:
    resolved = replace(STOPPED, state="resolved", since_ns=9)
    await save(history, AlertChange("clock 2", (resolved,), (("b", "cycles-low"),), {"ic": None, "ic/one": "8"}))
    assert await pages(history) == AlertPages((resolved,), {"ic/one": "8"}, (), "clock 2")


async def test_networks_are_kept_apart(history: History) -> None:
    assert await pages(history, "local") == AlertPages()
    await save(history, AlertChange("c", removed=(("a", "stopped"),), groups={"ic": None}), "local")
    assert len(await history.alerts.current("ic")) == 2
    assert await history.alerts.acknowledge("local", "*", by_whom="op", now_ns=1) == 0


async def test_what_nobody_needs_to_see_is_not_listed(history: History) -> None:
    await save(history, AlertChange("c", (replace(LOW, state="gone"),)))
    assert await history.alerts.current("ic") == (STOPPED,)


async def test_a_failure_keeps_nothing_of_a_change(history: History) -> None:
    before = await pages(history)
    with pytest.raises(ZeroDivisionError):
        await save_and_fail(history, AlertChange("clock 2", removed=(("a", "stopped"),), events=(PAST,)))
    assert await pages(history) == before
    assert await history.alerts.events("ic", 0) == (PAST,)


async def test_an_acknowledgement_is_of_the_alerts_there_are_at_their_level(history: History) -> None:
    assert await history.alerts.acknowledge("ic", "*", by_whom="ann", note="on it", now_ns=8, until_ns=99) == 2
    mutes = await history.alerts.mutes("ic")
    assert [(m.subject, m.rule, m.kind, m.level, m.by_whom, m.note, m.until_ns) for m in mutes] == [
        ("a", "stopped", "ack", "critical", "ann", "on it", 99),
        ("b", "cycles-low", "ack", "warning", "ann", "on it", 99),
    ]
    past = await history.alerts.events("ic", 8)
    assert [(event.subject, event.state, event.text) for event in past] == [
        ("a", "acknowledged", "by ann: on it"),
        ("b", "acknowledged", "by ann: on it"),
    ]


async def test_acknowledging_again_replaces(history: History) -> None:
    await history.alerts.acknowledge("ic", "a", by_whom="ann", now_ns=8)
    await history.alerts.acknowledge("ic", "a", "stop*", by_whom="bob", now_ns=9)
    assert [mute.by_whom for mute in await history.alerts.mutes("ic")] == ["bob"]


async def test_what_is_over_cannot_be_acknowledged(history: History) -> None:
    await save(history, AlertChange("c", (replace(STOPPED, state="resolved"),)))
    assert await history.alerts.acknowledge("ic", "a", by_whom="ann", now_ns=8) == 0
    assert await history.alerts.mutes("ic") == ()


async def test_a_silence_can_be_taken_back(history: History) -> None:
    number = await history.alerts.silence("ic", "*", "frozen", by_whom="ann", note="drill", now_ns=8, until_ns=9)
    (mute,) = await history.alerts.mutes("ic")
    assert (mute.id, mute.subject, mute.rule, mute.kind, mute.from_ns, mute.until_ns) == (
        number,
        "*",
        "frozen",
        "silence",
        8,
        9,
    )
    assert not await history.alerts.unsilence("local", number)
    assert await history.alerts.unsilence("ic", number)
    assert not await history.alerts.unsilence("ic", number)


async def test_ended_acknowledgements_are_forgotten(history: History) -> None:
    await history.alerts.acknowledge("ic", "a", by_whom="ann", now_ns=8)
    (mute,) = await history.alerts.mutes("ic")
    await save(history, AlertChange("c", ended_mutes=(mute.id,)))
    assert await history.alerts.mutes("ic") == ()


async def test_the_old_past_can_be_dropped(history: History) -> None:
    await history.alerts.silence("ic", "old", by_whom="ann", now_ns=1, until_ns=2)
    await history.alerts.silence("ic", "for ever", by_whom="ann", now_ns=1)
    await history.alerts.prune("ic", 6)
    assert await history.alerts.events("ic", 0) == ()
    assert [mute.subject for mute in await history.alerts.mutes("ic")] == ["for ever"]


async def test_text_that_is_no_unicode_is_kept_as_far_as_it_is(history: History) -> None:
    await save(history, AlertChange("c", events=(replace(PAST, at_ns=9, text="half \ud800 a pair"),)))
    await history.alerts.silence("ic", "a", by_whom="\udcff", now_ns=1)
    assert [event.text for event in await history.alerts.events("ic", 9)] == ["half ? a pair"]
