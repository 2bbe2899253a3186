"""Kinds of option values that several commands take."""

from __future__ import annotations

import click

from quri_console.units import parse_cycles, parse_duration


class Duration(click.ParamType[float]):
    """Seconds, written like 90s or 2m."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        return value if isinstance(value, float) else parse_duration(str(value))


class Cycles(click.ParamType[int]):
    """Cycles, written like 5T or 500B."""

    name = "cycles"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        return value if isinstance(value, int) else parse_cycles(str(value))
