"""Who calls: by token or session, and what is refused."""

from datetime import UTC, datetime, timedelta

import pytest
from rest_framework.test import APIClient

from supportops import clock
from supportops.people.models import ApiToken
from supportops.tenancy.roles import Role
from supportops.tenancy.scope import working_for
from tests import builders
from tests.builders import World, api_client, browser

pytestmark = pytest.mark.django_db
WHO = "/api/organization"


def test_a_token_says_which_organization(world: World) -> None:
    answer = world.ada.api.get(WHO)
    assert answer.status_code == 200
    assert answer.json()["slug"] == "ada"
    assert answer.json()["scopes"] == ["admin", "execute", "read", "write"]
    assert world.bo.api.get(WHO + "/").json()["slug"] == "bo"


def test_nobody_is_answered_with_401_in_the_one_form() -> None:
    answer = APIClient().get(WHO)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["type"] == "client_error"
    assert answer.json()["errors"][0]["code"] == "not_authenticated"


def test_an_unknown_token_is_refused(world: World) -> None:
    answer = api_client("so_" + "x" * 40).get(WHO)
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["code"] == "invalid_token"


def test_a_header_cannot_choose_another_organization(world: World) -> None:
    assert world.ada.api.get(WHO, headers={"X-Organization": "bo"}).json()["slug"] == "ada"
    assert browser(world.ada.owner, world.bo.organization).get(WHO).status_code == 403


def test_an_expired_token_is_refused(world: World) -> None:
    at = datetime(2026, 11, 21, 12, tzinfo=UTC)
    token = builders.make_token(world.ada.organization, expires_at=at)
    with clock.frozen(at - timedelta(seconds=1)):
        assert api_client(token).get(WHO).status_code == 200
    with clock.frozen(at):
        assert api_client(token).get(WHO).json()["errors"][0]["code"] == "token_expired"


def test_a_token_works_from_its_addresses_only(world: World) -> None:
    token = builders.make_token(world.ada.organization, allowed_ips=["10.0.0.0/8", "2001:db8::1"])
    client = api_client(token)
    assert client.get(WHO).json()["errors"][0]["code"] == "ip_not_allowed"
    assert client.get(WHO, REMOTE_ADDR="10.9.8.7").status_code == 200
    assert client.get(WHO, REMOTE_ADDR="::ffff:10.9.8.7").status_code == 200
    assert client.get(WHO, REMOTE_ADDR="2001:db8::1").status_code == 200
    # Nobody vouches for what the caller says of himself.
    assert client.get(WHO, headers={"X-Forwarded-For": "10.0.0.1"}).status_code == 401


def test_a_proxy_that_is_trusted_says_who_calls(world: World, settings: object) -> None:
    settings.TRUSTED_PROXIES = 1  # type: ignore[attr-defined]
    client = api_client(builders.make_token(world.ada.organization, allowed_ips=["10.0.0.0/8"]))
    assert client.get(WHO, headers={"X-Forwarded-For": "10.0.0.1, 192.0.2.1"}).status_code == 401
    assert client.get(WHO, headers={"X-Forwarded-For": "192.0.2.1, 10.0.0.1"}).status_code == 200


def test_use_is_noted_once_a_minute(world: World) -> None:
    def noted() -> datetime | None:
        with working_for(world.ada.organization):
            return ApiToken.objects.get().last_used_at

    at = datetime(2026, 11, 21, 12, tzinfo=UTC)
    for seconds, expected in ((0, at), (59, at), (60, at + timedelta(seconds=60))):
        with clock.frozen(at + timedelta(seconds=seconds)):
            assert world.ada.api.get(WHO).status_code == 200
        assert noted() == expected


def test_a_disabled_organization_is_closed(world: World) -> None:
    world.ada.organization.is_active = False
    world.ada.organization.save()
    assert world.ada.api.get(WHO).status_code == 401
    assert browser(world.ada.owner).get(WHO).status_code == 403
    assert world.bo.api.get(WHO).status_code == 200


def test_a_session_works_for_its_only_organization(world: World) -> None:
    answer = browser(world.ada.owner).get(WHO)
    assert (answer.status_code, answer.json()["slug"], answer.json()["role"]) == (200, "ada", "owner")


def test_a_person_of_several_organizations_says_which(world: World) -> None:
    builders.add_member(world.bo.organization, world.ada.owner, Role.VIEWER)
    client = browser(world.ada.owner)
    answer = client.get(WHO)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "organization_required"
    answer = client.get(WHO, headers={"X-Organization": "bo"})
    assert (answer.json()["slug"], answer.json()["role"], answer.json()["scopes"]) == ("bo", "viewer", ["read"])


def test_a_disabled_person_is_refused(world: World) -> None:
    client = browser(world.ada.owner)
    world.ada.owner.is_active = False
    world.ada.owner.save()
    assert client.get(WHO).status_code == 401


def test_a_superuser_works_for_the_organization_he_names(world: World) -> None:
    operator = builders.make_user(is_superuser=True)
    assert browser(operator).get(WHO).status_code == 403
    assert browser(operator, world.bo.organization).get(WHO).json()["slug"] == "bo"
