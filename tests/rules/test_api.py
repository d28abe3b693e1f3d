"""The API's addresses for rules."""

from typing import Any
from uuid import uuid4

import pytest

from tests.builders import World
from tests.rules.engine import SLACK, Desk

URGENT: dict[str, Any] = {
    "name": "Urgent tickets",
    "trigger": {"platform": "freshdesk", "event": "ticket_created", "conditions": {"priority": 4}},
    "actions": [
        {"platform": "slack", "action": "send_message", "parameters": {"channel": "#urgent", "message": "Look"}},
    ],
}


@pytest.mark.django_db
def test_what_was_read_can_be_written_back(world: World) -> None:
    api = world.ada.api
    address = f"/api/rules/{api.post('/api/rules/', URGENT, format='json').json()['id']}/"
    read = api.get(address).json()

    same = api.put(address, read, format="json")
    assert (same.status_code, same.json()["version"]) == (200, 1), "nothing changed, so there is no new version"

    read["trigger"]["conditions"] = {"priority": {"gte": 3}}
    changed = api.put(address, read, format="json").json()
    assert (changed["version"], changed["trigger"]["conditions"]) == (2, {"priority": {"gte": 3}})
    copy = api.post("/api/rules/", {**read, "name": "A copy"}, format="json").json()
    assert copy["id"] != read["id"]


@pytest.mark.django_db
def test_parts_of_another_kind_are_refused_in_the_words_of_json(world: World) -> None:
    odd = {**URGENT, "trigger": "freshdesk", "actions": [{"action": 5}]}
    answer = world.ada.api.post("/api/rules/", odd, format="json")
    assert {entry["attr"]: entry["detail"] for entry in answer.json()["errors"]} == {
        "trigger": "Expected an object.",
        "actions.0.action": "Expected a text.",
    }


@pytest.mark.django_db
def test_the_dry_run_of_a_rule_that_people_start_takes_its_inputs(world: World) -> None:
    typed = {
        "name": "By hand",
        "inputs": {"severity": {"type": "string", "default": "low"}, "ticket": {"type": "integer", "required": True}},
        "steps": [
            {
                "id": "look",
                "action": "http_request",
                "parameters": {"url": "https://wiki.example.com/{{ inputs.ticket }}"},
            },
            {
                "id": "page",
                "action": "http_request",
                "condition": "{{ inputs.severity == 'critical' }}",
                "parameters": {"url": "https://pager.example.com/"},
            },
        ],
    }
    api = world.ada.api
    address = f"/api/rules/{api.post('/api/rules/', typed, format='json').json()['id']}/test"
    for answer in (
        api.post(address, {"inputs": {"ticket": 7}}, format="json"),
        api.post(address, {"inputs": {"ticket": 7}, "sample": True}, format="json"),
        api.post("/api/rules/test", {"document": typed, "inputs": {"ticket": 7}}, format="json"),
    ):
        assert answer.status_code == 200, answer.content
        said = answer.json()
        assert (said["matched"], said["outcome"]) == (True, "matched")
        assert [(step["id"], step["would_run"], step["error"]) for step in said["steps"]] == [
            ("look", True, None),
            ("page", False, None),
        ]
        assert said["steps"][0]["parameters"]["url"] == "https://wiki.example.com/7"
    critical = api.post(address, {"inputs": {"ticket": 7, "severity": "critical"}}, format="json").json()
    assert critical["steps"][1]["would_run"] is True
    for inputs, attr in (
        ({}, "inputs.ticket"),
        ({"ticket": "7"}, "inputs.ticket"),
        ({"ticket": 7, "x": 1}, "inputs.x"),
    ):
        refused = api.post(address, {"inputs": inputs}, format="json")
        assert (refused.status_code, refused.json()["errors"][0]["attr"]) == (400, attr)
    assert api.post(address, {"inputs": [1]}, format="json").json()["errors"][0]["attr"] == "inputs"


# --- the document -------------------------------------------------------------------------------------------------
def created(world: World, **changes: Any) -> dict[str, Any]:
    answer = world.ada.api.post("/api/rules/", {**URGENT, **changes}, format="json")
    assert answer.status_code == 201, answer.content
    rule: dict[str, Any] = answer.json()
    return rule


def problem(answer: Any, status: int = 400) -> tuple[str | None, str]:
    assert answer.status_code == status, answer.content
    entry = answer.json()["errors"][0]
    return entry["attr"], entry["code"]


@pytest.mark.django_db
def test_a_rule_is_answered_with_its_document(world: World) -> None:
    rule = created(world)
    assert {name: rule[name] for name in URGENT} == URGENT, "as it was typed"
    assert (rule["enabled"], rule["version"]) == (True, 1)
    assert any("slack" in warning.lower() for warning in rule["warnings"]), "no account is connected yet"
    assert rule["created_at"].endswith("Z")
    read = world.ada.api.get(f"/api/rules/{rule['id']}").json()
    assert read == {**rule, "warnings": []}


