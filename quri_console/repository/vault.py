"""How chunks are named, and how packs and records are sealed: in the clear, or with AES-256-GCM.

Encrypted, each pack and each record has a random data key of its own, wrapped by the master key that is current
then; its id stands beside it, so that older ones stay readable after a rotation. What a ciphertext is and where it
belongs (repository, pack and frame number, or set and path) is bound as associated data, so that nothing can be
exchanged for something else. Chunk names are HMACs under a key that outlives rotation, so that dedup does, too.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from quri_console.repository.errors import ChunkDamaged, WrongKey

SALT_BYTES = 16
KEY_BYTES = 32
MASTER_ID_BYTES = 16
_NONCE_BYTES = 12
_TAG_BYTES = 16
WRAPPED_BYTES = MASTER_ID_BYTES + _NONCE_BYTES + KEY_BYTES + _TAG_BYTES
RECORD_MAGIC = b"QURIREC\x01"

Randomness = Callable[[int], bytes]


class PackCipher(Protocol):
    """Seals and opens the frames of one pack."""

    @property
    def salt(self) -> bytes:
        """What makes this pack different from all others."""

    @property
    def wrapped_key(self) -> bytes:
        """The pack's data key, wrapped; empty in the clear."""

    def seal(self, number: int, header: bytes, payload: bytes) -> bytes:
        """What is stored of a frame's payload."""

    def open(self, number: int, header: bytes, stored: bytes | memoryview) -> bytes | memoryview:
        """The payload again. Raises ChunkDamaged."""


class Vault(Protocol):
    """Names and seals everything of one repository."""

    @property
    def encrypted(self) -> bool:
        """Whether a key is needed to read."""

    @property
    def overhead(self) -> int:
        """Bytes that sealing adds to a payload."""

    def chunk_id(self, data: bytes | memoryview) -> bytes:
        """The 32-byte name of a chunk."""

    def new_pack(self) -> PackCipher:
        """The cipher of a new pack."""

    def pack(self, salt: bytes, wrapped_key: bytes) -> PackCipher:
        """The cipher of a stored pack. Raises WrongKey, ChunkDamaged."""

    def seal_record(self, place: str, data: bytes) -> bytes:
        """What is stored of a record that belongs to `place` (`SET/FOLDER/NAME`)."""

    def open_record(self, place: str, stored: bytes) -> bytes:
        """The record again. Raises WrongKey, ChunkDamaged."""


@dataclass(frozen=True, slots=True)
class _ClearPack:
    salt: bytes
    wrapped_key: bytes = b""

    def seal(self, number: int, header: bytes, payload: bytes) -> bytes:
        return payload

    def open(self, number: int, header: bytes, stored: bytes | memoryview) -> bytes | memoryview:
        return stored


class ClearVault:
    """Nothing is encrypted; names are SHA-256, so `sha256sum` finds damage, too."""

    encrypted = False
    overhead = 0

    def __init__(self, randomness: Randomness = os.urandom) -> None:
        self._randomness = randomness

    def chunk_id(self, data: bytes | memoryview) -> bytes:
        return hashlib.sha256(data).digest()

    def new_pack(self) -> PackCipher:
        return _ClearPack(self._randomness(SALT_BYTES))

    def pack(self, salt: bytes, wrapped_key: bytes) -> PackCipher:
        if wrapped_key:
            raise ChunkDamaged("A pack of a repository in the clear is encrypted", why="It belongs elsewhere.")
        return _ClearPack(salt)

    def seal_record(self, place: str, data: bytes) -> bytes:
        return data

    def open_record(self, place: str, stored: bytes) -> bytes:
        return stored


@dataclass(frozen=True, slots=True)
class Keyring:
    """Every key of an encrypted repository; `masters` by id, oldest first. Shows itself nowhere."""

    id_key: bytes
    masters: Mapping[bytes, bytes]

    def __repr__(self) -> str:
        return f"Keyring({len(self.masters)} master keys)"


