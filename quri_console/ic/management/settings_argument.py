"""Settings as the Candid argument that the management canister and the cycles ledger take."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from quri_console.ic.management.types import EnvironmentVariable, SettingsChange, Visibility


def settings_argument(change: SettingsChange) -> dict[str, Any]:
    """`canister_settings` with those settings that `change` names."""
    values = ((field.name, getattr(change, field.name)) for field in fields(change))
    return {name: [] if value is None else [_setting(value)] for name, value in values}


def _setting(value: Any) -> Any:
    match value:
        case Visibility("allowed_viewers", viewers):
            return {"allowed_viewers": list(viewers)}
        case Visibility(kind):
            return {kind: None}
        case EnvironmentVariable(name, text):
            return {"name": name, "value": text}
        case tuple():
            return [_setting(item) for item in value]
    return value
