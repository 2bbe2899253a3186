"""Encryption at rest: who holds a way in reads everything, and nobody else reads, swaps or is shown anything."""

from __future__ import annotations

import dataclasses
import shutil
import traceback
from pathlib import Path

import pytest

from quri_console.errors import CorruptionError, ExitCode, QuriError, RefusedBySafetyRule
from quri_console.repository.errors import WrongKey
from quri_console.repository.key_changes import remove_way
from quri_console.repository.key_file import KEYS_FOLDER, decode_key_file, encode_key_file
from quri_console.repository.key_files import check_key_files
from quri_console.repository.recovery_kit import make_recovery_kit
from quri_console.repository.sealed import SEAL_PREFIX, sealed
from quri_console.repository.secret_files import Secrets
from quri_console.repository.store import Repository
from quri_console.repository.vault import EncryptedVault
from tests.support.kept_sets import CHUNK, KeptSets, content
from tests.support.key_holders import (
    HOLDERS,
    PASSPHRASE,
    WORDS,
    age_holder,
    assert_whole,
    backend_at,
    clock,
    facts_at,
    key_paths,
    opened,
    passphrase_holder,
    rotated,
    seen_by,
    shared_repository,
    ssh_holder,
)


def remembered(kept: KeptSets) -> KeptSets:
    """The same, opened once: every try of a passphrase takes a second."""
    vault = kept.unlock(backend_at(kept.root), facts_at(kept.root))
    return dataclasses.replace(kept, unlock=lambda _backend, _facts: vault)


@pytest.mark.parametrize("kind", HOLDERS)
def test_every_kind_of_way_opens_the_repository_and_no_other_secret_of_its_kind_does(tmp_path: Path, kind: str) -> None:
    holder = HOLDERS[kind]()
    kept = remembered(shared_repository(tmp_path / "repository", holder))
    kept.take(WORDS)
    assert_whole(kept)
    other = HOLDERS[kind]() if kind != "passphrase" else passphrase_holder("another passphrase")
    with pytest.raises(WrongKey) as caught:
        seen_by(kept, other).read(*kept.words)
    assert caught.value.exit_code is ExitCode.WRONG_KEY
    assert holder.way.label in caught.value.why


def test_a_repository_without_a_key_at_hand_still_shows_names_and_times(tmp_path: Path) -> None:
    kept = shared_repository(tmp_path / "repository", age_holder())
    name = kept.take(WORDS)
    repository = Repository.open(kept.root)
    assert repository.set_names() == (name,)
    assert {item.folder for item in repository.manifest(name).items} == set(WORDS)
    with pytest.raises(WrongKey):
        repository.record(repository.manifest(name), "alpha/status.toml")


def test_each_way_opens_it_alone(tmp_path: Path) -> None:
    holders = (age_holder("alice"), age_holder("bob"), ssh_holder("ed25519"))
    kept = shared_repository(tmp_path / "repository", *holders)
    kept.take(WORDS)
    for holder in holders:
        assert_whole(seen_by(kept, holder))


def test_a_damaged_way_is_named_and_the_others_still_open_it(tmp_path: Path) -> None:
    alice, bob = age_holder("alice"), age_holder("bob")
    kept = shared_repository(tmp_path / "repository", alice, bob)
    kept.take(WORDS)
    damaged = next(path for path in key_paths(kept.root) if b'label = "bob"' in path.read_bytes())
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert_whole(kept)
    with pytest.raises(WrongKey) as caught:
        opened(kept.root, bob.secrets)
    assert damaged.name in caught.value.why
    with pytest.raises(RefusedBySafetyRule, match="its way in would be left behind"):
        rotated(kept, alice.secrets)
    with kept.locked() as lock:
        way_id = damaged.name.partition("-")[0]
        removed = remove_way(backend_at(kept.root), facts_at(kept.root), alice.secrets, way_id, lock)
    assert removed.way is None
    rotated(kept, alice.secrets)
    assert_whole(kept)


