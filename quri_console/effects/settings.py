"""Changing a canister's settings; after a lost reply the settings in force decide."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from quri_console.effects.attempt import PlannedEffect, undecided
from quri_console.effects.calls import UPDATE_SETTINGS
from quri_console.effects.perform import Effects
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management import change as management
from quri_console.ic.management.read import canister_status
from quri_console.ic.management.types import CanisterSettings, SettingsChange, Visibility
from quri_console.ic.rejection import Rejected

NOT_A_CONTROLLER = "IC0512"


async def update_settings(
    effects: Effects, canister: Principal, change: SettingsChange, *, leads_back: bool = False
) -> bool:
    """Put the settings that `change` names in force; whether anything had to be sent.

    Nothing is sent where they are in force already, as after an earlier process of this operation sent them.
    `leads_back`: it brings the old ones back, so an abort does not hold it up.
    Raises Rejected, EffectUndecided, NetworkError, Cancelled.
    """
    if not leads_back:
        effects.checkpoint()
    wanted = differing(change, (await canister_status(effects.agent, canister)).settings)
    if not wanted:
        return False
    await effects.attempts.run(
        PlannedEffect(UPDATE_SETTINGS, canister, {"settings": list(named(change))}),
        management.update_settings(canister, change),
        decide=lambda: _read_back(effects, canister, change, wanted),
    )
    return True


def named(change: SettingsChange) -> tuple[str, ...]:
    """The names of the settings that a change would touch."""
    return tuple(field.name for field in fields(change) if getattr(change, field.name) is not None)


def differing(change: SettingsChange, settings: CanisterSettings) -> tuple[str, ...]:
    """The names of the settings in force that are not as `change` wants them; one that is not told differs."""
    return tuple(name for name in named(change) if _plain(getattr(change, name)) != _plain(getattr(settings, name)))


def _plain(value: Any) -> Any:
    """Without the order of what has none."""
    match value:
        case Visibility("allowed_viewers", viewers):
            return frozenset(viewers)
        case Visibility(kind):
            return kind
        case tuple():
            return frozenset(value)
    return value


async def _read_back(
    effects: Effects, canister: Principal, change: SettingsChange, wanted: tuple[str, ...]
) -> tuple[None] | None:
    try:
        settings = (await canister_status(effects.agent, canister)).settings
    except Rejected as rejection:
        taken_away = change.controllers is not None and effects.agent.identity.sender not in change.controllers
        if rejection.error_code == NOT_A_CONTROLLER and taken_away:
            return (None,)
        raise undecided(UPDATE_SETTINGS, canister, "the settings cannot be read any more") from rejection
    left = differing(change, settings)
    if not left:
        return (None,)
    if left == wanted:
        return None
    raise undecided(UPDATE_SETTINGS, canister, f"some settings are as they were sent, but not {', '.join(left)}")
