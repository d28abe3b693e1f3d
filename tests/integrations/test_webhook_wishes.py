"""What a tenant may wish of an integration's webhook address, as part of the integration's own body."""

from typing import Any

import pytest

from tests.builders import World, api_client

BODY: dict[str, Any] = {
    "platform": "zendesk",
    "name": "Ours",
    "credentials": {"subdomain": "acme", "access_token": "a" * 30},
}


@pytest.mark.django_db
def test_the_secret_that_the_platform_made_comes_with_the_integration(world: World) -> None:
    answer = api_client(world.ada.token).post(
        "/api/integrations/", {**BODY, "webhook": {"secret": "made-by-the-platform"}}, format="json"
    )
    assert answer.status_code == 201, answer.content
    assert answer.json()["webhook"]["state"] == "ready"


@pytest.mark.django_db
def test_an_unknown_wish_is_refused_with_its_place(world: World) -> None:
    answer = api_client(world.ada.token).post(
        "/api/integrations/", {**BODY, "webhook": {"sekret": "x" * 20}}, format="json"
    )
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == "webhook.sekret"
