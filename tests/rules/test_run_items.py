"""What people are shown of a step that is done for each item of a list: by the API, on the run's page, in a trial."""

from typing import Any

import httpx
import pytest

from audit.models import AuditEntry
from rules import replay
from rules.models import Event, Step
from supportops.tenancy.scope import working_for
from tests.builders import World, browser
from tests.rules.engine import TOOL, Desk, cut_off
from tests.rules.test_for_each import AFTER, _item, each, refuse, told

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mixed(desk: Desk) -> Desk:
    """A run amid its items: one done, one refused, one of which nobody knows, one left out."""

    def answer(request: httpx.Request) -> httpx.Response:
        item = _item(request)
        if item == "lost":
            return cut_off(request)
        return httpx.Response(400 if item == "bad" else 200, json={"did": item})

    desk.platform.on("POST", TOOL, answer)
    desk.platform.on("POST", AFTER, {})
    desk.rule(each(condition="{{ item != 'none' }}", on_failure="continue"), told())
    desk.ticket(tags=["good", "bad", "lost", "none"])
    desk.perform()
    return desk


def page_of(desk: Desk, world: World) -> str:
    return browser(world.ada.owner).get(f"/admin/rules/run/{desk.run.pk}/change/").content.decode()


def test_a_run_shows_its_items_in_order_and_each_with_its_status(world: World, mixed: Desk) -> None:
    shown = world.ada.api.get(f"/api/runs/{mixed.run.pk}/").json()
    tell, after = shown["steps"]
    assert (tell["status"], tell["waits_for"], after["items"]) == ("waiting", "items", None)
    assert [(item["id"], item["index"], item["status"], item["attempts"]) for item in tell["items"]] == [
        ("tell[0]", 0, "succeeded", 1),
        ("tell[1]", 1, "failed", 1),
        ("tell[2]", 2, "uncertain", 1),
        ("tell[3]", 3, "skipped", 0),
    ]
    assert "400" in tell["items"][1]["error"]


def test_items_are_listed_with_all_that_is_known_of_them(world: World, mixed: Desk) -> None:
    address = f"/api/runs/{mixed.run.pk}/steps/tell/items/"
    rows = world.ada.api.get(address).json()["results"]
    assert [row["item"] for row in rows] == ["none", "lost", "bad", "good"]
    assert rows[3]["parameters"]["json"] == {"item": "good", "index": 0}
    assert (rows[3]["output"]["body"], rows[3]["attempts"][0]["status"]) == ({"did": "good"}, "succeeded")
    assert (rows[2]["id"], rows[2]["index"], rows[2]["status"]) == ("tell[1]", 1, "failed")
    first = world.ada.api.get(f"{address}?page_size=3").json()
    assert len(first["results"]) == 3
    [last] = world.ada.api.get(first["next"]).json()["results"]
    assert last["index"] == 0
    assert world.ada.api.get(address.replace("tell", "nobody")).status_code == 404
    assert world.bo.api.get(address).status_code == 404


def test_an_uncertain_item_is_resolved_by_its_name(world: World, mixed: Desk) -> None:
    address = f"/api/runs/{mixed.run.pk}/steps/tell[2]/resolve"
    assert world.ada.api.post(address, {"outcome": "done"}, format="json").status_code == 202
    mixed.perform()
    assert mixed.run.status == "succeeded"
    assert (mixed.output("tell")["succeeded"], mixed.output("tell")["failed"]) == (2, 1)


def test_the_page_shows_what_has_not_gone_well_first_and_asks_about_it(world: World, mixed: Desk) -> None:
    text = page_of(mixed, world)
    assert text.index("tell[2]") < text.index('name="step" value="tell[2]"')
    assert text.index("&quot;bad&quot;") < text.index("&quot;good&quot;")
    page = f"/admin/rules/run/{mixed.run.pk}/resolve/"
    answer = browser(world.ada.owner).post(page, {"step": "tell[2]", "outcome": "failed"}, format="multipart")
    assert answer.status_code == 302
    assert mixed.statuses()["tell[2]"] == "failed"


def test_a_page_of_many_items_names_where_the_others_are(world: World, desk: Desk) -> None:
    refuse(desk, 119)
    desk.rule(each({"items": "{{ ticket.tags }}", "max": 120, "in_flight": 50}, on_failure="continue"))
    desk.ticket(tags=list(range(120)))
    desk.perform()
    text = page_of(desk, world)
    assert "120 items" in text and "20 more are listed by" in text
    assert "<td>119</td>" in text and "<td>118</td>" not in text


