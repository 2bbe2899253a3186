"""A network put into a folder when it stops and taken out of it when it starts, bit for bit.

`network.json` (a line with format and digest, then the document) holds everything small and names, by SHA-256, the
blobs beside it. Blobs are written first and the file is replaced in one step, so that a crash leaves the older state
whole.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from quri_console.errors import CorruptionError
from quri_console.folders import make_private_folders
from quri_console.localnet.dump_records import canister_from, record_of
from quri_console.localnet.network import Network

FORMAT_VERSION = 1
STATE_FILE = "network.json"
BLOB_FOLDER = "blobs"


def save(network: Network, folder: Path) -> None:
    """Write the whole network below `folder`; raises OSError. Call it when no message runs any more."""
    blobs = BlobFolder(folder / BLOB_FOLDER)
    for canister in list(network.subnet.canisters.values()):
        network.subnet.accounts.settle(canister)
    document = {
        "next_number": network.subnet.next_number,
        "deleted": sorted(network.subnet.deleted),
        "canisters": [record_of(canister, blobs.put) for canister in network.subnet.canisters.values()],
    }
    body = json.dumps(document, indent=1, default=_hex).encode()
    header = json.dumps({"format": FORMAT_VERSION, "sha256": hashlib.sha256(body).hexdigest()}).encode()
    _write(folder / STATE_FILE, header + b"\n" + body)
    blobs.drop_others()


def load(network: Network, folder: Path) -> bool:
    """Take over what `save` wrote; False where there is nothing. Raises CorruptionError.

    Nothing is charged for the time between: the network stood still.
    """
    path = folder / STATE_FILE
    if not path.exists():
        return False
    document = _document(path)
    blobs = BlobFolder(folder / BLOB_FOLDER)
    network.subnet.next_number = document["next_number"]
    network.subnet.deleted.update(document.get("deleted", ()))
    for record in document["canisters"]:
        canister = canister_from(record, blobs.get, network.subnet)
        network.subnet.canisters[canister.id] = canister
        network.subnet.finish_stop(canister)
    network.subnet.state_version += 1
    return True


def _document(path: Path) -> dict[str, Any]:
    header, _, body = path.read_bytes().partition(b"\n")
    try:
        described = json.loads(header)
        version, digest = described["format"], described["sha256"]
    except (ValueError, TypeError, KeyError) as error:
        raise _unusable(path, "its first line is not the header of a saved network") from error
    if version != FORMAT_VERSION:
        raise _unusable(path, f"it has format {version}, this version reads {FORMAT_VERSION}")
    if hashlib.sha256(body).hexdigest() != digest:
        raise _unusable(path, "its SHA-256 differs from the one in its first line")
    document: dict[str, Any] = json.loads(body, object_hook=_unhex)
    return document


def _unusable(path: Path, why: str) -> CorruptionError:
    return CorruptionError(
        f"{path} cannot be used", why=why, next_step="Move the folder away to start with a fresh network."
    )


def _hex(value: object) -> dict[str, str]:
    if isinstance(value, bytes):
        return {"$hex": value.hex()}
    raise TypeError(type(value).__name__)


def _unhex(value: dict[str, Any]) -> Any:
    return bytes.fromhex(value["$hex"]) if value.keys() == {"$hex"} else value


class BlobFolder:
    """Files named by the SHA-256 of their content."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._named: set[str] = set()

    def put(self, content: bytes | bytearray) -> str:
        """Keep `content`; the same content is kept once."""
        name = hashlib.sha256(content).hexdigest()
        self._named.add(name)
        path = self._folder / name
        if not path.exists():
            make_private_folders(self._folder)
            _write(path, content)
        return name

    def get(self, name: str) -> bytes:
        """The content; raises CorruptionError where it is missing or changed."""
        path = self._folder / name
        content = path.read_bytes() if path.exists() else b""
        if hashlib.sha256(content).hexdigest() != name:
            raise _unusable(path, "it is missing, or its SHA-256 differs from its name")
        return content

    def drop_others(self) -> None:
        """Delete what `put` did not name."""
        if self._folder.exists():
            for path in self._folder.iterdir():
                if path.name not in self._named:
                    path.unlink()


def _write(path: Path, content: bytes | bytearray) -> None:
    make_private_folders(path.parent)
    partial = path.with_name(f".{path.name}.partial")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
