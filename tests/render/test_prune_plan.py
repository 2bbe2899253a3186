"""A prune's plan in words: packs with one reason in one line, and nothing in it that could move a terminal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from quri_console.render.prune_plan import prune_plan_lines, prune_result_lines
from quri_console.render.spans import plain
from quri_console.repository.prune_plan import DamagedPack, PackStep, PrunePlan, PruneResult, SetRemoval
from quri_console.repository.removal_rules import Objection

NOW = datetime(2025, 1, 24, 2, tzinfo=UTC)
MIB = 1 << 20
EMPTY = PrunePlan(NOW, timedelta(days=7), 0.4)
HOSTILE = "\x1b[2Jgone\u202e"


def text(plan: PrunePlan) -> str:
    return "\n".join(plain(line) for line in prune_plan_lines(plan))


def step(number: int, why: str) -> PackStep:
    return PackStep(bytes([number]) * 32, 16 * MIB, why)


def test_an_empty_plan_says_so() -> None:
    assert text(EMPTY) == "There is nothing to prune now."


def test_packs_with_one_reason_are_one_line() -> None:
    plan = PrunePlan(
        NOW,
        timedelta(days=7),
        0.4,
        deleted=(step(1, "old"), step(2, "older"), step(3, "old")),
        marked=(step(4, "new"),),
    )
    lines = text(plan).splitlines()
    assert lines == [
        "Now: frees 48 MiB",
        "  delete 2 packs, 32 MiB: old",
        "  delete 1 pack, 16 MiB: older",
        "  mark 1 pack, 16 MiB: new",
        "Later, 7 d after each was marked or forgotten: 16 MiB",
        "  then 1 pack, 16 MiB: marked by this prune, unless needed again",
    ]


def test_a_refused_plan_says_why_and_what_to_do_and_nothing_else() -> None:
    plan = PrunePlan(NOW, timedelta(days=7), 0.4, refusals=(Objection("It is so", "because", "do this"),))
    assert text(plan).splitlines() == [
        "Nothing can be pruned",
        "  It is so",
        "    Why:  because",
        "    Next: do this",
    ]


def test_what_people_wrote_into_marks_cannot_move_the_terminal() -> None:
    removal = SetRemoval("20250101T000000Z", 5, NOW, HOSTILE, HOSTILE)
    back = Objection(HOSTILE, HOSTILE, HOSTILE, "20250101T000000Z")
    plan = PrunePlan(NOW, timedelta(days=7), 0.4, sets=(removal,), kept_back=(back,))
    result = PruneResult(plan, 5, 0, 0, (DamagedPack(bytes(32), HOSTILE),))
    shown = text(plan) + "".join(plain(line) for line in prune_result_lines(result))
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert shown.count("gone") == 6
