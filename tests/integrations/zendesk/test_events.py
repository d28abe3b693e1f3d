"""What Zendesk sends, by event subscriptions and by triggers, and what rules see of it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations import markers
from integrations.connectors.zendesk.connector import PUBLISHED_SECRET, Zendesk
from integrations.specs import Event
from tests.integrations import recorded

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECRET = "n3Zq8cB2vYt0Jk4wLr6XeQ=="

REQUESTS = {
    "ticket_created": ["ticket.created"],
    "ticket_created__trigger": ["ticket.created"],
    "ticket_updated": ["ticket.updated"],
    "ticket_updated__same_act": ["ticket.updated"],
    "ticket_updated__tags": ["ticket.updated"],
    "ticket_updated__custom_field": ["ticket.updated"],
    "ticket_updated__trigger": ["ticket.updated"],
    "ticket_updated__flat": ["ticket.updated"],
    "ticket_solved": ["ticket.updated", "ticket.solved"],
    "ticket_solved__trigger": ["ticket.solved"],
    "ticket_closed": ["ticket.updated", "ticket.closed"],
    "ticket_merged": ["ticket.merged"],
    "comment_created": ["comment.created"],
    "comment_created__trigger": ["comment.created"],
    "user_created": ["user.created"],
    "user_updated": ["user.updated"],
    "user_updated__identity": ["user.updated"],
    "organization_created": ["organization.created"],
    "organization_updated": ["organization.updated"],
}


def events(name: str) -> list[Event]:
    return recorded.handle(Zendesk, recorded.request("zendesk", name))


def test_every_recorded_request_is_looked_at() -> None:
    assert set(recorded.request_names("zendesk")) == set(REQUESTS)


@pytest.mark.parametrize(("name", "types"), REQUESTS.items())
def test_the_events_in_a_request(name: str, types: list[str]) -> None:
    found = events(name)
    assert [event.type for event in found] == types
    assert all(event.external_id for event in found)


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_verify_with_the_right_secret_alone(name: str) -> None:
    request = recorded.request("zendesk", name).signed(Zendesk.signature, SECRET, now=NOW)
    assert Zendesk.signature.verify(request, [SECRET], NOW)
    assert not Zendesk.signature.verify(request, ["another"], NOW)


def test_the_published_test_secret_is_refused_as_configuration() -> None:
    with pytest.raises(ValueError, match="anybody could sign"):
        Zendesk.signature.check_secret(PUBLISHED_SECRET)


@pytest.mark.parametrize("spec", Zendesk.events, ids=lambda spec: spec.name)
def test_samples_look_like_what_really_comes(spec: Any) -> None:
    event = next(event for event in events(spec.name.replace(".", "_")) if event.type == spec.name)
    assert recorded.same_shape(event.payload, spec.sample) == []
    assert event.payload == spec.sample


def test_subscriptions_come_in_the_words_of_the_rest_api() -> None:
    (event,) = events("ticket_created")
    ticket = event.payload["ticket"]
    assert (ticket["status"], ticket["priority"], ticket["type"]) == ("new", "urgent", "incident")
    assert (ticket["id"], ticket["requester_id"], ticket["ticket_form_id"]) == (35436, 8447388090495, 8646151517822)
    assert event.external_id == "35436"
    assert event.occurred_at == datetime(2026, 11, 20, 10, tzinfo=UTC)


def test_triggers_come_in_the_same_words() -> None:
    (event,) = events("ticket_created__trigger")
    ticket = event.payload["ticket"]
    assert (ticket["status"], ticket["priority"], ticket["type"]) == ("new", "urgent", "incident")
    assert (ticket["id"], ticket["requester_id"], ticket["assignee_id"]) == (35436, 8447388090495, None)
    assert ticket["tags"] == ["billing", "refund"]
    assert ticket["external_id"] is None
    assert event.payload["requester"]["email"] == "grace.okafor@northwind.example"
    assert event.actor_id == "8447388090494"
    assert events("ticket_updated__trigger")[0].payload["ticket"]["status"] == "hold"


def test_a_flat_body_of_a_trigger_is_understood() -> None:
    (event,) = events("ticket_updated__flat")
    assert event.payload["ticket"] == {"id": 35436, "status": "solved"}


def test_changes_of_one_act_are_one_event() -> None:
    first, second = events("ticket_updated")[0], events("ticket_updated__same_act")[0]
    assert first.key == second.key == "35436:A1B2698AF24F35B3208649C6951E00AA"
    assert first.key != events("ticket_solved")[0].key
    updated, solved = events("ticket_solved")
    assert (updated.type, solved.type) == ("ticket.updated", "ticket.solved")


def test_other_events_have_zendesks_own_id() -> None:
    keys = [events(name)[0].key for name in ("ticket_created", "comment_created", "user_updated")]
    assert all(key and key.startswith("2b24ef10-") for key in keys)
    assert len(set(keys)) == 3


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("ticket_updated", {"priority": ("urgent", "high")}),
        ("ticket_updated__same_act", {"assignee_id": (None, 8447388090494)}),
        ("ticket_updated__tags", {"tags": (["billing", "refund"], ["billing", "vip"])}),
        ("ticket_updated__custom_field", {"custom_field.27642": ("", "58211")}),
        ("ticket_solved", {"status": ("open", "solved")}),
        ("user_updated", {"role": ("end-user", "agent")}),
        ("user_updated__identity", None),
        ("organization_updated", {"name": ("Northwind Traders", "Northwind Trading")}),
    ],
)
def test_what_changed(name: str, changed: dict[str, Any] | None) -> None:
    assert events(name)[0].changed == changed


def test_a_custom_field_is_named() -> None:
    (event,) = events("ticket_updated__custom_field")
    assert event.payload["custom_field"] == {
        "id": 27642,
        "title": "Order number",
        "type": "text",
        "value": "58211",
    }


def test_actors_are_named() -> None:
    assert events("ticket_updated")[0].actor_id == "8447388090494"
    assert "actor_id" not in events("ticket_updated")[0].payload["ticket"]


def test_our_own_tickets_are_recognised_by_their_external_id() -> None:
    key = "01a1f89c-fb80-7c3a-9d52-6f1e2b3c4d5e"
    payload = recorded.request("zendesk", "ticket_created").payload
    payload["detail"]["external_id"] = markers.tag(key)
    (event,) = Zendesk().handle_webhook(payload)
    assert event.marker == key
    payload["type"] = "zen:event-type:ticket.priority_changed"
    (event,) = Zendesk().handle_webhook(payload)
    assert event.marker is None


def test_comments_by_triggers_have_the_form_of_the_others() -> None:
    (told,), (event,) = events("comment_created__trigger"), events("comment_created")
    assert recorded.same_shape(told.payload["comment"], event.payload["comment"]) == []
    assert told.payload["comment"]["public"] is False


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        "text",
        {},
        {"event": "ticket.created"},
        {"event": "ticket.created", "ticket": {"id": "../users/me"}},
        {"event": 5, "ticket": {"id": 1}},
        {"type": "zen:event-type:ticket.created"},
        {"type": "zen:event-type:ticket.created", "detail": "x"},
    ],
)
def test_bodies_that_say_nothing_have_no_events(payload: Any) -> None:
    assert Zendesk().handle_webhook(payload) == []


def test_odd_values_do_not_break_parsing() -> None:
    payload = {
        "type": "zen:event-type:ticket.tags_changed",
        "detail": {"id": "9223372036854775808", "tags": None, "status": 7, "requester_id": True},
        "event": {"tags_added": "x", "meta": {"sequence": 4}, "current": {}},
    }
    (event,) = Zendesk().handle_webhook(json.loads(json.dumps(payload)))
    assert event.external_id == "9223372036854775808"
    assert event.changed is None


def test_deliveries_and_accounts_are_named_by_headers() -> None:
    request = recorded.request("zendesk", "ticket_created")
    assert Zendesk.delivery_key(request.headers, request.payload) == "01HNINVOCATION0001"
    assert Zendesk.account_key(request.headers, request.payload) == "22129848"
    assert Zendesk.account_key({}, {"account_id": 5}) == "5"
    assert Zendesk.account_key({}, []) is None
    assert Zendesk.delivery_key({}, {}) is None