def test_an_older_generation_serves_when_the_newest_is_damaged(tmp_path: Path) -> None:
    alice, bob = age_holder("alice"), age_holder("bob")
    kept = shared_repository(tmp_path / "repository", alice, bob)
    kept.take(WORDS)
    first = {path: path.read_bytes() for path in key_paths(kept.root)}
    rotated(kept, alice.secrets)
    for path in key_paths(kept.root):
        path.write_bytes(path.read_bytes()[:-1])
    for path, data in first.items():
        path.write_bytes(data)
    assert_whole(seen_by(kept, bob))
    assert len(check_key_files(backend_at(kept.root))) == 2


def test_a_key_file_of_another_repository_is_refused(tmp_path: Path) -> None:
    alice, eve = age_holder("alice"), age_holder("eve")
    kept = shared_repository(tmp_path / "repository", alice)
    other = shared_repository(tmp_path / "other", eve)
    (foreign,) = key_paths(other.root)
    shutil.copy(foreign, kept.root / KEYS_FOLDER)
    (damage,) = check_key_files(backend_at(kept.root))
    assert damage.name.endswith(foreign.name)
    assert facts_at(other.root).id[:8] in damage.why
    with pytest.raises(WrongKey):
        opened(kept.root, eve.secrets)
    opened(kept.root, alice.secrets)


def test_keys_that_only_claim_to_be_this_repositorys_are_refused(tmp_path: Path) -> None:
    alice = age_holder("alice")
    kept = shared_repository(tmp_path / "repository", alice)
    other = shared_repository(tmp_path / "other", alice)
    (own,) = key_paths(kept.root)
    forged = opened(other.root, alice.secrets)
    file = decode_key_file(own.read_bytes(), f"{KEYS_FOLDER}/{own.name}")
    own.write_bytes(encode_key_file(file.repository_id, file.way, 1, forged.keyring))
    assert check_key_files(backend_at(kept.root)) == ()  # whole in itself
    with pytest.raises(WrongKey) as caught:
        opened(kept.root, alice.secrets)
    assert "not those of this repository" in caught.value.why
    shutil.copy(other.root / "repository.toml", kept.root)
    with pytest.raises(WrongKey):
        opened(kept.root, alice.secrets)


def test_whoever_may_only_write_to_the_repository_gets_no_keys_at_a_rotation(tmp_path: Path) -> None:
    alice, bob, eve = age_holder("alice"), age_holder("bob"), age_holder("eve")
    kept = shared_repository(tmp_path / "repository", alice, bob)
    path = next(path for path in key_paths(kept.root) if b'label = "bob"' in path.read_bytes())
    body = path.read_bytes().rpartition(SEAL_PREFIX)[0]
    path.write_bytes(sealed(body.replace(bob.way.recipient.encode(), eve.way.recipient.encode())))
    assert check_key_files(backend_at(kept.root)) == ()  # the seal fits
    unlocked = opened(kept.root, alice.secrets)
    assert [file.way.label for file in unlocked.ways] == ["alice"]
    assert [damage.name for damage in unlocked.damage] == [f"{KEYS_FOLDER}/{path.name}"]
    with pytest.raises(RefusedBySafetyRule, match="its way in would be left behind"):
        rotated(kept, alice.secrets)
    with pytest.raises(WrongKey):
        opened(kept.root, eve.secrets)


def test_records_frames_and_packs_belong_to_one_place_in_one_repository(tmp_path: Path) -> None:
    alice = age_holder()
    kept = shared_repository(tmp_path / "repository", alice)
    unlocked = opened(kept.root, alice.secrets)
    identifier = bytes.fromhex(facts_at(kept.root).id)
    here = EncryptedVault(identifier, unlocked.keyring, unlocked.current)
    elsewhere = EncryptedVault(bytes(16), unlocked.keyring, unlocked.current)
    record = here.seal_record("20250124T020000Z/alpha/status.toml", b"running")
    assert here.open_record("20250124T020000Z/alpha/status.toml", record) == b"running"
    for vault, place in (
        (here, "20250124T020000Z/beta/status.toml"),
        (here, "20250125T020000Z/alpha/status.toml"),
        (elsewhere, "20250124T020000Z/alpha/status.toml"),
    ):
        with pytest.raises(CorruptionError):
            vault.open_record(place, record)
    pack, other = here.new_pack(), here.new_pack()
    frame = pack.seal(0, b"header", b"payload")
    assert pack.open(0, b"header", frame) == b"payload"
    for cipher, number, header in ((pack, 1, b"header"), (pack, 0, b"Header"), (other, 0, b"header")):
        with pytest.raises(CorruptionError):
            cipher.open(number, header, frame)
    for vault, salt in ((here, other.salt), (elsewhere, pack.salt)):
        with pytest.raises(CorruptionError):
            vault.pack(salt, pack.wrapped_key)


