"""What a runner does for an operation that died: start what it left stopped, and nothing else."""

from __future__ import annotations

import contextlib
from functools import partial

from quri_console.effects.calls import STOP
from quri_console.effects.replay import attempts, left_stopped, status_before
from quri_console.effects.runner import Finished
from quri_console.effects.stop import cancel_stop
from quri_console.ic.encoding.principal import parse_principal
from quri_console.ic.envelope import SignedCall
from quri_console.service.bench import Bench


async def work_on_bringing_back(bench: Bench) -> Finished:
    """Start each canister that ran before. A stop that may still be executed is outlived. Raises as effects do."""
    running = bench.running
    records = running.journal.records
    wanted = [item for item in left_stopped(records) if status_before(records, item) == "running"]
    open_stops = {attempt.canister: attempt for attempt in attempts(records, STOP) if attempt.open}
    effects = bench.bringing_back_effects()
    with bench.locked(*map(parse_principal, wanted)):
        async with contextlib.aclosing(effects):
            for text in wanted:
                canister = parse_principal(text)
                if text in open_stops:
                    call = SignedCall.from_json(open_stops[text].fields["request"])
                    await cancel_stop(effects.attempts, canister, call, partial(effects.start_canister, canister))
                else:
                    await effects.start_canister(canister)
    return Finished(f"{' and '.join(wanted) or 'nothing'} was started again", {})
