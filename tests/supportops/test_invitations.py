"""Invitations: a mail with an address that works once, accepted as somebody known or by somebody new."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from audit.models import AuditEntry
from supportops import clock
from supportops.people.models import Invitation, User
from supportops.tenancy.models import Membership, Organization
from supportops.tenancy.roles import Role
from supportops.tenancy.scope import working_for
from tests import builders
from tests.builders import PASSWORD, World, browser, reader

pytestmark = pytest.mark.django_db(transaction=True)
MEMBERS, ADD = "/api/members/", "/admin/people/invitation/add/"
NEW = {"name": "Cleo", "password": "blue horses run far", "again": "blue horses run far"}


def address_in(message: Any) -> str:
    found = re.search(r"http://127\.0\.0\.1:8000(/people/\S+)", message.body)
    assert found is not None
    return found[1]


def actions_of(organization: Organization) -> list[str]:
    with working_for(organization):
        return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


def role_of(organization: Organization, email: str) -> str | None:
    with working_for(organization):
        membership = Membership.objects.filter(user__email=email).first()
    return membership.role if membership else None


@pytest.fixture
def _no_mail(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"


def test_somebody_new_is_invited_by_mail(world: World, client: Client) -> None:
    answer = browser(world.ada.owner).post(MEMBERS, {"email": "Cleo@Example.com", "role": "editor"})
    assert answer.status_code == 201, answer.content
    # Only the mail holds the address: who opens it first owns the account.
    assert (answer.json()["invitation"], answer.json()["status"]) == (None, "invited")
    [message] = mail.outbox
    assert message.to == ["cleo@example.com"] and "ada@example.com invites you to Ada" in message.body
    place = address_in(message)
    # Opening it changes nothing, however often a mail filter does.
    for _n in range(3):
        assert "Join Ada" in Client().get(place).content.decode()
    assert not User.objects.filter(email="cleo@example.com").exists()
    weak = client.post(place, {**NEW, "password": "cleo@example.com", "again": "cleo@example.com"})
    assert "too similar" in weak.content.decode()
    answer = client.post(place, NEW)
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    assert "Welcome" in client.get("/admin/").content.decode()
    assert role_of(world.ada.organization, "cleo@example.com") == "editor"
    assert Client().get(place).status_code == 404
    assert Client().post(place, NEW).status_code == 404
    assert actions_of(world.ada.organization) == ["member.invited", "member.added", "signed_in"]


def test_somebody_known_is_asked_and_accepts_signed_in(world: World, client: Client) -> None:
    answer = world.ada.api.post(MEMBERS, {"email": "bo@example.com", "role": "viewer"})
    assert answer.status_code == 201
    [message] = mail.outbox
    place = address_in(message)
    # Whoever has the address alone is neither him nor asked for a password to set.
    assert f"?next={place}" in client.get(place).content.decode()
    assert client.post(place, NEW).status_code == 403
    stranger = reader(world.ada.owner)
    assert "Sign out" in stranger.get(place).content.decode()
    assert stranger.post(place).status_code == 403
    assert role_of(world.ada.organization, "bo@example.com") is None
    world.bo.owner.refresh_from_db()
    assert world.bo.owner.check_password(PASSWORD)
    bo = reader(world.bo.owner)
    assert bo.post(place)["Location"] == "/admin/"
    assert role_of(world.ada.organization, "bo@example.com") == "viewer"
    assert b"Ada" in bo.get("/admin/").content
    assert bo.post(place).status_code == 404


def test_signing_in_leads_back_to_the_invitation(world: World, client: Client) -> None:
    world.ada.api.post(MEMBERS, {"email": "bo@example.com", "role": "viewer"})
    place = address_in(mail.outbox[0])
    given = {"username": "bo@example.com", "password": PASSWORD, "next": place}
    assert client.post("/admin/login/", given)["Location"] == place
    assert client.post("/admin/login/", {**given, "next": "https://evil.example/"})["Location"] == "/admin/"


def test_who_never_chose_a_password_is_not_taken_over(world: World, _no_mail: None) -> None:
    """The address of an invitation, which the inviter sees where no mail is sent, opens no account of others."""
    waiting = User.objects.create_user("dora@example.com")
    builders.add_member(world.bo.organization, waiting, Role.OWNER)
    answer = world.ada.api.post(MEMBERS, {"email": "dora@example.com", "role": "viewer"})
    place = answer.json()["invitation"].removeprefix("http://127.0.0.1:8000")
    assert Client().post(place, NEW).status_code == 403
    waiting.refresh_from_db()
    assert not waiting.has_usable_password()


def test_without_mail_the_answer_holds_the_address_once(world: World, _no_mail: None) -> None:
    answer = world.ada.api.post(MEMBERS, {"email": "cleo@example.com", "role": "editor"}).json()
    key = answer["invitation"].removeprefix("http://127.0.0.1:8000/people/invitation/").strip("/")
    assert len(key) == 40
    with working_for(world.ada.organization):
        row = Invitation.objects.get()
    assert key not in row.digest
    assert "invitation" not in world.ada.api.get(f"{MEMBERS}{answer['id']}/").json()
    page = reader(world.ada.owner).post(ADD, {"address": "dora@example.com", "name": "", "role": "viewer"})
    assert "http://127.0.0.1:8000/people/invitation/" in page.content.decode()
    assert "no-store" in page["Cache-Control"]


def test_sending_again_makes_the_earlier_address_void(world: World, client: Client) -> None:
    made = world.ada.api.post(MEMBERS, {"email": "cleo@example.com", "role": "editor"}).json()
    resend = f"{MEMBERS}{made['id']}/resend/"
    soon = world.ada.api.post(resend)
    assert (soon.status_code, soon.json()["errors"][0]["code"]) == (400, "too_soon")
    with clock.moved(timedelta(minutes=2)):
        assert world.ada.api.post(resend).status_code == 200
    first, second = map(address_in, mail.outbox)
    assert client.get(first).status_code == 404
    assert client.get(second).status_code == 200
    assert actions_of(world.ada.organization) == ["member.invited", "invitation.sent_again"]


def test_an_invitation_ends(world: World, client: Client) -> None:
    made = world.ada.api.post(MEMBERS, {"email": "cleo@example.com", "role": "editor"}).json()
    place = address_in(mail.outbox[0])
    with clock.moved(timedelta(days=8)):
        assert client.get(place).status_code == 404
        assert client.post(place, NEW).status_code == 404
    Organization.objects.filter(slug="ada").update(is_active=False)
    assert client.get(place).status_code == 404
    Organization.objects.filter(slug="ada").update(is_active=True)
    assert world.ada.api.delete(f"{MEMBERS}{made['id']}/").status_code == 204
    assert client.post(place, NEW).status_code == 404
    assert not User.objects.filter(email="cleo@example.com").exists()


def test_one_list_shows_members_and_invitations(world: World) -> None:
    api = world.ada.api
    made = api.post(MEMBERS, {"email": "cleo@example.com", "role": "editor", "name": "Cleo"}).json()
    for n in range(4):
        builders.make_member(world.ada.organization, Role.VIEWER, email=f"v{n}@example.com")
    api.post(MEMBERS, {"email": "dora@example.com", "role": "viewer"})
    page, seen = api.get(f"{MEMBERS}?page_size=2").json(), []
    while True:
        seen += [(row["email"].split("@")[0], row["status"]) for row in page["results"]]
        if page["next"] is None:
            break
        page = api.get(page["next"]).json()
    active = [(f"v{n}", "active") for n in (3, 2, 1, 0)]
    assert seen == [("dora", "invited"), *active, ("cleo", "invited"), ("ada", "active")]
    back = api.get(page["previous"]).json()["results"]
    assert [row["email"].split("@")[0] for row in back] == [name for name, _state in seen[-4:-2]] or len(back) == 2
    place = f"{MEMBERS}{made['id']}/"
    assert api.get(place).json()["name"] == "Cleo"
    assert api.patch(place, {"role": "viewer"}).json()["role"] == "viewer"
    for again in ("cleo@example.com", "ada@example.com"):
        answer = api.post(MEMBERS, {"email": again, "role": "viewer"})
        assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "email")
    assert api.post(f"{MEMBERS}no-id/resend/").status_code == 404
    assert api.patch(place, {"role": "king"}).json()["errors"][0]["attr"] == "role"


def test_only_owners_invite_owners_and_take_it_back(world: World) -> None:
    admin = browser(builders.make_member(world.ada.organization, Role.ADMIN))
    assert admin.post(MEMBERS, {"email": "x@example.com", "role": "owner"}).status_code == 403
    made = browser(world.ada.owner).post(MEMBERS, {"email": "x@example.com", "role": "owner"}).json()
    place = f"{MEMBERS}{made['id']}/"
    assert admin.patch(place, {"role": "viewer"}).status_code == 403
    assert admin.delete(place).status_code == 403
    for client in (world.bo.api, browser(world.bo.owner)):
        assert client.get(place).status_code == client.delete(place).status_code == 404


def test_the_admin_invites_sends_again_and_revokes(world: World) -> None:
    owner, members = reader(world.ada.owner), "/admin/tenancy/membership/"
    given = {"address": "Cleo@example.com", "name": "Cleo", "role": "editor"}
    assert owner.post(ADD, given)["Location"] == members
    page = owner.get(members).content.decode()
    assert "cleo@example.com" in page and "sent by mail" in page
    refused = owner.post(ADD, given, follow=True).content.decode()
    assert "invited already" in refused
    with working_for(world.ada.organization):
        row = Invitation.objects.get()
    place = f"/admin/people/invitation/{row.pk}/"
    assert owner.get(f"{place}change/").status_code == 200
    assert owner.post(f"{place}change/", {"role": "viewer"}).status_code == 302
    with clock.moved(timedelta(minutes=2)):
        assert owner.post(f"{place}resend/")["Location"] == members
    assert len(mail.outbox) == 2
    owner.post(f"{place}delete/", {"post": "yes"})
    actions = actions_of(world.ada.organization)
    assert actions == ["member.invited", "invitation.changed", "invitation.sent_again", "invitation.revoked"]


def test_a_mail_that_could_not_be_sent_is_seen_and_sent_again(world: World, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    made = world.ada.api.post(MEMBERS, {"email": "cleo@example.com", "role": "editor"})
    assert made.status_code == 201
    assert "not sent by mail" in reader(world.ada.owner).get("/admin/tenancy/membership/").content.decode()
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert world.ada.api.post(f"{MEMBERS}{made.json()['id']}/resend/").status_code == 200
    assert len(mail.outbox) == 1


def test_the_form_offers_what_may_be_given_and_the_least_first(world: World) -> None:
    def offered(client: Client) -> list[str]:
        return re.findall(r'<option value="(\w+)"', client.get(ADD).content.decode())

    assert offered(reader(world.ada.owner)) == ["viewer", "operator", "editor", "admin", "owner"]
    admin = reader(builders.make_member(world.ada.organization, Role.ADMIN))
    assert offered(admin) == ["viewer", "operator", "editor", "admin"]
    given = {"address": "cleo@example.com", "name": "", "role": "owner"}
    assert admin.post(ADD, given).status_code == 200
    assert mail.outbox == []
