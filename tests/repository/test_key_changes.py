"""Whatever changes who can open a repository, cut off wherever: nobody is locked out, nothing is stored twice."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from quri_console.errors import RefusedBySafetyRule, UsageError
from quri_console.repository.chunk_writer import WriteTotals
from quri_console.repository.errors import NotARepository, RepositoryMissing, WrongKey
from quri_console.repository.key_changes import add_way, create_encrypted, remove_way
from quri_console.repository.key_file import KEYS_FOLDER
from quri_console.repository.key_files import check_key_files, list_ways
from quri_console.repository.secret_files import Secrets
from quri_console.repository.vault import EncryptedVault
from tests.support.cut_off_files import CutOffFiles, Killed
from tests.support.kept_sets import CHUNK, KeptSets, content
from tests.support.key_holders import (
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
)


def written(kept: KeptSets, word: str) -> WriteTotals:
    """What storing a word's bytes comes to."""
    writer = kept.open().chunk_writer()
    writer.add(content(word), CHUNK)
    writer.flush()
    return writer.totals


def test_an_encrypted_repository_needs_a_way_in_and_its_own_place(tmp_path: Path) -> None:
    backend = backend_at(tmp_path / "repository")
    with pytest.raises(UsageError, match="needs a way in"):
        create_encrypted(backend, (), clock())
    create_encrypted(backend, (age_holder().way,), clock())
    names = key_paths(tmp_path / "repository")
    with pytest.raises(UsageError, match="There is a repository"):
        create_encrypted(backend, (age_holder().way,), clock())
    assert key_paths(tmp_path / "repository") == names


def test_the_keys_of_a_repository_that_lost_its_first_file_are_not_overwritten(tmp_path: Path) -> None:
    kept = shared_repository(tmp_path / "repository", age_holder())
    written(kept, "ab")
    names = key_paths(kept.root)
    (kept.root / "repository.toml").unlink()
    with pytest.raises(NotARepository, match="holds packs"):
        create_encrypted(backend_at(kept.root), (age_holder().way,), clock())
    assert key_paths(kept.root) == names


def test_making_one_is_killed_anywhere_and_the_next_attempt_succeeds(tmp_path: Path) -> None:
    alice, bob = age_holder("alice"), age_holder("bob")
    files = CutOffFiles()
    create_encrypted(backend_at(tmp_path / "whole", files), (alice.way, bob.way), clock())
    made = 0
    for survives in range(files.count):
        root = tmp_path / str(survives)
        backend = backend_at(root)
        with pytest.raises(Killed):
            create_encrypted(backend_at(root, CutOffFiles(survives)), (alice.way, bob.way), clock())
        try:
            facts_at(root)
            made += 1  # only what follows the last file's name was cut off
        except RepositoryMissing:
            create_encrypted(backend, (alice.way, bob.way), clock())
        assert len(key_paths(root)) == 2
        assert check_key_files(backend) == ()
        assert opened(root, bob.secrets).keyring == opened(root, alice.secrets).keyring
    assert made <= 2


def test_who_is_added_reads_older_backups_and_who_is_removed_reads_none(tmp_path: Path) -> None:
    alice, bob = age_holder("alice"), age_holder("bob")
    kept = shared_repository(tmp_path / "repository", alice)
    kept.take(WORDS)
    backend, facts = backend_at(kept.root), facts_at(kept.root)
    with pytest.raises(WrongKey):
        add_way(backend, facts, bob.secrets, bob.way, clock())
    added = add_way(backend, facts, alice.secrets, bob.way, clock())
    assert_whole(seen_by(kept, bob))
    with pytest.raises(UsageError, match="is a way in already"):
        add_way(backend, facts, alice.secrets, bob.way, clock())
    with kept.locked() as lock:
        removed = remove_way(backend, facts, bob.secrets, "alice", lock)
    assert [way.id for way in removed.remaining] == [added.id]
    assert_whole(seen_by(kept, bob))
    with pytest.raises(WrongKey):
        kept.read(*kept.words)


