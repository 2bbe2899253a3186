"""Names of sets are read strictly: they come from folders that anybody may have made."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from quri_console.repository.sets import is_set_name, set_name, set_time


def test_a_name_gives_back_the_time_that_it_was_made_of() -> None:
    moment = datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)
    assert set_time("20240229T235959Z") == moment
    assert set_name(int(moment.timestamp()) * 10**9) == "20240229T235959Z"


@pytest.mark.parametrize(
    "name",
    ["", "20240229T235959", "20240229T235959Z ", " 20240229T235959Z", "20240229T235959Z\n", "2024229T235959Z",
     "20230229T000000Z", "20240132T000000Z", "20241301T000000Z", "20240101T240000Z", "20240101T000060Z",
     "00000101T000000Z", "٢٠٢٤0101T000000Z", "20240101t000000z", "2024-1-1T000000Z"],
)  # fmt: skip
def test_what_is_not_quite_a_name_is_none(name: str) -> None:
    assert not is_set_name(name)
    with pytest.raises(ValueError):  # noqa: PT011 - whichever part is wrong
        set_time(name)