def test_packs_and_sets_of_another_repository_are_refused(tmp_path: Path) -> None:
    alice = age_holder()
    kept = shared_repository(tmp_path / "repository", alice)
    other = shared_repository(tmp_path / "other", alice)
    kept.take(WORDS)
    name = other.take({"alpha": "xyz"}, days=2)
    for folder in ("packs", "index", "backups"):
        shutil.copytree(other.root / folder, kept.root / folder, dirs_exist_ok=True)
    assert_whole(kept)
    repository = kept.open()
    manifest = repository.manifest(name)
    with pytest.raises(QuriError) as caught:
        repository.record(manifest, "alpha/status.toml")
    assert caught.value.exit_code in (ExitCode.WRONG_KEY, ExitCode.CORRUPTION)
    foreign = other.open()
    chunks = foreign.chunk_list(foreign.manifest(name), "alpha/memory.chunks")
    with pytest.raises(WrongKey):
        repository.chunk(next(identifier for identifier in chunks.ids if identifier))


def test_names_of_chunks_tell_nothing_between_repositories(tmp_path: Path) -> None:
    alice = age_holder()
    names = []
    for folder in ("one", "two"):
        kept = shared_repository(tmp_path / folder, alice)
        writer = kept.open().chunk_writer()
        names.append(writer.add(content("a"), CHUNK).ids)
    assert names[0] != names[1]


def test_no_secret_is_shown_or_stored_in_the_clear(tmp_path: Path) -> None:
    alice, bob = age_holder("alice"), age_holder("bob")
    night = passphrase_holder()  # known to nobody here: nothing has to be opened with it
    kept = shared_repository(tmp_path / "repository", alice)
    kept.take(WORDS)
    both = Secrets(alice.secrets.identities, night.secrets.passphrases, lambda _: PASSPHRASE)
    facts, backend = facts_at(kept.root), backend_at(kept.root)
    rotated(kept, both)
    kit = make_recovery_kit(backend, facts, alice.secrets, clock())
    kit_secret = next(line.strip() for line in kit.page.splitlines() if "AGE-SECRET-KEY" in line)
    unlocked = opened(kept.root, both)
    keys = [unlocked.keyring.id_key, *unlocked.keyring.masters.values()]
    secrets = [alice.text.encode(), PASSPHRASE.encode(), kit_secret.encode(), content("a"), b"of alpha"]
    forbidden = [*secrets, *keys, *(key.hex().encode() for key in keys)]
    stored = b"\0".join(path.read_bytes() for path in kept.root.rglob("*") if path.is_file())
    assert not [secret for secret in forbidden if secret in stored]
    repository = kept.open()
    failures = []
    for attempt in (bob.secrets, Secrets(passphrases=("a wrong passphrase",))):
        with pytest.raises(WrongKey) as caught:
            opened(kept.root, attempt)
        failures.append("".join(traceback.format_exception(caught.value)) + caught.value.why)
    things = (alice.secrets, both, night.way, kit, unlocked, unlocked.keyring, repository, repository.vault, failures)
    shown = "".join(f"{thing!r}{thing}" for thing in (*things, unlocked.ways, repository.vault.new_pack()))
    for hidden in (alice.text, PASSPHRASE, "a wrong passphrase", kit_secret, *(key.hex() for key in keys)):
        assert hidden not in shown
    assert not [key for key in keys if repr(key) in shown]
