"""A copy whose rehearsal failed is never the one that is recommended, and is not called rehearsed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from quri_console.backup.browse import open_backup
from quri_console.ic.encoding.principal import Principal
from quri_console.repository.marks import put_mark
from quri_console.restore.points import REHEARSAL_FAILED, Known, PointSummary, restore_points
from tests.support.backups import AT, NOW, repository_in
from tests.support.rehearsals import MadeUpCopy, module, store

NOW_NS = int(NOW.timestamp()) * 10**9


def points(root: Path, canister: Principal) -> tuple[PointSummary, ...]:
    known = Known(network="local", now_ns=NOW_NS)
    return restore_points(canister, "pig", repository_in(root), known).points


def test_the_newest_is_not_recommended_once_its_rehearsal_failed(tmp_path: Path) -> None:
    repository = repository_in(tmp_path)
    copy = MadeUpCopy(module("(call $yes)"))
    older, newer = (store(repository, {"pig": copy}, at=AT + timedelta(days=day)) for day in (0, 1))
    canister = open_backup(repository, newer).canister("pig").canister
    assert [point.recommended for point in points(tmp_path, canister)] == [True, False]
    for name, verdict in ((older, "passed"), (newer, "failed")):
        table = {"id": canister.to_str(), "name": "pig", "verdict": verdict, "reason": ""}
        fields = {"verdict": verdict, "with_state": 1, "canisters": [table]}
        put_mark(repository.backend, name, "rehearsal", NOW_NS, fields)
    first, second = points(tmp_path, canister)
    assert (first.recommended, first.rehearsed_at_ns, first.note) == (False, None, REHEARSAL_FAILED)
    assert (second.recommended, second.rehearsed_at_ns) == (True, NOW_NS)
