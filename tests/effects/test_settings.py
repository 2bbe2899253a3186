from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quri_console.effects.attempt import EffectUndecided
from quri_console.effects.calls import UPDATE_SETTINGS
from quri_console.effects.journal import Journal
from quri_console.effects.perform import Effects
from quri_console.effects.recover import recover
from quri_console.effects.replay import attempts
from quri_console.effects.settings import update_settings
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management import change
from quri_console.ic.management.types import EnvironmentVariable, SettingsChange, Visibility
from quri_console.ic.outcome import CallUndecided
from quri_console.ic.prepared import perform
from quri_console.ic.rejection import Rejected
from tests.support.guinea_pig import Laboratory, laboratory
from tests.support.lost_replies import crashed, forget_outcome, lose_outcome

OTHER = Principal(b"\x07" * 10 + b"\x02")
WANTED = SettingsChange(freezing_threshold=50 * 86_400, wasm_memory_limit=1 << 30)


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Laboratory]:
    async with laboratory(tmp_path) as opened:
        yield opened


def _outcomes(effects: Effects) -> list[str | None]:
    return [attempt.outcome for attempt in attempts(effects.journal.records, UPDATE_SETTINGS)]


async def test_settings_are_put_in_force_once_and_others_stay(lab: Laboratory) -> None:
    canister = await lab.create()
    before = (await lab.status(canister)).settings
    whole = SettingsChange(
        controllers=(lab.agent.identity.sender, OTHER),
        freezing_threshold=50 * 86_400,
        log_visibility=Visibility("allowed_viewers", (OTHER,)),
        environment_variables=(EnvironmentVariable("MODE", "careful"),),
    )
    assert await update_settings(lab.effects, canister, whole)
    settings = (await lab.status(canister)).settings
    assert settings.freezing_threshold == 50 * 86_400
    assert set(settings.controllers) == {lab.agent.identity.sender, OTHER}
    assert settings.wasm_memory_limit == before.wasm_memory_limit
    assert not await update_settings(lab.effects, canister, whole), "what is in force is not sent again"
    assert _outcomes(lab.effects) == ["done"]


@pytest.mark.parametrize("executed", [True, False])
async def test_after_a_lost_reply_the_settings_in_force_decide(lab: Laboratory, executed: bool) -> None:
    canister = await lab.create()
    lose_outcome(lab, "update_settings", executed=executed)
    forget_outcome(lab)
    await update_settings(lab.effects, canister, WANTED)
    assert (await lab.status(canister)).settings.freezing_threshold == 50 * 86_400
    assert _outcomes(lab.effects) == (["done"] if executed else ["not executed", "done"])


async def test_one_that_was_in_force_before_does_not_count_as_a_sign_of_execution(lab: Laboratory) -> None:
    canister = await lab.create()
    await perform(lab.agent, change.update_settings(canister, SettingsChange(wasm_memory_limit=1 << 30)))
    lose_outcome(lab, "update_settings", executed=False)
    forget_outcome(lab)
    await update_settings(lab.effects, canister, WANTED)
    assert _outcomes(lab.effects) == ["not executed", "done"]


async def test_somebody_else_who_changes_settings_meanwhile_stops_the_run(lab: Laboratory) -> None:
    canister = await lab.create()
    lose_outcome(lab, "update_settings", executed=False)

    async def meanwhile() -> None:
        await perform(lab.agent, change.update_settings(canister, SettingsChange(wasm_memory_limit=1 << 30)))

    forget_outcome(lab, meanwhile)
    with pytest.raises(EffectUndecided, match="update settings"):
        await update_settings(lab.effects, canister, WANTED)


async def test_giving_the_canister_away_is_known_by_being_refused(lab: Laboratory) -> None:
    canister = await lab.create()
    lose_outcome(lab, "update_settings", executed=True)
    forget_outcome(lab)
    await update_settings(lab.effects, canister, SettingsChange(controllers=(OTHER,)))
    assert _outcomes(lab.effects) == ["done"]
    with pytest.raises(Rejected):
        await lab.status(canister)


@pytest.mark.parametrize("executed", [True, False])
async def test_a_later_process_settles_it_and_goes_on(lab: Laboratory, executed: bool) -> None:
    canister = await lab.create()
    later = await crashed(
        lab, "update_settings", lambda: update_settings(lab.effects, canister, WANTED), executed=executed
    )
    await recover(later)
    assert _outcomes(later) == ["done" if executed else "not executed"]
    assert await update_settings(later, canister, WANTED) is not executed
    assert (await lab.status(canister)).settings.freezing_threshold == 50 * 86_400
    later.journal.close()


async def test_a_refusal_is_journalled_and_changes_nothing(lab: Laboratory) -> None:
    canister = await lab.create()
    before = (await lab.status(canister)).settings
    with pytest.raises(Rejected):
        await update_settings(lab.effects, canister, SettingsChange(compute_allocation=101))
    assert _outcomes(lab.effects) == ["rejected"]
    assert (await lab.status(canister)).settings == before


async def test_the_journal_keeps_the_request_for_a_later_process(lab: Laboratory) -> None:
    canister = await lab.create()
    lose_outcome(lab, "update_settings", executed=False)

    async def away(*_: object) -> None:
        raise CallUndecided(lab.effects.attempts.sign(change.start_canister(canister)), "gone")

    lab.effects.attempts.outlive = away  # type: ignore[assignment,method-assign]
    with pytest.raises(CallUndecided):
        await update_settings(lab.effects, canister, WANTED)
    reopened = Journal(lab.effects.journal.path)
    (attempt,) = attempts(reopened.records, UPDATE_SETTINGS)
    assert attempt.open
    assert attempt.fields["request"]["method"] == "update_settings"
    assert attempt.fields["settings"] == ["freezing_threshold", "wasm_memory_limit"]
    reopened.close()
