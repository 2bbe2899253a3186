"""Writes a first configuration, and asks its canisters before whether they answer."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from quri_console.config import load_config
from quri_console.errors import QuriError
from quri_console.folders import make_private_folders
from quri_console.service.first_run import MAINNET, FoundCanister, FoundNetwork

if TYPE_CHECKING:
    from quri_console.clock import Clock
    from quri_console.history import Sample


@dataclass(frozen=True, slots=True)
class Wish:
    """What the configuration is to say."""

    network: FoundNetwork
    canisters: tuple[FoundCanister, ...] = ()
    identity: Path | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """How a canister answered; `problem` is empty when it did."""

    name: str
    answer: str
    problem: str = ""


def configuration_text(wish: Wish) -> str:
    """The configuration as TOML with a sentence before each table."""
    import tomli_w

    parts = [
        "# quri-console; everything else that can stand here: config.example.toml\n",
        network_part(wish.network),
        *identity_parts(wish.identity),
    ]
    parts.append("# The fleet. criticality: high, medium or low; health_query: a query that says whether it is well.")
    if wish.canisters:
        tables = {canister.name: {"id": canister.id, "criticality": "medium"} for canister in wish.canisters}
        parts.append(tomli_w.dumps({"canisters": tables}))
    else:
        parts.append('# [canisters.NAME]\n# id = "ryjl3-tyaaa-aaaaa-aaaba-cai"\n')
    return "\n".join(parts)


def network_part(network: FoundNetwork) -> str:
    """The table of a network, with a sentence before it."""
    import tomli_w

    local = network.name != MAINNET and _is_loopback(network.url)
    table: dict[str, Any] = {"url": network.url}
    if local:
        table |= {"root_key": "fetch", "production": False}
    said = "# The first network is used unless --network names another."
    said += "" if local else " It is production: changes need --force and its typed name."
    return f"{said}\n{tomli_w.dumps({'networks': {network.name: table}})}"


def identity_parts(pem: Path | None) -> list[str]:
    """The tables of the keys of all duties, or how they are written where there is none."""
    if pem is None:
        return [
            "# No key: what is public is watched. To back up and restore name a controller's PEM file:\n"
            '# [identities.backup]\n# pem = "operator.pem"\n# [identities.operate]\n# pem = "operator.pem"\n'
        ]
    import tomli_w

    entry = {"pem": str(pem)}
    return [
        "# One key for each duty, read only when it runs. For poll a viewer's would be enough.",
        tomli_w.dumps({"identities": {"poll": entry, "backup": entry, "operate": entry}}),
    ]


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def write_configuration(path: Path, text: str) -> None:
    """Write it where nothing is yet, readable by its owner only, once it proved to be readable. Raises QuriError."""
    try:
        make_private_folders(path.parent)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            load_config(partial)
            # a link fails where a file has come meanwhile, a rename would replace it
            os.link(partial, path)
        finally:
            partial.unlink()
    except FileExistsError as error:
        raise QuriError(f"{path} is there already", next_step="It was left as it is.") from error
    except OSError as error:
        raise QuriError(
            f"{path} cannot be written", why=error.strerror or str(error), next_step="Check the folder."
        ) from error


async def try_connection(wish: Wish, clock: Clock, folder: Path) -> tuple[Tried, ...]:
    """Ask each canister once for its status, nothing being kept. Raises QuriError where nobody could be asked."""
    from quri_console.service.polling import poller_for
    from quri_console.service.session import Session

    config_path = folder / "config.toml"
    config_path.write_text(configuration_text(wish), encoding="utf-8")
    config = load_config(config_path)
    poller = poller_for(Session(config, config.network(), read_only=True, clock=clock))
    try:
        samples = {sample.canister_id: sample for sample in await poller.round()}
    finally:
        await poller.aclose()
    return tuple(_tried(canister, samples.get(canister.id)) for canister in wish.canisters)


def _tried(canister: FoundCanister, sample: Sample | None) -> Tried:
    from quri_console.units import format_cycles

    if sample is None or not sample.answered:
        why = (sample.error if sample is not None else None) or "no answer"
        return Tried(canister.name, "", why)
    if sample.cycles is None:
        return Tried(canister.name, "it answers; its balance is told to controllers and viewers only")
    return Tried(canister.name, f"{sample.status or 'it answers'}, {format_cycles(sample.cycles)} cycles")


def nothing_answers(tried: Sequence[Tried]) -> bool:
    """Whether canisters were asked and none answered."""
    return bool(tried) and all(entry.problem for entry in tried)
