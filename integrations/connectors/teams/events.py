"""Teams' requests to us: an outgoing webhook tells of mentions. They are verified and end as ignored.

https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-outgoing-webhook, read 2026-11.
"""

from typing import Any

from integrations.payloads import mapping, text
from integrations.specs import Event, EventSpec

EVENTS: list[EventSpec] = []


def events_of(payload: Any) -> list[Event]:
    """Return the events in a request: there are none that rules could wait for."""
    return []


def activity_id(payload: Any) -> str | None:
    """Return the id of the message that mentions the webhook."""
    return text(mapping(payload).get("id"))
