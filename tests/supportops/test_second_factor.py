"""The second factor: set up, asked for at sign-in, demanded, lost. Codes are computed as an app computes them."""

import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from audit.models import AuditEntry
from supportops import clock
from supportops.people import second_factor
from supportops.people.models import Authenticator, RecoveryCode, User
from supportops.tenancy.models import Membership, Organization
from supportops.tenancy.roles import Role
from supportops.tenancy.scope import working_for
from supportops.vault import keyring, rotation
from tests import builders
from tests.authenticators import code_of, enrol, mails, secret_of
from tests.builders import PASSWORD, World, reader

pytestmark = pytest.mark.django_db
LOGIN, CODE, SET_UP = "/admin/login/", "/admin/login/code/", "/admin/account/second-factor/"


def sign_in(client: Client, user: User) -> Any:
    return client.post(LOGIN, {"username": user.email, "password": PASSWORD, "next": "/admin/rules/rule/"})


def actions_of(organization: Organization) -> list[str]:
    with working_for(organization):
        return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


def test_signing_in_asks_for_the_code(world: World, client: Client) -> None:
    user = world.ada.owner
    secret, _ = enrol(user)
    answer = sign_in(client, user)
    assert (answer.status_code, answer["Location"]) == (302, CODE)
    # The password alone opens nothing.
    assert client.get("/admin/")["Location"].startswith(LOGIN)
    assert client.get("/api/organization").status_code == 401
    answer = client.post(CODE, {"code": code_of(secret)})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/rules/rule/")
    assert client.get("/admin/").status_code == 200
    assert client.get("/api/organization").status_code == 200
    assert actions_of(world.ada.organization) == ["second_factor.added", "signed_in"]


def test_a_code_works_once_and_wrong_ones_make_the_next_wait(world: World, client: Client) -> None:
    user = world.ada.owner
    secret, _ = enrol(user)
    code = code_of(secret)
    assert second_factor.check(user, code).is_right
    again = second_factor.check(user, code)
    assert not again.is_right and not again.wait
    # Now even the right one waits.
    held = second_factor.check(user, code_of(secret, steps=1))
    assert not held.is_right and held.wait == 1
    Authenticator.objects.update(throttling_failure_timestamp=clock.now() - timedelta(seconds=2))
    assert second_factor.check(user, code_of(secret, steps=1)).is_right
    # The count began anew.
    assert Authenticator.objects.get().throttling_failure_count == 0


def test_the_wait_ends_for_the_person_whatever_somebody_else_tried(world: World) -> None:
    user = world.ada.owner
    secret, _ = enrol(user)
    for _n in range(30):
        second_factor.check(user, "000000")
        Authenticator.objects.update(throttling_failure_timestamp=clock.now() - timedelta(hours=1))
    assert second_factor.check(user, code_of(secret)).is_right


def test_wrong_codes_count_as_failed_sign_ins_and_lock(world: World, client: Client, settings: Any) -> None:
    user = world.ada.owner
    secret, _ = enrol(user)
    sign_in(client, user)
    for _n in range(settings.AXES_FAILURE_LIMIT):
        answer = client.post(CODE, {"code": "12345"})
        Authenticator.objects.update(throttling_failure_timestamp=clock.now() - timedelta(hours=1))
    assert answer.status_code == 429
    assert client.post(CODE, {"code": code_of(secret)}).status_code == 429
    assert sign_in(Client(), user).status_code == 429
    assert actions_of(world.ada.organization).count("sign_in_failed") >= settings.AXES_FAILURE_LIMIT


def test_a_recovery_code_signs_in_once(world: World, client: Client) -> None:
    user = world.ada.owner
    _, codes = enrol(user)
    assert len(set(codes)) == 10
    assert not RecoveryCode.objects.filter(digest__in=codes).exists()
    sign_in(client, user)
    answer = client.post(CODE, {"code": codes[3].upper()}, follow=True)
    assert "9 are left" in answer.content.decode()
    other = Client()
    sign_in(other, user)
    assert other.post(CODE, {"code": codes[3]}).status_code == 200
    assert second_factor.recovery_codes_left(user) == 9


