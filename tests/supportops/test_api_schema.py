"""The API describes itself: whole, valid, and with every asset from here."""

import re
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client

pytestmark = pytest.mark.django_db


def test_the_description_is_valid_and_leaves_nothing_out() -> None:
    out = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    assert out.getvalue().startswith("openapi: 3.1")
    assert "/api/dead-letters/retry/" in out.getvalue(), "addresses as they are, nothing escaped"


def test_it_is_served_with_errors_and_sign_in(client: Client) -> None:
    answer = client.get("/api/schema/?format=json")
    assert answer.status_code == 200
    described = answer.json()
    creates = described["paths"]["/api/tokens/"]["post"]
    assert {"201", "400", "401", "403", "409", "429"} <= set(creates["responses"])
    assert creates["responses"]["400"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Errors"
    }
    assert creates["security"] == [{"token": []}, {"session": []}]
    assert described["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    listed = described["paths"]["/api/jobs/"]["get"]
    assert {"cursor", "page_size"} <= {parameter["name"] for parameter in listed["parameters"]}


@pytest.mark.parametrize("place", ["/api/docs", "/api/docs/", "/api/docs/?script="])
def test_the_pages_load_nothing_from_elsewhere(client: Client, place: str) -> None:
    page = client.get(place)
    assert page.status_code == 200
    text = page.content.decode()
    assert not re.findall(r"(?:src|href|url)\s*[=:]\s*[\"']?(?:https?:)?//", text)
