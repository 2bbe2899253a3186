"""Packs of which little is needed are written anew, bit for bit, and old ones go only when that can be read."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from quri_console.repository.errors import ChunkDamaged
from tests.support.kept_sets import CHUNK, DAY, KeptSets
from tests.support.repositories import CHUNK_BYTES, MadeItem, made_up_bytes, small_repository


@pytest.fixture
def kept(tmp_path: Path) -> KeptSets:
    return KeptSets.create(tmp_path / "repository")


def wasteful(kept: KeptSets, *, left: str = "agh") -> tuple[str, str]:
    """A repository in which only `left` of a pack of ten chunks is needed; that pack, and the set that needs it."""
    old, new = kept.take({"alpha": "abcdefghij"}), kept.take({"alpha": left + "x"})
    pack = kept.pack_of("a")
    kept.forget(old)
    kept.now += 8 * DAY
    return pack, new


def test_what_is_needed_of_a_wasteful_pack_is_read_from_a_new_one_bit_for_bit(kept: KeptSets) -> None:
    pack, new = wasteful(kept)
    result = kept.prune()
    (item,) = result.plan.repacked
    assert item.why == "70 % of it is needed by no backup"
    assert result.new_packs == 1
    assert abs(result.written_bytes - result.plan.rewritten_bytes) < 1024
    assert kept.pack_of("a") == kept.pack_of("g") != pack
    assert pack in kept.packs()
    assert kept.read(new) == {"alpha": "aghx"}
    kept.now += 8 * DAY
    kept.prune()
    assert pack not in kept.packs()
    assert kept.read(new) == {"alpha": "aghx"}
    assert all(
        hashlib.sha256((kept.root / name).read_bytes()).hexdigest() == name.rsplit("/", 1)[-1] for name in kept.packs()
    )
    assert kept.plan().is_empty


def test_a_pack_of_which_most_is_needed_is_left_alone(kept: KeptSets) -> None:
    wasteful(kept, left="abcdefg")
    assert kept.prune().plan.repacked == ()


def test_the_share_above_which_a_pack_is_repacked_can_be_chosen(kept: KeptSets) -> None:
    wasteful(kept, left="abcdefg")
    (item,) = kept.plan(repack_share=0.2).repacked
    assert 3 * CHUNK <= item.unneeded_bytes < 3 * CHUNK + 1024


def test_what_a_forgotten_set_needs_is_not_taken_out_of_its_pack_while_it_may_come_back(kept: KeptSets) -> None:
    old, _ = kept.take({"alpha": "abcdefghij"}), kept.take({"alpha": "agx"})
    kept.forget(old)
    kept.now += 6 * DAY
    assert kept.prune().plan.is_empty
    assert kept.read(old) == {"alpha": "abcdefghij"}


def test_small_rests_of_several_packs_are_written_into_one(kept: KeptSets) -> None:
    olds = [kept.take({"alpha": word}) for word in ("abc", "def", "ghi")]
    new = kept.take({"alpha": "adg"})
    kept.forget(*olds)
    kept.now += 8 * DAY
    assert kept.prune().new_packs == 1
    kept.now += 8 * DAY
    kept.prune()
    assert len(kept.packs()) == 1
    assert kept.read(new) == {"alpha": "adg"}


def test_a_damaged_wasteful_pack_is_left_and_named(kept: KeptSets) -> None:
    pack, _ = wasteful(kept)
    other = wasteful_pack_of_another_set(kept)
    data = bytearray((kept.root / pack).read_bytes())
    data[len(data) // 20] ^= 1
    (kept.root / pack).write_bytes(data)
    result = kept.prune()
    assert [item.id.hex() for item in result.damaged] == [pack.rsplit("/", 1)[-1]]
    kept.now += 8 * DAY
    kept.prune()
    assert pack in kept.packs()
    assert other not in kept.packs()


def wasteful_pack_of_another_set(kept: KeptSets) -> str:
    old = kept.take({"beta": "klmnopqrst"})
    kept.take({"beta": "k"})
    pack = kept.pack_of("k")
    kept.forget(old)
    kept.now += 8 * DAY
    return pack


def test_an_old_pack_stays_when_the_new_one_is_damaged_before_it_goes(kept: KeptSets) -> None:
    pack, new = wasteful(kept)
    kept.prune()
    replacement = kept.pack_of("a")
    kept.damage(replacement)
    kept.now += 8 * DAY
    result = kept.prune()
    assert [item.id.hex() for item in result.damaged] == [pack.rsplit("/", 1)[-1]]
    assert pack in kept.packs()
    assert kept.read(new) == {"alpha": "aghx"}


def test_an_old_pack_goes_when_it_is_the_damaged_one(kept: KeptSets) -> None:
    pack, new = wasteful(kept)
    kept.prune()
    kept.damage(pack)
    kept.now += 8 * DAY
    assert kept.prune().damaged == ()
    assert pack not in kept.packs()
    assert kept.read(new) == {"alpha": "aghx"}


def test_a_chunk_read_from_its_other_pack_saves_a_damaged_wasteful_pack(kept: KeptSets) -> None:
    pack, new = wasteful(kept)
    kept.prune()
    replacement = kept.pack_of("a")
    kept.damage(replacement)
    assert kept.read(new) == {"alpha": "aghx"}
    (kept.root / pack).unlink()
    with pytest.raises(ChunkDamaged):
        kept.read(new)


def test_encrypted_packs_are_repacked_with_the_same_names_of_chunks(tmp_path: Path) -> None:
    blob = made_up_bytes(1, 40 * CHUNK_BYTES)
    made = small_repository(
        tmp_path / "repository",
        encrypted=True,
        sets=[
            {"alpha": MadeItem({"heap": blob})},
            {
                "alpha": MadeItem(
                    {"heap": b"".join(blob[start : start + CHUNK_BYTES] for start in range(0, len(blob), 1024))}
                )
            },
        ],
    )
    kept = KeptSets(made.path, unlock=made.unlock)
    old, new = made.names
    kept.now += DAY
    kept.forget(old)
    kept.now += 8 * DAY
    result = kept.prune(grace=timedelta(0))
    assert result.plan.repacked
    assert result.freed_bytes > result.written_bytes
    assert made.read_item(made.open(), new, "alpha") == made.contents[new]["alpha"]
    assert kept.plan(grace=timedelta(0)).is_empty
