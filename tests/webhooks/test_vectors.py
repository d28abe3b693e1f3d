"""Every vector of every scheme through the front door: what is decided is what the vector says, and never by a 500."""

from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest

from integrations.models import EndpointState
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.builders import World
from tests.integrations.vectors import VECTORS, places
from tests.webhooks.senders import deliveries, make_sender, secret_of

pytestmark = pytest.mark.django_db

PLACES = places()


def _is_handshake(body: str) -> bool:
    return "url_verification" in body or "verification_token" in body


def test_no_scheme_that_a_platform_offers_is_left_out() -> None:
    assert {vector["scheme"] for vector in VECTORS} == set(PLACES)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['id']}: {vector['why']}")
def test_vector(world: World, vector: dict[str, Any]) -> None:
    platform, scheme = PLACES[vector["scheme"]]
    sender = make_sender(world.ada, platform, scheme=scheme, options=vector.get("options"), secret=secret_of(platform))
    endpoint = sender.endpoint
    with working_for(world.ada.organization):
        # Past the checks of configuration, which would refuse some of these secrets.
        endpoint.secrets.put([{"secret": vector["secret"], "until": None}])
        endpoint.state = EndpointState.READY
        endpoint.save()
    registered = vector.get("url") or "https://ops.example.com/hook"
    now = datetime.fromtimestamp(vector["now"], UTC) if "now" in vector else clock.now()
    with clock.frozen(now), patch("webhooks.receiving._registered_url", return_value=registered):
        response = sender.send_raw(vector["body"].encode(), vector["headers"])
    if vector["valid"]:
        # Some bodies are no JSON: said only to those who sign.
        assert response.status_code in (200, 202, 400), response.content
        if response.status_code == 400:
            assert response.json()["errors"][0]["code"] == "malformed"
        # A handshake is answered, not kept.
        assert len(deliveries(world.ada)) == (0 if _is_handshake(vector["body"]) else 1)
    else:
        assert response.status_code == 401, response.content
        assert response.json()["errors"][0]["code"] == "invalid_signature"
        assert deliveries(world.ada) == []
