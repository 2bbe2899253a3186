"""What operations that died have left behind, said wherever the fleet is shown."""

from __future__ import annotations

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.config import Config
from quri_console.effects.operation_files import OUTCOME, REQUEST, OperationFiles
from quri_console.errors import QuriError

# Between writing its request and taking its lock a runner is only being born.
BORN_WITHIN_SECONDS = 10


def interrupted_notice(config: Config, network: str, now_ns: int) -> str:
    """Which operations on this network died before they ended, and how to go on; empty when none did."""
    folder = config.paths.operations
    if not folder.is_dir():
        return ""
    dead = [
        path.name
        for path in sorted(folder.iterdir())
        if (path / REQUEST).exists() and not (path / OUTCOME).exists() and _died(OperationFiles(path), network, now_ns)
    ]
    if not dead:
        return ""
    its = "its" if len(dead) == 1 else "their"
    return f"{' and '.join(dead)} died before {its} end; run `quri-console operations resume {dead[0]}`"


def _died(files: OperationFiles, network: str, now_ns: int) -> bool:
    try:
        request = files.request()
        young = now_ns - request.created_at_ns < BORN_WITHIN_SECONDS * NANOSECONDS_PER_SECOND
        return request.network == network and not young and not files.runner_lives()
    except QuriError:
        # its request cannot be read: `operations list` says so, and the fleet is to be seen all the same
        return False
