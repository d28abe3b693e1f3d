"""Lists of people: kept by environment, read by rules as recipients.NAME."""

from typing import Any

import pytest

from audit.models import AuditEntry
from rules.execution import StepSource
from rules.recipients import Recipients, are_named_in
from supportops.tenancy.scope import working_for
from tests.belongings import created, urgent_rule
from tests.builders import World, browser
from tests.fake_platform import in_place_of_the_network
from webhooks.processing import process_due

pytestmark = pytest.mark.django_db
ADA = {"name": "Ada", "email": "ada@acme.example", "user": "U024BE7LD"}
BO = {"phone": "+15551234567"}


def oncall(world: World, **fields: Any) -> dict[str, Any]:
    return created(world.ada.api, "/api/recipients/", {"name": "oncall", "people": [ADA, BO], **fields})


def test_rules_see_the_people_and_each_kind_of_address(world: World) -> None:
    oncall(world)
    with working_for(world.ada.organization):
        root = Recipients().root("prod")
    assert root == {
        "oncall": {
            "people": [ADA, BO],
            "emails": ["ada@acme.example"],
            "users": ["U024BE7LD"],
            "phones": ["+15551234567"],
        }
    }


def test_the_list_of_the_environment_comes_first(world: World) -> None:
    oncall(world)
    oncall(world, environment="staging", people=[{"email": "staging@acme.example"}])
    with working_for(world.ada.organization):
        lists = Recipients()
        assert lists.root("staging")["oncall"]["emails"] == ["staging@acme.example"]
        assert lists.root("prod")["oncall"]["emails"] == lists.root("")["oncall"]["emails"] == ["ada@acme.example"]
    with working_for(world.bo.organization):
        assert Recipients().root("prod") == {}


@pytest.mark.parametrize(
    ("fields", "attr"),
    [
        ({"name": "on call"}, "name"),
        ({"environment": "moon"}, "environment"),
        ({"people": [{"name": "Nobody"}]}, "people"),
        ({"people": [{"email": "nobody"}]}, "people"),
        ({"people": [{"mail": "a@b.example"}]}, "people"),
        ({"people": "a@b.example"}, "people"),
    ],
)
def test_what_is_wrong_is_named(world: World, fields: dict[str, Any], attr: str) -> None:
    body = {"name": "oncall", "people": [ADA], **fields}
    answer = world.ada.api.post("/api/recipients/", body, format="json")
    assert answer.status_code == 400 and answer.json()["errors"][0]["attr"] == attr, answer.content


def test_a_list_is_changed_and_deleted_and_the_log_names_nobody(world: World) -> None:
    made = oncall(world)
    again = world.ada.api.post("/api/recipients/", {"name": "oncall", "people": [ADA]}, format="json")
    assert (again.status_code, again.json()["errors"][0]["attr"]) == (400, "name")
    address = f"/api/recipients/{made['id']}"
    changed = world.ada.api.patch(address, {"people": [BO]}, format="json").json()
    assert changed["people"] == [BO] and changed["name"] == "oncall"
    assert world.ada.api.delete(address).status_code == 204
    with working_for(world.ada.organization):
        entries = AuditEntry.objects.filter(action__startswith="recipients.").order_by("pk")
        assert [entry.action.partition(".")[2] for entry in entries] == ["created", "changed", "deleted"]
        assert "acme.example" not in str([entry.changes for entry in entries])


def test_only_rules_that_name_lists_read_them() -> None:
    assert are_named_in({"to": ["{{ recipients.oncall.emails }}"]})
    assert are_named_in({}, "{{ size(recipients.oncall.people) > 0 }}")
    assert not are_named_in({"to": "{{ inputs.recipients }}", "text": "recipients"}, "{{ inputs.x }}")


@pytest.mark.django_db(transaction=True)
def test_a_step_writes_to_the_people_of_a_list(world: World) -> None:
    oncall(world)
    body = {"platform": "slack", "name": "Chat", "credentials": {"bot_token": "xoxb-1234567890"}}
    created(world.ada.api, "/api/integrations/", body)
    people = "{{ recipients.oncall.users[0] }}: {{ recipients.oncall.emails[0] }}"
    rule = urgent_rule("Tell", parameters={"channel": "#urgent", "message": people})
    del rule["trigger"]
    made = created(world.ada.api, "/api/rules/", rule)
    with in_place_of_the_network() as platform:
        post = "https://slack.com/api/chat.postMessage"
        platform.on("POST", post, {"ok": True, "channel": "C1", "ts": "1.2"})
        run = world.ada.api.post(f"/api/rules/{made['id']}/execute/", {}, format="json").json()["run"]
        process_due([StepSource()])
        assert world.ada.api.get(f"/api/runs/{run}/").json()["status"] == "succeeded"
        assert platform.bodies(post)[0]["text"] == "U024BE7LD: ada@acme.example"


def test_the_admin_keeps_lists(world: World) -> None:
    client = browser(world.ada.owner)
    add = "/admin/rules/recipientlist/add/"
    fields = {"name": "oncall", "stage": "prod", "lines": "Ada; ada@acme.example\n; ; ; +15551234567"}
    assert client.post(add, fields, format="multipart").status_code == 302
    (row,) = world.ada.api.get("/api/recipients/").json()["results"]
    assert row["environment"] == "prod" and row["people"] == [{"name": "Ada", "email": "ada@acme.example"}, BO]
    page = client.get(f"/admin/rules/recipientlist/{row['id']}/change/").content.decode()
    assert "Ada; ada@acme.example" in page
    wrong = client.post(add, {**fields, "name": "x", "lines": "Nobody"}, format="multipart", follow=True)
    assert "give an email" in wrong.content.decode()
