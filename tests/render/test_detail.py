"""The banner and the selected canister, in words."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace

import pytest

from quri_console.monitor.fleet import CanisterView, Finding, FleetStatus, Health
from quri_console.render.detail import MANY_SAMPLES, banner_spans, burn_sentence, detail_lines
from quri_console.render.spans import plain
from tests.support.fleets import HEALTHY, NEVER_SEEN, NOW_NS, SECOND, fleet, view


def banner(picture: FleetStatus | None, now_ns: int = NOW_NS, **badges: bool) -> str:
    marks = {"production": False, "read_only": False, **badges}
    return plain(banner_spans(picture, now_ns, network="local", **marks))


@pytest.mark.parametrize(
    ("picture", "now_ns", "words"),
    [
        (None, NOW_NS, "reading the history"),
        (fleet(HEALTHY), NOW_NS, "1 healthy · polled every 1 m"),
        (
            fleet(HEALTHY, view(health=Health("critical", (Finding("stopped", "critical", "why"),)))),
            NOW_NS,
            "1 critical 1 healthy",
        ),
        (fleet(NEVER_SEEN), NOW_NS, "1 unknown · no sample yet"),
        (fleet(HEALTHY), NOW_NS + 300 * SECOND, "last answer 5 m ago or more"),
        (fleet(HEALTHY, notice="evil\x1b[2J"), NOW_NS, "evil\\e[2J"),
    ],
    ids=["before the first", "healthy", "worst first", "never sampled", "late", "hostile notice"],
)
def test_the_banner(picture: FleetStatus | None, now_ns: int, words: str) -> None:
    assert words in banner(picture, now_ns)


def test_badges_stand_in_the_banner_only_when_they_hold() -> None:
    assert "PRODUCTION" not in banner(fleet(HEALTHY))
    assert " PRODUCTION " in banner(fleet(HEALTHY), production=True)
    assert " READ-ONLY " in banner(fleet(HEALTHY), read_only=True)


def test_the_banner_stands_still_while_nothing_is_late() -> None:
    assert banner(fleet(HEALTHY), NOW_NS) == banner(fleet(HEALTHY), NOW_NS + 30 * SECOND)


@pytest.mark.parametrize(
    ("of", "sentence"),
    [
        (HEALTHY, "5 T cycles, burning ≈ 12 B a day, frozen in ≈ 90 d; 69.4 MiB of memory."),
        (view(runway_seconds=0.0), "frozen now"),
        (view(burn_per_day=None, runway_seconds=None, memory_bytes=None), "5 T cycles."),
        (NEVER_SEEN, "Cycles are not known: no sample has been taken yet."),
        (replace(HEALTHY, cycles=None), "Cycles are not known: only a controller or a viewer may read them."),
    ],
    ids=["healthy", "frozen", "no burn", "never seen", "not readable"],
)
def test_how_long_the_cycles_last(of: CanisterView, sentence: str) -> None:
    assert sentence in burn_sentence(of)


def detail(of: CanisterView | None, width: int = 80) -> str:
    return "\n".join(plain(line) for line in detail_lines(of, NOW_NS, width=width))


def test_nothing_selected_is_said() -> None:
    assert detail(None) == "No canister is selected."


def test_a_stale_canister_says_how_old_and_why() -> None:
    shown = detail(view(stale=True, sampled_at_ns=NOW_NS - 7200 * SECOND, error="refused"))
    assert "STALE, 2 h old" in shown
    assert "refused" in shown


@dataclass(frozen=True)
class Snapshotted(CanisterView):
    """A picture that knows what snapshots take."""

    snapshot_bytes: int | None = None


def test_snapshots_on_chain_are_said_with_what_they_take() -> None:
    fields = {field.name: getattr(HEALTHY, field.name) for field in dataclasses.fields(HEALTHY)}
    fields.pop("snapshot_bytes", None)
    assert "3 MiB of snapshots on chain." in detail(Snapshotted(**fields, snapshot_bytes=3 << 20)).splitlines()
    for none in (None, 0):
        assert "snapshots" not in detail(Snapshotted(**fields, snapshot_bytes=none))
    assert "snapshots" not in detail(HEALTHY)


def test_a_young_history_is_drawn_sample_by_sample_and_a_long_one_as_a_day() -> None:
    young = replace(HEALTHY, cycles_series=tuple((NOW_NS - (3 - n) * SECOND, 10 - n) for n in range(3)))
    assert "cycles, 3 samples █▄▁" in detail(young)
    points = tuple((NOW_NS - (MANY_SAMPLES - n) * 60 * SECOND, 1000 - n) for n in range(MANY_SAMPLES))
    assert "cycles, 24 h " in detail(replace(HEALTHY, cycles_series=points))
    assert "no samples yet" in detail(NEVER_SEEN)


@pytest.mark.parametrize("width", [20, 80, 200])
def test_the_spark_line_fits(width: int) -> None:
    (line,) = (line for line in detail(HEALTHY, width).splitlines() if line.startswith("cycles,"))
    assert len(line) <= width
