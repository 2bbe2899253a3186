"""What a first configuration can be made of: keys of dfx and icp, and the canisters of a project.

Files of other tools are only read, a key file not even that before its owner has chosen it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quri_console.config.principal_text import principal_fault

MAINNET = "ic"
MAINNET_URL = "https://icp-api.io"
LOCAL_URLS = {"local": "http://127.0.0.1:4943"}
ICP_LOCAL_URL = "http://127.0.0.1:8000"
PROJECT_FILES = ("dfx.json", "canister_ids.json", "icp.yaml")
MAX_FILE_BYTES = 4 << 20
MAX_FOLDERS = 32
MAX_CANISTERS = 1000
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class FoundIdentity:
    """A key file of another tool."""

    tool: str
    name: str
    path: Path
    problem: str = ""
    """Why it cannot be used as it is."""


@dataclass(frozen=True, slots=True)
class FoundCanister:
    """A canister that a project names."""

    name: str
    id: str
    network: str
    source: Path


@dataclass(frozen=True, slots=True)
class FoundNetwork:
    """A network that a project's canisters are on."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Found:
    """All that was found; the nearest folder first."""

    identities: tuple[FoundIdentity, ...] = ()
    canisters: tuple[FoundCanister, ...] = ()
    networks: tuple[FoundNetwork, ...] = ()
    projects: tuple[Path, ...] = ()

    def canisters_on(self, network: str) -> tuple[FoundCanister, ...]:
        """The canisters of one network."""
        return tuple(canister for canister in self.canisters if canister.network == network)


@dataclass(slots=True)
class _Search:
    canisters: dict[tuple[str, str], FoundCanister] = field(default_factory=dict)
    networks: dict[str, FoundNetwork] = field(default_factory=dict)
    projects: list[Path] = field(default_factory=list)


def look(folder: Path, home: Path, environment: Mapping[str, str]) -> Found:
    """What there is in `folder`, its parents and the user's folders of dfx and icp; never raises."""
    search = _Search()
    for place in [folder, *folder.parents][:MAX_FOLDERS]:
        if any((place / name).is_file() for name in PROJECT_FILES):
            search.projects.append(place)
            _look_into_project(place, search)
    search.networks.setdefault(MAINNET, FoundNetwork(MAINNET, MAINNET_URL))
    networks = sorted(search.networks.values(), key=lambda network: (network.name != MAINNET, network.name))
    canisters = tuple(search.canisters.values())[:MAX_CANISTERS]
    return Found(tuple(_identities(home, environment)), canisters, tuple(networks), tuple(search.projects))


def _identities(home: Path, environment: Mapping[str, str]) -> Iterator[FoundIdentity]:
    root = environment.get("DFX_CONFIG_ROOT")
    dfx = (Path(root) if root else home) / ".config/dfx/identity"
    for path in _globbed(dfx, "*/identity.pem"):
        yield FoundIdentity("dfx", path.parent.name, path, _key_problem(path))
    for path in _globbed(dfx, "*/identity.pem.encrypted"):
        problem = "encrypted in dfx's own way; `dfx identity export NAME` writes a PEM file"
        yield FoundIdentity("dfx", path.parent.name, path, problem)
    icp_home = environment.get("ICP_HOME")
    icp = Path(icp_home) if icp_home else home / ".local/share/icp-cli"
    for path in _globbed(icp / "identity/keys", "*.pem"):
        yield FoundIdentity("icp", path.stem, path, _key_problem(path))


def _globbed(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def _key_problem(path: Path) -> str:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return error.strerror or "cannot be read"
    return f"others may read it; chmod 600 {path}" if mode & 0o077 else ""


def _look_into_project(folder: Path, search: _Search) -> None:
    for path in (folder / "canister_ids.json", *_globbed(folder, ".dfx/*/canister_ids.json")):
        document = _json(path)
        for name, ids in document.items():
            for network, canister_id in ids.items() if isinstance(ids, dict) else ():
                _add(search, name, canister_id, network, path)
    for pattern in (".icp/data/mappings/*.json", ".icp/cache/mappings/*.json"):
        for path in _globbed(folder, pattern):
            network = path.name.split(".")[0]
            for name, canister_id in _json(path).items():
                _add(search, name, canister_id, network, path)
    dfx = _json(folder / "dfx.json")
    for name, canister in _tables(dfx.get("canisters")):
        remote = canister.get("remote")
        for network, canister_id in _items(remote.get("id") if isinstance(remote, dict) else None):
            _add(search, name, canister_id, network, folder / "dfx.json")
    _add_networks(search, dfx, icp=(folder / "icp.yaml").is_file())


def _add(search: _Search, name: str, canister_id: Any, network: str, source: Path) -> None:
    if not isinstance(canister_id, str) or principal_fault(canister_id) is not None:
        return
    name, network = usable_name(name), usable_name(network)
    if name and network and (canister_id, network) not in search.canisters:
        taken = {canister.name for canister in search.canisters.values() if canister.network == network}
        unique = next(candidate for candidate in _numbered(name) if candidate not in taken)
        search.canisters[(canister_id, network)] = FoundCanister(unique, canister_id, network, source)


def _add_networks(search: _Search, dfx: Mapping[str, Any], *, icp: bool) -> None:
    urls = {"local": ICP_LOCAL_URL if icp and not dfx else LOCAL_URLS["local"], MAINNET: MAINNET_URL}
    for name, network in _tables(dfx.get("networks")):
        providers, bind = network.get("providers"), network.get("bind")
        if name != MAINNET and isinstance(providers, list) and providers and isinstance(providers[0], str):
            urls[usable_name(name)] = providers[0].rstrip("/")
        elif name != MAINNET and isinstance(bind, str):
            urls[usable_name(name)] = f"http://{bind}"
    for canister in search.canisters.values():
        if canister.network in urls:
            found = FoundNetwork(canister.network, urls[canister.network])
            search.networks.setdefault(canister.network, found)


def usable_name(name: str) -> str:
    """A name as the configuration allows it; empty when nothing of it is left."""
    return _NOT_IN_NAMES.sub("-", name).strip("-._")[:60]


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def _json(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        document = json.loads(data) if len(data) <= MAX_FILE_BYTES else None
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _items(table: Any) -> list[tuple[str, Any]]:
    return list(table.items()) if isinstance(table, dict) else []


def _tables(table: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(name, entry) for name, entry in _items(table) if isinstance(entry, dict)]
