"""Signing in, invitations and one's own account in a real browser: by keyboard, light and dark, wide and narrow."""

import re
from typing import Any

import pytest
from django.core import mail

from supportops.people import invitations, second_factor
from supportops.people.models import User
from supportops.tenancy.models import Organization
from supportops.tenancy.roles import Role
from supportops.tenancy.scope import working_for
from tests import builders
from tests.admin_world import History
from tests.authenticators import code_of, enrol, secret_of
from tests.browser.person import Person
from tests.builders import PASSWORD

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]
LOOKS = [(1280, "light"), (1280, "dark"), (390, "light")]
NEW = "blue horses run far"


@pytest.fixture(autouse=True)
def _addresses_of_this_server(live_server: Any, settings: Any) -> None:
    settings.PUBLIC_URL = live_server.url


def fill_password(page: Any, email: str, password: str = PASSWORD) -> None:
    page.fill("input[name=username]", email)
    page.fill("input[name=password]", password)
    page.keyboard.press("Enter")


def test_a_second_factor_is_set_up_and_asked_for(ada: History, browser: Any, live_server: Any) -> None:
    user: User = ada.tenant.owner
    person = Person(browser, live_server.url, user.email)
    page = person.open("/admin/account/")
    page.click("text=Set up")
    page.click("text=Begin")
    page.wait_for_selector(".so-qr svg")
    picture = page.locator(".so-qr svg").bounding_box()
    assert picture["width"] == picture["height"] > 150
    person.picture("second-factor")
    secret = secret_of(user)
    page.fill("input[name=code]", code_of(secret, steps=-1))
    page.fill("input[name=password]", PASSWORD)
    page.click("text=Turn it on")
    page.wait_for_selector(".so-codes")
    codes = page.locator(".so-codes code").all_text_contents()
    assert len(codes) == 10
    person.picture("recovery-codes")
    page.click("text=I have kept them")
    assert "10 recovery codes are left" in page.text_content("#content")
    # Somewhere else: the password alone opens nothing.
    other = Person(browser, live_server.url)
    page = other.open("/admin/login/?next=/admin/rules/rule/")
    fill_password(page, user.email)
    page.wait_for_url("**/admin/login/code/")
    assert page.evaluate("document.activeElement.name") == "code"
    page.keyboard.type("123 456")
    page.keyboard.press("Enter")
    page.wait_for_selector(".so-error")
    other.picture("sign-in-code")
    page.wait_for_timeout(1100)
    page.fill("input[name=code]", code_of(secret))
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/rules/rule/")
    assert person.complaints == other.complaints == []


