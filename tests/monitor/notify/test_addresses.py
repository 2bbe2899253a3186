"""An address is a secret: it is checked, and no error, log or picture of an object tells more than its end."""

from __future__ import annotations

import logging
import ssl
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from quri_console.clock import ManualClock
from quri_console.config.alerting import SecretSource
from quri_console.errors import QuriError, RefusedBySafetyRule, UsageError
from quri_console.history import History
from quri_console.monitor.notify import Deliverer, Outside, open_channels, outbox_message
from quri_console.monitor.notify.address import Address, UnusableAddress
from quri_console.monitor.notify.channel import WebhookChannel, header_key
from quri_console.monitor.notify.outside import Answer, NoAnswer
from quri_console.monitor.notify.secrets import ExtraMissing, SecretUnavailable, read_secret
from quri_console.monitor.notify.verdict import retry_after_seconds
from tests.support.authority import Authority
from tests.support.notifications import channel_config, notification
from tests.support.passing_time import while_time_passes
from tests.support.webhook_receiver import DRIP, HANG, RESET, Behaviour, Reply, webhook_receiver

TOKEN = "T00000000/B00000000/XXXXsecretXXXXabcd"
URL = f"https://hooks.slack.com/services/{TOKEN}"


def private_file(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_an_address_shows_its_host_and_four_characters() -> None:
    address = Address.parse(URL, "channel ops")
    assert str(address) == "hooks.slack.com/…abcd"
    assert "secret" not in repr(address)
    assert address.variant("/start", rid="1").url == f"{URL}/start?rid=1"


def test_of_a_short_address_nothing_but_the_host_is_shown() -> None:
    assert str(Address.parse("https://example.com/ab12", "channel ops")) == "example.com/…"


@pytest.mark.parametrize("url", ["http://localhost:8080/x", "http://127.0.0.1/x", "http://[::1]:80/x", URL])
def test_this_machine_needs_no_encryption(url: str) -> None:
    assert Address.parse(url, "channel ops").url == url


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (f"http://hooks.slack.com/services/{TOKEN}", "without encryption"),
        (f"https://user:passw0rd@hooks.slack.com/services/{TOKEN}", "a user name or a password"),
        (f"https://user@hooks.slack.com/{TOKEN}", "a user name or a password"),
        (f"ftp://hooks.slack.com/{TOKEN}", "not an https"),
        (f"hooks.slack.com/{TOKEN}", "not an https"),
        (f"https:///{TOKEN}", "not an https"),
        (f"https://hooks.slack.com:99999/{TOKEN}", "malformed"),
        (f"https://hooks.slack.com:0/{TOKEN}", "its port is 0"),
        (f"https://[::1/{TOKEN}", "malformed"),
        (f"https://hooks.slack.com/{TOKEN} x", "characters that no address has"),
        (f"https://hooks.slack.com\\@evil.example/{TOKEN}", "characters that no address has"),
        (f"https://hooks.slack.com/{TOKEN}\nX-Header: 1", "characters that no address has"),
        (f"https://hööks.example/{TOKEN}", "characters that no address has"),
        ("http://127.0.0.1.evil.example/" + TOKEN, "without encryption"),
        ("", "it is empty"),
    ],
)
def test_an_unusable_address_is_refused_without_telling_it(url: str, why: str) -> None:
    with pytest.raises(UnusableAddress) as raised:
        Address.parse(url, "channel ops")
    words = f"{raised.value} {raised.value.next_step}"
    assert why in words
    assert "secret" not in words
    assert "passw0rd" not in words
    assert raised.value.__cause__ is None


async def test_a_secret_is_the_first_line_of_an_owner_only_file(tmp_path: Path) -> None:
    path = private_file(tmp_path / "url", f"\n {URL} \nsecond\n")
    assert await read_secret(SecretSource(file=path), "it") == URL
    with pytest.raises(RefusedBySafetyRule, match="it holds the address"):
        await read_secret(SecretSource(file=private_file(path, URL, 0o640)), "the address")
    with pytest.raises(SecretUnavailable, match="nothing in"):
        await read_secret(SecretSource(file=private_file(path, "\n \n", 0o600)), "it")
    with pytest.raises(UsageError, match="cannot be read"):
        await read_secret(SecretSource(file=tmp_path / "missing"), "it")


async def test_a_secret_comes_from_the_environment() -> None:
    assert await read_secret(SecretSource(env="HOOK"), "it", environ={"HOOK": URL}) == URL
    with pytest.raises(SecretUnavailable, match="HOOK is not set"):
        await read_secret(SecretSource(env="HOOK"), "it", environ={})


