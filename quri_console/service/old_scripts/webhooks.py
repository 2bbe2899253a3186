"""Webhooks of the old scripts as channels: their kind by address or option, the address itself into a secret file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from quri_console.config.alerting import ChannelKind
from quri_console.errors import QuriError
from quri_console.monitor.notify.address import Address, shown
from quri_console.redaction import remember_secret
from quri_console.service.old_scripts.notes import Notes, Place

_PLACEHOLDER = re.compile(r"(?i)x{3}|your|change_?me|placeholder|<|\.\.\.|/example|T0+/B0+")
_HOSTS: tuple[tuple[str, ChannelKind], ...] = (
    ("hooks.slack.com", "slack"),
    ("discord.com", "discord"),
    ("discordapp.com", "discord"),
)
_KINDS: Mapping[str, ChannelKind] = {"slack": "slack", "discord": "discord", "generic": "generic"}


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address as it was found, or the variable of the environment that holds it; `told` is what its kind is said."""

    place: Place
    url: str = field(default="", repr=False)
    variable: str = ""
    told: str = ""


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel to propose; exactly one of `url` and `variable` is set, or neither where a person must give it."""

    name: str
    kind: ChannelKind
    url: str = field(default="", repr=False)
    variable: str = ""
    unusable: bool = False

    @property
    def file(self) -> str:
        """The secret file beside the configuration."""
        return f"{self.name}.url"


def channels(found: Iterable[Webhook], usual: str, notes: Notes) -> tuple[Channel, ...]:
    """One channel for each address, however often it stands there; `usual` is the kind of those that say none."""
    grouped: dict[tuple[str, str], list[Webhook]] = {}
    for webhook in found:
        remember_secret(webhook.url)
        grouped.setdefault((webhook.url, webhook.variable), []).append(webhook)
    made: list[Channel] = []
    for (url, variable), webhooks in grouped.items():
        kind = _kind(url, [webhook.told for webhook in webhooks if webhook.told], webhooks[0].place, notes, usual)
        number = sum(channel.kind == kind for channel in made)
        name = kind if not number else f"{kind}-{number + 1}"
        places = tuple(sorted({webhook.place for webhook in webhooks}))
        made.append(_channel(Channel(name, kind, url, variable), places, notes))
    return tuple(made)


def _kind(url: str, told: list[str], place: Place, notes: Notes, usual: str) -> ChannelKind:
    host = _host(url)
    by_host = next((kind for suffix, kind in _HOSTS if host == suffix or host.endswith(f".{suffix}")), None)
    by_word = next((_KINDS[word.casefold()] for word in told if word.casefold() in _KINDS), None)
    for word in told:
        if word.casefold() not in _KINDS:
            notes.add("not understood", "the kind of webhook is none of slack, discord and generic", place)
    if by_host and by_word and by_host != by_word:
        text = f"it was called {by_word}, but its address is one of {by_host}, which is what it is proposed as"
        notes.add("difference", text, place, setting="channels")
    return by_host or by_word or _KINDS.get(usual.casefold(), "generic")


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").casefold()
    except ValueError:
        return ""


def _channel(channel: Channel, places: tuple[Place, ...], notes: Notes) -> Channel:
    where = f"[channels.{channel.name}]"
    if channel.variable:
        text = f"{where} takes its address from the variable {channel.variable}, which `watch` must have when it starts"
        notes.add("difference", text, *places, setting="channels")
    elif _PLACEHOLDER.search(channel.url):
        notes.add("decision", f"{where}: the address is a placeholder, so the channel is commented out", *places,
                  setting="channels")  # fmt: skip
        return Channel(channel.name, channel.kind, unusable=True)
    elif (fault := _fault(channel.url)) is not None:
        notes.add("decision", f"{where} is commented out: messages cannot be sent to its address: {fault}", *places,
                  setting="channels")  # fmt: skip
        return Channel(channel.name, channel.kind, unusable=True)
    else:
        text = (
            f"{where} takes its address ({shown(channel.url, _host(channel.url))}) from the file {channel.file}, "
            "readable by you alone: an address is a secret. --write makes that file; take it out of the scripts, too"
        )
        notes.add("difference", text, *places, setting="channels")
    if channel.kind == "generic":
        text = f"{where}: a generic message has the form of Alertmanager's webhook here, not that of monitor-cycles.sh"
        notes.add("difference", text, *places, setting="channels")
    return channel


def _fault(url: str) -> str | None:
    try:
        Address.parse(url, "it")
    except QuriError as error:
        return error.why or error.what
    return None
