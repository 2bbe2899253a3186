"""Colours as different eyes see them: WCAG 2.2 contrast, and colour blindness after Machado and others (2009)."""

from __future__ import annotations

from collections.abc import Sequence

from textual.color import Color

Matrix = tuple[tuple[float, float, float], ...]

# severity 1.0, in linear RGB
_SIMULATIONS: dict[str, Matrix] = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
# Bjoern Ottosson's Oklab
_CONES: Matrix = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
_LAB: Matrix = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)
VISIONS = tuple(_SIMULATIONS)
MADE_FOR = {
    "quri-deuteranopia": ("normal", "deuteranopia", "protanopia"),
    "quri-tritanopia": ("normal", "tritanopia"),
}


def _linear(colour: str) -> list[float]:
    channels = [channel / 255 for channel in Color.parse(colour).rgb]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]


def _times(matrix: Matrix, vector: Sequence[float]) -> list[float]:
    return [sum(factor * value for factor, value in zip(row, vector, strict=True)) for row in matrix]


def contrast(first: str, second: str) -> float:
    """WCAG 2.2 contrast ratio of two colours."""
    weights = ((0.2126, 0.7152, 0.0722),)
    high, low = sorted((_times(weights, _linear(colour))[0] for colour in (first, second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def difference(first: str, second: str, vision: str) -> float:
    """How far apart two colours are to an eye, as distance in Oklab; 0.02 can just be told apart side by side."""

    def seen(colour: str) -> list[float]:
        simulated = _times(_SIMULATIONS[vision], _linear(colour))
        return _times(_LAB, [max(cone, 0) ** (1 / 3) for cone in _times(_CONES, simulated)])

    return sum((a - b) ** 2 for a, b in zip(seen(first), seen(second), strict=True)) ** 0.5
