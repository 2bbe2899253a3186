"""Which restore point is recommended, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quri_console.restore.points import PointSummary, recommended

OLD = PointSummary("backup", "a/x", "a", 100, bytes(32), 9, "/r", verified_at_ns=5, fits=True)
NEW = replace(OLD, label="b/x", source="b", taken_at_ns=200, verified_at_ns=None)
CHAIN = PointSummary("snapshot", "snapshot:aa", "snapshot:aa", 300, None, 9, "on chain", fits=True)


@pytest.mark.parametrize(
    ("points", "expected", "words"),
    [
        ((NEW, OLD), OLD, "verified"),
        ((NEW,), NEW, "nobody verified it yet"),
        ((CHAIN, NEW, OLD), CHAIN, "nothing has to be uploaded"),
        ((replace(NEW, taken_at_ns=400, verified_at_ns=6), CHAIN), replace(NEW, taken_at_ns=400, verified_at_ns=6), ""),
        ((replace(CHAIN, replaced=True), NEW, OLD), OLD, "verified"),
        ((replace(CHAIN, fits=False), OLD), OLD, "verified"),
        ((replace(NEW, damaged=True), OLD), OLD, "verified"),
        ((NEW, replace(OLD, fits=False)), NEW, "nobody verified"),
        ((replace(OLD, replaced=True),), None, ""),
        ((), None, ""),
    ],
)
def test_the_newest_that_was_verified_and_fits_is_recommended_unless_one_on_chain_is_no_older(
    points: tuple[PointSummary, ...], expected: PointSummary | None, words: str
) -> None:
    found, why = recommended(points)
    assert found == expected
    assert words in why
