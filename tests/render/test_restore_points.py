"""Restore points on the screen and as JSON."""

from __future__ import annotations

from quri_console.ic.encoding.principal import parse_principal
from quri_console.render.restore_points import restore_point_lines, restore_points_json
from quri_console.render.spans import plain
from quri_console.restore.points import PointSummary, RestorePoints
from tests.support.fleets import NOW_NS, RUNE, SECOND

BACKUP = PointSummary(
    "backup",
    "20250124T020000Z/rune-engine",
    "20250124T020000Z",
    NOW_NS - 7200 * SECOND,
    bytes(32),
    1 << 24,
    "/r",
    mode="stop",
    verified_at_ns=NOW_NS - 3600 * SECOND,
    cycles=10**10,
    seconds=9,
    lost_seconds=7200.0,
    fits=True,
    recommended=True,
    group="all",
)
CHAIN = PointSummary("snapshot", "snapshot:aa", "snapshot:aa", NOW_NS, None, 5, "on chain", note="no\x1b[2J")
FOUND = RestorePoints(parse_principal(RUNE), "rune\x1b-engine", "local", NOW_NS, (CHAIN, BACKUP), "it is", ("n\x07",))


def test_each_point_says_what_from_takes_what_is_lost_and_what_it_costs() -> None:
    text = "\n".join(plain(line) for line in restore_point_lines(FOUND))
    for words in (
        "--from snapshot:aa",
        "--from 20250124T020000Z  recommended",
        "loses the last 2 h",
        "verified 1h ago, rehearsed never, mode stop, consistent with group all",
        "≈ 10 B cycles, ≈ 9 s",
        "Recommended: --from 20250124T020000Z\n  it is.",
    ):
        assert words in text
    assert "\x1b" not in text
    assert "\x07" not in text


def test_where_nothing_is_known_it_is_said() -> None:
    empty = RestorePoints(parse_principal(RUNE), "x", "local", NOW_NS, ())
    assert "None is known here." in "\n".join(plain(line) for line in restore_point_lines(empty))


def test_the_json_document_has_the_same_points() -> None:
    document = restore_points_json(FOUND)
    assert document["recommended"] == "20250124T020000Z"
    points = document["points"]
    assert isinstance(points, list)
    assert [point["from"] for point in points] == ["snapshot:aa", "20250124T020000Z"]
    assert points[1]["verified_at"] == "2025-06-15T14:06:40+00:00"
