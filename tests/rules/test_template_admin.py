"""The gallery in the admin: found from the list of rules, filled in, and what comes of it."""

import re
from typing import Any

import pytest

from rules import gallery
from rules.models import Rule
from supportops.tenancy.roles import Role
from supportops.tenancy.scope import working_for
from tests import builders
from tests.builders import World, browser
from tests.forms import errors_of, fields_of

pytestmark = pytest.mark.django_db
PLACE = "/admin/rules/rule/templates/"
INSTALL = "/admin/rules/rule/install/"


@pytest.fixture
def client(world: World) -> Any:
    return browser(world.ada.owner)


def send(client: Any, key: str, **changes: Any) -> Any:
    """Send a template's form as it stands, with changes."""
    fields = {**fields_of(client.get(f"{PLACE}?template={key}"), "template-form"), **changes}
    return client.post(f"{INSTALL}?template={key}", fields, format="multipart", follow=True)


def rules(world: World) -> list[tuple[str, bool]]:
    with working_for(world.ada.organization):
        return list(Rule.objects.order_by("name").values_list("name", "is_enabled"))


def test_the_list_of_rules_leads_to_every_template(client: Any) -> None:
    assert PLACE in client.get("/admin/rules/rule/").content.decode()
    page = client.get(PLACE).content.decode()
    assert set(re.findall(r'href="\?template=([\w-]+)"', page)) == set(gallery.templates())


@pytest.mark.parametrize("key", list(gallery.templates()))
def test_each_template_has_a_form_of_its_parameters(client: Any, key: str) -> None:
    page = client.get(f"{PLACE}?template={key}")
    assert page.status_code == 200
    fields = fields_of(page, "template-form")
    wanted = {f"parameter-{name}" for name, it in gallery.template(key).parameters.items() if it.type != "boolean"}
    assert wanted <= set(fields)


def test_a_form_as_it_stands_makes_a_rule_that_is_off(client: Any, world: World) -> None:
    page = send(client, "urgent-ticket-slack")
    assert re.search(r"/admin/rules/rule/[0-9a-f-]{36}/change/", page.redirect_chain[-1][0])
    assert "Made: Urgent tickets in Slack. Look it through" in page.content.decode()
    assert "There is no Slack integration yet" in page.content.decode()
    assert rules(world) == [("Urgent tickets in Slack", False)]


def test_what_is_filled_in_stands_in_the_rules(client: Any, world: World) -> None:
    changes = {
        "install-name": "Mine",
        "install-enabled": "on",
        "parameter-list": "Inbox",
        "parameter-board": "Help",
    }
    assert send(client, "ticket-trello-card", **changes).status_code == 200
    names = ["Mine: Closed tickets move their Trello cards", "Mine: Tickets become Trello cards"]
    assert rules(world) == [(name, True) for name in names]
    listed = world.ada.api.get("/api/rules/").json()["results"]
    cards = next(rule for rule in listed if rule["name"] == names[1])
    assert cards["steps"][0]["parameters"]["board"] == "Help" and cards["steps"][0]["parameters"]["list"] == "Inbox"


@pytest.mark.parametrize(
    ("key", "changes", "words"),
    [
        ("alert-ticket", {}, "required"),
        ("urgent-ticket-slack", {"parameter-priorities": "deadly"}, "low"),
        ("nightly-digest", {"parameter-cron": "tomorrow"}, "five fields"),
        ("urgent-ticket-slack", {"parameter-channel": "{{ nope }}"}, "nope"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_made(
    client: Any, world: World, key: str, changes: dict[str, str], words: str
) -> None:
    page = send(client, key, **changes)
    assert words in " ".join(errors_of(page))
    assert rules(world) == []


def test_a_name_is_taken_once(client: Any, world: World) -> None:
    send(client, "urgent-ticket-slack")
    page = send(client, "urgent-ticket-slack")
    assert "There is another rule named" in " ".join(errors_of(page))
    assert len(rules(world)) == 1


def test_a_template_that_is_not_there_leads_back_to_the_others(client: Any) -> None:
    assert client.post(f"{INSTALL}?template=nothing", follow=True).redirect_chain == [(PLACE, 302)]
    assert client.get(f"{PLACE}?template=nothing").status_code == 200


def test_who_may_only_read_sees_and_makes_nothing(world: World) -> None:
    viewer = browser(builders.make_member(world.ada.organization, Role.VIEWER))
    page = viewer.get(f"{PLACE}?template=urgent-ticket-slack")
    assert page.status_code == 200 and "Make the rule" not in page.content.decode()
    assert viewer.post(f"{INSTALL}?template=urgent-ticket-slack").status_code == 403
    assert rules(world) == []
