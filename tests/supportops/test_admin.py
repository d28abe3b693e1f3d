"""The admin shows and changes one organization's rows, as far as the person's role goes, however it is asked."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from audit.models import AuditEntry
from supportops import clock
from supportops.people.models import ApiToken, User
from supportops.tenancy.models import Environment, Membership, Organization
from supportops.tenancy.roles import Role
from supportops.tenancy.scope import working_for
from tests import builders
from tests.builders import World, api_client, browser

pytestmark = pytest.mark.django_db
MEMBERS, TOKENS, ENVIRONMENTS = (
    "/admin/tenancy/membership/",
    "/admin/people/apitoken/",
    "/admin/tenancy/environment/",
)


def rows(organization: Organization, model: type) -> list:
    with working_for(organization):
        return list(model.objects.all())


def actions(organization: Organization) -> list[str]:
    return [entry.action for entry in sorted(rows(organization, AuditEntry), key=lambda entry: entry.id)]


def test_a_list_shows_the_organizations_own(world: World) -> None:
    page = browser(world.ada.owner).get(MEMBERS)
    assert page.status_code == 200
    assert "ada@example.com" in page.content.decode() and "bo@example.com" not in page.content.decode()


@pytest.mark.parametrize("what", ["change", "delete", "history"])
def test_another_organizations_row_is_not_there(world: World, what: str) -> None:
    [foreign] = [row for row in rows(world.bo.organization, Environment) if row.name == "prod"]
    client = browser(world.ada.owner)
    for method in (client.get, client.post):
        answer = method(f"{ENVIRONMENTS}{foreign.pk}/{what}/", {"name": "mine", "position": 1, "post": "yes"})
        assert answer.status_code == 302 and answer["Location"] == "/admin/"
    foreign.refresh_from_db()
    assert foreign.name == "prod"


def test_an_action_across_pages_stays_within(world: World) -> None:
    mine = rows(world.ada.organization, Environment)[0]
    theirs = rows(world.bo.organization, Environment)[0]
    data = {
        "action": "delete_selected",
        "_selected_action": [str(mine.pk), str(theirs.pk)],
        "select_across": "1",
        "post": "yes",
    }
    assert browser(world.ada.owner).post(ENVIRONMENTS, data, format="multipart").status_code == 302
    assert rows(world.ada.organization, Environment) == []
    assert len(rows(world.bo.organization, Environment)) == 3
    assert actions(world.ada.organization) == ["environment.deleted"] * 3


@pytest.mark.parametrize(
    "query",
    [
        "user__password__startswith=pbkdf2",
        "user__email__startswith=bo",
        "organization__slug=bo",
        "organization__id__exact={bo}",
        "created_at__gte=2001-01-01",
        "user__memberships__organization__slug=bo",
    ],
)
def test_the_query_string_asks_for_nothing_that_is_not_offered(world: World, query: str) -> None:
    answer = browser(world.ada.owner).get(f"{MEMBERS}?{query.format(bo=world.bo.organization.pk)}")
    assert answer.status_code == 400


def test_the_query_string_filters_by_what_is_offered(world: World) -> None:
    client = browser(world.ada.owner)
    for role, count in (("viewer", 0), ("owner", 1)):
        assert client.get(f"{MEMBERS}?role__exact={role}").context["cl"].result_count == count


def test_a_role_goes_as_far_here_as_in_the_api(world: World) -> None:
    expected = {  # members, tokens, environments, a new environment
        Role.OWNER: (200, 200, 200, 200),
        Role.ADMIN: (200, 200, 200, 200),
        Role.EDITOR: (403, 403, 200, 403),
        Role.OPERATOR: (403, 403, 200, 403),
        Role.VIEWER: (403, 403, 200, 403),
    }
    for role in Role:
        client = browser(builders.make_member(world.ada.organization, role))
        pages = (MEMBERS, TOKENS, ENVIRONMENTS, ENVIRONMENTS + "add/")
        assert tuple(client.get(page).status_code for page in pages) == expected[role], role
        for page in ("/admin/tenancy/organization/", "/admin/people/user/"):
            assert client.get(page).status_code == 403


def test_a_viewer_changes_nothing(world: World) -> None:
    client = browser(builders.make_member(world.ada.organization, Role.VIEWER))
    place = f"{ENVIRONMENTS}{rows(world.ada.organization, Environment)[0].pk}/"
    assert client.get(place + "change/").status_code == 200
    assert client.post(place + "change/", {"name": "other", "position": 1}, format="multipart").status_code == 403
    assert client.post(place + "delete/", {"post": "yes"}, format="multipart").status_code == 403


def test_somebody_without_organization_sees_nothing(world: World) -> None:
    stranger = browser(builders.make_user())
    assert stranger.get("/admin/").status_code == 200
    assert stranger.get(MEMBERS).status_code == 403
    assert "do not belong" in stranger.get("/admin/organization/").content.decode()


def test_a_person_of_two_organizations_chooses(world: World) -> None:
    builders.add_member(world.bo.organization, world.ada.owner, Role.VIEWER)
    client = browser(world.ada.owner)
    assert client.get(MEMBERS).status_code == 200  # the first of his: Ada's
    assert client.post("/admin/organization/", {"organization": "bo"}, format="multipart").status_code == 302
    assert client.get(MEMBERS).status_code == 403  # a viewer there
    assert client.get(ENVIRONMENTS).status_code == 200
    assert client.post("/admin/organization/", {"organization": "nowhere"}, format="multipart").status_code == 403
    with working_for(world.bo.organization):
        Membership.objects.filter(user=world.ada.owner).delete()
    assert client.get(MEMBERS).status_code == 200  # what was chosen is no longer his


def test_nobody_goes_to_an_organization_of_others(world: World) -> None:
    client = browser(world.ada.owner)
    assert client.post("/admin/organization/", {"organization": "bo"}, format="multipart").status_code == 403
    assert client.get("/admin/organization/?q=bo").content.decode().count("Work here") == 0
    session = client.session
    session["organization"] = "bo"
    session.save()
    assert "bo@example.com" not in client.get(MEMBERS).content.decode()


def test_the_operator_goes_anywhere(world: World) -> None:
    client = browser(builders.make_user(is_superuser=True))
    assert client.get(MEMBERS).status_code == 403
    assert client.get("/admin/tenancy/organization/").status_code == 200
    assert client.get("/admin/people/user/").status_code == 200
    client.post("/admin/organization/", {"organization": "bo"}, format="multipart")
    assert "bo@example.com" in client.get(MEMBERS).content.decode()


def test_a_new_token_is_shown_in_this_answer_only(world: World) -> None:
    client = browser(world.ada.owner)
    data = {"name": "Deploys", "scopes": ["read"], "addresses": "10.0.0.1/8\n127.0.0.1"}
    page = client.post(TOKENS + "add/", data, format="multipart")
    assert page.status_code == 200, page
    assert "no-store" in page["Cache-Control"]
    [text] = set(re.findall(r"so_[\w-]{40}", page.content.decode()))
    assert api_client(text).get("/api/organization").json()["scopes"] == ["read"]
    made = next(token for token in rows(world.ada.organization, ApiToken) if token.name == "Deploys")
    assert made.allowed_ips == ["10.0.0.0/8", "127.0.0.1"]
    for place in (TOKENS, f"{TOKENS}{made.pk}/change/", f"{TOKENS}{made.pk}/history/"):
        assert text not in client.get(place).content.decode()
    data = {"name": "Releases", "addresses": ""}
    assert client.post(f"{TOKENS}{made.pk}/change/", data, format="multipart").status_code == 302
    made.refresh_from_db()
    assert (made.name, made.allowed_ips, made.scopes) == ("Releases", [], ["read"])
    assert client.post(f"{TOKENS}{made.pk}/delete/", {"post": "yes"}, format="multipart").status_code == 302
    assert api_client(text).get("/api/organization").status_code == 401
    assert actions(world.ada.organization) == ["token.created", "token.changed", "token.revoked"]


def test_a_wrong_token_form_says_why(world: World) -> None:
    data = {"name": "Deploys", "scopes": ["read"], "addresses": "nowhere"}
    page = browser(world.ada.owner).post(TOKENS + "add/", data, format="multipart")
    assert "neither an IP address nor a network" in page.content.decode()
    past = clock.now() - timedelta(days=1)
    data = {
        "name": "Deploys",
        "scopes": ["read"],
        "expires_at_0": past.date().isoformat(),
        "expires_at_1": "00:00:00",
    }
    page = browser(world.ada.owner).post(TOKENS + "add/", data, format="multipart", follow=True)
    assert "passed already" in page.content.decode()
    assert len(rows(world.ada.organization, ApiToken)) == 1


def test_members_are_changed_and_removed(world: World) -> None:
    client = browser(world.ada.owner)
    builders.make_member(world.ada.organization, Role.EDITOR, email="cleo@example.com")
    # Nobody becomes a member without being asked: tests/supportops/test_invitations.py.
    assert client.post(MEMBERS + "add/", {"role": "editor"}, format="multipart").status_code == 403
    made = next(row for row in rows(world.ada.organization, Membership) if row.role == "editor")
    assert client.post(f"{MEMBERS}{made.pk}/change/", {"role": "viewer"}, format="multipart").status_code == 302
    made.refresh_from_db()
    assert made.role == "viewer"
    assert client.post(f"{MEMBERS}{made.pk}/delete/", {"post": "yes"}, format="multipart").status_code == 302
    assert actions(world.ada.organization) == ["member.changed", "member.removed"]
    assert User.objects.filter(email="cleo@example.com").exists()


def test_the_last_owner_stays_here_too(world: World) -> None:
    client = browser(world.ada.owner)
    [own] = rows(world.ada.organization, Membership)
    for place, data in (
        (f"{MEMBERS}{own.pk}/change/", {"role": "viewer"}),
        (f"{MEMBERS}{own.pk}/delete/", {"post": "yes"}),
        (MEMBERS, {"action": "delete_selected", "_selected_action": [str(own.pk)], "post": "yes"}),
    ):
        page = client.post(place, data, format="multipart", follow=True)
        assert "needs an owner" in page.content.decode(), place
    [own] = rows(world.ada.organization, Membership)
    assert own.role == "owner"


def test_an_admin_does_not_unmake_an_owner(world: World) -> None:
    client = browser(builders.make_member(world.ada.organization, Role.ADMIN))
    own = next(row for row in rows(world.ada.organization, Membership) if row.role == "owner")
    assert client.post(f"{MEMBERS}{own.pk}/change/", {"role": "viewer"}, format="multipart").status_code == 403
    own.refresh_from_db()
    assert own.role == "owner"


def test_what_must_be_unique_is_said_at_the_form(world: World) -> None:
    page = browser(world.ada.owner).post(ENVIRONMENTS + "add/", {"name": "prod", "position": 7}, format="multipart")
    assert page.status_code == 200
    assert "already" in page.content.decode()


def test_the_operator_disables_an_organization(world: World) -> None:
    client = browser(builders.make_user(is_superuser=True))
    place = f"/admin/tenancy/organization/{world.bo.organization.pk}/change/"
    assert client.post(place, {"name": "Bo & Co."}, format="multipart").status_code == 302
    world.bo.organization.refresh_from_db()
    assert (world.bo.organization.is_active, world.bo.organization.name) == (False, "Bo & Co.")
    assert actions(world.bo.organization) == ["organization.disabled", "organization.changed"]


def test_strangers_are_sent_to_sign_in(client: Client) -> None:
    for place in (MEMBERS, TOKENS, "/admin/organization/"):
        answer = client.get(place)
        assert answer.status_code == 302 and answer["Location"].startswith("/admin/login/")


def test_who_signs_in_without_having_been_sent_there_comes_to_the_overview(world: World) -> None:
    given = {"username": world.ada.owner.email, "password": builders.PASSWORD}
    answer = Client().post("/admin/login/", given, follow=True)
    assert (answer.status_code, answer.redirect_chain[0][0]) == (200, "/admin/")
