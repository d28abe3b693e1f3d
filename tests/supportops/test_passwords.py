"""Passwords: changed by their owner, and chosen anew by mail. Who has an account, no answer tells."""

import re
from typing import Any

import pytest
from django.test import Client

from audit.models import AuditEntry
from supportops.people.models import User
from supportops.tenancy.models import Organization
from supportops.tenancy.scope import working_for
from tests import builders
from tests.authenticators import enrol, mails
from tests.builders import PASSWORD, World, reader

pytestmark = pytest.mark.django_db
FORGOTTEN, LOGIN = "/people/password/", "/admin/login/"
NEW = "blue horses run far"


def actions_of(organization: Organization) -> list[str]:
    with working_for(organization):
        return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


def address_in(message: Any) -> str:
    found = re.search(r"http://127\.0\.0\.1:8000(/people/\S+)", message.body)
    assert found is not None
    return found[1]


@pytest.mark.django_db(transaction=True)
def test_a_forgotten_password_is_chosen_anew_by_mail(world: World, client: Client) -> None:
    session = reader(world.ada.owner)
    assert client.post(FORGOTTEN, {"email": "Ada@Example.com"}).status_code == 200
    [message] = mails(1)
    assert message.to == ["ada@example.com"]
    place = address_in(message)
    # Opening it changes nothing, however often a mail filter does.
    for _n in range(3):
        assert Client().get(place, follow=True).status_code == 200
    page = client.get(place, follow=True)
    form = page.redirect_chain[-1][0]
    weak = client.post(form, {"new_password1": "password12", "new_password2": "password12"})
    assert "too common" in weak.content.decode()
    assert client.post(form, {"new_password1": NEW, "new_password2": NEW})["Location"] == LOGIN
    assert session.get("/admin/account/").status_code == 302
    assert client.get("/admin/account/").status_code == 302  # chosen is not signed in
    assert "no longer works" in Client().get(place, follow=True).content.decode()
    assert client.post(LOGIN, {"username": "ada@example.com", "password": NEW}).status_code == 302
    assert actions_of(world.ada.organization) == ["password.reset_asked", "password.changed", "signed_in"]
    assert {message.subject for message in mails(2)} >= {"SupportOps: Your password was changed"}


@pytest.mark.django_db(transaction=True)
def test_a_new_password_is_no_way_around_the_second_factor(world: World, client: Client) -> None:
    enrol(world.ada.owner)
    mails(1)
    client.post(FORGOTTEN, {"email": "ada@example.com"})
    message = next(message for message in mails(2) if "your password" in message.subject)
    page = client.get(address_in(message), follow=True)
    client.post(page.redirect_chain[-1][0], {"new_password1": NEW, "new_password2": NEW})
    answer = client.post(LOGIN, {"username": "ada@example.com", "password": NEW})
    assert answer["Location"] == "/admin/login/code/"


@pytest.mark.django_db(transaction=True)
def test_no_answer_tells_who_has_an_account(world: World) -> None:
    User.objects.filter(email="bo@example.com").update(is_active=False)
    texts = set()
    for email in ("ada@example.com", "bo@example.com", "nobody@example.com"):
        answer = Client().post(FORGOTTEN, {"email": email})
        text = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", answer.content.decode())
        texts.add((answer.status_code, text.replace(email, "X")))
        answer = Client().post(LOGIN, {"username": email, "password": "wrong"})
        text = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", answer.content.decode())
        texts.add((answer.status_code, text.replace(email, "X")))
    assert len(texts) == 2
    assert [message.to for message in mails(1)] == [["ada@example.com"]]


@pytest.mark.django_db(transaction=True)
def test_nobody_is_flooded(world: World, client: Client) -> None:
    for _n in range(5):
        assert client.post(FORGOTTEN, {"email": "ada@example.com"}).status_code == 200
    mails(1)
    codes = [client.post(FORGOTTEN, {"email": f"x{n}@example.com"}).status_code for n in range(10)]
    assert codes[0] == 200 and codes[-1] == 429


def test_without_mail_the_page_says_whom_to_ask(world: World, client: Client, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    assert "whoever operates it" in client.get(FORGOTTEN).content.decode()
    assert "whoever operates it" in client.post(FORGOTTEN, {"email": "ada@example.com"}).content.decode()
    assert actions_of(world.ada.organization) == []


@pytest.mark.parametrize("place", ["x/y", "MQ/set-password", "%00/y"])
def test_odd_addresses_are_no_error(world: World, client: Client, place: str) -> None:
    assert "no longer works" in client.get(f"{FORGOTTEN}{place}/", follow=True).content.decode()


def test_changing_it_asks_for_the_present_one_and_ends_the_others(world: World) -> None:
    user, place = world.ada.owner, "/admin/password_change/"
    client, elsewhere = reader(user), reader(user)
    given = {"old_password": "wrong", "new_password1": NEW, "new_password2": NEW}
    assert client.post(place, given).status_code == 200
    given["old_password"] = PASSWORD
    assert (
        "too short" in client.post(place, {**given, "new_password1": "x1y2", "new_password2": "x1y2"}).content.decode()
    )
    assert client.post(place, given)["Location"] == "/admin/account/"
    assert client.get("/admin/account/").status_code == 200
    assert elsewhere.get("/admin/account/").status_code == 302
    assert actions_of(world.ada.organization) == ["password.changed"]


def test_the_operator_gives_another_one_and_it_is_told(world: World) -> None:
    operator = builders.make_user(is_superuser=True)
    session = reader(world.ada.owner)
    place = f"/admin/people/user/{world.ada.owner.pk}/password/"
    given = {"password1": NEW, "password2": NEW, "usable_password": "true"}
    assert reader(operator).post(place, given).status_code == 302
    assert session.get("/admin/account/").status_code == 302
    with working_for(world.ada.organization):
        entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.actor_id) == ("password.changed", str(operator.pk))
