"""What Teams sends is verified and is no event."""

from typing import Any

import pytest

from integrations.connectors.teams.connector import Teams
from tests.builders import World
from tests.integrations.recorded import handle, request
from tests.webhooks.senders import make_sender, only_delivery
from webhooks.models import DeliveryStatus
from webhooks.processing import process_due


def test_a_mention_is_no_event() -> None:
    recorded = request("teams", "mention")
    assert handle(Teams, recorded) == []
    assert Teams.delivery_key(recorded.headers, recorded.payload) == "1745700000000"


@pytest.mark.parametrize("payload", [{"id": 7}, {"id": None}, [], "x"])
def test_odd_payloads_have_no_id(payload: Any) -> None:
    assert Teams.delivery_key({}, payload) is None and Teams().handle_webhook(payload) == []


@pytest.mark.django_db
def test_a_verified_delivery_ends_as_ignored(world: World) -> None:
    from supportops.tenancy.scope import working_for

    sender = make_sender(world.ada, "teams")
    answer = sender.send(request("teams", "mention").body)
    assert answer.status_code == 202
    process_due()
    with working_for(world.ada.organization):
        delivery = only_delivery(world.ada)
        assert (delivery.status, delivery.external_id) == (DeliveryStatus.IGNORED, "1745700000000")
