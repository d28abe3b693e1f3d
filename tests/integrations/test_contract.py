"""Every connector, every promise. Runs over the registry: a new connector is held to all of this from its first day."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from integrations import registry
from integrations.base import BaseIntegration
from integrations.connecting import bare
from integrations.credentials import credentials_model, place_fields, secret_fields
from integrations.declarations import faults, unusable
from integrations.errors import IntegrationError
from integrations.quality import quality_of
from integrations.readmes import readme, setup_of_webhook
from integrations.signatures import SharedSecretHeader, Signature
from integrations.specs import ActionSpec, Event, EventSpec, WebhookRequest
from tests.integrations import recorded
from tests.integrations.vectors import VECTORS

HERE = Path(__file__).parent
CONNECTORS = registry.all_connectors()
SENDING = [cls for cls in CONNECTORS if cls.scheme_names()]
NOW = datetime(2026, 11, 20, 10, 0, 30, tzinfo=UTC)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
URL = "https://ops.example.com/api/webhooks/x/AbC?tenant=acme"
ODD_PAYLOADS: list[Any] = [
    None,
    [],
    "text",
    7,
    True,
    {},
    {"event": []},
    {"event": {"type": 3, "item": None}},
    {"type": [], "detail": 3, "event": None},
    {"ticket": "x"},
    {"action": {"type": 3, "data": "x", "memberCreator": []}},
    {"data": [], "webhook": 1, "freshdesk_webhook": 3},
    {"command": [], "trigger_id": {}, "event_id": 3, "team_id": []},
]


def every_connector(connectors: list[type[BaseIntegration]] = CONNECTORS) -> Any:
    return pytest.mark.parametrize("connector", connectors, ids=lambda cls: cls.key)


def every_action() -> Any:
    pairs = [(cls, spec) for cls in CONNECTORS for spec in cls.all_actions()]
    return pytest.mark.parametrize(("connector", "spec"), pairs, ids=[f"{cls.key}-{spec.name}" for cls, spec in pairs])


def every_event() -> Any:
    pairs = [(cls, spec) for cls in CONNECTORS for spec in cls.events]
    return pytest.mark.parametrize(("connector", "spec"), pairs, ids=[f"{cls.key}-{spec.name}" for cls, spec in pairs])


def every_scheme() -> Any:
    pairs = [(cls, name) for cls in SENDING for name in cls.scheme_names()]
    return pytest.mark.parametrize(("connector", "name"), pairs, ids=[f"{cls.key}-{name}" for cls, name in pairs])


# --- the declaration ------------------------------------------------------------------------------------------
def test_all_that_belong_here_are_found_and_whole() -> None:
    assert {"freshdesk", "zendesk", "slack", "trello", "http", "webhook"} <= {cls.key for cls in CONNECTORS}
    assert registry.problems() == []


@every_connector()
def test_nothing_is_missing(connector: type[BaseIntegration]) -> None:
    # The registry believes our own, and does not look at every start.
    assert unusable(connector) is None
    assert quality_of(connector, HERE).missing() == []
    assert faults(connector) == []


@every_connector()
def test_the_readme_is_for_a_person_who_sets_it_up(connector: type[BaseIntegration]) -> None:
    text = readme(connector)
    assert text.startswith(f"# {connector.name}\n")
    assert "quirks" in text.lower()
    assert bool(setup_of_webhook(connector)) == bool(connector.scheme_names())


@every_action()
def test_parameters_make_a_form(connector: type[BaseIntegration], spec: ActionSpec) -> None:
    schema = spec.model.model_json_schema()
    json.dumps(schema)
    assert schema.get("additionalProperties") is False, "an unknown parameter must be refused"
    for name, field in schema.get("properties", {}).items():
        assert field.get("title"), f"{name} has no title"
    assert spec.description.endswith(".")


@every_connector()
def test_credentials_make_a_form_and_print_as_dots(connector: type[BaseIntegration]) -> None:
    model = credentials_model(connector)
    schema = model.model_json_schema()
    json.dumps(schema)
    assert schema.get("additionalProperties") is False
    filled = model.model_construct(**dict.fromkeys(model.model_fields, "canary-value"))
    assert "canary" not in f"{filled!r} {filled} {[filled]}"
    for name in secret_fields(connector):
        assert schema["properties"][name].get("format") == "password", f"{name} must not be shown while it is typed"
    for name in place_fields(connector):
        assert name not in secret_fields(connector)


@every_connector()
def test_the_configuration_has_defaults_and_texts(connector: type[BaseIntegration]) -> None:
    connector.Config()
    schema = connector.Config.model_json_schema()
    assert schema.get("additionalProperties") is False
    for name, field in schema.get("properties", {}).items():
        assert field.get("title") and field.get("description"), f"{name} says nothing of its effect"


@every_action()
def test_a_limit_may_be_asked_about_any_action(connector: type[BaseIntegration], spec: ActionSpec) -> None:
    data = spec.model.model_construct()
    for name, field in spec.model.model_fields.items():
        if field.is_required():
            object.__setattr__(data, name, "")
    for limit in connector.limits:
        if limit.key is not None:
            assert limit.key(spec.name, data) is None or isinstance(limit.key(spec.name, data), str)


# --- events ---------------------------------------------------------------------------------------------------
@every_event()
def test_a_sample_is_json_with_its_subject(connector: type[BaseIntegration], spec: EventSpec) -> None:
    assert json.loads(json.dumps(spec.sample)) == spec.sample
    assert not spec.subject or isinstance(spec.sample[spec.subject], Mapping)
    assert spec.description.endswith(".")


@every_event()
def test_a_recorded_request_becomes_the_event(connector: type[BaseIntegration], spec: EventSpec) -> None:
    names = quality_of(connector, HERE).events[spec.name]
    found = [event for name in names for event in recorded.handle(connector, recorded.request(connector.key, name))]
    assert spec.name in {event.type for event in found}


@every_connector(SENDING)
def test_reading_a_request_is_pure_and_gives_json(connector: type[BaseIntegration]) -> None:
    for name in recorded.request_names(connector.key):
        request = recorded.request(connector.key, name)
        first, second = (recorded.handle(connector, request) for _ in range(2))
        assert first == second
        for event in first:
            json.dumps(event.payload)
            assert event.type and len(event.type) <= 120 and len(event.external_id) <= 200
            assert event.occurred_at is None or event.occurred_at.tzinfo is not None


@every_connector(SENDING)
@pytest.mark.parametrize("payload", ODD_PAYLOADS, ids=repr)
def test_odd_payloads_break_nothing(connector: type[BaseIntegration], payload: Any) -> None:
    request = WebhookRequest("POST", URL, {}, b"{}")
    for answer in (connector.delivery_key({}, payload), connector.account_key({}, payload)):
        assert answer is None or isinstance(answer, str)
    connector.handshake(request, payload)
    try:
        events = bare(connector).handle_webhook(payload)
    except IntegrationError:
        return
    assert all(isinstance(event, Event) for event in ([events] if isinstance(events, Event) else events))


@every_connector(SENDING)
def test_an_event_is_no_handshake(connector: type[BaseIntegration]) -> None:
    for spec in connector.events:
        for name in quality_of(connector, HERE).events[spec.name]:
            request = recorded.request(connector.key, name)
            assert connector.unsigned_handshake(request.as_request()) is None
            assert connector.handshake(request.as_request(), request.payload) is None


# --- signatures -----------------------------------------------------------------------------------------------
class Bent:
    """A request that was signed well, and ways to bend it."""

    def __init__(self, connector: type[BaseIntegration], name: str) -> None:
        scheme = connector.scheme(name)
        assert scheme is not None
        self.scheme: Signature = scheme
        self.secret, self.other = scheme.new_secret(), scheme.new_secret()
        names = recorded.request_names(connector.key)
        self.body = recorded.request(connector.key, names[0]).body
        self.headers = self.sign(self.secret, NOW)
        # Some sign the time but send the same one again for a day: their schemes have no tolerance.
        self.is_timed = getattr(scheme, "tolerance", None) is not None and (
            self.headers != self.sign(self.secret, NOW + timedelta(hours=1))
        )
        self.covers_url = self.headers != self.sign(self.secret, NOW, url=URL + "&more=1")
        self.covers_body = not isinstance(scheme, SharedSecretHeader)

    def sign(self, secret: str, now: datetime, url: str = URL) -> dict[str, str]:
        return self.scheme.sign(self.body, secret, now, url=url, delivery_id="msg_1")

    def is_accepted(
        self,
        *,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        url: str = URL,
        secrets: list[str] | None = None,
        now: datetime = NOW,
    ) -> bool:
        lower = {name.lower(): value for name, value in (self.headers if headers is None else headers).items()}
        request = WebhookRequest("POST", url, lower, self.body if body is None else body)
        return self.scheme.verify(request, [self.secret] if secrets is None else secrets, now)


@every_scheme()
def test_a_good_signature_is_accepted_also_while_secrets_change(connector: type[BaseIntegration], name: str) -> None:
    bent = Bent(connector, name)
    assert bent.is_accepted()
    assert bent.is_accepted(secrets=[bent.other, bent.secret]) and bent.is_accepted(secrets=[bent.secret, bent.other])
    bent.scheme.check_secret(bent.secret)


@every_scheme()
def test_another_body_is_refused(connector: type[BaseIntegration], name: str) -> None:
    bent = Bent(connector, name)
    if not bent.covers_body:
        is_hint = name in connector.hint_schemes
        assert is_hint == connector.can("enrich"), "an unsigned body is a hint where the object can be fetched"
        return
    assert not bent.is_accepted(body=bent.body + b" ") and not bent.is_accepted(body=b"")
    assert not bent.is_accepted(body=bent.body.replace(b"e", b"a", 1))


@every_scheme()
def test_a_missing_or_odd_header_is_refused(connector: type[BaseIntegration], name: str) -> None:
    bent = Bent(connector, name)
    assert not bent.is_accepted(headers={})
    for header, value in bent.headers.items():
        assert not bent.is_accepted(headers={key: v for key, v in bent.headers.items() if key != header})
        for odd in ("", "x", "ü€\udcff", value[:-2], value + "\x00", "=" * 100, "v1," * 50):
            assert not bent.is_accepted(headers={**bent.headers, header: odd}), f"{header}: {odd!r}"


@every_scheme()
def test_a_retired_or_missing_secret_is_refused(connector: type[BaseIntegration], name: str) -> None:
    bent = Bent(connector, name)
    for secrets in ([bent.other], [], [""], ["", bent.other], [" "]):
        assert not bent.is_accepted(secrets=secrets)
    with pytest.raises(ValueError, match="empty"):
        bent.scheme.check_secret("")


@every_scheme()
def test_a_stale_request_is_refused_where_the_time_is_signed(connector: type[BaseIntegration], name: str) -> None:
    bent = Bent(connector, name)
    if not bent.is_timed:
        return
    for seconds, accepted in ((300, True), (-300, True), (301, False), (-301, False), (86_400, False)):
        assert bent.is_accepted(now=NOW + timedelta(seconds=seconds)) is accepted


@every_scheme()
def test_another_address_is_refused_where_it_is_signed(connector: type[BaseIntegration], name: str) -> None:
    bent = Bent(connector, name)
    if bent.covers_url:
        for url in (URL + "/", URL.replace("https", "http"), URL.partition("?")[0]):
            assert not bent.is_accepted(url=url)


@every_scheme()
def test_each_vector_decides(connector: type[BaseIntegration], name: str) -> None:
    scheme = connector.scheme(name)
    vectors = [vector for vector in VECTORS if vector["scheme"] == scheme_of_vectors(connector, name)]
    assert scheme is not None and vectors
    for vector in vectors:
        headers = {key.lower(): value for key, value in vector["headers"].items()}
        request = WebhookRequest("POST", vector.get("url") or URL, headers, vector["body"].encode())
        now = datetime.fromtimestamp(vector.get("now") or 0, UTC)
        found = scheme.verify(request, [vector["secret"]], now, vector.get("options"))
        assert found is vector["valid"], f"{vector['id']}: {vector['why']}"


def scheme_of_vectors(connector: type[BaseIntegration], name: str) -> str:
    # Freshdesk's `hmac` is Standard Webhooks under the name that its own documentation would use.
    return "standard_webhooks" if (connector.key, name) == ("freshdesk", "hmac") else name


# --- answers --------------------------------------------------------------------------------------------------
# What speaks no HTTP has recordings of its own form, which its own tests replay.
NOT_HTTP = {"postgresql", "python", "shell", "smtp"}


@every_connector([cls for cls in CONNECTORS if cls.key not in NOT_HTTP])
def test_recorded_answers_can_be_read(connector: type[BaseIntegration]) -> None:
    for name in recorded.answer_names(connector.key):
        for exchange in recorded.exchanges(connector.key, name):
            assert exchange.method in METHODS and exchange.path.startswith("/")


@every_connector()
def test_models_are_named_and_separate(connector: type[BaseIntegration]) -> None:
    models: list[type[BaseModel]] = [spec.model for spec in connector.actions]
    assert len({model.__name__ for model in models}) == len(set(models)), "two models of one name clash in OpenAPI"
