"""Takes out of a text what opens a door: keys, passphrases, tokens and the addresses of channels.

The one way for everything that outlives the moment: the audit log, the service log, support bundles. What is known to
be a secret, because this process has read it as one, goes wherever it stands; the rest is told by its looks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

SECRET_NAMES = frozenset(
    {"request", "envelope", "pem", "key", "secret", "token", "passphrase", "repository_passphrase", "url", "urls"}
)
"""Fields that are left out wherever they stand: keys, passphrases, addresses of channels, signed requests."""
LEFT_OUT = "(left out)"
LEAST_KNOWN = 4
"""A shorter secret is not looked for by its value: it would be found in every other word."""
# what is looked through may be written by anybody: each pattern begins once a word, so its time grows with the length
_ADDRESS = re.compile(r"(?<![a-z0-9+.-])([a-z0-9+.-]+)://\S+", re.IGNORECASE)
# these are addresses without their scheme, too
_HOOK = re.compile(r"\b(hooks\.slack\.com|(?:ptb\.|canary\.)?discord(?:app)?\.com/api/webhooks)/\S+", re.IGNORECASE)
_KEY = re.compile(r"-----BEGIN [^-]*-----.*?(-----END [^-]*-----|\Z)", re.DOTALL)
_AGE_KEY = re.compile(r"AGE-SECRET-KEY-1[0-9A-Z]*", re.IGNORECASE)
_ASSIGNED = re.compile(
    r"""(?ix) (?<![\w-]) (?= [\w-]* (?: token | secret | password | passwd | passphrase | api[_-]?key | access[_-]?key
    | private[_-]?key | signing[_-]?key ) ) ( [\w-]++ ["']? \s*+ [=:] \s* ) (?: "[^"]*" | '[^']*' | \S+ )"""
)
_HEADER = re.compile(r"""(?i)\b(authorization["']?\s*[=:]\s*["']?)(?:\w+\s+)?\S+|\b(bearer\s+)\S+""")
_known: set[str] = set()


def remember_secret(value: str) -> None:
    """From now on this process leaves `value` out of whatever it redacts."""
    if len(value) >= LEAST_KNOWN:
        _known.add(value)


def redacted(value: object) -> object:
    """`value` without keys, passphrases, tokens, addresses and signed requests, however deep they lie."""
    if isinstance(value, Mapping):
        return {str(name): redacted(item) for name, item in value.items() if str(name).lower() not in SECRET_NAMES}
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, list | tuple):
        return [redacted(item) for item in value]
    return value


def without_secrets(text: str) -> str:
    """A text without secrets; of an address the scheme is left."""
    return _HOOK.sub(r"\1/…", _ADDRESS.sub(r"\1://…", without_keys(text)))


def without_keys(text: str) -> str:
    """A text whose addresses may stay, as that of a ticket, without keys, passphrases and tokens."""
    # a longer one first: it may begin with another
    for value in sorted(_known, key=len, reverse=True):
        text = text.replace(value, LEFT_OUT)
    text = _AGE_KEY.sub("(a key)", _KEY.sub("(a key)", text))
    text = _HEADER.sub(lambda found: f"{found[1] or found[2]}{LEFT_OUT}", text)
    return _ASSIGNED.sub(rf"\1{LEFT_OUT}", text)