def test_secrets_by_their_names_are_masked_in_items(world: World, desk: Desk) -> None:
    desk.platform.on("POST", TOOL, {})
    desk.rule(each())
    desk.ticket(tags=[{"password": "hunter2hunter2"}])
    desk.perform()
    address = f"/api/runs/{desk.run.pk}/steps/tell/items/"
    assert "hunter2" not in world.ada.api.get(address).content.decode()
    assert "hunter2" not in page_of(desk, world)


def test_the_audit_entry_of_the_run_counts_items(mixed: Desk, world: World) -> None:
    address = f"/api/runs/{mixed.run.pk}/steps/tell[2]/resolve"
    world.ada.api.post(address, {"outcome": "failed"}, format="json")
    mixed.perform()
    with working_for(mixed.organization):
        entry = AuditEntry.objects.get(action="run.finished", resource_id=str(mixed.run.pk))
    [tell, _] = entry.changes["steps"]
    assert (tell["id"], tell["parameters"]) == ("tell", {"items": 4, "succeeded": 1, "failed": 2, "skipped": 1})


def test_a_replay_expands_its_list_anew(desk: Desk) -> None:
    refuse(desk)
    desk.rule(each())
    desk.ticket(tags=[1, 2])
    desk.perform()
    first = desk.run
    with working_for(desk.organization):
        replay.replay_events(list(Event.objects.all()))
    desk.perform()
    assert (desk.run.replay_of_id, desk.run.status) == (first.pk, "succeeded")
    with working_for(desk.organization):
        assert Step.objects.filter(parent_step_id__isnull=False).count() == 4


# --- trials -----------------------------------------------------------------------------------------------------
def tried(world: World, step: dict[str, Any], **ticket: Any) -> dict[str, Any]:
    document = {"name": "x", "trigger": {"platform": "freshdesk", "event": "ticket_created"}, "steps": [step]}
    event = {"ticket": {"id": 42, **ticket}}
    answer = world.ada.api.post("/api/rules/test/", {"document": document, "event": event}, format="json")
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()["steps"][0]
    return found


def test_a_trial_shows_what_would_be_sent_for_each_item(world: World, desk: Desk) -> None:
    shown = tried(world, each(condition="{{ item > 1 }}"), tags=[1, 2, 3])
    assert (shown["would_run"], shown["item_count"], shown["calls"]) == (True, 3, 2)
    assert [item["would_run"] for item in shown["items"]] == [False, True, True]
    assert shown["items"][2]["parameters"]["json"] == {"item": 3, "index": 2}


def test_a_trial_of_a_long_list_counts_all_and_shows_some(world: World, desk: Desk) -> None:
    shown = tried(world, each(condition="{{ index % 2 == 0 }}"), tags=list(range(100)))
    assert (shown["item_count"], shown["calls"], len(shown["items"])) == (100, 50, 20)


@pytest.mark.parametrize(
    ("step", "name", "words"),
    [
        (each("{{ ticket.id }}"), "error", "needs a list; its value is a number"),
        (each({"items": "{{ ticket.tags }}", "max": 1}), "error", "at most 1 are taken"),
        (each("{{ steps.other.output.body }}"), "warnings", "known only once"),
    ],
)
def test_a_trial_says_why_there_are_no_items(
    world: World, desk: Desk, step: dict[str, Any], name: str, words: str
) -> None:
    document_step = {**step}
    other = {"id": "other", "action": "http_request", "parameters": {"url": TOOL}}
    trigger = {"platform": "freshdesk", "event": "ticket_created"}
    document = {"name": "x", "trigger": trigger, "steps": [other, document_step]}
    event = {"ticket": {"id": 42, "tags": [1, 2]}}
    answer = world.ada.api.post("/api/rules/test/", {"document": document, "event": event}, format="json").json()
    assert words in str(answer["steps"][1][name])
    assert answer["steps"][1]["items"] is None


def test_a_step_that_is_left_out_as_a_whole_has_no_items(world: World, desk: Desk) -> None:
    shown = tried(world, each(condition="{{ ticket.id == 1 }}"), tags=[1])
    assert (shown["would_run"], shown["items"]) == (False, None)
