"""One key file: a way into an encrypted repository, with clear lines about it and all keys inside an age text.

Its last lines are a MAC, by which whoever has the keys knows that another holder of them wrote it, and the seal of
every TOML file here, by which anybody finds a flipped byte. Without the MAC, whoever may write to the repository
could put a recipient of their own into a file and be given the keys at the next rotation.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from quri_console.errors import CorruptionError
from quri_console.repository import age
from quri_console.repository.errors import NewerFormat
from quri_console.repository.sealed import SEAL_PREFIX, sealed, unseal
from quri_console.repository.sets import typed
from quri_console.repository.vault import KEY_BYTES, MASTER_ID_BYTES, Keyring

KEYS_FOLDER = "keys"
KEY_FILE_FORMAT = 1
WAY_ID_BYTES = 8
_NAME = re.compile(rf"{KEYS_FOLDER}/([0-9a-f]{{{WAY_ID_BYTES * 2}}})-([1-9][0-9]{{0,8}})\.key")
_MAC_PREFIX = b'mac = "'
_SEALING_BYTES = len(SEAL_PREFIX) + 64 + 1
_MAC_LINE_BYTES = len(_MAC_PREFIX) + 64 + 2
WayKind = Literal["recipient", "passphrase"]


@dataclass(frozen=True, slots=True)
class Way:
    """A way in: `id` in hex, `recipient` empty for a passphrase."""

    id: str
    label: str
    recipient: str
    created_at: datetime

    @property
    def kind(self) -> WayKind:
        """Whether a private key or a passphrase opens it."""
        return "recipient" if self.recipient else "passphrase"

    @property
    def words(self) -> str:
        """It for people: its label, and what opens it where the label does not say."""
        if not self.recipient:
            return self.label if "passphrase" in self.label else f"{self.label} (passphrase)"
        short = age.shortened(self.recipient)
        return short if self.label == short else f"{self.label} ({short})"


@dataclass(frozen=True, slots=True)
class KeyFile:
    """What a key file says in the clear. `masters` are the ids of the master keys inside, oldest first."""

    repository_id: str
    way: Way
    generation: int
    masters: tuple[bytes, ...]
    armored: str = field(repr=False)
    signed: bytes = field(repr=False)
    """The bytes that the MAC is of."""
    mac: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """The object that it is."""
        return key_file_name(self.way.id, self.generation)

    def is_genuine(self, keyring: Keyring) -> bool:
        """Whether a holder of these keys wrote it."""
        return hmac.compare_digest(self.mac, _mac(keyring, self.signed))


def key_file_name(way_id: str, generation: int) -> str:
    """The object that holds a generation of a way's keys."""
    return f"{KEYS_FOLDER}/{way_id}-{generation}.key"


def parsed_name(name: str) -> tuple[str, int] | None:
    """Way and generation from the name of an object; None for one that is no key file."""
    found = _NAME.fullmatch(name)
    return (found[1], int(found[2])) if found else None


def encode_key_file(repository_id: str, way: Way, generation: int, keyring: Keyring, passphrase: str = "") -> bytes:
    """The whole file; a way without recipient needs its passphrase, which takes a second. Raises UsageError."""
    import tomli_w

    keys = _encode_keys(repository_id, way, generation, keyring)
    armored = age.sealed_to(way.recipient, keys) if way.recipient else age.sealed_with(passphrase, keys)
    document = {
        "format": KEY_FILE_FORMAT,
        "repository": repository_id,
        "way": way.id,
        "kind": way.kind,
        "label": way.label,
        "recipient": way.recipient or "passphrase",
        "created_at": way.created_at,
        "generation": generation,
        "masters": [identifier.hex() for identifier in keyring.masters],
        "age": armored,
    }
    signed = tomli_w.dumps(document, multiline_strings=True).encode()
    return sealed(signed + _MAC_PREFIX + _mac(keyring, signed).hex().encode() + b'"\n')


