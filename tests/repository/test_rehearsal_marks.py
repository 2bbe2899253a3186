"""What the rehearsal marks of a set come to: the newest of each canister, the worst of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from quri_console.repository.local import LocalBackend
from quri_console.repository.marks import Mark, put_mark, read_marks, standing

NOW = datetime(2025, 3, 1, tzinfo=UTC)
SET = "20250124T020000Z"


def mark(minute: int, *, with_state: int = 2, **verdicts: str) -> Mark:
    canisters = [{"id": f"id-{name}", "name": name, "verdict": verdict} for name, verdict in verdicts.items()]
    worst = next((word for word in ("failed", "not rehearsable") if word in verdicts.values()), "passed")
    fields: dict[str, Any] = {"verdict": worst, "with_state": with_state, "canisters": canisters}
    return Mark(SET, NOW.replace(minute=minute), "rehearsal", fields)


@pytest.mark.parametrize(
    ("marks", "verdict"),
    [
        ((), None),
        ((mark(1, a="passed", b="passed"),), "passed"),
        ((mark(1, a="passed"),), "partly passed"),
        ((mark(1, a="passed"), mark(2, b="passed")), "passed"),
        ((mark(1, a="passed", b="not rehearsable"),), "partly passed"),
        ((mark(1, a="not rehearsable"),), "not rehearsable"),
        ((mark(1, a="failed", b="passed"),), "failed"),
        ((mark(1, a="failed", b="passed"), mark(2, a="passed")), "passed"),
        ((mark(1, a="passed", b="passed"), mark(2, a="failed")), "failed"),
    ],
)
def test_the_newest_of_each_canister_counts(marks: tuple[Mark, ...], verdict: str | None) -> None:
    stands = standing(marks, (), NOW)
    assert stands.rehearsal == verdict
    assert stands.rehearsed_at == (marks[-1].at if marks else None)


def test_each_canister_has_its_own(tmp_path: object) -> None:
    stands = standing((mark(1, a="failed", b="passed"), mark(2, a="passed")), (), NOW)
    found = stands.rehearsal_of("id-a")
    assert found is not None
    assert (found.verdict, found.at, found.name) == ("passed", NOW.replace(minute=2), "a")
    assert stands.rehearsal_of("id-c") is None


def test_a_mark_of_another_shape_tells_only_that_there_was_a_rehearsal() -> None:
    for fields in ({}, {"canisters": 5}, {"canisters": [5]}):
        stands = standing((Mark(SET, NOW, "rehearsal", fields),), (), NOW)
        assert (stands.rehearsed_at, stands.rehearsal, stands.rehearsed) == (NOW, None, ())


def test_marks_survive_being_written(tmp_path: Any) -> None:
    backend = LocalBackend(tmp_path / "r")
    put_mark(backend, SET, "rehearsal", int(NOW.timestamp()) * 10**9, mark(0, a="passed", b="passed").fields)
    assert standing(*read_marks(backend, SET), NOW).rehearsal == "passed"
