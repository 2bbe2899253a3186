"""Which screen each view has; imported when the view is first opened, so that the first paint waits for one only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, cast

from textual.screen import Screen

from quri_console.render.actions import ACTIVITY, ALERTS, BACKUPS, CYCLES, FLEET


def _screen(module: str, name: str) -> Callable[[], Screen[Any]]:
    def make() -> Screen[Any]:
        return cast("Screen[Any]", getattr(import_module(f"quri_console.ui.screens.{module}"), name)())

    return make


VIEW_SCREENS: Mapping[str, Callable[[], Screen[Any]]] = {
    FLEET: _screen("fleet", "FleetScreen"),
    CYCLES: _screen("cycles", "CyclesScreen"),
    BACKUPS: _screen("backups", "BackupsScreen"),
    ALERTS: _screen("alerts", "AlertsScreen"),
    ACTIVITY: _screen("activity", "ActivityScreen"),
}