def test_the_secret_is_sealed_and_its_key_is_renewed_like_all(world: World) -> None:
    user = world.ada.owner
    secret, _ = enrol(user)
    row = Authenticator.objects.get()
    assert secret.hex().encode() not in row.secret.bytes and secret not in row.secret.bytes
    before = row.secret.bytes
    assert rotation.renew_data_keys(print) >= 1
    assert rotation.reseal_all(print)[1] == 0
    row.refresh_from_db()
    assert row.secret.bytes != before and row.secret.open() == secret.hex()
    copied = Authenticator(pk=row.pk, user=world.bo.owner, organization_id=world.bo.owner.pk)
    copied.__dict__["secret"] = row.secret.bytes
    with pytest.raises(keyring.CannotOpen):
        copied.secret.open()


def test_half_a_sign_in_ends(world: World, client: Client) -> None:
    user = world.ada.owner
    secret, _ = enrol(user)
    sign_in(client, user)
    user.set_password("another long password")
    user.save()
    assert client.post(CODE, {"code": code_of(secret)})["Location"] == LOGIN
    user.set_password(PASSWORD)
    user.save()
    sign_in(client, user)
    with clock.moved(timedelta(minutes=11)):
        assert client.post(CODE, {"code": code_of(secret)})["Location"] == LOGIN
    assert Client().get(CODE)["Location"] == LOGIN


def test_it_is_set_up_by_hand(world: World) -> None:
    user = world.ada.owner
    client, elsewhere = reader(user), reader(user)
    assert "Begin" in client.get(SET_UP).content.decode()
    client.post(SET_UP, {"begin": "1"})
    page = client.get(SET_UP).content.decode()
    enrolment = second_factor.pending(user)
    assert enrolment is not None and enrolment.key in page and "<svg" in page
    secret = secret_of(user)
    wrong = client.post(SET_UP, {"code": code_of(secret), "password": "not this"})
    assert "not your password" in wrong.content.decode() and not second_factor.has_second_factor(user)
    done = client.post(SET_UP, {"code": code_of(secret), "password": PASSWORD})
    assert "no-store" in done["Cache-Control"]
    codes = re.findall(r"<li><code>([a-z0-9-]{19})</code>", done.content.decode())
    assert len(codes) == 10
    # This browser goes on; the others sign in anew, with a code.
    assert client.get("/admin/account/").status_code == 200
    assert elsewhere.get("/admin/account/").status_code == 302
    assert "no-store" in client.get("/admin/account/")["Cache-Control"]
    # It cannot be replaced without being removed.
    client.post(SET_UP, {"begin": "1"})
    assert Authenticator.objects.get().confirmed


def test_removing_it_asks_for_password_and_code(world: World) -> None:
    user = world.ada.owner
    secret, _ = enrol(user)
    client, place = reader(user), "/admin/account/second-factor/remove/"
    client.post(place, {"code": code_of(secret), "password": "not this"})
    client.post(place, {"code": "000000", "password": PASSWORD})
    assert second_factor.has_second_factor(user)
    # A wrong password has used no code up.
    Authenticator.objects.update(throttling_failure_timestamp=None)
    assert client.post(place, {"code": code_of(secret), "password": PASSWORD})["Location"] == "/admin/account/"
    assert not second_factor.has_second_factor(user) and not RecoveryCode.objects.exists()
    assert client.get("/admin/account/").status_code == 200
    assert actions_of(world.ada.organization)[-1] == "second_factor.removed"


def test_new_recovery_codes_take_the_place_of_the_old(world: World) -> None:
    user = world.ada.owner
    secret, codes = enrol(user)
    done = reader(user).post("/admin/account/recovery-codes/", {"code": code_of(secret), "password": PASSWORD})
    assert len(re.findall(r"<li><code>", done.content.decode())) == 10
    assert not second_factor.check(user, codes[0]).is_right


# --- demanded by an organization ----------------------------------------------------------------------------------


def test_an_organization_demands_it_of_its_members(world: World) -> None:
    organization = world.ada.organization
    enrol(world.ada.owner)
    editor = builders.make_member(organization, Role.EDITOR)
    builders.add_member(world.bo.organization, editor, Role.VIEWER)
    owner, page = reader(world.ada.owner), "/admin/tenancy/membership/second-factor/"
    assert editor.email in owner.get(page).content.decode()
    owner.post(page, {"demand": "yes"})
    client = reader(editor)
    for place in ("/admin/", "/admin/rules/rule/", "/admin/no-such-page/", "/admin/jobs/"):
        assert client.get(place)["Location"] == SET_UP, place
    assert client.post("/admin/rules/rule/add/", {"name": "x"})["Location"] == SET_UP
    assert client.get(SET_UP).status_code == 200
    answer = client.get("/api/organization", headers={"X-Organization": "ada"})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "second_factor_required")
    # The other organization asks for none, and tokens are no people.
    assert client.get("/api/organization", headers={"X-Organization": "bo"}).status_code == 200
    client.post("/admin/organization/", {"organization": "bo"})
    assert client.get("/admin/").status_code == 200
    assert world.ada.api.get("/api/organization").status_code == 200
    client.post("/admin/organization/", {"organization": "ada"})
    enrol(editor)
    client = reader(editor)
    assert client.get("/admin/").status_code == 200
    assert client.get("/api/organization", headers={"X-Organization": "ada"}).status_code == 200


