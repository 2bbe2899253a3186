"""A ready configuration for a local network: a controller's key and the canisters it controls."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from quri_console.ic.encoding.principal import self_authenticating

CONTROLLER_FILE = "controller.pem"
CONFIG_FILE = "config.toml"
# Below the state folder, so that history, operations and backups vanish with the network they belong to.
PRODUCT_FOLDER = "console"


@dataclass(frozen=True, slots=True)
class ConfiguredCanister:
    """A canister as the configuration names it; `id` in text form."""

    name: str
    id: str
    criticality: str = "high"
    health_query: str | None = "health"


@dataclass(frozen=True, slots=True)
class Controller:
    """The key that controls the canisters of a local network."""

    pem: bytes
    principal: bytes

    def __repr__(self) -> str:
        return f"Controller({self.principal.hex()})"

    @classmethod
    def make(cls) -> Controller:
        """A fresh Ed25519 key in PKCS#8, as every tool reads it."""
        key = Ed25519PrivateKey.generate()
        return cls(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), _principal(key))

    @classmethod
    def kept_in(cls, folder: Path) -> Controller:
        """The controller of a state folder, made at first use; readable by its owner only."""
        path = folder / CONTROLLER_FILE
        if not path.exists():
            controller = cls.make()
            write_private(path, controller.pem)
            return controller
        pem = path.read_bytes()
        key = load_pem_private_key(pem, None)
        assert isinstance(key, Ed25519PrivateKey)
        return cls(pem, _principal(key))


def write_configuration(folder: Path, *, url: str, root_key: bytes, canisters: Sequence[ConfiguredCanister]) -> Path:
    """Write `config.toml` beside the controller's key; everything it names lies inside `folder`."""
    import tomli_w  # only whoever starts a network needs it

    identity = {"pem": CONTROLLER_FILE}
    document: dict[str, Any] = {
        "networks": {"local": {"url": url, "root_key": root_key.hex(), "production": False}},
        "identities": {"poll": identity, "backup": identity, "operate": identity},
        "canisters": {canister.name: _table(canister) for canister in canisters},
        "monitor": {"interval": "5s"},
        "paths": {"root": PRODUCT_FOLDER},
    }
    path = folder / CONFIG_FILE
    write_private(path, tomli_w.dumps(document).encode())
    return path


def write_private(path: Path, content: bytes) -> None:
    """Replace a file by one that only its owner can read, in one step."""
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    partial.replace(path)


def _principal(key: Ed25519PrivateKey) -> bytes:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return bytes(self_authenticating(der).bytes)


def _table(canister: ConfiguredCanister) -> dict[str, str]:
    table = {"id": canister.id, "criticality": canister.criticality}
    return table if canister.health_query is None else {**table, "health_query": canister.health_query}
