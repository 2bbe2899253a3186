"""Every message keeps its receiver's limits, pings nobody, and shows every trick that a name tries."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from quri_console.monitor.notification import AlertNote, Notification
from quri_console.monitor.notify.discord import discord_body
from quri_console.monitor.notify.documents import UnreadableNotification, from_document, to_document
from quri_console.monitor.notify.generic import generic_body, signature
from quri_console.monitor.notify.routing import recipients
from quri_console.monitor.notify.safe_text import fit, safe, units_of
from quri_console.monitor.notify.slack import slack_body
from quri_console.monitor.notify.wording import plain_text, test_notification
from tests.support.notifications import EVIL, NOW, SECOND, channel_config, note, notification

texts = st.text(max_size=40) | st.sampled_from([EVIL, "&" * 5_000, "\U0001f525" * 3_000, "\n" * 400, "`" * 900])
times = st.integers(min_value=0, max_value=4_000_000_000 * SECOND)
notes = st.builds(
    AlertNote,
    fingerprint=texts,
    network=texts,
    subject=texts,
    name=texts,
    rule=texts,
    level=st.sampled_from(["ok", "warning", "critical", "unknown"]),
    status=st.sampled_from(["firing", "resolved"]),
    summary=texts,
    started_at_ns=times,
    ended_at_ns=st.none() | times,
    value=texts,
    threshold=texts,
    action=texts,
    runbook_url=texts | st.just("https://wiki.example/a|b>c?x=1&y=2"),
)
messages = st.builds(
    Notification,
    key=texts,
    group_key=texts,
    status=st.sampled_from(["firing", "resolved", "test", "internal"]),
    title=texts,
    created_at_ns=times,
    alerts=st.lists(notes, max_size=25).map(tuple),
    left_out=st.integers(min_value=0, max_value=10_000),
    text=texts,
)
# shrinking texts of thousands of characters would take minutes
LIMITED = settings(max_examples=25, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
UNSAFE = frozenset("\x00\x1b\x07\u202e\u200b\u2066\u2028\ufeff")


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in strings(item)] + [str(key) for key in value]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


def assert_harmless(body: dict[str, Any]) -> None:
    json.dumps(body).encode()
    for text in strings(body):
        assert not UNSAFE & set(text)
        text.encode()


@given(messages)
@LIMITED
def test_a_message_comes_back_from_the_outbox_as_it_was(message: Notification) -> None:
    assert from_document(to_document(message)) == message


@pytest.mark.parametrize("document", ["", "[]", "1", "{}", '{"alerts":[1]}', '{"alerts":[{}]}', "nul"])
def test_a_document_that_is_none_is_refused_in_words(document: str) -> None:
    with pytest.raises(UnreadableNotification):
        from_document(document)


def test_fields_of_a_later_version_are_passed_over() -> None:
    values = json.loads(to_document(notification()))
    values["later"] = 1
    values["alerts"][0]["later"] = 1
    assert from_document(json.dumps(values)) == notification()


@given(messages)
@LIMITED
def test_slacks_limits_are_kept(message: Notification) -> None:
    body = slack_body(message)
    assert_harmless(body)
    assert 0 < len(body["blocks"]) <= 50
    assert 0 < units_of(body["text"]) <= 4_000
    sections = [block["text"]["text"] for block in body["blocks"] if block["type"] == "section"]
    assert all(0 < units_of(text) <= 3_000 for text in sections)
    assert sum(map(units_of, sections)) <= 12_000
    header, context = body["blocks"][0], body["blocks"][-1]
    assert 0 < units_of(header["text"]["text"]) <= 150
    assert len(context["block_id"]) <= 255


@given(messages)
@LIMITED
def test_discords_limits_are_kept(message: Notification) -> None:
    body = discord_body(message)
    assert_harmless(body)
    assert body["allowed_mentions"] == {"parse": []}
    assert 0 < units_of(body["content"]) <= 2_000
    assert 0 < len(body["embeds"]) <= 10
    total = 0
    for embed in body["embeds"]:
        assert units_of(embed.get("title", "")) <= 256
        assert 0 < units_of(embed["description"]) <= 4_096
        footer = embed.get("footer", {}).get("text", "")
        assert units_of(footer) <= 2_048
        total += units_of(embed.get("title", "")) + units_of(embed["description"]) + units_of(footer)
    assert total <= 6_000


@given(messages)
@LIMITED
def test_the_generic_shape_is_alertmanagers(message: Notification) -> None:
    body = generic_body(message, "ops")
    assert_harmless(body)
    assert body["version"] == "4"
    assert body["status"] in ("firing", "resolved")
    assert body["alerts"]
    for alert in body["alerts"]:
        assert alert["status"] in ("firing", "resolved")
        assert {"labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"} <= set(alert)
        assert all(alert["labels"].get(name) == value for name, value in body["commonLabels"].items())
    assert set(body) >= {"groupKey", "receiver", "groupLabels", "commonAnnotations", "externalURL", "truncatedAlerts"}


@given(messages, st.integers(min_value=1, max_value=4_000))
@LIMITED
def test_plain_text_keeps_its_limit(message: Notification, limit: int) -> None:
    text = plain_text(message, limit)
    assert units_of(text) <= limit
    assert not UNSAFE & set(text)


def test_a_message_says_what_since_when_how_much_and_what_to_do() -> None:
    assert plain_text(notification(left_out=3)) == (
        "1 critical alert on ic\n"
        "\n"
        "CRITICAL rune-engine-0: runway-short\n"
        "≈ 6 d to the freezing limit, expected 2025-06-21 (19th to 24th)\n"
        "since 2025-06-15 14:06 UTC · value 6 d · threshold 7 d · pkrpq-5qaaa-aaaah-aroda-cai on ic\n"
        "Run: quri-console top-up rune-engine 5T\n"
        "Runbook: https://wiki.example/runbook#runway\n"
        "\n"
        "and 3 more\n"
        "quri-console · 2025-06-15 15:06 UTC"
    )


def test_slack_shows_names_as_text_and_the_command_as_code() -> None:
    body = slack_body(notification(title=EVIL, key="k", alerts=(note(name=EVIL, action="a `b` <c>"),)))
    section = body["blocks"][1]["text"]
    assert section["verbatim"] is True
    assert "&lt;!channel&gt; &amp;" in section["text"]
    assert "<!channel>" not in section["text"]
    assert "Run: `a 'b' &lt;c&gt;`" in section["text"]
    assert "<https://wiki.example/runbook#runway|Runbook>" in section["text"]
    assert "<!channel>" not in body["text"]
    assert body["blocks"][-1]["block_id"] == "k"


def test_discord_shows_names_as_text_without_links_or_pings() -> None:
    body = discord_body(notification(key="k", alerts=(note(name=EVIL),)))
    (embed,) = body["embeds"]
    assert "\\[x\\]\\(https://evil.example\\)" in embed["title"]
    assert "key k" in embed["footer"]["text"]


def test_many_alerts_are_told_as_a_number() -> None:
    message = notification(alerts=60, left_out=40)
    assert "and 80 more" in slack_body(message)["blocks"][-1]["elements"][0]["text"]
    embeds = discord_body(message)["embeds"]
    assert f"and {100 - len(embeds)} more" in embeds[-1]["footer"]["text"]
    assert generic_body(message, "ops")["truncatedAlerts"] == 40


def test_the_generic_shape_of_one_alert() -> None:
    body = generic_body(
        notification(
            alerts=(
                note(1),
                note(2, status="resolved", ended_at_ns=NOW),
            )
        ),
        "ops",
    )
    assert body["groupLabels"] == {"network": "ic"}
    assert body["commonLabels"]["alertname"] == "runway-short"
    assert "name" not in body["commonLabels"]
    first, second = body["alerts"]
    assert first["startsAt"] == "2025-06-15T14:06:40Z"
    assert first["endsAt"] == "0001-01-01T00:00:00Z"
    assert second["endsAt"] == "2025-06-15T15:06:40Z"
    assert first["labels"]["severity"] == "critical"
    assert first["annotations"]["action"] == "quri-console top-up rune-engine 5T"


def test_a_signature_can_be_checked_by_the_receiver() -> None:
    value = signature(b"key", b'{"a":1}', at_seconds=1_750_000_000)
    assert value == "t=1750000000,v1=" + hmac.new(b"key", b'1750000000.{"a":1}', hashlib.sha256).hexdigest()


@pytest.mark.parametrize("build", [slack_body, discord_body, lambda message: generic_body(message, "ops")])
def test_a_test_message_says_that_nothing_is_wrong(build: Any) -> None:
    assert "Nothing is wrong." in json.dumps(build(test_notification("ops", now_ns=NOW)))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (notification(), ("all", "pager", "quiet")),
        (notification(alerts=(note(level="warning"),)), ("all", "quiet")),
        (notification(alerts=(note(level="unknown"),)), ("all", "quiet")),
        (notification(status="resolved"), ("all", "pager")),
        (notification(status="test", alerts=0), ("all", "pager", "quiet")),
        (notification(status="internal", alerts=0), ("all", "pager", "quiet")),
    ],
)
def test_a_channel_hears_what_it_asked_for(message: Notification, expected: tuple[str, ...]) -> None:
    channels = (
        channel_config("all"),
        channel_config("pager", lowest="critical"),
        channel_config("quiet", send_resolved=False),
    )
    assert recipients(channels, message) == expected


def test_tricks_are_spelt_out() -> None:
    assert safe("a\x1b\u202e\u200b\n\ud800") == "a\\x1b\\u{202e}\\u{200b}\\n\\u{d800}"
    assert safe("z" + "\u0301" * 6) == "z" + "\u0301" * 4 + "\\u{301}" * 2


def test_cutting_splits_no_replacement() -> None:
    assert fit("<<<", 9, lambda _: "&lt;") == "&lt;&lt;…"
    assert fit("abc", 3) == "abc"
    assert fit("abcd", 3) == "ab…"
    assert fit("\U0001f525\U0001f525", 3) == "\U0001f525…"


def test_what_is_invisible_in_a_terminal_is_spelt_out_in_a_message_too() -> None:
    assert safe("a\U000e0100b") == "a\\u{e0100}b"
