"""Which of a backup's settings a restore brings back, when it is asked for: only what differs now."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from quri_console.effects.settings import differing
from quri_console.ic.management.types import CanisterSettings, SettingsChange

CHANGEABLE = tuple(field.name for field in fields(SettingsChange))


def settings_back(recorded: CanisterSettings, present: CanisterSettings) -> SettingsChange | None:
    """The change that makes `present` what was recorded; None when nothing differs.

    What the backup does not tell stays as it is.
    """
    whole = SettingsChange(**_some(recorded, CHANGEABLE))
    names = differing(whole, present)
    return SettingsChange(**_some(recorded, names)) if names else None


def _some(settings: CanisterSettings, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in names}
