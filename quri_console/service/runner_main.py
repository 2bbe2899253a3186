"""The runner's entry, `python -m quri_console.service.runner_main FOLDER`: from a kind of operation to the work."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from quri_console.config import load_config
from quri_console.effects.runner import BRING_BACK, Finished, Running, run
from quri_console.errors import UsageError
from quri_console.ic.agent import Agent
from quri_console.ic.identity import identity_from_pem
from quri_console.redaction import remember_secret
from quri_console.service.backup_work import work_on_backup
from quri_console.service.balances import with_balances
from quri_console.service.bench import Bench
from quri_console.service.bring_back_work import work_on_bringing_back
from quri_console.service.connect import as_shown, root_key_of
from quri_console.service.remedy_work import work_on_remedy
from quri_console.service.restore_work import work_on_restore
from quri_console.service.rollback_work import work_on_rollback
from quri_console.service.runner_log import logged_operation
from quri_console.service.snapshot_work import work_on_deletion

WORK: Mapping[str, Callable[[Bench], Awaitable[Finished]]] = {
    "backup": work_on_backup,
    "restore": work_on_restore,
    "rollback": work_on_rollback,
    "delete-snapshot": work_on_deletion,
    **dict.fromkeys(("start", "stop", "top-up", "settings", "module", "create"), work_on_remedy),
}


async def work(running: Running) -> Finished:
    """Do what the request says. Raises what the work of its kind raises."""
    request = running.request
    config = load_config(Path(request.config_path))
    network = config.network(request.network)
    passphrase = running.key.passphrase
    for secret in (passphrase, running.key.repository_passphrase):
        remember_secret(secret or "")
    identity = identity_from_pem(running.key.pem, None if passphrase is None else lambda: passphrase)
    root_key = await root_key_of(network)
    async with Agent(network.url, root_key=root_key, identity=identity, clock=running.clock) as agent:
        bench = Bench(running, config, as_shown(network, root_key), agent)
        if request.kind not in WORK:
            raise UsageError(f"{request.kind} is no kind of operation")
        if running.files.asked(BRING_BACK):
            return await work_on_bringing_back(bench)
        return await with_balances(bench, WORK[request.kind])


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    raise SystemExit(logged_operation(folder, lambda: run(folder, work, sys.stdin.buffer)))
