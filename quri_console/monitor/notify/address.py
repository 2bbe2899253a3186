"""Addresses of channels and heartbeats. They are secrets: whoever knows one can write in its channel."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from quri_console.errors import ConfigError

_ALLOWED = re.compile(r"[!#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]{1,4096}")
_LONG_ENOUGH = 12
"""A shorter address would be half told by its last four characters."""


class UnusableAddress(ConfigError):
    """An address is not one that messages may be sent to."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address that shows itself only as its host and its last four characters."""

    url: str = field(repr=False)
    host: str
    shown: str

    def __str__(self) -> str:
        return self.shown

    @classmethod
    def parse(cls, url: str, what: str) -> Self:
        """The address of `what` (`channel ops`). Raises UnusableAddress; its words hold no part of the secret."""
        parts = _split(url, what)
        host = parts.hostname or ""
        if parts.scheme not in ("https", "http") or not host:
            raise _unusable(what, "it is not an https:// address")
        if parts.username is not None or parts.password is not None:
            raise _unusable(what, "it holds a user name or a password")
        if parts.scheme == "http" and not is_loopback(host):
            raise _unusable(what, f"it would go to {host} without encryption")
        return cls(url, host, shown(url, host))

    def variant(self, suffix: str, **values: str) -> Address:
        """The address with `suffix` after its path and these parameters in place of those that it has."""
        parts = urlsplit(self.url)
        kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in values]
        path = parts.path.rstrip("/") + suffix if suffix else parts.path
        query = urlencode([*kept, *values.items()])
        return Address(parts._replace(path=path, query=query).geturl(), self.host, self.shown)


def shown(secret: str, host: str = "") -> str:
    """What may be told of an address: its host and its last four characters."""
    rest = secret.partition(host)[2] if host else secret
    end = secret[-4:] if len(rest) >= _LONG_ENOUGH else ""
    return f"{host or 'the address'}/…{end}"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split(url: str, what: str) -> SplitResult:
    if _ALLOWED.fullmatch(url) is None:
        raise _unusable(what, "it is empty, too long, or holds characters that no address has")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _unusable(what, "it is malformed") from None
    if port == 0:
        raise _unusable(what, "its port is 0")
    return parts


def _unusable(what: str, why: str) -> UnusableAddress:
    return UnusableAddress(
        f"The address of {what} cannot be used",
        why=why,
        next_step="Give the whole address as its service shows it; http:// is for this machine only.",
    )
