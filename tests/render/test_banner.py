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


SILENT = replace(HEALTHY, answering=False, error="connection refused")
CUT = replace(fleet(SILENT), next_round_ns=NOW_NS + 120 * SECOND)
NEVER = replace(fleet(replace(NEVER_SEEN, attempted_at_ns=NOW_NS)), next_round_ns=NOW_NS + 120 * SECOND)
MINUTE, DAY = 60, 86_400


@pytest.mark.parametrize(
    ("picture", "seconds", "width", "line"),
    [
        (CUT, 0, 120, " NO ANSWER from the network for a moment · next try at 15:08:40 · p tries now"),
        (CUT, 0, 80, " NO ANSWER from the network for a moment · next try at 15:08:40 · p tries now"),
        (CUT, 0, 60, " NO ANSWER for a moment · next try 15:08:40 · p tries now"),
        (CUT, 10 * MINUTE, 80, " NO ANSWER from the network for 10 m · next try at 15:08:40 · p tries now"),
        (CUT, 10 * MINUTE, 60, " NO ANSWER for 10 m · next try 15:08:40 · p tries now"),
        (CUT, 23 * DAY + 86_000, 80, " NO ANSWER from the network for 23 d 23 h · next try at 15:08:40 · p tries now"),
        (CUT, 23 * DAY + 86_000, 60, " NO ANSWER for 23 d 23 h · next try 15:08:40 · p tries now"),
        (CUT, 36_500 * DAY + 364 * DAY, 60, " NO ANSWER for 100 y 364 d · next try 15:08:40 · p tries now"),
        (fleet(SILENT), 10 * MINUTE, 60, " NO ANSWER for 10 m · p tries now"),
        (NEVER, 0, 80, " NO ANSWER from the network yet · next try at 15:08:40 · p tries now"),
        (NEVER, 0, 60, " NO ANSWER yet · next try 15:08:40 · p tries now"),
    ],
)
def test_a_cut_network_says_since_when_when_it_is_asked_again_and_which_key_asks_now(
    picture: FleetStatus, seconds: int, width: int, line: str
) -> None:
    _, found = banner(picture, NOW_NS + seconds * SECOND, width=width).split("\n")
    assert found == line
    assert len(found) <= width


def test_one_canister_that_answers_means_the_network_is_there() -> None:
    assert "NO ANSWER" not in banner(fleet(SILENT, HEALTHY))


def test_a_cut_network_is_told_in_steps() -> None:
    assert banner(CUT, NOW_NS + 600 * SECOND) == banner(CUT, NOW_NS + 630 * SECOND)


LEVELS = fleet(
    *(view(health=Health("critical")) for _ in range(3)),
    *(view(health=Health("warning")) for _ in range(12)),
    *(view(health=Health("unknown")) for _ in range(4)),
    *(HEALTHY for _ in range(900)),
)
LIVE = Badges("mainnet", production=True, read_only=False, firing=2)
EVERYTHING = replace(LIVE, read_only=True, lockdown=True, paused=True)


@pytest.mark.parametrize(
    ("badges", "seconds", "width", "end"),
    [
        (LOCAL, 0, 80, " 3 critical 12 warning 4 unknown 900 healthy · polled every 1 m · UTC"),
        (LOCAL, 0, 60, " 3 critical 12 warning 4 unknown 900 healthy · UTC"),
        (LOCAL, 600, 80, " 3 critical 12 warning 4 unknown 900 healthy · 10 m ago · UTC"),
        (LIVE, 0, 80, " 2 alerts 3 critical 12 warning 4 unknown 900 healthy · UTC"),
        (LIVE, 600, 80, " 2 alerts 3 crit 12 warn 4 unkn 900 ok · 10 m ago · UTC"),
        (LIVE, 0, 60, " 2 alerts 3 crit 12 warn 4 unkn 900 ok"),
        (LIVE, 0, 200, " 2 alerts 3 critical 12 warning 4 unknown 900 healthy · polled every 1 m · UTC"),
        (EVERYTHING, 600, 120, " 2 alerts 3 crit 12 warn 4 unkn 900 ok · 10 m ago · UTC"),
    ],
)
def test_the_first_line_says_less_where_there_is_less_room(badges: Badges, seconds: int, width: int, end: str) -> None:
    first, *_ = banner(LEVELS, NOW_NS + seconds * SECOND, badges, width).split("\n")
    assert first.endswith(end)
    assert len(first) <= width


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_long_notice_takes_two_lines_at_most(width: int) -> None:
    lines = banner(fleet(HEALTHY, notice="word " * 200), width=width).split("\n")
    assert len(lines) == 3
    assert lines[-1].endswith("…")
    assert all(len(line) <= width for line in lines)
    short = banner(fleet(HEALTHY, notice="short"), width=width).split("\n")
    assert short[1:] == [" short"]


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
