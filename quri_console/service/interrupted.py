"""What operations that died have left behind, said wherever the fleet is shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.config import Config
from quri_console.effects.operation_files import OUTCOME, REQUEST, OperationFiles
from quri_console.effects.operation_summary import Mixed
from quri_console.errors import QuriError
from quri_console.service.mixed import KINDS, mixed_group

# Between writing its request and taking its lock a runner is only being born.
BORN_WITHIN_SECONDS = 10


def interrupted_notice(config: Config, network: str, now_ns: int) -> str:
    """What operations on this network left half-way, and the commands that end it; empty when nothing is."""
    mixed = (f"{words}; run `{command}`" for words, command in mixed_groups(config, network))
    return " · ".join(text for text in (died_notice(config, network, now_ns), *mixed) if text)


def died_notice(config: Config, network: str, now_ns: int) -> str:
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


def mixed_groups(config: Config, network: str) -> Iterator[tuple[str, str]]:
    """Groups that are half-way between two states, in words, and the command that ends it.

    That is worse than either state, and each of the canisters alone looks well.
    """
    if not config.paths.operations.is_dir():
        return
    names = config.canister_names
    for path in sorted(config.paths.operations.iterdir()):
        # the kind is in the name, which spares reading the folders of backups
        if any(f"-{kind}-" in path.name for kind in KINDS) and (path / REQUEST).exists():
            mixed = _mixed_here(OperationFiles(path), network, names)
            if mixed is not None:
                yield mixed.words, f"quri-console operations resume {path.name}"


def _mixed_here(files: OperationFiles, network: str, names: Mapping[str, str]) -> Mixed | None:
    try:
        request = files.request()
        if request.network != network or files.runner_lives():
            return None
        return mixed_group(files.directory, request, files.outcome(), names)
    except QuriError:
        return None  # as above: `operations list` says that it cannot be read


def _died(files: OperationFiles, network: str, now_ns: int) -> bool:
    try:
        request = files.request()
        young = now_ns - request.created_at_ns < BORN_WITHIN_SECONDS * NANOSECONDS_PER_SECOND
        return request.network == network and not young and not files.runner_lives()
    except QuriError:
        # its request cannot be read: `operations list` says so, and the fleet is to be seen all the same
        return False
