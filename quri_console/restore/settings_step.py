"""Settings as a step of a restore and of its way back."""

from __future__ import annotations

from quri_console.effects.perform import Effects
from quri_console.effects.settings import named as names_in
from quri_console.effects.settings import update_settings
from quri_console.errors import RefusedBySafetyRule
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.types import CanisterSettings, SettingsChange
from quri_console.restore.words import named


async def change_settings(
    effects: Effects, canister: Principal, change: SettingsChange, *, leads_back: bool = False
) -> None:
    """Put settings in force. Raises Rejected, EffectUndecided, NetworkError, Cancelled unless it leads back."""
    await update_settings(effects, canister, change, leads_back=leads_back)


def settings_before(change: SettingsChange | None, live: CanisterSettings | None) -> SettingsChange | None:
    """What takes a change back: the same settings as they were; None where there is none."""
    if change is None or live is None:
        return None
    return SettingsChange(**{name: getattr(live, name) for name in names_in(change)})


def require_still_controller(sender: Principal, name: str, canister: Principal, change: SettingsChange | None) -> None:
    """Refuse a change after which this operation could not even start the canister. Raises RefusedBySafetyRule."""
    if change is None or change.controllers is None or sender in change.controllers:
        return
    raise RefusedBySafetyRule(
        f"the settings that would come back take {sender.to_str()} the control of {named(name, canister)}",
        why="it could then neither be checked nor started, nor rolled back",
        next_step="Restore without --with-settings, then change the controllers by themselves.",
    )
