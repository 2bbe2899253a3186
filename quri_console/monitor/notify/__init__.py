"""Messages about alerts: their words, their shapes for each kind of channel, and their delivery.

`outbox_message` makes what `History.outbox.put` (or `put_in`, within the transaction that writes the alert's state)
takes; `recipients` names the channels; a `Deliverer` brings it there.
"""

from quri_console.monitor.notify.channel import Channel, open_channels
from quri_console.monitor.notify.deliverer import LIFETIME_SECONDS, Deliverer
from quri_console.monitor.notify.documents import from_document, outbox_message
from quri_console.monitor.notify.outside import Outside
from quri_console.monitor.notify.routing import recipients
from quri_console.monitor.notify.wording import test_notification

__all__ = [
    "LIFETIME_SECONDS",
    "Channel",
    "Deliverer",
    "Outside",
    "from_document",
    "open_channels",
    "outbox_message",
    "recipients",
    "test_notification",
]
