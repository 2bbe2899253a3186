"""Secrets are taken out of whatever outlives the moment, whoever wrote the text around them."""

from __future__ import annotations

import time

import pytest

from quri_console.redaction import remember_secret, without_secrets

SECONDS = 2.0
"""Far more than is needed; what was quadratic or worse took minutes."""


@pytest.mark.parametrize(
    "hostile", ["token-", "a-", "a.", "token", "token=", 'token="', "bearer ", "http:", "-----BEGIN "]
)
def test_text_that_somebody_hostile_wrote_is_looked_through_in_no_time(hostile: str) -> None:
    text = hostile * (200_000 // len(hostile))
    began = time.perf_counter()
    without_secrets(text)
    assert time.perf_counter() - began < SECONDS


@pytest.mark.parametrize(
    "text",
    [
        "api_token=hunter2hunter2",
        'my-secret-thing: "hunter2hunter2"',
        "a=token=hunter2hunter2",
        "x.password = 'hunter2hunter2'",
        "see https://host/hunter2hunter2",
        "_https://host/hunter2hunter2",
        "1https://host/hunter2hunter2",
        '{"Authorization": "Basic hunter2hunter2"}',
        "Authorization: Bearer hunter2hunter2",
    ],
)
def test_what_looks_like_a_secret_goes(text: str) -> None:
    assert "hunter2" not in without_secrets(text)


def test_a_secret_that_begins_with_another_one_goes_whole() -> None:
    for number in range(20):
        remember_secret(f"correct-horse-{number}")
        remember_secret(f"correct-horse-{number}-battery-staple")
        assert "battery" not in without_secrets(f"it was correct-horse-{number}-battery-staple!")
