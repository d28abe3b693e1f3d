"""Errors have one form everywhere, and say nothing they should not."""

import pytest
from django.test import Client


def test_an_unknown_address_is_json(client: Client) -> None:
    for path in ("/api", "/api/", "/api/nothing", "/api/nothing/here/"):
        answer = client.post(path)
        assert answer.status_code == 404
        assert answer.json() == {
            "type": "client_error",
            "errors": [{"code": "not_found", "detail": "There is nothing at this address.", "attr": None}],
        }


@pytest.mark.django_db
def test_the_schema_is_served(client: Client) -> None:
    assert client.get("/api/schema/").status_code == 200
    assert client.get("/api/docs/").status_code == 200
