"""A key file is what its holder wrote, in its own place and repository, or it is named and not used."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pyrage
import pytest

from quri_console.errors import CorruptionError
from quri_console.repository.key_file import KEYS_FOLDER, decode_key_file, decode_keys
from quri_console.repository.key_files import check_key_files
from tests.support.key_holders import (
    age_holder,
    backend_at,
    facts_at,
    key_paths,
    opened,
    shared_repository,
)


def test_every_flipped_byte_of_a_key_file_is_found_and_named(tmp_path: Path) -> None:
    kept = shared_repository(tmp_path / "repository", age_holder())
    (path,) = key_paths(kept.root)
    name, data = f"{KEYS_FOLDER}/{path.name}", path.read_bytes()
    decode_key_file(data, name)
    for position in range(len(data)):
        flipped = bytearray(data)
        flipped[position] ^= 1 << position % 8
        with pytest.raises(CorruptionError):
            decode_key_file(bytes(flipped), name)
    for position in range(0, len(data), 97):
        flipped = bytearray(data)
        flipped[position] ^= 0x20
        path.write_bytes(bytes(flipped))
        assert [damage.name for damage in check_key_files(backend_at(kept.root))] == [name]
    for length in (0, 1, len(data) - 1):
        path.write_bytes(data[:length])
        assert [damage.name for damage in check_key_files(backend_at(kept.root))] == [name]


def test_a_key_file_under_another_name_is_not_used(tmp_path: Path) -> None:
    alice = age_holder()
    kept = shared_repository(tmp_path / "repository", alice)
    (path,) = key_paths(kept.root)
    for name in (f"{path.name.partition('-')[0]}-7.key", f"{'0' * 16}-1.key", "README"):
        moved = path.with_name(name)
        shutil.copy(path, moved)
        assert [damage.name for damage in check_key_files(backend_at(kept.root))] == [f"{KEYS_FOLDER}/{name}"]
        moved.unlink()


def test_the_armored_text_is_plain_age(tmp_path: Path) -> None:
    alice = age_holder()
    kept = shared_repository(tmp_path / "repository", alice)
    lines = key_paths(kept.root)[0].read_text().splitlines()
    begin = lines.index("-----BEGIN AGE ENCRYPTED FILE-----")
    text = "\n".join(lines[begin : lines.index("-----END AGE ENCRYPTED FILE-----") + 1]) + "\n"
    plain = pyrage.decrypt(text.encode(), [pyrage.x25519.Identity.from_str(alice.text)]).decode()
    assert f'repository = "{facts_at(kept.root).id}"' in plain


def test_keys_are_bound_to_the_way_and_generation_that_they_were_written_for(tmp_path: Path) -> None:
    alice, bob = age_holder("alice"), age_holder("bob")
    kept = shared_repository(tmp_path / "repository", alice, bob)
    files = [decode_key_file(path.read_bytes(), f"{KEYS_FOLDER}/{path.name}") for path in key_paths(kept.root)]
    first, second = sorted(files, key=lambda file: file.way.label)
    plain = pyrage.decrypt(first.armored.encode(), [pyrage.x25519.Identity.from_str(alice.text)])
    assert decode_keys(plain, first) == opened(kept.root, bob.secrets).keyring
    for file in (second, dataclasses.replace(first, generation=2), dataclasses.replace(first, masters=())):
        with pytest.raises(CorruptionError, match="another key file"):
            decode_keys(plain, file)
    with pytest.raises(CorruptionError, match="are not keys"):
        decode_keys(plain[:40], first)
