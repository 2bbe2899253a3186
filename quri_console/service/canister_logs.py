"""What a canister wrote into its log, once or as it grows."""

from __future__ import annotations

from collections.abc import AsyncIterator

from quri_console.errors import NetworkError, NotAuthorised
from quri_console.ic.agent import Agent, Rejected
from quri_console.ic.encoding.principal import Principal, parse_principal
from quri_console.ic.management.read import fetch_canister_logs
from quri_console.ic.management.types import LogRecord
from quri_console.monitor.sources import NOT_A_CONTROLLER
from quri_console.service.connect import connect
from quri_console.service.session import Session

FOLLOW_SECONDS = 2.0
PATIENCE_SECONDS = 60.0
"""How long the network may be silent before following ends."""
# the replica's codes for a caller who is neither a controller nor named by `log_visibility`
_MAY_NOT_READ = ("IC0406", NOT_A_CONTROLLER)


async def canister_logs(session: Session, canister: str, *, follow: bool = False) -> AsyncIterator[LogRecord]:
    """The lines of a canister's log, oldest first; with `follow` without end, and none twice.

    Raises UsageError, NotAuthorised, Rejected, NetworkError.
    """
    target = session.config.canister(canister)
    agent = await connect(
        session.network, session.config.identity("poll"), session.clock, passphrase=session.passphrase
    )
    async with agent:
        principal = parse_principal(target.id)
        following = 0
        silent_since: float | None = None
        while True:
            try:
                lines = await _lines(agent, principal, target.name, following)
                silent_since = None
            except NetworkError:
                now = session.clock.monotonic()
                silent_since = now if silent_since is None else silent_since
                if not follow or now - silent_since > PATIENCE_SECONDS:
                    raise
                lines = ()
            for line in lines:
                yield line
                following = line.index + 1
            if not follow:
                return
            await session.clock.sleep(FOLLOW_SECONDS)


async def _lines(agent: Agent, canister: Principal, name: str, following: int) -> tuple[LogRecord, ...]:
    try:
        return await fetch_canister_logs(agent, canister, from_index=following or None)
    except Rejected as error:
        if error.error_code in _MAY_NOT_READ:
            raise NotAuthorised(
                f"the log of {name} may not be read by this identity",
                why=str(error),
                next_step="A controller may allow it: set log_visibility to public or to allowed viewers.",
            ) from error
        raise
