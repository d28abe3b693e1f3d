"""What Freshdesk sends, in all three forms, and what rules see of it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from integrations import markers
from integrations.connectors.freshdesk.connector import Freshdesk
from integrations.connectors.freshdesk.events import triggered
from integrations.errors import NotFound
from integrations.specs import Call, Event
from tests.integrations import recorded
from tests.integrations.recorded import FakePlatform

CREDENTIALS = {"domain": "acme.freshdesk.com", "api_key": "fd-key-3f9a"}
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECRETS = {"shared_secret": "fd_9c1e7a52b0d84f6f8d7b3a1c", "hmac": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}

# Recorded request → the events in it, and what Freshdesk answers when a hint is followed.
HINTS = {
    "ticket_created": (["ticket_created"], "enrich_ticket__200"),
    "ticket_created__wrapped": (["ticket_created"], "enrich_ticket__200"),
    "ticket_updated": (["ticket_updated"], "enrich_ticket__200__updated"),
    "ticket_updated__wrapped": (["ticket_updated"], "enrich_ticket__200__own_status"),
    "ticket_resolved": (["ticket_resolved"], "enrich_ticket__200__resolved"),
    "ticket_closed": (["ticket_closed"], "enrich_ticket__200__closed"),
    "note_created": (["note_created"], "enrich_note__200"),
    "note_created__wrapped": (["note_created"], "enrich_note__200"),
}
SIGNED = {
    "ticket_created__signed": ["ticket_created"],
    "ticket_created__freshworks": ["ticket_created"],
    "ticket_updated__signed": ["ticket_updated", "ticket_resolved"],
    "ticket_updated__freshworks": ["ticket_updated"],
    "note_created__freshworks": ["note_created"],
    "contact_created": ["contact_created"],
    "contact_updated": ["contact_updated"],
    "ticket_deleted__freshworks": ["onTicketDelete"],
}


def events(name: str) -> list[Event]:
    return recorded.handle(Freshdesk, recorded.request("freshdesk", name))


def enriched(name: str, answers: str) -> Event:
    (event, *_) = events(name)
    with FakePlatform.of("freshdesk", answers) as platform:
        result: Event = platform.connect(Freshdesk, CREDENTIALS).enrich(event)
    return result


def test_every_recorded_request_is_looked_at() -> None:
    assert set(recorded.request_names("freshdesk")) == {*HINTS, *SIGNED}


@pytest.mark.parametrize(("name", "types"), [*((name, types) for name, (types, _) in HINTS.items()), *SIGNED.items()])
def test_the_events_in_a_request(name: str, types: list[str]) -> None:
    assert [event.type for event in events(name)] == types
    assert all(event.external_id in ("3417", "43004412765") for event in events(name))


@pytest.mark.parametrize("name", recorded.request_names("freshdesk"))
def test_requests_verify_under_their_scheme_alone(name: str) -> None:
    scheme, other = ("shared_secret", "hmac") if name in HINTS else ("hmac", "shared_secret")
    signature, request = Freshdesk.scheme(scheme), recorded.request("freshdesk", name)
    assert signature is not None
    signed = request.signed(signature, SECRETS[scheme], now=NOW)
    assert signature.verify(signed, [SECRETS[scheme]], NOW)
    assert not signature.verify(signed, [SECRETS[scheme] + "x"], NOW)
    refusing = Freshdesk.scheme(other)
    assert refusing is not None
    assert not refusing.verify(signed, [SECRETS[other]], NOW)


def test_automations_are_hints_and_signed_senders_are_not() -> None:
    assert Freshdesk.hint_schemes == {"shared_secret"}
    assert Freshdesk.scheme_names()[0] == "shared_secret"


@pytest.mark.parametrize("spec", Freshdesk.events, ids=lambda spec: spec.name)
def test_samples_look_like_what_really_comes(spec: Any) -> None:
    name = spec.name
    event = enriched(name, HINTS[name][1]) if name in HINTS else events(name)[0]
    assert event.type == name
    assert recorded.same_shape(event.payload, spec.sample) == []
    assert spec.subject in event.payload


@pytest.mark.parametrize("name", ["ticket_created__signed"])
def test_signed_events_have_the_form_of_enriched_ones(name: str) -> None:
    (event,) = events(name)
    assert event.payload == enriched("ticket_created", "enrich_ticket__200").payload


def test_codes_are_numbers_with_their_names_beside_them() -> None:
    (event,) = events("ticket_created__signed")
    ticket = event.payload["ticket"]
    assert (ticket["priority"], ticket["priority_name"]) == (4, "urgent")
    assert (ticket["status"], ticket["status_name"]) == (2, "open")
    assert (ticket["source"], ticket["source_name"]) == (1, "email")
    assert event.payload["requester"]["email"] == "grace.okafor@northwind.example"
    assert event.occurred_at == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert event.updated_at == datetime(2026, 11, 20, 10, tzinfo=UTC)


def test_names_and_digits_become_codes_too() -> None:
    payload = {"event": "ticket_created", "ticket": {"id": "12", "priority": "Urgent", "status": "3", "subject": "x"}}
    (event,) = Freshdesk().handle_webhook(payload)
    assert event.payload == {
        "ticket": {
            "id": 12,
            "priority": 4,
            "priority_name": "urgent",
            "status": 3,
            "status_name": "pending",
            "subject": "x",
        }
    }
    assert event.external_id == "12"


def test_a_hint_is_replaced_by_what_freshdesk_says() -> None:
    payload = {"event": "ticket_created", "ticket_id": "3417", "priority": "Low", "subject": "forged"}
    (hint,) = Freshdesk().handle_webhook(payload)
    with FakePlatform.of("freshdesk", "enrich_ticket__200") as platform:
        event = platform.connect(Freshdesk, CREDENTIALS).enrich(hint)
    assert event.payload["ticket"]["priority"] == 4
    assert event.payload["ticket"]["subject"] == "Charged twice for order 58211"
    assert platform.requests[0].headers["authorization"].startswith("Basic ")


def test_a_signed_looking_body_under_the_shared_secret_is_replaced_as_well() -> None:
    (hint,) = Freshdesk().handle_webhook({"event": "ticket_created", "ticket": {"id": 3417, "priority": 1}})
    with FakePlatform.of("freshdesk", "enrich_ticket__200") as platform:
        assert platform.connect(Freshdesk, CREDENTIALS).enrich(hint).payload["ticket"]["priority"] == 4


def test_what_changed_is_kept_when_the_ticket_shows_it() -> None:
    event = enriched("ticket_updated", "enrich_ticket__200__updated")
    assert event.changed == {"priority": (4, 3), "priority_name": ("urgent", "high")}
    assert enriched("ticket_updated", "enrich_ticket__200").changed is None


def test_a_repeated_hint_has_the_key_of_the_first() -> None:
    first, again = (enriched("ticket_updated", "enrich_ticket__200__updated") for _ in range(2))
    assert first.key == again.key
    later = enriched("ticket_updated", "enrich_ticket__200__resolved")
    assert later.key != first.key
    (event,) = Freshdesk().handle_webhook(
        {"event": "ticket_updated", "ticket_id": "3417", "triggered_event": "{group_id:{from:1,to:43000187422}}"}
    )
    with FakePlatform.of("freshdesk", "enrich_ticket__200__updated") as platform:
        assert platform.connect(Freshdesk, CREDENTIALS).enrich(event).key != first.key


def test_a_status_of_the_accounts_own_has_its_name() -> None:
    event = enriched("ticket_updated__wrapped", "enrich_ticket__200__own_status")
    assert event.payload["ticket"]["status"] == 6
    assert event.payload["ticket"]["status_name"] == "waiting on customer"
    assert event.changed == {"status": (4, 6)}


def test_an_agent_who_may_not_read_fields_sees_no_name() -> None:
    event = enriched("ticket_updated__wrapped", "enrich_ticket__200__own_status_unreadable")
    assert (event.payload["ticket"]["status"], event.payload["ticket"]["status_name"]) == (6, None)


def test_a_hint_about_a_ticket_that_is_gone_fails() -> None:
    (event,) = events("ticket_created")
    with FakePlatform.of("freshdesk", "enrich_ticket__404") as platform, pytest.raises(NotFound):
        platform.connect(Freshdesk, CREDENTIALS).enrich(event)


def test_a_note_is_found_among_the_conversations() -> None:
    private = enriched("note_created", "enrich_note__200")
    assert private.payload["note"]["id"] == 43029384712
    assert private.payload["ticket"]["id"] == 3417
    assert private.key == "note_created:43029384712"
    assert private.actor_id == "43001902117"
    public = enriched("note_created__wrapped", "enrich_note__200")
    assert (public.payload["note"]["id"], public.payload["note"]["kind"]) == (43029384713, "reply")


def test_an_app_names_who_did_it() -> None:
    for name in ("ticket_created__freshworks", "ticket_updated__freshworks", "note_created__freshworks"):
        assert events(name)[0].actor_id == "43001902117"


def test_a_status_change_that_is_told_leads_to_resolved_and_closed() -> None:
    updated, resolved = events("ticket_updated__signed")
    assert updated.changed == {"status": (2, 4), "status_name": ("open", "resolved")}
    assert resolved.payload == updated.payload
    closing = {"ticket_id": "5", "triggered_event": "{status:{from:4,to:5}}"}
    assert [event.type for event in Freshdesk().handle_webhook(closing)] == ["ticket_updated", "ticket_closed"]


def test_our_own_tickets_are_recognised_by_their_tag() -> None:
    key = "01a1f89c-fb80-7c3a-9d52-6f1e2b3c4d5e"
    ticket = {"id": 1, "tags": ["billing", markers.tag(key)]}
    (created,) = Freshdesk().handle_webhook({"event": "ticket_created", "ticket": ticket})
    assert created.marker == key
    # The tag stays on the ticket; what people do with it later is theirs.
    (updated,) = Freshdesk().handle_webhook({"event": "ticket_updated", "ticket": ticket})
    assert updated.marker is None
    note = {"id": 7, "ticket_id": 1, "body": f"<div>Hi</div>{markers.hidden(key)}"}
    (noted,) = Freshdesk().handle_webhook({"event": "note_created", "ticket": {"id": 1}, "note": note})
    assert noted.marker == key


@pytest.mark.parametrize(
    ("text", "changes", "said"),
    [
        ("{ticket_action:created}", {}, {"ticket_action": "created"}),
        ("{note_type:private}", {}, {"note_type": "private"}),
        ("{status:{from:4,to:6}}", {"status": (4, 6)}, {}),
        ("{priority:{from:3,to:1}}", {"priority": (3, 1)}, {}),
        ("{ status : { from : 2, to : 4 } }", {"status": (2, 4)}, {}),
        (
            "{status:{from:2,to:4},priority:{from:1,to:4}}",
            {"status": (2, 4), "priority": (1, 4)},
            {},
        ),
        ("{responder_id:{from:,to:43001902117}}", {"responder_id": (None, "43001902117")}, {}),
        ("{ticket_type:{from:Question,to:Feature Request}}", {"ticket_type": ("Question", "Feature Request")}, {}),
        ("", {}, {}),
        ("{{{", {}, {}),
        (None, {}, {}),
        ({"status": 1}, {}, {}),
    ],
)
def test_the_notation_of_triggered_event(text: Any, changes: dict[str, Any], said: dict[str, str]) -> None:
    assert triggered(text) == (changes, said)


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        "text",
        {},
        {"event": "ticket_created"},
        {"event": 4, "ticket": {"id": 1}},
        {"event": "ticket_created", "ticket_id": "../agents/me"},
        {"event": "ticket_created", "ticket_id": True},
        {"event": "contact_created", "contact": "Grace"},
        {"event": "onTicketCreate", "data": {"ticket": None}},
        {"freshdesk_webhook": []},
    ],
)
def test_bodies_that_say_nothing_have_no_events(payload: Any) -> None:
    assert Freshdesk().handle_webhook(payload) == []


def test_deliveries_of_automations_have_no_id() -> None:
    assert Freshdesk.delivery_key({"authorization": "Basic x"}, {}) is None
    assert Freshdesk.delivery_key({"webhook-id": "made up"}, {}) is None
    assert Freshdesk.delivery_key({"webhook-id": "msg_1", "webhook-signature": "v1,x"}, {}) == "msg_1"


@pytest.mark.parametrize(
    ("name", "account"),
    [
        ("ticket_created", "acme.freshdesk.com"),
        ("ticket_updated__wrapped", "acme.freshdesk.com"),
        ("ticket_created__freshworks", "acme.freshdesk.com"),
        ("ticket_created__signed", None),
    ],
)
def test_the_account_that_a_body_names(name: str, account: str | None) -> None:
    request = recorded.request("freshdesk", name)
    assert Freshdesk.account_key(request.headers, request.payload) == account


def test_only_freshdesk_hosts_count_as_accounts() -> None:
    assert Freshdesk.account_key({}, {"account": "evil.example/acme.freshdesk.com"}) is None
    assert Freshdesk.account_key({}, {"ticket_url": "https://help.acme.example/tickets/1"}) is None


def test_contacts_are_polled() -> None:
    since = datetime(2026, 11, 20, 9, tzinfo=UTC)
    with FakePlatform.of("freshdesk", "poll_contacts__200") as platform:
        connector = platform.connect(Freshdesk, CREDENTIALS, call=Call(action="poll_events"))
        polled = connector.list_changes(since, datetime(2026, 11, 21, tzinfo=UTC))
    assert [(event.type, event.external_id) for event in polled] == [
        ("contact_created", "43004412765"),
        ("contact_updated", "43004400001"),
    ]
    # The app's webhook of the same change is recognised as the same event.
    assert polled[0].key == events("contact_created")[0].key


def test_a_contact_event_under_the_shared_secret_is_fetched() -> None:
    (event,) = Freshdesk().handle_webhook({"event": "contact_updated", "contact": {"id": "43004412765"}})
    with FakePlatform.of("freshdesk", "enrich_contact__200") as platform:
        assert platform.connect(Freshdesk, CREDENTIALS).enrich(event).payload["contact"]["name"] == "Grace Okafor"