def test_the_last_way_is_not_removed(tmp_path: Path) -> None:
    alice = age_holder("alice")
    kept = shared_repository(tmp_path / "repository", alice)
    with kept.locked() as lock, pytest.raises(RefusedBySafetyRule, match="last way"):
        remove_way(backend_at(kept.root), facts_at(kept.root), alice.secrets, "alice", lock)
    assert check_key_files(backend_at(kept.root)) == ()
    opened(kept.root, alice.secrets)


def test_a_way_is_named_by_id_beginning_or_label_and_never_guessed(tmp_path: Path) -> None:
    alice, eva, another = age_holder("alice"), age_holder("eva"), age_holder("eva")
    kept = shared_repository(tmp_path / "repository", alice, eva, another)
    backend, facts = backend_at(kept.root), facts_at(kept.root)
    ways = [item.way for item in list_ways(backend, facts).ways if item.way.label == "eva"]
    with kept.locked() as lock:
        with pytest.raises(UsageError, match="not one way in but several"):
            remove_way(backend, facts, alice.secrets, "eva", lock)
        with pytest.raises(UsageError, match="No way in is called 'e'"):
            remove_way(backend, facts, alice.secrets, "e", lock)
        assert remove_way(backend, facts, alice.secrets, ways[0].id[:6], lock).id == ways[0].id
        assert remove_way(backend, facts, alice.secrets, "eva", lock).way == ways[1]


def test_removing_a_way_that_is_killed_anywhere_never_brings_an_older_generation_back(tmp_path: Path) -> None:
    alice, bob = age_holder("alice"), age_holder("bob")
    kept = shared_repository(tmp_path / "repository", alice, bob)
    before = tuple((path.name, path.read_bytes()) for path in key_paths(kept.root))
    rotated(kept, alice.secrets)
    for name, data in before:
        (kept.root / KEYS_FOLDER / name).write_bytes(data)  # as if the rotation had been cut off at its end
    current = opened(kept.root, alice.secrets).current
    facts = facts_at(kept.root)
    for survives in range(8):
        root = tmp_path / str(survives)
        shutil.copytree(kept.root, root)
        copy = dataclasses.replace(kept, root=root)
        with copy.locked() as lock:
            try:
                remove_way(backend_at(root, CutOffFiles(survives)), facts, alice.secrets, "bob", lock)
            except Killed:
                assert opened(root, alice.secrets).current == current
                if len(list_ways(backend_at(root), facts).ways) == 2:
                    remove_way(backend_at(root), facts, alice.secrets, "bob", lock)
        assert opened(root, alice.secrets).current == current
        with pytest.raises(WrongKey):
            opened(root, bob.secrets)


def test_after_a_rotation_everything_is_readable_and_nothing_is_stored_twice(tmp_path: Path) -> None:
    alice, bob = age_holder("alice"), age_holder("bob")
    kept = shared_repository(tmp_path / "repository", alice, bob)
    kept.take(WORDS)
    before = opened(kept.root, alice.secrets)
    assert written(kept, "xyz").new_bytes == 3 * CHUNK
    assert not rotated(kept, alice.secrets)
    after = opened(kept.root, bob.secrets)
    assert after.keyring.id_key == before.keyring.id_key
    assert len(after.keyring.masters) == 2
    assert after.current != before.current
    again = written(kept, "xyz")
    assert (again.new_bytes, again.known_bytes) == (0, 3 * CHUNK)
    kept.take({"alpha": "abcde"})
    for holder in (alice, bob):
        assert_whole(seen_by(kept, holder))
    assert [path.name[-6:] for path in key_paths(kept.root)] == ["-2.key", "-2.key"]


