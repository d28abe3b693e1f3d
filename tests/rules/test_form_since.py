"""The fields of a rule's page that say when it runs: at once, when nothing happens for a while, or before a time."""

from typing import Any

import pytest

from rules import authoring, calendars
from rules.calendars import Wish
from rules.models import Rule
from supportops.tenancy.scope import working_for
from tests.admin_world import History, make_history
from tests.builders import World, browser
from tests.forms import fields_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(world: World) -> History:
    return make_history(world.ada)


def since_of(ada: History) -> Any:
    with working_for(ada.tenant.organization):
        return authoring.live_version(Rule.objects.get(pk=ada.rule.pk)).document["trigger"].get("since")


def saved(ada: History, **fields: str) -> str:
    """Change fields of the rule's page, save it, and return the page that answers."""
    client, address = browser(ada.tenant.owner), f"/admin/rules/rule/{ada.rule.pk}/change/"
    present = fields_of(client.get(address), "rule_form")
    assert "trigger-since_for" in present
    data = {**present, **{f"trigger-since_{name}": text for name, text in fields.items()}, "_save": "1"}
    return str(client.post(address, data, format="multipart", follow=True).content.decode())


def test_a_timer_is_written_without_typing_json(ada: History) -> None:
    with working_for(ada.tenant.organization):
        week = {"monday": [{"from": "09:00", "to": "17:00"}]}
        calendars.create(Wish("desk", "UTC", week, is_default=True))
    saved(ada, **{"for": "4h", "calendar": "desk"})
    assert since_of(ada) == {"for": "4h", "calendar": "desk"}
    saved(ada, **{"for": "", "before": "ticket.due_by", "by": "1h", "calendar": "default"})
    assert since_of(ada) == {"before": "ticket.due_by", "by": "1h", "calendar": "default"}
    saved(ada)
    assert since_of(ada) == {"before": "ticket.due_by", "by": "1h", "calendar": "default"}
    saved(ada, before="", by="")
    assert since_of(ada) is None


def test_a_problem_stands_at_its_field(ada: History) -> None:
    page = saved(ada, **{"for": "soon"})
    assert "is no duration" in page.partition('id="id_trigger-since_for_row"')[2].partition("since_before")[0]
    assert "give either" in saved(ada, **{"for": "4h", "before": "ticket.due_by"}).lower()
    assert since_of(ada) is None


def test_it_is_folded_away_until_something_is_said_there(ada: History) -> None:
    client, address = browser(ada.tenant.owner), f"/admin/rules/rule/{ada.rule.pk}/change/"
    folded, opened = '<details id="since-part"><summary>', '<details id="since-part" open><summary>'
    assert folded in client.get(address).content.decode()
    assert opened in saved(ada, **{"for": "soon"})
    saved(ada, **{"for": "4h"})
    assert opened in client.get(address).content.decode()
    assert 'id="since-part"' not in client.get("/admin/rules/rule/add/").content.decode()
