"""A channel of any service that the optional package apprise knows."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from quri_console.config.alerting import ChannelConfig, ChannelKind
from quri_console.errors import QuriError
from quri_console.monitor.notification import Notification
from quri_console.monitor.notify.quiet_logs import quiet_logs
from quri_console.monitor.notify.secrets import import_extra, read_secret
from quri_console.monitor.notify.verdict import Verdict
from quri_console.monitor.notify.wording import body_text, title

SEND_SECONDS = 30.0


class AppriseChannel:
    """A channel whose address apprise understands. Apprise tells only whether a message was taken."""

    kind: ChannelKind = "apprise"

    def __init__(self, config: ChannelConfig, *, environ: Mapping[str, str] | None = None) -> None:
        self._config = config
        self._environ = environ
        self._service: Any = None

    @property
    def name(self) -> str:
        return self._config.name

    async def send(self, notification: Notification) -> Verdict:
        """Hand the message to apprise once."""
        try:
            service = await self._open()
        except QuriError as error:
            return Verdict("retry", " ".join(filter(None, (f"{error}.", error.next_step))), unusable=True)
        if service is None:
            return Verdict("retry", f"apprise does not understand the address of channel {self.name}", unusable=True)
        try:
            # the thread takes the silence with it
            with quiet_logs():
                sending = asyncio.to_thread(service.notify, body=body_text(notification), title=title(notification))
                taken = await asyncio.wait_for(sending, SEND_SECONDS)
        except TimeoutError:
            return Verdict("retry", f"the service did not answer within {SEND_SECONDS:g} s")
        except Exception as error:  # noqa: BLE001 - plugins raise what they like, with the address in it
            return Verdict("retry", f"apprise failed ({type(error).__name__})")
        return Verdict("delivered") if taken else Verdict("retry", "the service did not take the message")

    async def _open(self) -> Any:
        if self._service is None:
            apprise = import_extra("apprise", "apprise", f"channel {self.name}")
            url = await read_secret(self._config.url, f"the address of channel {self.name}", environ=self._environ)
            service = apprise.Apprise()
            with quiet_logs():
                self._service = service if service.add(url) else None
        return self._service
