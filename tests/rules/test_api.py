"""The API's addresses for rules."""

from typing import Any

import pytest

from tests.builders import World

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
