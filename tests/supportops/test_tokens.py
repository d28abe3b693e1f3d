"""Tokens: shown once, bound to what their maker may do, revoked at once."""

import hashlib

import pytest

from audit.models import AuditEntry
from supportops.people.models import ApiToken
from supportops.tenancy.scope import working_for
from tests import builders
from tests.builders import World, api_client

pytestmark = pytest.mark.django_db
TOKENS = "/api/tokens/"


def test_a_new_token_is_shown_once_and_stored_hashed(world: World) -> None:
    answer = world.ada.api.post(TOKENS, {"name": "Deploys", "scopes": ["read", "execute"]})
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert made["token"].startswith("so_") and made["token"].startswith(made["prefix"])
    assert made["scopes"] == ["read", "execute"]
    assert made["created_by"] == "test"
    read = world.ada.api.get(TOKENS + made["id"])
    assert "token" not in read.json() and made["token"] not in read.content.decode()
    with working_for(world.ada.organization):
        row = ApiToken.objects.get(pk=made["id"])
    assert row.digest == hashlib.sha256(made["token"].encode()).hexdigest()
    assert api_client(made["token"]).get("/api/organization").json()["scopes"] == ["execute", "read"]


def test_nobody_gives_what_he_does_not_have(world: World) -> None:
    client = api_client(builders.make_token(world.ada.organization, ["read", "admin"]))
    answer = client.post(TOKENS, {"name": "More", "scopes": ["read", "write"]})
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"code": "beyond_own_scopes", "detail": "You cannot give what you do not have: write.", "attr": "scopes"}
    ]
    assert client.post(TOKENS, {"name": "As much", "scopes": ["read", "admin"]}).status_code == 201


@pytest.mark.parametrize(
    ("change", "attr"),
    [
        ({"name": ""}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["own"]}, "scopes.0"),
        ({"allowed_ips": ["10.0.0.300"]}, "allowed_ips"),
        ({"allowed_ips": [7]}, "allowed_ips"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "soon"}, "expires_at"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(world: World, change: dict[str, object], attr: str) -> None:
    answer = world.ada.api.post(TOKENS, {"name": "Deploys", "scopes": ["read"], **change})
    assert answer.status_code == 400
    assert [error["attr"] for error in answer.json()["errors"]] == [attr]


def test_a_token_changes_in_name_and_bounds_but_not_in_what_it_may(world: World) -> None:
    made = world.ada.api.post(TOKENS, {"name": "Deploys", "scopes": ["read"]}).json()
    place = TOKENS + made["id"] + "/"
    answer = world.ada.api.patch(place, {"name": "Releases", "allowed_ips": ["10.1.2.3", "10.0.0.1/8"]})
    assert answer.status_code == 200
    assert (answer.json()["name"], answer.json()["allowed_ips"]) == ("Releases", ["10.1.2.3", "10.0.0.0/8"])
    answer = world.ada.api.patch(place, {"scopes": ["read", "write"]})
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "scopes")
    assert world.ada.api.put(place, {"name": "Again", "scopes": ["read"], "expires_at": None}).status_code == 200
    with working_for(world.ada.organization):
        entries = list(AuditEntry.objects.filter(resource_type="token").order_by("id"))
    assert [entry.action for entry in entries] == ["token.created", "token.changed", "token.changed"]
    assert entries[1].changes == {"name": ["Deploys", "Releases"], "allowed_ips": [[], ["10.1.2.3", "10.0.0.0/8"]]}
    assert entries[1].actor_type == "token"


def test_a_revoked_token_is_unknown_at_once(world: World) -> None:
    made = world.ada.api.post(TOKENS, {"name": "Deploys", "scopes": ["read"]}).json()
    client = api_client(made["token"])
    assert client.get("/api/organization").status_code == 200
    assert world.ada.api.delete(TOKENS + made["id"]).status_code == 204
    assert client.get("/api/organization").status_code == 401


def test_another_organizations_token_is_not_there(world: World) -> None:
    made = world.ada.api.post(TOKENS, {"name": "Deploys", "scopes": ["read"]}).json()
    place = TOKENS + made["id"]
    for answer in (
        world.bo.api.get(place),
        world.bo.api.patch(place, {"name": "Mine"}),
        world.bo.api.delete(place),
        world.bo.api.get(TOKENS + "not-an-id"),
        world.bo.api.get(TOKENS + "0192d3a0-0000-7000-8000-000000000000"),
    ):
        assert answer.status_code == 404
        assert answer.json()["errors"][0]["code"] == "not_found"
    assert made["id"] not in world.bo.api.get(TOKENS).content.decode()
    assert world.ada.api.get(place).status_code == 200