def test_who_has_none_is_led_to_set_one_up(ada: History, browser: Any, live_server: Any) -> None:
    Organization.objects.update(requires_second_factor=True)
    person = Person(browser, live_server.url)
    page = person.open("/admin/login/?next=/admin/rules/rule/")
    fill_password(page, ada.tenant.owner.email)
    page.wait_for_url("**/admin/account/second-factor/")
    assert "asks its members for a second factor" in page.text_content("body")
    person.picture("demanded")
    page.goto(f"{live_server.url}/admin/audit/auditentry/")
    assert page.url.endswith("/admin/account/second-factor/")
    assert person.complaints == []


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_pages_of_signing_in_fit(
    ada: History, browser: Any, live_server: Any, settings: Any, width: int, scheme: str
) -> None:
    settings.AXES_FAILURE_LIMIT = 2
    user: User = ada.tenant.owner
    with working_for(ada.tenant.organization):
        settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
        _, address = invitations.invite("cleo@example.com", Role.EDITOR, by_owner=True)
        _, known = invitations.invite("bo@example.com", Role.VIEWER, by_owner=True)
        settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    person = Person(browser, live_server.url, width=width, scheme=scheme)
    assert address is not None and known is not None
    for place in (
        "/admin/login/",
        "/people/password/",
        "/people/password/x/y/",
        address.removeprefix(live_server.url),
        known.removeprefix(live_server.url),
    ):
        page = person.open(place)
        assert page.locator("label:visible, a:visible, button:visible").count() > 0
    person.complaints.clear()  # each 404 is a line in the console
    page = person.open("/admin/login/")
    assert page.evaluate("document.activeElement.name") == "username"
    fill_password(page, user.email, "wrong")
    page.wait_for_selector(".so-no")
    person.picture("sign-in-refused")
    fill_password(page, user.email, "wrong")
    page.wait_for_selector("text=Try again in")
    person.picture("locked-out")
    assert all("429" in complaint for complaint in person.complaints)


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_pages_of_the_account_fit(ada: History, browser: Any, live_server: Any, width: int, scheme: str) -> None:
    user: User = ada.tenant.owner
    builders.make_member(ada.tenant.organization, Role.VIEWER)
    second = builders.make_tenant("second")
    builders.add_member(second.organization, user, Role.VIEWER)
    Person(browser, live_server.url, user.email)
    person = Person(browser, live_server.url, user.email, width=width, scheme=scheme)
    enrol(user)
    User.objects.filter(pk=user.pk).update(session_generation=0)  # the sign-ins above stay
    for path in (
        "/admin/account/",
        "/admin/password_change/",
        "/admin/account/second-factor/remove/",
        "/admin/account/recovery-codes/",
        "/admin/tenancy/membership/",
        "/admin/tenancy/membership/second-factor/",
        "/admin/people/invitation/add/",
        "/admin/organization/",
    ):
        person.open(path)
        assert person.fields_without_label() == [], path
        assert person.complaints == [], path
    assert second_factor.has_second_factor(user)


def test_somebody_new_is_invited_and_joins(ada: History, browser: Any, live_server: Any) -> None:
    mail.outbox.clear()
    owner = Person(browser, live_server.url, ada.tenant.owner.email)
    page = owner.open("/admin/tenancy/membership/")
    page.click("text=Invite somebody")
    page.fill("input[name=address]", "cleo@example.com")
    page.select_option("select[name=role]", "editor")
    page.click("button[name=_save]")
    page.wait_for_selector("text=cleo@example.com gets a mail")
    address = re.search(r"http\S+/people/invitation/\S+", mail.outbox[0].body)
    assert address is not None
    cleo = Person(browser, live_server.url)
    page = cleo.open(address[0].removeprefix(live_server.url))
    page.fill("input[name=name]", "Cleo")
    page.fill("input[name=password]", NEW)
    page.fill("input[name=again]", NEW)
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/")
    assert "Welcome" in page.text_content("body")
    assert owner.complaints == cleo.complaints == []


def test_another_browser_is_signed_out_from_here(ada: History, browser: Any, live_server: Any) -> None:
    here = Person(browser, live_server.url, ada.tenant.owner.email)
    there = Person(browser, live_server.url, ada.tenant.owner.email)
    page = here.open("/admin/account/")
    page.click("button:text-is('End')")
    page.wait_for_selector("text=1 sign-in was ended")
    there.page.goto(f"{live_server.url}/admin/account/")
    assert "/admin/login/" in there.page.url
    assert here.complaints == there.complaints == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_organization_is_changed_in_the_frame_by_keyboard(
    ada: History, browser: Any, live_server: Any, width: int, scheme: str
) -> None:
    user: User = ada.tenant.owner
    second = builders.make_tenant("second")
    builders.add_member(second.organization, user, Role.VIEWER)
    person = Person(browser, live_server.url, user.email, width=width, scheme=scheme)
    page = person.open("/admin/rules/rule/")
    page.focus(".so-switcher summary")
    page.keyboard.press("Enter")
    page.wait_for_selector(".so-menu:visible")
    person.picture("switcher")
    page.keyboard.press("Escape")
    assert not page.is_visible(".so-menu")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert "Second" in page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=You work for Second now")
    assert "viewer" in page.get_attribute(".so-switcher summary", "aria-label")
    # The next sign-in, in another browser, begins where the person was last.
    other = Person(browser, live_server.url, user.email)
    assert "Second" in other.page.text_content(".so-switcher summary")
    assert person.complaints == other.complaints == []