def decode_key_file(data: bytes, name: str) -> KeyFile:
    """The clear part of the object `name`. Raises CorruptionError, NewerFormat; proves only that no byte flipped."""
    document = unseal(data, name)
    if document.get("format") != KEY_FILE_FORMAT:
        raise NewerFormat(
            f"{name} has format {document.get('format')}", why=f"This version reads format {KEY_FILE_FORMAT}."
        )
    try:
        found = _decoded(document, data)
    except (KeyError, ValueError) as error:
        raise CorruptionError(f"{name} is not a key file", why=str(error)) from error
    if found.name != name:
        raise CorruptionError(f"{name} is the key file {found.name}", why="It was renamed or moved.")
    return found


def _decoded(document: dict[str, Any], data: bytes) -> KeyFile:
    kind, recipient = typed(document, "kind", str), typed(document, "recipient", str)
    if kind not in ("recipient", "passphrase") or (kind == "passphrase") != (recipient == "passphrase"):
        raise ValueError(f"kind {kind!r} of {recipient!r}")
    mac_line = data[-_SEALING_BYTES - _MAC_LINE_BYTES : -_SEALING_BYTES]
    if mac_line != _MAC_PREFIX + typed(document, "mac", str).encode() + b'"\n':
        raise ValueError("mac is not in its place")
    return KeyFile(
        repository_id=typed(document, "repository", str),
        way=Way(
            id=typed(document, "way", str),
            label=typed(document, "label", str),
            recipient="" if kind == "passphrase" else recipient,
            created_at=typed(document, "created_at", datetime).astimezone(UTC),
        ),
        generation=typed(document, "generation", int),
        masters=tuple(_fixed(identifier, MASTER_ID_BYTES) for identifier in typed(document, "masters", list)),
        armored=typed(document, "age", str),
        signed=data[: -_SEALING_BYTES - _MAC_LINE_BYTES],
        mac=_fixed(document["mac"], 32),
    )


def decode_keys(plaintext: bytes, file: KeyFile) -> Keyring:
    """The keys inside a key file. Raises CorruptionError when they are not those that its clear lines name.

    No error shows a byte of them.
    """
    try:
        document = tomllib.loads(plaintext.decode())
        inside = (typed(document, "repository", str), typed(document, "way", str), typed(document, "generation", int))
        masters = {
            _fixed(master["id"], MASTER_ID_BYTES): _fixed(master["key"], KEY_BYTES)
            for master in typed(document, "masters", list)
        }
        keyring = Keyring(_fixed(document["id_key"], KEY_BYTES), masters)
    except (UnicodeDecodeError, KeyError, TypeError, ValueError):
        raise CorruptionError(
            f"What {file.name} holds are not keys", why="Its age text opens to something else."
        ) from None
    if inside != (file.repository_id, file.way.id, file.generation) or tuple(keyring.masters) != file.masters:
        raise CorruptionError(
            f"{file.name} holds the keys of another key file", why="Its age text belongs to another clear part."
        )
    return keyring


def _encode_keys(repository_id: str, way: Way, generation: int, keyring: Keyring) -> bytes:
    import tomli_w

    document = {
        "format": KEY_FILE_FORMAT,
        "repository": repository_id,
        "way": way.id,
        "generation": generation,
        "id_key": keyring.id_key.hex(),
        "masters": [{"id": identifier.hex(), "key": key.hex()} for identifier, key in keyring.masters.items()],
    }
    return tomli_w.dumps(document).encode()


def _mac(keyring: Keyring, signed: bytes) -> bytes:
    key = hmac.digest(keyring.id_key, b"quri key file", "sha256")
    return hmac.digest(key, signed, "sha256")


def id_key_id(id_key: bytes) -> str:
    """What `repository.toml` calls the key that names chunks: the first 8 bytes of its SHA-256 in hex."""
    return hashlib.sha256(id_key).digest()[:8].hex()


def _fixed(text: Any, size: int) -> bytes:
    data = bytes.fromhex(text) if isinstance(text, str) else b""
    if len(data) != size:
        raise ValueError(f"{len(data)} bytes instead of {size}")
    return data
