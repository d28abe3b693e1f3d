"""Approvals in a real browser: the page behind a mail's address, and the run that waits."""

import re
from typing import Any

import pytest
from django.core import mail

from integrations import notices
from supportops.api import throttling
from supportops.tenancy.roles import Role
from tests.browser.person import Person
from tests.builders import World, make_member
from tests.fake_platform import in_place_of_the_network
from tests.rules.engine import Desk, request_to

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]

QUESTION = "Refund the broken printer of {{ ticket.id }}?\nIt is 240 EUR, and the customer is a new one."


@pytest.fixture
def desk(world: World) -> Any:
    throttling.in_process.clear()
    with in_place_of_the_network() as platform:
        yield Desk(world.ada.organization, platform).connect()


def asked(desk: Desk) -> str:
    """Let a run ask, and return the address that the admin was sent."""
    approval = {"message": QUESTION, "roles": ["admin", "owner"], "deadline": "2d"}
    desk.rule({"id": "ask", "approval": approval}, request_to(name="pay"), name="Refunds")
    desk.ticket()
    desk.perform()
    notices.send_due()
    (found,) = [message for message in mail.outbox if message.to == ["amy@example.com"]]
    address = re.search(r"/approvals/[\w-]+/", str(found.body))
    assert address is not None
    return address[0]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_question_is_answered_without_signing_in(
    desk: Desk, browser: Any, live_server: Any, width: int, scheme: str
) -> None:
    make_member(desk.organization, Role.ADMIN, email="amy@example.com")
    address = asked(desk)
    person = Person(browser, live_server.url, width=width, scheme=scheme)
    page = person.open(address)
    person.picture("approval-asks")
    assert page.text_content("h1") == "Your decision is needed" and "Printer on fire" in page.text_content("dl")
    page.get_by_label("Comment").fill("As agreed.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('Approved')")
    person.picture("approval-approved")
    desk.perform()
    assert desk.run.status == "succeeded" and desk.output("ask")["comment"] == "As agreed."
    assert person.complaints == []
    page.goto(live_server.url + address)
    person.picture("approval-over")
    assert page.text_content("h1") == "This address no longer works"


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_run_that_waits_shows_its_question(
    desk: Desk, world: World, browser: Any, live_server: Any, width: int, scheme: str
) -> None:
    make_member(desk.organization, Role.ADMIN, email="amy@example.com")
    asked(desk)
    person = Person(browser, live_server.url, world.ada.owner.email, width=width, scheme=scheme)
    page = person.open(f"/admin/rules/run/{desk.run.pk}/change/")
    person.picture("run-waits")
    assert "Refund the broken printer of 42?" in page.text_content("#content")
    page.click("button[value=reject]")
    page.wait_for_selector("text=Rejected by ada@example.com")
    assert desk.run.status == "failed" and person.complaints == []