async def test_a_secret_is_the_first_line_that_a_command_writes() -> None:
    command = (sys.executable, "-c", f"print({URL!r}); print('second')")
    assert await read_secret(SecretSource(command=command), "it") == URL


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import sys; print('XXXXsecret'); sys.exit(3)", "it ended with 3"),
        ("import sys; print('XXXXsecret', file=sys.stderr)", "There is nothing in it"),
        ("print('XXXXsecret' * 100000)", "more than 64 KiB"),
        ("import time; time.sleep(60)", "did not answer within 0.3 s"),
    ],
)
async def test_a_command_that_fails_or_hangs_is_told_without_its_output(code: str, words: str) -> None:
    began = time.monotonic()
    with pytest.raises(SecretUnavailable) as raised:
        await read_secret(SecretSource(command=(sys.executable, "-c", code)), "it", command_seconds=0.3)
    assert words in f"{raised.value}"
    assert "XXXX" not in f"{raised.value} {raised.value.next_step}"
    assert time.monotonic() - began < 10


async def test_a_command_that_does_not_exist_is_named() -> None:
    with pytest.raises(SecretUnavailable, match="'no-such-command-here' for it cannot be started"):
        await read_secret(SecretSource(command=("/no/no-such-command-here", "s3cret")), "it")


async def test_a_missing_extra_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # None in sys.modules makes the import fail whether the package is there or not
    monkeypatch.setitem(sys.modules, "keyring", None)
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ExtraMissing) as raised:
        await read_secret(SecretSource(keyring="quri/ops"), "the address")
    assert raised.value.next_step == 'pip install "quri-console[keyring]"'
    async with Outside() as outside:
        (channel,) = open_channels([channel_config("ops", "apprise")], outside, ManualClock(), environ={})
        verdict = await channel.send(notification())
    assert verdict.unusable
    assert 'pip install "quri-console[apprise]"' in verdict.why


def test_importing_the_package_loads_no_http_client() -> None:
    code = (
        "import sys, quri_console.monitor.notify, quri_console.monitor.heartbeats; "
        "print([name for name in ('httpx', 'apprise', 'keyring', 'cryptography') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(),
        Reply(404, body=b"s3cr3t-t0ken-abcd"),
        Reply(500, body=b"s3cr3t-t0ken-abcd"),
        Reply(302, {"location": "/services/s3cr3t-t0ken-abcd"}),
        Reply(200, {"bad header": "s3cr3t"}),
        HANG,
        RESET,
        DRIP,
    ],
)
async def test_no_log_error_or_stored_row_holds_the_address(
    reply: Behaviour, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    clock = ManualClock()
    path = tmp_path / "h.sqlite"
    async with (
        await History.open(path) as history,
        Outside(timeout_seconds=0.2) as outside,
        webhook_receiver(reply) as receiver,
    ):
        channels = open_channels([channel_config()], outside, clock, environ={"URL_ops": receiver.url})
        await history.outbox.put(
            outbox_message(notification()), ["ops"], now_ns=clock.now_ns(), expires_ns=clock.now_ns() + 10**10
        )
        deliverer = Deliverer(history.outbox, channels, clock=clock, random=Random(1))
        await while_time_passes(clock, deliverer.drain(60))
        assert receiver.received
        assert isinstance(channels[0], WebhookChannel)
        assert await channels[0].shown() == "127.0.0.1/…abcd"
        rows = [*await history.outbox.failures(since_ns=0), *await history.outbox.stuck(before_ns=clock.now_ns())]
    told = caplog.text + repr(rows) + repr(channels)
    assert "s3cr3t" not in told
    assert "/services/" not in told


async def test_a_service_that_nobody_vouches_for_gets_nothing(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(authority.certificate_file, authority.key_file)
    async with webhook_receiver(tls=tls) as receiver, Outside() as outside:
        address = Address.parse(receiver.url, "channel ops")
        answer = await outside.request("POST", address, body=b"{}")
        assert answer == NoAnswer("the TLS certificate of 127.0.0.1 is not to be trusted")
        assert receiver.received == []
        async with Outside(tls=authority.client_context()) as trusting:
            assert isinstance(await trusting.request("POST", address, body=b"{}"), Answer)


def test_what_a_keys_header_cannot_hold_is_hashed() -> None:
    assert header_key("ic:frozen:1") == "ic:frozen:1"
    for odd in ("", "a\nb", "ü", "x" * 300):
        assert len(header_key(odd)) == 64


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("30", 30.0),
        (" 0.5 ", 0.5),
        ("-3", 0.0),
        ("1e99", 86_400.0),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("Sun, 15 Jun 2025 15:07:40 GMT", 60.0),
        ("Sun, 15 Jun 2025 15:00:00 GMT", 0.0),
        ("Sun, 15 Jun 2025 15:07:40", None),
        ("Sun, 99 Jun 2025 15:07:40 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_bounded(value: str, expected: float | None) -> None:
    assert retry_after_seconds(value, now_ns=1_750_000_000 * 10**9) == expected


def test_every_failure_of_a_secret_is_worded_for_the_operator() -> None:
    assert issubclass(SecretUnavailable, QuriError)
    assert issubclass(UnusableAddress, QuriError)
