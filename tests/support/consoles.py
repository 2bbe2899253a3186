"""Consoles opened on configurations of their own."""

from __future__ import annotations

import socket
from pathlib import Path

from quri_console.console import Console

FLEET = {
    "rune-engine": "pkrpq-5qaaa-aaaah-aroda-cai",
    "registry": "pnqje-qiaaa-aaaah-arodq-cai",
    "bitcoin-integration": "yz6hf-qqaaa-aaaah-arn5a-cai",
    "identity-manager": "y67br-5iaaa-aaaah-arn5q-cai",
}


def closed_port() -> int:
    """A loopback port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_config(folder: Path, *, url: str, production: bool = False) -> Path:
    """A configuration of the fleet on a network at `url`, with everything kept below `folder`."""
    lines = [
        "[networks.local]",
        f'url = "{url}"',
        'root_key = "fetch"',
        f"production = {str(production).lower()}",
    ]
    for name, canister_id in FLEET.items():
        lines += [f"[canisters.{name}]", f'id = "{canister_id}"']
    lines += ["[paths]", f'root = "{folder / "root"}"']
    path = folder / "config.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


def console_without_network(folder: Path, *, production: bool = False, read_only: bool = False) -> Console:
    """A console whose network refuses every connection."""
    config = write_config(folder, url=f"http://127.0.0.1:{closed_port()}", production=production)
    return Console.open(config_path=config, read_only=read_only)
