"""Kinds of option values that several commands take."""

from __future__ import annotations

import click

from quri_console.units import parse_duration


class Duration(click.ParamType[float]):
    """Seconds, written like 90s or 2m."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        return value if isinstance(value, float) else parse_duration(str(value))
