"""Calls to Datadog's API, and what its answers mean.

https://docs.datadoghq.com/api/latest/events and .../rate-limits, read 2026-11.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from integrations.errors import CredentialsRejected, IntegrationError, RateLimited, Uncertain
from integrations.payloads import identifier, mapping
from integrations.retry_after import wait_of
from integrations.vendor_message import shortened
from supportops import clock

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response

_SECONDS = re.compile(r"\d+(\.\d+)?")


class DatadogApi:
    """Datadog as one integration sees it."""

    def __init__(self, http: "PlatformClient") -> None:
        self.http = http

    def is_valid(self) -> bool:
        """Ask whether the key is one of this site's."""
        return mapping(self.http.get("/api/v1/validate").json()).get("valid") is True

    def create_event(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Post an event and return what Datadog made of it. Raises Uncertain where the answer names no event."""
        response = self.http.post("/api/v1/events", json=dict(event))
        made = dict(mapping(mapping(response.json()).get("event")))
        if event_id(made) is None:
            raise Uncertain(
                f"Datadog answered {response.status_code} without an event. It may be in the stream.",
                status_code=response.status_code,
                may_have_reached=True,
            )
        return made


def event_id(event: Mapping[str, Any]) -> str | None:
    """Return an event's id as text: as a number it is beyond what JSON's readers keep exactly."""
    return identifier(event.get("id_str")) or identifier(event.get("id"))


def error_for(response: "Response") -> IntegrationError | None:
    """Return the error where Datadog differs: 403 means the key, and a limit's reset is told in seconds to wait."""
    status = response.status_code
    words = f"Datadog answered {status}: {shortened(response.message)}"
    if status == 403:
        # Any key may post events and be validated: a refused one is of another site, or revoked.
        return CredentialsRejected(f"{words}. Is the key one of this site's?", status_code=status)
    if status != 429:
        return None
    reset = response.headers.get("x-ratelimit-reset", "").strip()
    # Not a time, as elsewhere, and believed before Retry-After, as Datadog's own clients do.
    said = reset if _SECONDS.fullmatch(reset) else response.headers.get("retry-after")
    wait = wait_of(said, clock.now(), date=response.headers.get("date"))
    return RateLimited(words, retry_after=wait, status_code=status)
