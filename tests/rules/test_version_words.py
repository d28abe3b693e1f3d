"""What changed between two versions is told in sentences."""

from typing import Any

import pytest

from rules.catalogue import OrganizationCatalogue
from rules.version_words import changes_between
from supportops.tenancy.scope import working_for
from tests.builders import World

pytestmark = pytest.mark.django_db

BEFORE: dict[str, Any] = {
    "trigger": {"platform": "freshdesk", "event": "ticket_created", "conditions": {"priority": 4, "status": [2, 3]}},
    "actions": [
        {
            "id": "tell",
            "platform": "slack",
            "action": "send_message",
            "parameters": {"channel": "#a", "message": "Hello"},
        },
        {"wait": {"for": "2h"}},
    ],
}


def told(world: World, **changes: Any) -> list[str]:
    with working_for(world.ada.organization):
        return changes_between(BEFORE, {**BEFORE, **changes}, OrganizationCatalogue())


def test_nothing_is_told_of_nothing(world: World) -> None:
    assert told(world) == []


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ({"priority": {"gte": 3}, "status": [2, 3]}, ["removed: priority is 4", "added: priority is at least 3"]),
        ({"any": [{"priority": 4}, {"status": [2, 3]}]}, ["put together differently"]),
        ({"priority": 4, "status": [2, 3], "expr": "a > 1"}, ["added: a > 1"]),
        ({"any": 5}, ["The conditions were changed."]),
        (None, ["removed: priority is 4", "removed: status is one of 2 or 3"]),
    ],
)
def test_conditions_are_told_in_words(world: World, conditions: Any, said: list[str]) -> None:
    found = told(world, trigger={**BEFORE["trigger"], "conditions": conditions})
    assert len(found) == len(said) and all(part in text for part, text in zip(said, found, strict=True)), found


def test_the_trigger_and_options_are_told(world: World) -> None:
    found = told(world, trigger={**BEFORE["trigger"], "event": ["ticket_created", "ticket_updated"]}, late="skip")
    assert found == [
        "Trigger, event: “ticket_created” → ticket_created, ticket_updated",
        "Late: “skip” (new)",
    ]


def test_steps_are_told_by_name_and_field(world: World) -> None:
    tell, wait = BEFORE["actions"]
    other = {**tell, "parameters": {"channel": "#b", "message": "Hello"}, "on_failure": "continue"}
    assert told(world, actions=[other, wait]) == [
        "Send a message (tell), channel: “#a” → “#b”",
        "Send a message (tell), on failure: “continue” (new)",
    ]
    assert told(world, actions=[wait, tell]) == ["The steps go in another order."]
    assert told(world, actions=[tell, {"wait": {"for": "3h"}}]) == ["Wait 3h, for: “2h” → “3h”"]
    assert told(world, actions=[tell]) == ["Step removed: Wait 2h"]
    assert told(world, actions=[tell, wait, {"rule": "Other"}]) == ["Step added: Run another rule"]