STEP = URGENT["actions"][0]
SPOILT: list[tuple[dict[str, Any], str]] = [
    ({"trigger": {**URGENT["trigger"], "platform": "nosuch"}}, "trigger.platform"),
    ({"trigger": {**URGENT["trigger"], "event": "nosuch"}}, "trigger.event"),
    (
        {"trigger": {**URGENT["trigger"], "conditions": {"priority": {"nosuch": 1}}}},
        "trigger.conditions.priority.nosuch",
    ),
    ({"actions": [{**STEP, "action": "nosuch"}]}, "actions.0.action"),
    ({"actions": [{**STEP, "parameters": {**STEP["parameters"], "nosuch": 1}}]}, "actions.0.parameters.nosuch"),
    (
        {"actions": [{**STEP, "parameters": {"channel": "#a", "message": "Hi {{ ticket. }}"}}]},
        "actions.0.parameters.message",
    ),
    ({"actions": [{**STEP, "condition": "{{ steps.later.failed }}"}, {**STEP, "id": "later"}]}, "actions.0.condition"),
    ({"name": None}, "name"),
    ({"nosuch": 1}, "nosuch"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("changes", "attr"), SPOILT, ids=[attr for _, attr in SPOILT])
def test_what_is_wrong_with_a_document_is_said_with_its_place(world: World, changes: dict[str, Any], attr: str) -> None:
    api = world.ada.api
    rule = created(world)
    for answer in (
        api.post("/api/rules/", {**URGENT, "name": "Another", **changes}, format="json"),
        api.put(f"/api/rules/{rule['id']}/", {**URGENT, **changes}, format="json"),
        api.patch(f"/api/rules/{rule['id']}/", changes, format="json"),
    ):
        assert attr in [entry["attr"] for entry in answer.json()["errors"]], answer.content
        assert (answer.status_code, answer.json()["type"]) == (400, "validation_error")
        if attr.endswith("message"):
            assert "line 1, column" in answer.json()["errors"][0]["detail"]
    assert api.get(f"/api/rules/{rule['id']}/").json()["version"] == 1
    assert len(api.get("/api/rules/").json()["results"]) == 1


@pytest.mark.django_db
def test_a_part_is_changed_and_the_rest_stays(world: World) -> None:
    address = f"/api/rules/{created(world)['id']}/"
    patched = world.ada.api.patch(address, {"steps": [{**STEP, "id": "only"}]}, format="json").json()
    assert (patched["version"], patched["trigger"], "actions" in patched) == (2, URGENT["trigger"], False)
    named = world.ada.api.patch(address, {"name": "Other", "description": "What for."}, format="json").json()
    assert (named["name"], named["description"], named["version"], named["steps"][0]["id"]) == (
        "Other",
        "What for.",
        2,
        "only",
    )
    created(world, name="Taken")
    assert problem(world.ada.api.patch(address, {"name": "Taken"}, format="json")) == ("name", "not_unique")


@pytest.mark.django_db
def test_versions_are_kept_and_rolled_back_to(world: World) -> None:
    address = f"/api/rules/{created(world)['id']}"
    world.ada.api.patch(f"{address}/", {"trigger": {**URGENT["trigger"], "conditions": {}}}, format="json")
    back = world.ada.api.post(f"{address}/rollback", {"version": 1}, format="json").json()
    assert (back["version"], back["trigger"]) == (3, URGENT["trigger"])
    versions = world.ada.api.get(f"{address}/versions/").json()["results"]
    assert [(row["number"], row["note"]) for row in versions] == [
        (3, "rolled back to version 1"),
        (2, "changed"),
        (1, "created"),
    ]
    assert versions[0]["document"] == versions[2]["document"]
    assert all(row["author"] for row in versions)
    page = world.ada.api.get(f"{address}/versions/?page_size=2").json()
    assert [row["number"] for row in world.ada.api.get(page["next"]).json()["results"]] == [1]
    for body in ({"version": 4}, {"version": 0}, {"version": "x"}, {}):
        assert problem(world.ada.api.post(f"{address}/rollback/", body, format="json"))[0] == "version"


@pytest.mark.django_db
def test_a_rule_is_switched_off_and_on_and_deleted(world: World) -> None:
    api, rule = world.ada.api, created(world)
    address = f"/api/rules/{rule['id']}"
    assert api.post(f"{address}/disable").json()["enabled"] is False
    assert api.post(f"{address}/enable/").json()["enabled"] is True
    assert api.get(f"{address}/").json()["version"] == 1
    assert api.delete(f"{address}/").status_code == 204
    for gone in (api.get(f"{address}/"), api.post(f"{address}/enable"), api.delete(address)):
        assert gone.status_code == 404
    assert created(world)["id"] != rule["id"], "its name is free again"
    assert [row["name"] for row in api.get("/api/rules").json()["results"]] == [URGENT["name"]]


@pytest.mark.django_db
def test_a_creation_that_is_sent_again_creates_nothing(world: World) -> None:
    send = lambda body: world.ada.api.post(  # noqa: E731 - three times the same
        "/api/rules/", body, format="json", headers={"Idempotency-Key": "once"}
    )
    first, again = send(URGENT), send(URGENT)
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert send({**URGENT, "name": "Other"}).status_code == 409


# --- dry runs -----------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_dry_run_explains_each_condition_and_renders_each_step(world: World) -> None:
    rule = created(world, actions=[{**STEP, "parameters": {"channel": "#a", "message": "{{ ticket.subject }}"}}])
    address = f"/api/rules/{rule['id']}/test"
    said = world.ada.api.post(address, {"event": {"priority": 4, "subject": "Fire <!channel>"}}, format="json").json()
    assert said["matched"] is True
    [leaf] = said["explanation"]
    assert {name: leaf[name] for name in ("field", "operator", "expected", "actual", "passed")} == {
        "field": "priority",
        "operator": "eq",
        "expected": 4,
        "actual": 4,
        "passed": True,
    }
    [step] = said["steps"]
    assert (step["id"], step["would_run"], step["error"]) == ("step-1", True, None)
    assert step["parameters"] == {"channel": "#a", "message": "Fire &lt;!channel&gt;"}
    low = world.ada.api.post(address, {"event": {"ticket": {"priority": 1}}}, format="json").json()
    assert (low["matched"], low["explanation"][0]["passed"], low["steps"]) == (False, False, [])
    odd = world.ada.api.post(address, {"event": {"ticket": {"priority": [4]}}}, format="json").json()
    assert (odd["matched"], odd["outcome"], odd["explanation"][0]["passed"]) == (False, "could_not_tell", None)
    assert world.ada.api.post(address, {"sample": True}, format="json").status_code == 200
    for body in ({}, {"event": {}, "sample": False}, {"event": {"a": 1}, "sample": True}):
        assert problem(world.ada.api.post(address, body, format="json")) == (None, "required")


@pytest.mark.django_db(transaction=True)
def test_a_dry_run_takes_a_delivery_of_ones_own_only(world: World, desk: Desk) -> None:
    delivery = uuid4()
    desk.plan(desk.event(delivery_id=delivery))
    adas, body = created(world), {"delivery": str(delivery)}
    assert world.ada.api.post(f"/api/rules/{adas['id']}/test", body, format="json").json()["matched"] is True
    bos = world.bo.api.post("/api/rules/", URGENT, format="json").json()
    refused = world.bo.api.post(f"/api/rules/{bos['id']}/test", body, format="json")
    assert problem(refused) == ("delivery", "not_found")
    assert (
        problem(world.ada.api.post(f"/api/rules/{adas['id']}/test", {"delivery": "x"}, format="json"))[0] == "delivery"
    )
    assert desk.platform.requests == [], "nothing is sent"


@pytest.mark.django_db
def test_accounts_of_others_cannot_be_named(world: World) -> None:
    account = {"platform": "slack", "name": "Chat", "credentials": {"bot_token": "xoxb-1234567890-abcdef"}}
    bos = world.bo.api.post("/api/integrations/", account, format="json").json()
    named = {**URGENT, "actions": [{**STEP, "integration": bos["id"]}]}
    assert problem(world.ada.api.post("/api/rules/", named, format="json")) == (
        "actions.0.integration",
        "unknown_integration",
    )
    assert world.bo.api.post("/api/rules/", named, format="json").status_code == 201


# --- runs started by hand -----------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_a_run_started_by_hand_is_answered_at_once_or_when_it_has_ended(
    world: World, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = {
        "name": "By hand",
        "inputs": {"text": {"type": "string", "default": "Hello"}},
        "steps": [{**STEP, "parameters": {"channel": "#a", "message": "{{ inputs.text }}"}}],
    }
    address = f"/api/rules/{world.ada.api.post('/api/rules/', typed, format='json').json()['id']}/execute"
    started = world.ada.api.post(address, {"inputs": {"text": "Lunch"}}, format="json")
    assert (started.status_code, list(started.json())) == (202, ["run"])
    waited = world.ada.api.post(f"{address}/?wait=0", {}, format="json")
    assert waited.status_code == 202
    # Whoever waits lets the workers work meanwhile.
    monkeypatch.setattr("supportops.api.waiting.time.sleep", lambda _: desk.perform())
    finished = world.ada.api.post(f"{address}?wait=20", {}, format="json")
    assert (finished.status_code, finished.json()["status"]) == (200, "succeeded")
    assert finished.json()["inputs"] == {"text": "Hello"}
    # Runs go side by side.
    assert sorted(body["text"] for body in desk.platform.bodies(SLACK)) == ["Hello", "Hello", "Lunch"]
    shown = world.ada.api.get(f"/api/runs/{started.json()['run']}/").json()
    assert (shown["cause"], shown["delivery"], shown["inputs"]) == ("api", None, {"text": "Lunch"})
    for query, body, attr in (
        ("", {"inputs": {"text": 5}}, "inputs.text"),
        ("", {"inputs": {"nosuch": 5}}, "inputs.nosuch"),
        ("", {"inputs": []}, "inputs"),
        ("", {"environment": "nosuch"}, "environment"),
        ("?wait=61", {}, "wait"),
        ("?wait=-1", {}, "wait"),
    ):
        assert problem(world.ada.api.post(f"{address}{query}", body, format="json"))[0] == attr
    assert problem(world.bo.api.post(address, {}, format="json"), 404) == (None, "not_found")