def test_keys_copied_before_a_rotation_open_nothing_that_is_written_after_it(tmp_path: Path) -> None:
    alice, eve = age_holder("alice"), age_holder("eve")
    kept = shared_repository(tmp_path / "repository", alice, eve)
    old = kept.take(WORDS)
    stolen = opened(kept.root, eve.secrets)
    with kept.locked() as lock:
        remove_way(backend_at(kept.root), facts_at(kept.root), alice.secrets, "eve", lock)
    rotated(kept, alice.secrets)
    new = kept.take({"alpha": "fgh"})
    vault = EncryptedVault(bytes.fromhex(facts_at(kept.root).id), stolen.keyring, stolen.current)
    thief = dataclasses.replace(kept, unlock=lambda _backend, _facts: vault)
    assert thief.read(old) == WORDS
    with pytest.raises(WrongKey, match="unknown master key"):
        thief.open().record(thief.open().manifest(new), "alpha/status.toml")


def test_a_rotation_needs_every_passphrase_and_opening_only_one_where_nothing_else_does(tmp_path: Path) -> None:
    alice, night = age_holder("alice"), passphrase_holder(label="night shift")
    kept = shared_repository(tmp_path / "repository", alice, night)
    names = key_paths(kept.root)
    with pytest.raises(RefusedBySafetyRule, match="needs the passphrase of night shift"):
        rotated(kept, alice.secrets)
    assert key_paths(kept.root) == names
    asked: list[str] = []

    def ask(label: str) -> str:
        asked.append(label)
        return PASSPHRASE

    asking = dataclasses.replace(alice.secrets, ask=ask)
    opened(kept.root, asking)
    assert asked == []
    rotated(kept, asking)
    assert asked == ["night shift"]
    assert opened(kept.root, Secrets(ask=ask)).keyring == opened(kept.root, alice.secrets).keyring
    assert asked == ["night shift"] * 2


@pytest.mark.parametrize("who", ["first", "last"])
def test_a_rotation_killed_anywhere_locks_nobody_out_and_is_finished_by_the_next(tmp_path: Path, who: str) -> None:
    holders = [age_holder(name) for name in ("alice", "bob", "carol")]
    kept = shared_repository(tmp_path / "repository", *holders)
    kept.take(WORDS)
    operator = holders[0 if who == "first" else -1]
    files = CutOffFiles()
    whole = tmp_path / "whole"
    shutil.copytree(kept.root, whole)
    rotated(dataclasses.replace(kept, root=whole), operator.secrets, files)
    assert files.count > 12
    for survives in range(files.count):
        root = tmp_path / f"killed-{survives}"
        shutil.copytree(kept.root, root)
        copy = dataclasses.replace(kept, root=root, words=dict(kept.words))
        with pytest.raises(Killed):
            rotated(copy, operator.secrets, CutOffFiles(survives))
        current = {opened(root, holder.secrets).current for holder in holders}
        assert len(current) == 1  # everybody writes what everybody can read
        seen_by(copy, holders[1]).take({"alpha": "mn"})
        for holder in holders:
            assert_whole(seen_by(copy, holder))
        if len(key_paths(root)) > 3 or not all(path.name.endswith("-2.key") for path in key_paths(root)):
            rotated(copy, operator.secrets)
        listed = list_ways(backend_at(root), facts_at(root))
        assert (listed.damage, listed.unfinished_rotation) == ((), False)
        assert [item.generation for item in listed.ways] == [2, 2, 2]
        assert len(key_paths(root)) == 3
        assert len(opened(root, holders[2].secrets).keyring.masters) == 2
        for holder in holders:
            assert_whole(seen_by(copy, holder))
        shutil.rmtree(root)


def test_a_way_that_an_unfinished_rotation_has_not_reached_changes_no_keys(tmp_path: Path) -> None:
    alice, bob = age_holder("alice"), age_holder("bob")
    kept = shared_repository(tmp_path / "repository", alice, bob)
    with pytest.raises(Killed):
        rotated(kept, alice.secrets, CutOffFiles(6))
    assert list_ways(backend_at(kept.root), facts_at(kept.root)).unfinished_rotation
    with pytest.raises(RefusedBySafetyRule, match=r"alice .* has a master key that the way you came by has not"):
        rotated(kept, bob.secrets)
    with pytest.raises(RefusedBySafetyRule, match="has a master key"):
        add_way(backend_at(kept.root), facts_at(kept.root), bob.secrets, age_holder("carol").way, clock())
