"""What Notion sends, as it came, becomes events; what stands there is fetched."""

from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.connectors.notion.connector import Notion
from integrations.errors import RateLimited
from integrations.specs import Event
from tests.integrations.calls import Caller
from tests.integrations.recorded import FakePlatform, handle, request, request_names, same_shape

ADA, BOT = "c7c11cca-1d73-471d-9b6e-bdef51470190", "1edc05f6-2702-81b5-8408-00279347f034"
PAGE, COMMENT = "153104cd-477e-809d-8dc4-ff2d96ae3090", "153104cd-477e-80ca-8f75-001d9e2b6839"
WORKSPACE = "13950b26-c203-4f3b-b97d-93ec06319565"
TOKEN = "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"
REQUESTS = {
    "page.created": ("page.created", PAGE, ADA),
    "page.updated": ("page.updated", PAGE, ADA),
    "page.updated__content": ("page.updated", PAGE, ADA),
    "page.updated__by_us": ("page.updated", PAGE, BOT),
    "comment.created": ("comment.created", COMMENT, ADA),
    "comment.created__on_block": ("comment.created", COMMENT, ADA),
    "page_deleted": None,
    "data_source_schema_updated": None,
    "handshake": None,
}
notion = Caller(Notion, {"token": "ntn_" + "x" * 46})


def only(name: str) -> Event:
    [event] = handle(Notion, request("notion", name))
    return event


def enriched(name: str, answers: str) -> Event:
    with FakePlatform.of("notion", answers) as platform:
        found: Event = platform.connect(Notion, notion.credentials).enrich(only(name))
    return found


def test_every_recorded_request_is_looked_at() -> None:
    assert set(request_names("notion")) == set(REQUESTS)


@pytest.mark.parametrize(("name", "expected"), REQUESTS.items())
def test_a_request_is_one_event_or_none(name: str, expected: tuple[str, str, str] | None) -> None:
    recorded = request("notion", name)
    found = handle(Notion, recorded)
    assert [(event.type, event.external_id, event.actor_id) for event in found] == ([expected] if expected else [])
    for event in found:
        assert event.key == Notion.delivery_key(recorded.headers, recorded.payload) == recorded.payload["id"]
        assert event.occurred_at == datetime(2026, 11, 20, 10, 0, 5, 379000, tzinfo=UTC)
        assert Notion.account_key(recorded.headers, recorded.payload) == WORKSPACE


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("page.created", "enrich_page__200"),
        ("page.updated", "enrich_page__200"),
        ("comment.created", "enrich_comment__200"),
    ],
)
def test_the_sample_has_what_rules_see(name: str, answers: str) -> None:
    spec = Notion.event_spec(name)
    assert spec is not None
    missing = same_shape(dict(spec.sample), enriched(name, answers).payload)
    assert [line for line in missing if not line.endswith("in the second")] == []


def test_a_page_is_fetched_with_its_title_and_columns() -> None:
    event = enriched("page.updated", "enrich_page__200")
    assert event.payload["page"]["title"] == "Payment fails"
    assert event.payload["page"]["values"] == {
        "Name": "Payment fails",
        "Status": "Open",
        "Priority": 2,
        "Tags": ["payments"],
    }
    assert event.payload["updated_properties"] == ["Status", "zzzz"], "ids become names where they are known"
    assert event.updated_at == datetime(2026, 11, 20, 10, 10, tzinfo=UTC)


def test_a_comment_is_fetched_with_its_page() -> None:
    event = enriched("comment.created", "enrich_comment__200")
    assert event.payload["comment"]["text"] == "Looking into it."
    assert event.payload["page"]["title"] == "Payment fails"
    assert event.payload["user"]["id"] == event.actor_id == ADA


def test_what_is_gone_or_not_shared_stays_as_it_was_told() -> None:
    event = enriched("page.created", "enrich_page__404")
    assert event.payload["page"]["id"] == PAGE and "title" not in event.payload["page"]
    with pytest.raises(RateLimited):
        enriched("page.created", "enrich_page__429")


def test_only_the_handshake_carries_a_secret() -> None:
    for name in request_names("notion"):
        recorded = request("notion", name)
        secret = Notion.handshake_secret(recorded.as_request(), recorded.payload)
        assert secret == (TOKEN if name == "handshake" else None)
        assert (Notion.handshake(recorded.as_request(), recorded.payload) is not None) == (name == "handshake")


@pytest.mark.parametrize(
    "payload",
    [
        [],
        "text",
        None,
        {},
        {"type": []},
        {"type": "page.created", "entity": {"id": None}},
        {"type": "page.created", "entity": []},
        {"type": "page.created", "entity": {"id": "x"}, "authors": [3, {}], "data": "x", "timestamp": 3},
        {"type": "comment.created", "entity": {"id": "x"}, "data": {"parent": 3, "page_id": []}},
        {"verification_token": 3},
    ],
)
def test_odd_payloads_break_nothing(payload: Any) -> None:
    request_ = request("notion", "page.created").as_request()
    assert isinstance(Notion().handle_webhook(payload), list)
    assert Notion.delivery_key({}, payload) is None
    assert Notion.account_key({}, payload) is None
    assert Notion.handshake_secret(request_, payload) is None
