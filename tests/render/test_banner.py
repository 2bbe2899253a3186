"""The lines above every view, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quri_console.monitor.fleet import Finding, FleetStatus, Health
from quri_console.render.banner import BADGE, Badges, banner_lines, network_role
from quri_console.render.spans import plain
from quri_console.render.zone import show_zone
from tests.support.fleets import HEALTHY, NEVER_SEEN, NOW_NS, SECOND, fleet, view

LOCAL = Badges("local", production=False, read_only=False)


def banner(picture: FleetStatus | None, now_ns: int = NOW_NS, badges: Badges = LOCAL, width: int = 100) -> str:
    return "\n".join(plain(line) for line in banner_lines(picture, now_ns, badges, width=width))


@pytest.mark.parametrize(
    ("picture", "now_ns", "words"),
    [
        (None, NOW_NS, "reading the history"),
        (fleet(HEALTHY), NOW_NS, "1 healthy · polled every 1 m · UTC"),
        (
            fleet(HEALTHY, view(health=Health("critical", (Finding("stopped", "critical", "why"),)))),
            NOW_NS,
            "1 critical 1 healthy",
        ),
        (fleet(NEVER_SEEN), NOW_NS, "1 unknown · no sample yet"),
        (fleet(HEALTHY), NOW_NS + 300 * SECOND, "last answer 5 m ago or more"),
        (fleet(HEALTHY, notice="evil\x1b[2J"), NOW_NS, "\n evil\\e[2J"),
    ],
    ids=["before the first", "healthy", "worst first", "never sampled", "late", "hostile notice"],
)
def test_the_banner(picture: FleetStatus | None, now_ns: int, words: str) -> None:
    assert words in banner(picture, now_ns)


def test_badges_stand_in_the_banner_only_when_they_hold() -> None:
    assert not any(
        word in banner(fleet(HEALTHY)) for word in ("PRODUCTION", "READ-ONLY", "LOCKDOWN", "PAUSED", "alert")
    )
    all_of_them = Badges("ic", production=True, read_only=True, lockdown=True, paused=True, firing=2)
    assert " ic  PRODUCTION  LOCKDOWN  READ-ONLY  PAUSED  2 alerts" in banner(fleet(HEALTHY), badges=all_of_them)


def test_no_badge_is_pushed_off_the_narrowest_screen() -> None:
    long = Badges("n" * 64, production=True, read_only=True, lockdown=True, paused=True)
    assert banner(fleet(HEALTHY), badges=long, width=60).index(" PAUSED ") + len(" PAUSED ") <= 60


def test_a_network_has_its_own_colour_and_production_another() -> None:
    names = ("local", "staging", "ic", "test", "other", "sim")
    assert len({network_role(name) for name in names}) > 2
    (line,) = banner_lines(fleet(HEALTHY), NOW_NS, Badges("ic", production=True, read_only=False))
    assert [span.role for span in line if span.role.startswith(BADGE)] == [f"{BADGE}production"] * 2


def test_the_banner_stands_still_while_nothing_is_late() -> None:
    assert banner(fleet(HEALTHY), NOW_NS) == banner(fleet(HEALTHY), NOW_NS + 30 * SECOND)


def test_a_cut_network_says_how_old_the_picture_is_and_when_it_is_asked_again() -> None:
    silent = replace(HEALTHY, answering=False, error="connection refused")
    cut = replace(fleet(silent), next_round_ns=NOW_NS + 120 * SECOND)
    assert "NO ANSWER from the network: since a moment; next try at 15:08:40, p tries now" in banner(cut)
    late = banner(cut, NOW_NS + 600 * SECOND)
    assert "what is shown is 10 m old" in late
    assert late == banner(cut, NOW_NS + 630 * SECOND)
    assert "it never answered yet" in banner(fleet(replace(NEVER_SEEN, attempted_at_ns=NOW_NS, answering=False)))
    assert "NO ANSWER" not in banner(fleet(silent, HEALTHY))


def test_the_zone_of_the_clock_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Europe/Zurich")
    time.tzset()
    try:
        show_zone("local")
        assert banner(fleet(HEALTHY)).endswith("UTC+02:00")
    finally:
        show_zone("utc")
        monkeypatch.undo()
        time.tzset()
