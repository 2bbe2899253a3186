"""Into which canisters an operation has put another state, as its journal alone tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from quri_console.effects.calls import INSTALL_CHUNKS, INSTALL_CODE, LOAD_SNAPSHOT, TAKE_SNAPSHOT
from quri_console.effects.journal import Record
from quri_console.effects.replay import DONE, STATUS_BEFORE, Attempt, attempts

_LOADING = (LOAD_SNAPSHOT, INSTALL_CODE, INSTALL_CHUNKS)
Loaded = Literal["old", "new", "unknown"]
"""Whether a canister has the state from before the operation, the one that it brought, or either of them."""


def loaded_states(records: Iterable[Record]) -> Mapping[str, Loaded]:
    """What each canister that the operation was about to stop has now, by id.

    A snapshot that the operation took itself is the way back: whoever loaded it last has the old state.
    """
    records = tuple(records)
    own = {attempt.snapshot_id for attempt in attempts(records, TAKE_SNAPSHOT)} - {None}
    found: dict[str, Loaded] = {
        str(record.fields["canister"]): "old" for record in records if record.event == STATUS_BEFORE
    }
    for attempt in attempts(records, *_LOADING):
        if attempt.may_have_happened:
            found[attempt.canister] = _after(attempt, back=attempt.snapshot_id in own)
    return found


def _after(attempt: Attempt, *, back: bool) -> Loaded:
    if attempt.outcome != DONE:
        return "unknown"
    return "old" if back else "new"


def newest_load_ns(records: Iterable[Record]) -> int:
    """When the operation tried last to put another state into a canister, in nanoseconds since 1970; 0: never."""
    records = tuple(records)
    tried = {attempt.sequence for attempt in attempts(records, *_LOADING)}
    return max((record.at_ns for record in records if record.sequence in tried), default=0)


def is_mixed(states: Mapping[str, Loaded]) -> bool:
    """Whether canisters that belong together do not have the same state, or not surely."""
    return len(states) > 1 and (len(set(states.values())) > 1 or "unknown" in states.values())
