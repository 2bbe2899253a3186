"""Which canisters of two sides are compared."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from quri_console.backup.pairing import Holding, paired
from quri_console.errors import UsageError
from quri_console.ic.encoding.principal import Principal

A, B, C = (Principal(bytes([number, 1])) for number in range(3))


@dataclass(frozen=True)
class One:
    name: str
    canister: Principal | None


def several(*held: One) -> Holding[One]:
    return Holding("several", held, single=False)


def single(one: One) -> Holding[One]:
    return Holding("single", (one,), single=True)


def test_two_single_canisters_are_compared_whatever_they_are() -> None:
    left, right = One("staging", A), One("production", B)
    assert paired(single(left), single(right)).pairs == ((left, right),)


def test_a_single_canister_is_found_in_a_set_by_its_id_though_it_was_renamed() -> None:
    wanted, renamed = One("rune-engine", A), One("engine", A)
    holding = several(One("rune-engine", B), renamed)
    assert paired(single(wanted), holding).pairs == ((wanted, renamed),)
    assert paired(holding, single(wanted)).pairs == ((renamed, wanted),)


def test_where_a_side_knows_no_id_names_decide() -> None:
    unknown, known = One("rune-engine", None), One("rune-engine", A)
    assert paired(single(unknown), several(One("registry", B), known)).pairs == ((unknown, known),)


def test_a_folder_that_tells_no_canister_goes_with_the_only_one() -> None:
    folder, only = One("download", None), One("rune-engine", A)
    assert paired(single(folder), several(only)).pairs == ((folder, only),)
    with pytest.raises(UsageError):
        paired(single(folder), several(only, One("registry", B)))


def test_of_two_sets_all_that_they_share_is_compared_and_the_rest_named() -> None:
    left = (One("a", A), One("b", B), One("legacy", None))
    right = (One("legacy", C), One("renamed", B), One("new", None))
    pairing = paired(several(*left), several(*right))
    assert pairing.pairs == ((left[1], right[1]), (left[2], right[0]))
    assert pairing.only_left == (left[0],)
    assert pairing.only_right == (right[2],)


def test_two_canisters_of_one_name_are_two() -> None:
    pairing = paired(several(One("a", A)), several(One("a", B)))
    assert pairing.pairs == ()
    assert (len(pairing.only_left), len(pairing.only_right)) == (1, 1)


def test_a_canister_that_is_not_there_is_refused_with_what_is() -> None:
    with pytest.raises(UsageError, match="does not hold registry") as refused:
        several(One("rune-engine", A)).only("registry")
    assert "rune-engine" in refused.value.why
    assert several(One("rune-engine", A)).only(A.to_str()).held[0].name == "rune-engine"