class _EncryptedPack:
    def __init__(self, repository_id: bytes, salt: bytes, key: bytes, wrapped_key: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self.salt = salt
        self.wrapped_key = wrapped_key
        self._bound = b"frame" + repository_id + salt
        self._cipher = AESGCM(key)

    def seal(self, number: int, header: bytes, payload: bytes) -> bytes:
        return self._cipher.encrypt(number.to_bytes(_NONCE_BYTES, "big"), payload, self._bound + header)

    def open(self, number: int, header: bytes, stored: bytes | memoryview) -> bytes | memoryview:
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(number.to_bytes(_NONCE_BYTES, "big"), bytes(stored), self._bound + header)
        except InvalidTag as error:
            raise ChunkDamaged(f"Frame {number} of a pack was changed after it was written") from error


class EncryptedVault:
    """Everything of a canister is encrypted; names, times, sizes and digests stay clear."""

    encrypted = True
    overhead = _TAG_BYTES

    def __init__(
        self, repository_id: bytes, keyring: Keyring, current: bytes, randomness: Randomness = os.urandom
    ) -> None:
        """`current` is the id of the master key that new data keys are wrapped with."""
        self._repository_id = repository_id
        self._keyring = keyring
        self._current = current
        self._randomness = randomness

    def chunk_id(self, data: bytes | memoryview) -> bytes:
        return hmac.digest(self._keyring.id_key, data, "sha256")

    def new_pack(self) -> PackCipher:
        salt = self._randomness(SALT_BYTES)
        key, wrapped = self._new_key(b"pack" + salt)
        return _EncryptedPack(self._repository_id, salt, key, wrapped)

    def pack(self, salt: bytes, wrapped_key: bytes) -> PackCipher:
        key = self._unwrapped(b"pack" + salt, wrapped_key, "a pack")
        return _EncryptedPack(self._repository_id, salt, key, wrapped_key)

    def seal_record(self, place: str, data: bytes) -> bytes:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        salt = self._randomness(SALT_BYTES)
        key, wrapped = self._new_key(b"record" + salt)
        bound = b"record" + self._repository_id + salt + place.encode()
        return RECORD_MAGIC + salt + wrapped + AESGCM(key).encrypt(bytes(_NONCE_BYTES), data, bound)

    def open_record(self, place: str, stored: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        start = len(RECORD_MAGIC) + SALT_BYTES
        if not stored.startswith(RECORD_MAGIC) or len(stored) < start + WRAPPED_BYTES + _TAG_BYTES:
            raise ChunkDamaged(f"{place} is not an encrypted record")
        salt = stored[len(RECORD_MAGIC) : start]
        key = self._unwrapped(b"record" + salt, stored[start : start + WRAPPED_BYTES], place)
        bound = b"record" + self._repository_id + salt + place.encode()
        try:
            return AESGCM(key).decrypt(bytes(_NONCE_BYTES), stored[start + WRAPPED_BYTES :], bound)
        except InvalidTag as error:
            raise ChunkDamaged(f"{place} was changed after it was written") from error

    def _new_key(self, purpose: bytes) -> tuple[bytes, bytes]:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key, nonce = self._randomness(KEY_BYTES), self._randomness(_NONCE_BYTES)
        master = AESGCM(self._keyring.masters[self._current])
        return key, self._current + nonce + master.encrypt(nonce, key, self._repository_id + purpose)

    def _unwrapped(self, purpose: bytes, wrapped: bytes, what: str) -> bytes:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        master = self._keyring.masters.get(wrapped[:MASTER_ID_BYTES])
        if master is None:
            raise WrongKey(
                f"The key of {what} is wrapped by the unknown master key {wrapped[:MASTER_ID_BYTES].hex()[:8]}…",
                why="It was written after a rotation that this way in has not got, or the data belongs elsewhere.",
                next_step="Use another way in; `quri-console key list` shows them.",
            )
        nonce = wrapped[MASTER_ID_BYTES : MASTER_ID_BYTES + _NONCE_BYTES]
        try:
            return AESGCM(master).decrypt(
                nonce, wrapped[MASTER_ID_BYTES + _NONCE_BYTES :], self._repository_id + purpose
            )
        except InvalidTag as error:
            raise ChunkDamaged(f"The wrapped key of {what} was changed after it was written") from error
