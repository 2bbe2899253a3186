"""Reading packs again: the SHA-256 of their bytes, and every frame opened and compared with the names of its chunks."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from quri_console.errors import CorruptionError, QuriError
from quri_console.repository.backend import Backend, ObjectMissing
from quri_console.repository.errors import WrongKey
from quri_console.repository.files import StorageFailed
from quri_console.repository.frames import checked_content
from quri_console.repository.index import IndexedPack
from quri_console.repository.pack_format import LONGEST_PACK_HEADER, decode_pack_header, walk_frames
from quri_console.repository.vault import PackCipher, Vault

# what a disk answers that has lost a sector; anything else (no rights, no such device) says nothing about the bytes
_BAD_MEDIUM = frozenset({errno.EIO, errno.EUCLEAN, errno.EBADMSG})


@dataclass(frozen=True, slots=True)
class PackVerdict:
    """What reading a pack came to. `bad_frames` are the numbers of those that nothing can be read from."""

    pack: IndexedPack
    why: str = ""
    """Empty when every byte is as it was written."""
    bad_frames: tuple[int, ...] = ()
    read_bytes: int = 0
    key_problem: WrongKey | None = None
    """Why its frames were not opened."""
    misindexed: bool = False
    """Whether its bytes are as they were written, and it is the index that says otherwise."""

    @property
    def ok(self) -> bool:
        """Whether every byte that was read is as it was written."""
        return not self.why


def is_damage(error: QuriError) -> bool:
    """Whether a failure to read says that the bytes are gone, rather than that this process may not read them."""
    if isinstance(error, StorageFailed):
        return isinstance(error.__cause__, OSError) and error.__cause__.errno in _BAD_MEDIUM
    return isinstance(error, CorruptionError | ObjectMissing)


def check_pack(backend: Backend, vault: Vault | None, pack: IndexedPack) -> PackVerdict:
    """Read a whole pack and compare it with its name, its index entry and the names of its chunks.

    Without a vault, or where its key is not among those of the vault, only its bytes are compared with its name; then
    no frame is called bad. Raises StorageFailed when that is no damage.
    """
    every = tuple(frame.number for frame in pack.frames)
    try:
        # one byte more than there should be tells a longer file
        data = backend.get_range(pack.name, 0, pack.size + 1)
    except QuriError as error:
        if not is_damage(error):
            raise
        return PackVerdict(pack, str(error), every)
    why = _difference(data, pack)
    misindexed = not why and not _is_as_indexed(data, pack)
    if misindexed:
        why = "It is whole, but the index describes it wrongly."
    if vault is None:
        return PackVerdict(pack, why, (), len(data), None, misindexed)
    try:
        bad, reason = _bad_frames(vault, pack, data)
    except WrongKey as error:
        return PackVerdict(pack, why, (), len(data), error, misindexed)
    return PackVerdict(pack, why or reason, bad, len(data), None, misindexed)


def _difference(data: bytes, pack: IndexedPack) -> str:
    """How a pack's bytes differ from what was written; empty when they do not."""
    if len(data) < pack.size:
        return f"It has {len(data)} bytes instead of {pack.size}."
    if len(data) > pack.size:
        return f"It has more than its {pack.size} bytes."
    return "" if hashlib.sha256(data).digest() == pack.id else "The SHA-256 of its bytes is not its name."


def _is_as_indexed(data: bytes, pack: IndexedPack) -> bool:
    try:
        return tuple(walk_frames(data, pack.name)) == pack.frames
    except CorruptionError:
        return False


def _bad_frames(vault: Vault, pack: IndexedPack, data: bytes) -> tuple[tuple[int, ...], str]:
    """The frames that cannot be read where the index says, and why the first cannot."""
    try:
        cipher = _cipher(vault, data, pack.name)
    except CorruptionError as error:
        return tuple(frame.number for frame in pack.frames), str(error)
    view, bad, why = memoryview(data), [], ""
    for frame in pack.frames:
        try:
            checked_content(vault, cipher, frame, view[frame.offset : frame.offset + frame.size], pack.name)
        except CorruptionError as error:
            bad.append(frame.number)
            why = why or error.why or error.what
    return tuple(bad), why


def _cipher(vault: Vault, beginning: bytes, name: str) -> PackCipher:
    header = decode_pack_header(beginning[:LONGEST_PACK_HEADER], name)
    return vault.pack(header.salt, header.wrapped_key)


def check_frames(backend: Backend, vault: Vault, pack: IndexedPack, numbers: Sequence[int]) -> PackVerdict:
    """Read only these frames of a pack and compare them with the names of their chunks. Raises WrongKey, and
    StorageFailed when that is no damage."""
    frames = [pack.frames[number] for number in numbers]
    bad, why, read = [], "", 0
    try:
        cipher = _cipher(vault, backend.get_range(pack.name, 0, LONGEST_PACK_HEADER), pack.name)
    except QuriError as error:
        if not is_damage(error):
            raise
        return PackVerdict(pack, str(error), tuple(numbers))
    for frame in frames:
        try:
            data = backend.get_range(pack.name, frame.offset, frame.size)
            read += len(data)
            checked_content(vault, cipher, frame, data, pack.name)
        except QuriError as error:
            if not is_damage(error):
                raise
            bad.append(frame.number)
            why = why or error.why or error.what
    return PackVerdict(pack, why, tuple(bad), read)
