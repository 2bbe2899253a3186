"""One configured channel: reads its secrets when they are needed, writes the message, sends it, judges the answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from quri_console.clock import NANOSECONDS_PER_SECOND, Clock
from quri_console.config.alerting import ChannelConfig, ChannelKind
from quri_console.errors import QuriError
from quri_console.monitor.notification import Notification
from quri_console.monitor.notify.address import Address
from quri_console.monitor.notify.apprise_channel import AppriseChannel
from quri_console.monitor.notify.discord import discord_body
from quri_console.monitor.notify.generic import generic_body, signature
from quri_console.monitor.notify.outside import Outside
from quri_console.monitor.notify.secrets import read_secret
from quri_console.monitor.notify.slack import slack_body
from quri_console.monitor.notify.verdict import Verdict, judge

PACE_SECONDS = 1.0
"""The least time between two messages to one channel."""


class Channel(Protocol):
    """Where the messages of one name go."""

    @property
    def name(self) -> str:
        """The name in the configuration."""

    @property
    def kind(self) -> ChannelKind:
        """The kind of service."""

    async def send(self, notification: Notification) -> Verdict:
        """Try to deliver a message once. Raises nothing but what a programming error raises."""


class WebhookChannel:
    """A channel that is an address to post to."""

    def __init__(
        self, config: ChannelConfig, outside: Outside, clock: Clock, *, environ: Mapping[str, str] | None = None
    ) -> None:
        self._config = config
        self._outside = outside
        self._clock = clock
        self._environ = environ
        self._secrets: tuple[Address, bytes | None] | None = None

    @property
    def name(self) -> str:
        return self._config.name

    @property
    def kind(self) -> ChannelKind:
        return self._config.kind

    async def shown(self) -> str:
        """Host and last four characters of the address. Raises what reading a secret raises."""
        return (await self._read_secrets())[0].shown

    async def send(self, notification: Notification) -> Verdict:
        """Post the message once."""
        try:
            address, signing_key = await self._read_secrets()
        except QuriError as error:
            return unusable(error)
        now_ns = self._clock.now_ns()
        body = json.dumps(self._body(notification), separators=(",", ":")).encode()
        headers = {"content-type": "application/json", "idempotency-key": header_key(notification.key)}
        if signing_key is not None:
            headers["x-signature"] = signature(signing_key, body, at_seconds=now_ns // NANOSECONDS_PER_SECOND)
        answer = await self._outside.request("POST", address, body=body, headers=headers)
        verdict = judge(self.kind, answer, now_ns=self._clock.now_ns())
        if verdict.outcome == "dead":
            # perhaps somebody puts another address there: read it again next time
            self._secrets = None
        return verdict

    def _body(self, notification: Notification) -> dict[str, Any]:
        if self.kind == "slack":
            return slack_body(notification)
        if self.kind == "discord":
            return discord_body(notification)
        return generic_body(notification, self.name)

    async def _read_secrets(self) -> tuple[Address, bytes | None]:
        if self._secrets is None:
            what = f"the address of channel {self.name}"
            url = await read_secret(self._config.url, what, environ=self._environ)
            key = self._config.signing_key
            signing_key = None
            if key is not None:
                text = await read_secret(key, f"the signing key of channel {self.name}", environ=self._environ)
                signing_key = text.encode()
            self._secrets = (Address.parse(url, f"channel {self.name}"), signing_key)
        return self._secrets


def open_channels(
    configs: Iterable[ChannelConfig], outside: Outside, clock: Clock, *, environ: Mapping[str, str] | None = None
) -> tuple[Channel, ...]:
    """The channels of a configuration. Nothing is read or imported before the first message."""
    return tuple(
        AppriseChannel(config, environ=environ)
        if config.kind == "apprise"
        else WebhookChannel(config, outside, clock, environ=environ)
        for config in configs
    )


def unusable(error: QuriError) -> Verdict:
    """The verdict when a channel's own settings are at fault: tried again, because a person can mend them."""
    return Verdict("retry", " ".join(filter(None, (f"{error}.", error.next_step))), unusable=True)


def header_key(key: str) -> str:
    """A message's key as a header may hold it."""
    if key.isascii() and key.isprintable() and 0 < len(key) <= 200:
        return key
    return hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()
