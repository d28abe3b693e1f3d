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