def test_only_an_owner_who_has_one_demands_it(world: World) -> None:
    page = "/admin/tenancy/membership/second-factor/"
    admin = builders.make_member(world.ada.organization, Role.ADMIN)
    enrol(admin)
    assert reader(admin).post(page, {"demand": "yes"}).status_code == 403
    reader(world.ada.owner).post(page, {"demand": "yes"})
    assert not Organization.objects.filter(requires_second_factor=True).exists()
    enrol(world.ada.owner)
    reader(world.ada.owner).post(page, {"demand": "yes"})
    assert [row.slug for row in Organization.objects.filter(requires_second_factor=True)] == ["ada"]
    assert actions_of(world.ada.organization)[-1] == "organization.changed"


# --- lost ---------------------------------------------------------------------------------------------------------


def reset_address(world: World, user: User) -> str:
    with working_for(world.ada.organization):
        return f"/admin/tenancy/membership/{Membership.objects.get(user=user).pk}/reset-second-factor/"


def test_an_owner_resets_what_guards_his_organization_alone(world: World) -> None:
    editor = builders.make_member(world.ada.organization, Role.EDITOR)
    enrol(editor)
    session, place = reader(editor), reset_address(world, editor)
    admin = builders.make_member(world.ada.organization, Role.ADMIN)
    assert reader(admin).post(place).status_code == 403
    assert second_factor.has_second_factor(editor)
    assert reader(world.ada.owner).post(place).status_code == 302
    assert not second_factor.has_second_factor(editor)
    assert session.get("/admin/account/").status_code == 302
    assert "second_factor.reset" in actions_of(world.ada.organization)


@pytest.mark.parametrize("kind", ["member elsewhere", "operator"])
def test_an_owner_cannot_weaken_what_guards_others(world: World, kind: str) -> None:
    editor = builders.make_member(world.ada.organization, Role.EDITOR)
    if kind == "operator":
        User.objects.filter(pk=editor.pk).update(is_superuser=True)
    else:
        builders.add_member(world.bo.organization, editor, Role.VIEWER)
        Organization.objects.filter(pk=world.bo.organization.pk).update(is_active=False)
    enrol(editor)
    owner, place = reader(world.ada.owner), reset_address(world, editor)
    assert "cannot reset" in owner.get(place).content.decode()
    assert owner.post(place).status_code == 403
    assert second_factor.has_second_factor(editor)


def test_the_operator_resets_it_by_command(world: World) -> None:
    enrol(world.ada.owner)
    out = StringIO()
    call_command("reset_second_factor", "Ada@example.com", stdout=out)
    assert "password alone" in out.getvalue() and not second_factor.has_second_factor(world.ada.owner)
    with working_for(world.ada.organization):
        entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.actor_type, entry.resource_id) == (
        "second_factor.reset",
        "system",
        str(world.ada.owner.pk),
    )
    for email, problem in (("nobody@example.com", "Nobody"), ("ada@example.com", "no second factor")):
        with pytest.raises(CommandError, match=problem):
            call_command("reset_second_factor", email)


@pytest.mark.django_db(transaction=True)
def test_the_person_is_told_of_each_change(world: World) -> None:
    user = world.ada.owner
    enrol(user)
    assert [message.to for message in mails(1)] == [["ada@example.com"]]
    for _n in range(5):
        second_factor.check(user, "000000")
        Authenticator.objects.update(throttling_failure_timestamp=clock.now() - timedelta(hours=1))
    second_factor.reset(user)
    subjects = {message.subject for message in mails(3)}
    assert subjects == {
        "SupportOps: A second factor was set up",
        "SupportOps: Wrong codes at your sign-in",
        "SupportOps: Your second factor was reset",
    }
