"""Where a person is signed in: seen, and ended by himself."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from audit.models import AuditEntry
from supportops import clock
from supportops.people import sessions
from supportops.people.browsers import browser_of
from supportops.people.models import BrowserSession, SignIn, User
from supportops.tenancy.scope import working_for
from tests.builders import PASSWORD, World

pytestmark = pytest.mark.django_db
ACCOUNT, END, LOGIN = "/admin/account/", "/admin/account/sessions/", "/admin/login/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)


def signed_in(user: User, agent: str) -> Client:
    client = Client(headers={"user-agent": agent})
    assert client.post(LOGIN, {"username": user.email, "password": PASSWORD}).status_code == 302
    return client


def handles_in(client: Client) -> list[str]:
    return re.findall(r'name="session" value="(\w+)"', client.get(ACCOUNT).content.decode())


def test_each_browser_is_listed_and_can_be_ended(world: World) -> None:
    user = world.ada.owner
    desk, phone = signed_in(user, FIREFOX), signed_in(user, PHONE)
    other = signed_in(world.bo.owner, FIREFOX)
    page = desk.get(ACCOUNT).content.decode()
    assert "Firefox · Linux" in page and "Safari · iPhone" in page and "127.0.0.1" in page
    # A session's key opens it: no page shows it.
    for row in BrowserSession.objects.all():
        assert row.session_key not in page
    [handle] = handles_in(desk)
    # Nobody ends what is not his.
    [other_row] = sessions.open_sessions(world.bo.owner, None)
    assert "no such sign-in" in desk.post(END, {"session": other_row.handle}, follow=True).content.decode()
    assert other.get(ACCOUNT).status_code == 200
    desk.post(END, {"session": handle})
    assert phone.get(ACCOUNT).status_code == 302
    assert desk.get(ACCOUNT).status_code == 200
    with working_for(world.ada.organization):
        assert AuditEntry.objects.filter(action="sessions.ended").count() == 1


def test_all_others_are_ended_at_once(world: World) -> None:
    desk, *others = [signed_in(world.ada.owner, FIREFOX) for _n in range(4)]
    assert "3 sign-ins were ended" in desk.post(END, {"others": "1"}, follow=True).content.decode()
    assert [client.get(ACCOUNT).status_code for client in others] == [302, 302, 302]
    assert desk.get(ACCOUNT).status_code == 200


def test_what_a_change_of_password_has_ended_is_not_listed(world: World) -> None:
    desk, phone = signed_in(world.ada.owner, FIREFOX), signed_in(world.ada.owner, PHONE)
    given = {"old_password": PASSWORD, "new_password1": "blue horses run far", "new_password2": "blue horses run far"}
    desk.post("/admin/password_change/", given)
    assert phone.get(ACCOUNT).status_code == 302
    assert handles_in(desk) == []
    world.ada.owner.refresh_from_db()
    [kept] = sessions.open_sessions(world.ada.owner, desk.session.session_key)
    assert kept.is_this and kept.browser == "Firefox · Linux"


def test_failed_sign_ins_are_shown_to_the_person(world: World, client: Client) -> None:
    for email in ("ada@example.com", "nobody@example.com"):
        client.post(LOGIN, {"username": email, "password": "wrong"}, headers={"user-agent": PHONE})
    page = signed_in(world.ada.owner, FIREFOX).get(ACCOUNT).content.decode()
    assert page.count("wrong password") == 1 and page.count("signed in</span>") == 1


def test_failures_push_no_success_out_and_the_list_stays_short(world: World) -> None:
    user = world.ada.owner
    sessions.remember(user, SignIn.Outcome.DONE, None)
    for _n in range(sessions.MOST_REMEMBERED + 5):
        sessions.remember(user, SignIn.Outcome.WRONG_PASSWORD, None)
    outcomes = [row.outcome for row in sessions.sign_ins_of(user)]
    assert outcomes.count("password") == sessions.MOST_REMEMBERED and outcomes[-1] == "done"


def test_use_is_noted_now_and_then(world: World) -> None:
    desk = signed_in(world.ada.owner, FIREFOX)
    first = BrowserSession.objects.get().last_seen_at
    desk.get(ACCOUNT)
    assert BrowserSession.objects.get().last_seen_at == first
    with clock.moved(timedelta(minutes=6)):
        desk.get(ACCOUNT)
    assert BrowserSession.objects.get().last_seen_at - first > timedelta(minutes=5)


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (FIREFOX, "Firefox · Linux"),
        (PHONE, "Safari · iPhone"),
        ("", ""),
        ("curl/8.5.0", "curl"),
        ("bot\x00 1", "bot 1"),
    ],
)
def test_browsers_have_names(agent: str, name: str) -> None:
    assert browser_of(agent) == name
