"""The small child that starts a canister again when its parent dies while the canister is stopped.

Run as `python -m quri_console.effects.start_guard`. Each line on its standard input is either a JSON
object `{"urls": [...], "envelope": "<hex>", "expires_at": <seconds since 1970>}`, of which the newest
counts and the first is answered with `armed`, or `disarm`, after which it leaves and sends nothing.
The end of its input means that the parent is gone: then it sends the request until a node has taken
it or it has expired. It holds a signed request and no key, and imports nothing that takes long.
"""

from __future__ import annotations

import http.client
import json
import signal
import ssl
import sys
import time
from dataclasses import dataclass
from typing import TextIO
from urllib.parse import urlsplit

RETRY_SECONDS = 1.0
TIMEOUT_SECONDS = 15.0
ROUTE_UNKNOWN = (404, 405)
REPORT_BYTES = 4096


@dataclass(frozen=True)
class StartRequest:
    """A signed start and where to send it; `urls` are the routes of the same call, preferred first."""

    urls: tuple[str, ...]
    envelope: bytes
    expires_at: float

    @classmethod
    def from_line(cls, line: str) -> StartRequest:
        """Parse one line of input. Raises ValueError, KeyError."""
        fields = json.loads(line)
        return cls(tuple(fields["urls"]), bytes.fromhex(fields["envelope"]), float(fields["expires_at"]))


def wait_for_parent(lines: TextIO, answers: TextIO) -> StartRequest | None:
    """The request to send, once the parent is gone; None when it disarmed us or never armed us.

    The first request is answered with `armed`: only then may the parent stop anything.
    """
    request = None
    for line in lines:
        if line.strip() == "disarm":
            return None
        # a line without an end was cut off by the parent's death: the one before it counts
        if not line.endswith("\n"):
            break
        if request is None:
            answers.write("armed\n")
            answers.flush()
        request = StartRequest.from_line(line)
    return request


def post(url: str, body: bytes) -> tuple[int, bytes]:
    """POST a CBOR body; the answer's status and its beginning. Raises OSError, HTTPException."""
    parts = urlsplit(url)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(
            parts.netloc, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("POST", parts.path, body, {"content-type": "application/cbor"})
        response = connection.getresponse()
        return response.status, response.read(REPORT_BYTES)
    finally:
        connection.close()


def attempt(request: StartRequest) -> bool:
    """Send once; whether a node has taken the request."""
    for url in request.urls:
        try:
            status, body = post(url, request.envelope)
        except (OSError, http.client.HTTPException) as error:
            say(f"{url}: {error}")
            return False
        if status in ROUTE_UNKNOWN:
            continue
        say(f"{url}: HTTP {status}")
        # an unsigned refusal may come from one bad node, so it is not the last word
        return status == 202 or (status == 200 and b"non_replicated_rejection" not in body)
    return False


def send_until_taken(request: StartRequest) -> bool:
    """Send the same request until it was taken or has expired; whether it was taken."""
    say("the parent is gone: starting the canister")
    while time.time() < request.expires_at:
        if attempt(request):
            return True
        time.sleep(RETRY_SECONDS)
    say("the start request has expired")
    return False


def say(text: str) -> None:
    """Write one line to the log of the operation."""
    sys.stderr.write(f"start guard: {text}\n")
    sys.stderr.flush()


def main() -> int:
    """Guard until disarmed or needed."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    request = wait_for_parent(sys.stdin, sys.stdout)
    return 0 if request is None or send_until_taken(request) else 1


if __name__ == "__main__":
    raise SystemExit(main())
