"""What a drill consists of: what happens, what the trainee is told, which page helps, how a script solves it."""

from __future__ import annotations

from dataclasses import dataclass

from quri_console.effects.gate import OperationKind
from quri_console.history.drills import LimitOrigin


@dataclass(frozen=True, slots=True)
class Part:
    """The commands under one heading of the page; `scene` where it has blocks of several."""

    heading: str
    scene: str | None = None


@dataclass(frozen=True, slots=True)
class ByHand:
    """What the page says in words: one of `solving.HANDIWORK`."""

    name: str


Step = Part | ByHand


@dataclass(frozen=True, slots=True)
class Scenario:
    """One disaster. `scene` is the one of `incidents.INCIDENTS` that is played, `task` what the trainee hears.

    `helps` are the operations that bring this one to an end: any other that changes a canister is a wrong turn.
    """

    name: str
    title: str
    page: str
    scene: str
    task: str
    limit_seconds: float
    limit_of: LimitOrigin
    helps: frozenset[OperationKind]
    steps: tuple[Step, ...]
    alert: str = ""
    """The rule whose alert tells of it; empty where none does, and somebody has to look."""
    on_machine: bool = False
    """Whether the operator's machine is what was hit: then there is nothing to open a console on."""
