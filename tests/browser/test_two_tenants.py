"""Two organizations' people side by side, in one browser each: what one has the other never sees, whatever he opens."""

from typing import Any

import pytest

from tests import builders
from tests.admin_world import History, make_history
from tests.browser.person import Person

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]
LISTS = (
    "/admin/",
    "/admin/rules/rule/",
    "/admin/rules/run/",
    "/admin/webhooks/delivery/",
    "/admin/webhooks/delivery/dead-letters/",
    "/admin/integrations/integration/",
    "/admin/audit/auditentry/",
)


def pages_of(history: History) -> list[str]:
    return [
        f"/admin/rules/rule/{history.rule.pk}/change/",
        f"/admin/rules/rule/{history.rule.pk}/workflow/",
        f"/admin/rules/run/{history.failed_run.pk}/change/",
        f"/admin/webhooks/delivery/{history.delivery.pk}/change/",
        f"/admin/integrations/integration/{history.freshdesk.pk}/change/",
    ]


def test_each_sees_his_own_and_nothing_of_the_other(browser: Any, live_server: Any) -> None:
    world = builders.make_world()
    ada, bo = make_history(world.ada), make_history(world.bo)
    people = [
        (Person(browser, live_server.url, own.tenant.owner.email), own, other) for own, other in ((ada, bo), (bo, ada))
    ]
    for address in LISTS:
        for person, own, other in people:
            text = person.open(address).content()
            assert own.mark in text or address == "/admin/", address
            assert other.mark not in text, address
    for person, own, other in people:
        for address in pages_of(own):
            assert own.mark in person.open(address).content(), address
        for address in pages_of(other):
            page = person.open(address)
            assert page.url.endswith("/admin/"), "led away from what is not there"
            assert other.mark not in page.content(), address
        # A number that is the other's tells no story here.
        page = person.open(f"/admin/webhooks/delivery/story/?q={other.mark}-42")
        assert "fire" not in page.text_content("#content")
        assert person.complaints == []
