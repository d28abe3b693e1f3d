"""The catalogue of platforms, as the API shows it."""

from typing import Any

import pytest

from integrations import registry
from tests.builders import World

pytestmark = pytest.mark.django_db

CONNECTORS = {cls.key: cls for cls in registry.all_connectors()}


def actions(entry: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {action["name"]: action for action in entry["actions"]}


def test_every_platform_lists_exactly_the_actions_that_can_be_executed(world: World) -> None:
    listed = world.ada.api.get("/api/platforms/").json()
    assert (listed["next"], listed["previous"]) == (None, None), "never paged"
    assert {entry["key"] for entry in listed["results"]} == set(CONNECTORS)
    for entry in listed["results"]:
        connector = CONNECTORS[entry["key"]]
        assert list(actions(entry)) == [spec.name for spec in connector.all_actions()]
        # The connection test is one, except where there is nothing to connect to.
        assert ("test_connection" in actions(entry)) is not connector.is_generic
        assert entry == world.ada.api.get(f"/api/platforms/{entry['key']}/").json()


def test_an_entry_has_all_that_somebody_needs_to_connect_it(world: World) -> None:
    entry = world.ada.api.get("/api/platforms/freshdesk").json()
    assert {"key", "name", "description", "credentials", "config", "actions", "events", "webhook"} <= set(entry)
    assert {"domain", "api_key"} <= set(entry["credentials"]["properties"])
    assert actions(entry)["test_connection"]["idempotent"] is True
    for action in entry["actions"]:
        assert {"name", "description", "parameters", "idempotent"} <= set(action)
        assert action["parameters"]["type"] == "object"
    assert all({"name", "description", "sample"} <= set(event) for event in entry["events"])
    assert entry["webhook"]["scheme"] and "Freshdesk" in entry["webhook"]["setup"]


def test_an_unknown_platform_is_no_address(world: World) -> None:
    answer = world.ada.api.get("/api/platforms/nosuch/")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "not_found")
