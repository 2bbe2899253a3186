"""A round against the embedded network: what is seen, by which way, and what happens when it is not."""

import asyncio
from pathlib import Path

import pytest

from quri_console.clock import SystemClock
from quri_console.config.principal_text import principal_text
from quri_console.errors import RefusedBySafetyRule
from quri_console.history import Sample
from quri_console.ic.agent import Agent, Rejected
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.identity import load_identity
from quri_console.localnet.faults import (
    Delay,
    DropBefore,
    FaultRule,
    ForgedCertificate,
    Refuse,
)
from quri_console.monitor.poll import Poller
from quri_console.monitor.sources import PollTarget, sample_canister
from quri_console.service.connect import connect
from quri_console.service.session import Session
from tests.support.watched import Watched, watched_network


def poller(watched: Watched, *ids: str, deadline: float = 20.0, concurrency: int = 8) -> Poller:
    session: Session = watched.session
    return Poller(
        lambda: connect(session.network, session.config.identity("poll"), session.clock),
        [PollTarget(canister_id) for canister_id in ids or watched.ids],
        clock=SystemClock(),
        concurrency=concurrency,
        deadline_seconds=deadline,
    )


async def one_round(watched: Watched, *ids: str, deadline: float = 20.0) -> tuple[Sample, ...]:
    polling = poller(watched, *ids, deadline=deadline)
    try:
        return await polling.round()
    finally:
        await polling.aclose()


async def test_a_controller_sees_everything_by_query(tmp_path: Path) -> None:
    async with watched_network(tmp_path, count=3) as watched:
        samples = await one_round(watched)
    assert [sample.canister_id for sample in samples] == list(watched.ids)
    for sample in samples:
        assert (sample.origin, sample.status, sample.error) == ("query", "running", None)
        assert sample.cycles is not None
        assert 4 * 10**12 < sample.cycles <= 5 * 10**12
        assert sample.freezing_limit is not None
        assert sample.module_hash is None
        assert principal_text(watched.net.controller.principal) in (sample.settings or "")
        assert sample.latency_ms is not None


async def test_an_answer_with_a_forged_signature_is_not_believed(tmp_path: Path) -> None:
    async with watched_network(tmp_path, count=1) as watched:
        watched.net.faults.add(FaultRule(ForgedCertificate(), route="query", count=None))
        samples = await one_round(watched)
    assert samples[0].error_kind == "untrusted"


async def test_an_anonymous_watcher_sees_what_is_public(tmp_path: Path) -> None:
    async with watched_network(tmp_path, count=1, poll_as="anonymous") as watched:
        (sample,) = await one_round(watched)
    assert (sample.origin, sample.error_kind, sample.cycles) == ("public", "not authorised", None)
    assert principal_text(watched.net.controller.principal) in (sample.settings or "")
    assert sample.answered


class OlderNetwork(Agent):
    """An agent of a network whose management canister has no query methods yet."""

    async def query(
        self, canister: Principal, method: str, argument: bytes, *, effective_canister: Principal | None = None
    ) -> bytes:
        raise Rejected(method, reject_code=5, error_code="IC0536", message="no query method", certified=False)


async def test_an_older_network_is_asked_by_update(tmp_path: Path) -> None:
    async with watched_network(tmp_path, count=1) as watched:
        identity = load_identity(tmp_path / "controller.pem")
        async with OlderNetwork(watched.net.url, root_key=watched.net.root_key, identity=identity) as agent:
            sample = await sample_canister(agent, PollTarget(watched.ids[0]), SystemClock())
    assert (sample.origin, sample.status, sample.error) == ("update", "running", None)


async def test_a_canister_that_does_not_exist(tmp_path: Path) -> None:
    async with watched_network(tmp_path, count=1) as watched:
        missing = principal_text(bytes.fromhex("80000000001000ff0101"))
        samples = await one_round(watched, watched.ids[0], missing)
    assert [sample.error_kind for sample in samples] == [None, "not found"]


async def test_one_silent_canister_does_not_hide_the_others(tmp_path: Path) -> None:
    async with watched_network(tmp_path, count=3) as watched:
        watched.net.faults.add(FaultRule(Delay(3600), canister=watched.canisters[1], count=None))
        samples = await one_round(watched, deadline=1.0)
    assert [sample.error_kind for sample in samples] == [None, "unreachable", None]
    assert samples[1].error == "no answer within 1 s"


async def test_a_network_that_drops_everything(tmp_path: Path) -> None:
    async with watched_network(tmp_path) as watched:
        watched.net.faults.add(FaultRule(DropBefore(), count=None))
        samples = await one_round(watched, deadline=2.0)
    assert {sample.error_kind for sample in samples} == {"unreachable"}
    assert not any(sample.answered for sample in samples)


async def test_a_passing_overload_is_survived(tmp_path: Path) -> None:
    async with watched_network(tmp_path, count=1) as watched:
        rule = watched.net.faults.add(FaultRule(Refuse(503), route="query", count=1))
        (sample,) = await one_round(watched)
    assert rule.applied == 1
    assert sample.error is None


async def test_after_silence_the_next_round_connects_anew(tmp_path: Path) -> None:
    async with watched_network(tmp_path, count=1) as watched:
        polling = poller(watched, deadline=1.0)
        rule = watched.net.faults.add(FaultRule(DropBefore(), count=None))
        assert (await polling.round())[0].error_kind == "unreachable"
        assert polling.root_key is None
        watched.net.faults.rules.remove(rule)
        assert (await polling.round())[0].error is None
        assert polling.root_key == watched.net.root_key
        await polling.aclose()


async def test_never_two_rounds_at_once(tmp_path: Path) -> None:
    async with watched_network(tmp_path, count=2, latency_seconds=0.05) as watched:
        polling = poller(watched)
        first, second = await asyncio.gather(polling.round(), polling.round())
        await polling.aclose()
    assert max(sample.at_ns for sample in first) < min(sample.at_ns for sample in second)


async def test_a_key_that_others_may_read_stops_the_round(tmp_path: Path) -> None:
    async with watched_network(tmp_path) as watched:
        (tmp_path / "controller.pem").chmod(0o640)
        with pytest.raises(RefusedBySafetyRule):
            await one_round(watched)


async def test_nothing_to_poll_is_fine(tmp_path: Path) -> None:
    async with watched_network(tmp_path, count=0) as watched:
        assert await one_round(watched) == ()
