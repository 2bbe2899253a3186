"""What an answer means for a message: delivered, to be tried again, or never to be delivered."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal
from urllib.parse import urlsplit

from quri_console.clock import utc_datetime
from quri_console.config.alerting import ChannelKind
from quri_console.monitor.notify.outside import Answer, NoAnswer
from quri_console.monitor.notify.safe_text import fit, safe
from quri_console.units import DAY_SECONDS

RETRYABLE = frozenset({408, 425, 429})
_SLACK_WORDS = frozenset(
    {
        "invalid_payload",
        "invalid_blocks",
        "user_not_found",
        "action_prohibited",
        "posting_to_general_channel_denied",
        "channel_not_found",
        "channel_is_archived",
        "no_service",
        "no_service_id",
        "no_team",
        "no_text",
        "team_disabled",
        "invalid_token",
        "too_many_attachments",
        "rollup_error",
    }
)
"""The only words of an answer that are told on: anything else could hold what was sent."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with a message after an attempt.

    `wait_seconds`: how long the receiver asked to be left alone, after a success, too; `scope` says whether that
    holds for the channel or for every channel of its kind. `unusable`: the channel is set up wrongly, so that a
    person must act although the attempt is repeated.
    """

    outcome: Literal["delivered", "retry", "dead"]
    why: str = ""
    wait_seconds: float | None = None
    scope: Literal["channel", "kind"] = "channel"
    unusable: bool = False


def judge(kind: ChannelKind, answer: Answer | NoAnswer, *, now_ns: int) -> Verdict:
    """The verdict on one attempt."""
    if isinstance(answer, NoAnswer):
        return Verdict("retry", answer.why)
    if 200 <= answer.status < 300:
        return _success(kind, answer)
    if 300 <= answer.status < 400:
        return Verdict("dead", f"HTTP {answer.status}: it redirects to {_target(answer)}, which is never followed")
    why = f"HTTP {answer.status}{_reason(kind, answer)}"
    if answer.status in RETRYABLE or answer.status >= 500:
        wait, everywhere = _wait(kind, answer, now_ns)
        return Verdict("retry", why, wait, "kind" if everywhere else "channel")
    return Verdict("dead", why)


def retry_after_seconds(value: str, *, now_ns: int) -> float | None:
    """The seconds that a Retry-After header asks for, a number or an HTTP date; None when it says nothing clear."""
    text = value.strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            at = parsedate_to_datetime(text)
            seconds = (at - utc_datetime(now_ns)).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    return _bounded(seconds)


def _success(kind: ChannelKind, answer: Answer) -> Verdict:
    if kind == "slack" and answer.complete and not _slack_took_it(answer.body):
        return Verdict("dead", f"HTTP {answer.status} without Slack's ok: is this the address of an incoming webhook?")
    if kind == "discord" and answer.headers.get("x-ratelimit-remaining", "").strip() == "0":
        return Verdict("delivered", wait_seconds=_number(answer.headers.get("x-ratelimit-reset-after")))
    return Verdict("delivered")


def _slack_took_it(body: bytes) -> bool:
    if body.strip() == b"ok":
        return True
    # workflows and servers that imitate Slack answer with JSON
    values = _json_object(body)
    return values.get("ok") is True or values.get("success") is True


def _wait(kind: ChannelKind, answer: Answer, now_ns: int) -> tuple[float | None, bool]:
    waits: list[float] = []
    everywhere = False
    header = answer.headers.get("retry-after")
    if header is not None and (seconds := retry_after_seconds(header, now_ns=now_ns)) is not None:
        waits.append(seconds)
    if kind == "discord" and answer.status == 429:
        values = _json_object(answer.body)
        everywhere = values.get("global") is True or answer.headers.get("x-ratelimit-global", "").lower() == "true"
        exact = _number(values.get("retry_after"))
        if exact is not None:
            # the header holds the same wait, rounded up
            waits = [exact]
        elif (reset := _number(answer.headers.get("x-ratelimit-reset-after"))) is not None:
            waits.append(reset)
    return max(waits, default=None), everywhere


def _reason(kind: ChannelKind, answer: Answer) -> str:
    if kind == "slack":
        word = answer.body[:100].decode("latin-1").strip()
        return f": {word}" if word in _SLACK_WORDS else ""
    if kind == "discord":
        code = _json_object(answer.body).get("code")
        return f": Discord's code {code}" if isinstance(code, int) and not isinstance(code, bool) else ""
    return ""


def _target(answer: Answer) -> str:
    location = answer.headers.get("location", "")
    try:
        host = urlsplit(location).hostname
    except ValueError:
        host = None
    return fit(safe(host), 100) if host else "another address"


def _json_object(body: bytes) -> dict[str, object]:
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return _bounded(float(value))
    except (ValueError, OverflowError):
        return None


def _bounded(seconds: float) -> float | None:
    return None if math.isnan(seconds) else min(max(seconds, 0.0), float(DAY_SECONDS))
