"""The old script's balances become history once, under the configuration's names."""

from pathlib import Path

import pytest

from quri_console.clock import ManualClock
from quri_console.config import NetworkConfig
from quri_console.errors import RefusedBySafetyRule, UsageError
from quri_console.history import History
from quri_console.service.history_import import import_history
from quri_console.service.session import Session
from tests.support.fleets import config

AT = 1_737_684_007 * 10**9
DAY = 86_400 * 10**9
NOW = AT + 20 * DAY


def session(folder: Path, *, read_only: bool = False, network: str = "ic") -> Session:
    fleet = config(folder)
    root_key = None if network == "ic" else "fetch"
    return Session(fleet, NetworkConfig(network, "https://icp-api.io", root_key), read_only, ManualClock(NOW))  # type: ignore[arg-type]


def old_file(folder: Path, name: str, extra: str = "") -> Path:
    path = folder / "cycles_history.json"
    lines = [
        f'{{"timestamp":"2025-01-{24 + hour // 24}T{hour % 24:02}:00:07Z","network":"ic","canisters":'
        f'[{{"name":"{name}","cycles":{10**12 - hour * 10**9},"status":"HEALTHY"}}]}}'
        for hour in range(2, 50)
    ]
    path.write_text("\n".join(["[]", *lines, extra]))
    return path


async def test_balances_are_taken_once_and_rolled_up(tmp_path: Path) -> None:
    ours = session(tmp_path)
    canister = ours.config.canisters[0]
    path = old_file(tmp_path, canister.name)
    before = path.read_bytes()
    first = await import_history(ours, path)
    again = await import_history(ours, path)
    assert (first.added, first.skipped, first.problems) == (48, 0, ())
    assert (again.added, again.skipped, again.problems) == (0, 48, ())
    assert path.read_bytes() == before
    async with await History.open(ours.config.paths.history) as history:
        samples = await history.samples("ic", canister.id)
        assert {sample.origin for sample in samples} == {"imported"}
        days = await history.rollups.buckets("ic", canister.id, 86_400)
        assert sum(day.burnt for day in days) == 47 * 10**9
        # what another tool saw is no attempt of ours
        assert await history.newest_samples("ic") == {}


async def test_importing_again_adds_nothing_when_the_samples_were_deleted_meanwhile(tmp_path: Path) -> None:
    ours = session(tmp_path)
    canister = ours.config.canisters[0]
    path = old_file(tmp_path, canister.name)
    await import_history(ours, path)
    async with await History.open(ours.config.paths.history) as history:
        assert (await history.retention.prune("ic", NOW)).samples > 40
        before = await history.rollups.buckets("ic", canister.id, 3600)
        assert (await import_history(ours, path)).added == 0
        assert await history.rollups.buckets("ic", canister.id, 3600) == before


async def test_what_cannot_be_taken_is_told_and_costs_nothing_else(tmp_path: Path) -> None:
    ours = session(tmp_path)
    extra = "\n".join(
        [
            '{"timestamp":"2025-01-26T02:00:07Z","network":"ic","canisters":[{"name":"nobody","cycles":1}]}',
            '{"timestamp":"2025-01-26T03:00:07Z","network":"local","canisters":[{"name":"nobody","cycles":1}]}',
            '{"timestamp":"2035-01-26T03:00:07Z","network":"ic","canisters":[{"name":"'
            + ours.config.canisters[0].name
            + '","cycles":1}]}',
            '{"timestamp":',
        ]
    )
    result = await import_history(ours, old_file(tmp_path, ours.config.canisters[0].name, extra))
    assert result.added == 48
    assert [(problem.line, problem.text.split(":")[0]) for problem in result.problems] == [
        (53, "not a whole record"),
        (0, "nobody is no canister of the configuration"),
        (0, "the network local is not ic"),
        (0, "times in the future or before the network began"),
    ]


async def test_mainnet_by_another_name_is_still_mainnet_and_another_network_is_not(tmp_path: Path) -> None:
    ours = session(tmp_path, network="local")
    path = old_file(tmp_path, ours.config.canisters[0].name)
    assert (await import_history(ours, path)).added == 0


async def test_a_read_only_console_imports_nothing(tmp_path: Path) -> None:
    ours = session(tmp_path, read_only=True)
    with pytest.raises(RefusedBySafetyRule):
        await import_history(ours, old_file(tmp_path, ours.config.canisters[0].name))
    assert not ours.config.paths.history.exists()


async def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        await import_history(session(tmp_path), tmp_path / "none.json")
