"""Drive's notices: proven by the channel's token, and ended as ignored."""

import pytest

from integrations.connectors.google_sheets.connector import GoogleSheets
from tests.integrations.recorded import handle, request, request_names
from tests.integrations.vectors import VECTORS


@pytest.mark.parametrize("name", ["sync", "update"])
def test_a_notice_is_no_event_and_known_by_its_number(name: str) -> None:
    recorded = request("google_sheets", name)
    assert recorded.body == b"" and handle(GoogleSheets, recorded) == []
    number = recorded.headers["x-goog-message-number"]
    key = GoogleSheets.delivery_key(recorded.headers, recorded.payload)
    assert key == f"01234567-89ab-cdef-0123-456789abcdef:{number}"


def test_every_recorded_request_is_looked_at() -> None:
    assert request_names("google_sheets") == ["sync", "update"]
    assert len([vector for vector in VECTORS if vector["scheme"] == "google_drive"]) == 5


def test_a_notice_without_a_number_has_no_key() -> None:
    assert GoogleSheets.delivery_key({"x-goog-channel-id": "x"}, {}) is None
