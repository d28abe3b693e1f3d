"""Members: who may add, change and remove whom, and what becomes of their sessions."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.test import Client

from audit.models import AuditEntry
from supportops.people.models import User
from supportops.tenancy.models import Environment, Membership, Organization
from supportops.tenancy.roles import Role
from supportops.tenancy.scope import working_for
from tests import builders
from tests.builders import World, api_client, browser

pytestmark = pytest.mark.django_db
MEMBERS = "/api/members/"


def sign_in(client: Client, email: str, password: str) -> HttpResponse:
    return client.post("/admin/login/", {"username": email, "password": password})


def membership_of(organization: Organization, user: User) -> Membership:
    with working_for(organization):
        return Membership.objects.get(user=user)


def actions_of(organization: Organization) -> list[str]:
    with working_for(organization):
        return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


def test_only_owners_make_or_unmake_owners(world: World) -> None:
    organization = world.ada.organization
    admin = builders.make_member(organization, Role.ADMIN)
    owners = MEMBERS + str(membership_of(organization, world.ada.owner).id)
    for client in (browser(admin), world.ada.api):
        assert client.post(MEMBERS, {"email": "x@example.com", "role": "owner"}).status_code == 403
        assert client.patch(owners, {"role": "viewer"}).status_code == 403
        assert client.delete(owners).status_code == 403
    assert browser(admin).post(MEMBERS, {"email": "x@example.com", "role": "admin"}).status_code == 201
    assert browser(world.ada.owner).post(MEMBERS, {"email": "y@example.com", "role": "owner"}).status_code == 201


def test_the_last_owner_stays(world: World) -> None:
    organization, client = world.ada.organization, browser(world.ada.owner)
    own = MEMBERS + str(membership_of(organization, world.ada.owner).id)
    for answer in (client.patch(own, {"role": "admin"}), client.delete(own)):
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "last_owner")
    second = builders.make_member(organization, Role.OWNER)
    second.is_active = False
    second.save()
    assert client.delete(own).status_code == 400  # an owner who cannot sign in is none
    second.is_active = True
    second.save()
    assert client.delete(own).status_code == 204


@pytest.mark.parametrize("method", ["patch", "delete"])
def test_who_loses_a_role_loses_his_sessions(world: World, method: str) -> None:
    editor = builders.make_member(world.ada.organization, Role.EDITOR)
    session = browser(editor)
    place = MEMBERS + str(membership_of(world.ada.organization, editor).id)
    assert browser(world.ada.owner).patch(place, {"role": "admin"}).status_code == 200
    assert session.get("/api/organization").json()["role"] == "admin"  # more is no loss
    assert getattr(browser(world.ada.owner), method)(place, {"role": "viewer"}).status_code in (200, 204)
    assert session.get("/api/organization").status_code == 401


def test_only_owners_and_admins_see_members(world: World) -> None:
    for role in Role:
        answer = browser(builders.make_member(world.ada.organization, role)).get(MEMBERS)
        assert answer.status_code == (200 if role in (Role.OWNER, Role.ADMIN) else 403)


def test_another_organizations_member_is_not_there(world: World) -> None:
    place = MEMBERS + str(membership_of(world.ada.organization, world.ada.owner).id)
    for client in (world.bo.api, browser(world.bo.owner)):
        assert client.get(place).status_code == 404
        assert client.delete(place).status_code == 404
    assert "ada@example.com" not in world.bo.api.get(MEMBERS).content.decode()


def test_signing_in_and_failing_to_are_told(world: World, client: Client) -> None:
    place = "/admin/login/"
    assert client.post(place, {"username": "ada@example.com", "password": "wrong"}).status_code == 200
    assert client.post(place, {"username": "nobody@example.com", "password": "wrong"}).status_code == 200
    credentials = {"username": "ada@example.com", "password": builders.PASSWORD}
    assert client.post(place, credentials, headers={"X-Request-ID": "seen-here"}).status_code == 302
    with working_for(world.ada.organization):
        failed, done = AuditEntry.objects.order_by("id")
    assert (failed.action, failed.actor_type, failed.resource_id) == (
        "sign_in_failed",
        "system",
        str(world.ada.owner.id),
    )
    assert (done.action, done.actor_id, done.request_id) == ("signed_in", str(world.ada.owner.id), "seen-here")
    assert done.person.ip == "127.0.0.1"
    assert actions_of(world.bo.organization) == []


def test_guessing_is_stopped(world: World, client: Client, settings: object) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):  # type: ignore[attr-defined]
        sign_in(client, "ada@example.com", "wrong")
    for email in ("ada@example.com", "Ada@Example.com"):
        assert sign_in(client, email, builders.PASSWORD).status_code == 429
    assert sign_in(client, "bo@example.com", builders.PASSWORD).status_code == 302


def create(*arguments: str) -> dict[str, str]:
    out = StringIO()
    call_command("create_organization", *arguments, "--json", stdout=out)
    [line] = out.getvalue().splitlines()
    return json.loads(line)


def test_the_command_makes_an_organization_ready_to_use(client: Client) -> None:
    made = create("acme", "--name", "Acme Inc.", "--owner", "Ada@Acme.example")
    assert list(made) == ["organization", "owner", "password", "api_token"]
    assert (made["organization"], made["owner"]) == ("acme", "ada@acme.example")
    answer = api_client(made["api_token"]).get("/api/organization").json()
    assert (answer["name"], answer["scopes"]) == ("Acme Inc.", ["admin", "execute", "read", "write"])
    assert sign_in(client, made["owner"], made["password"]).status_code == 302
    organization = Organization.objects.get(slug="acme")
    with working_for(organization):
        assert list(Environment.objects.values_list("name", flat=True)) == ["dev", "staging", "prod"]
        assert Membership.objects.get().role == "owner"
    assert actions_of(organization)[:3] == ["organization.created", "member.added", "token.created"]


def test_the_command_lets_a_known_owner_keep_his_password(world: World) -> None:
    made = create("second", "--owner", "ada@example.com")
    assert made["password"] is None
    world.ada.owner.refresh_from_db()
    assert world.ada.owner.check_password(builders.PASSWORD)


@pytest.mark.parametrize(
    ("slug", "owner", "message"),
    [("ada", "x@example.com", "already"), ("No Slug", "x@example.com", "lower-case"), ("new", "nobody", "email")],
)
def test_the_command_says_what_is_wrong_and_makes_nothing(world: World, slug: str, owner: str, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        create(slug, "--owner", owner)
    assert Organization.objects.count() == 2
    assert User.objects.count() == 2


def test_environments_are_kept_by_admins(world: World) -> None:
    place = "/api/environments/"
    answer = world.ada.api.post(place, {"name": "qa"})
    assert answer.status_code == 201 and answer.json()["position"] == 3
    made = place + answer.json()["id"] + "/"
    answer = world.ada.api.post(place, {"name": "qa"})
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "name")
    assert world.ada.api.post(place, {"name": "Not A Slug"}).json()["errors"][0]["attr"] == "name"
    assert world.ada.api.patch(made, {"name": "quality"}).json()["name"] == "quality"
    assert world.bo.api.get(made).status_code == 404
    assert world.bo.api.post(place, {"name": "quality"}).status_code == 201
    editor = browser(builders.make_member(world.ada.organization, Role.EDITOR))
    assert editor.get(made).status_code == 200
    assert editor.delete(made).status_code == 403
    assert world.ada.api.delete(made).status_code == 204
    assert actions_of(world.ada.organization) == [
        "environment.created",
        "environment.changed",
        "environment.deleted",
    ]
