"""Integrations in the admin: connected, tested, changed and rotated, with no stored secret on any page."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.models import AuditEntry
from integrations.credentials import open_credentials
from integrations.endpoints import endpoint_of, valid_secrets
from integrations.models import Integration
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.admin_world import History, make_history
from tests.builders import World, browser
from tests.fake_platform import FakePlatform, in_place_of_the_network
from tests.forms import errors_of, fields_of

pytestmark = pytest.mark.django_db
ADD = "/admin/integrations/integration/add/"
FORM = "integration_form"
ME = "https://acme.freshdesk.com/api/v2/agents/me"


@pytest.fixture
def ada(world: World) -> History:
    return make_history(world.ada)


@pytest.fixture
def client(ada: History) -> Any:
    return browser(ada.tenant.owner)


@pytest.fixture
def platform() -> Any:
    with in_place_of_the_network() as fake:
        yield fake


def place(row: Integration, what: str = "change") -> str:
    return reverse(f"admin:integrations_integration_{what}", args=[row.pk])


def send(client: Any, address: str, fields: dict[str, Any], **more: Any) -> Any:
    return client.post(address, {**fields, **more}, format="multipart", follow=True)


def credentials(history: History, row: Integration) -> dict[str, Any]:
    with working_for(history.tenant.organization):
        return open_credentials(Integration.objects.get(pk=row.pk))


def test_every_platform_is_offered_and_has_its_form(client: Any) -> None:
    page = client.get(ADD).content.decode()
    keys = re.findall(r'href="\?platform=(\w+)"', page)
    assert {"freshdesk", "zendesk", "slack", "trello", "webhook"} <= set(keys) and "http" not in keys
    for key in keys:
        assert fields_of(client.get(f"{ADD}?platform={key}"), FORM)["platform"] == [key]
    assert "Which platform" in client.get(f"{ADD}?platform=nowhere").content.decode()


def test_an_integration_is_connected_and_its_secret_shown_once(ada: History, client: Any) -> None:
    address = f"{ADD}?platform=freshdesk"
    fields = fields_of(client.get(address), FORM)
    typed = {"credentials-domain": "not a domain", "credentials-api_key": "a-new-canary-key"}
    for name, said in (("config-default_priority", "is not a priority"), ("config-default_status", "")):
        wrong = send(client, address, fields, **typed, **{name: "high!" if said else ""})
        row = wrong.content.decode().split(f'id="id_{name if said else "credentials-domain"}_row"')[1]
        assert (said or "Give the account") in row.split('class="so-field')[0], errors_of(wrong)
        assert "canary" not in wrong.content.decode()
    fields = {
        **fields,
        "basics-name": "Second help desk",
        "basics-environment": "prod",
        "credentials-domain": "acme",
        "credentials-api_key": "a-new-canary-key",
        "config-default_priority": "high",
        "config-auto_assign": "on",
        "webhook-scheme": "hmac",
        "webhook-allowed_ips": "203.0.113.0/24",
    }
    page = client.post(address, fields, format="multipart")
    text = page.content.decode()
    assert page.status_code == 200 and "no-store" in page["Cache-Control"], errors_of(page)
    [secret] = set(re.findall(r"whsec_[\w+/=]+", text))
    with working_for(ada.tenant.organization):
        row = Integration.objects.get(name="Second help desk")
        endpoint = endpoint_of(row.pk)
        assert endpoint is not None and valid_secrets(endpoint, clock.now()) == [secret]
        assert (endpoint.scheme, endpoint.allowed_ips) == ("hmac", ["203.0.113.0/24"])
        assert row.config["default_priority"] == 3 and row.config["auto_assign"] is True
        assert row.environment is not None and row.environment.name == "prod"
        assert endpoint.key in text
    assert credentials(ada, row) == {"domain": "acme.freshdesk.com", "api_key": "a-new-canary-key"}
    for address in (
        place(row),
        place(row, "rotate_view"),
        "/admin/integrations/integration/",
        "/admin/audit/auditentry/",
    ):
        shown = client.get(address).content.decode()
        assert secret not in shown and "canary" not in shown, address


def test_what_is_left_empty_is_kept_and_a_place_asks_for_the_secret(ada: History, client: Any) -> None:
    before = credentials(ada, ada.freshdesk)
    fields = fields_of(client.get(place(ada.freshdesk)), FORM)
    assert fields["credentials-api_key"] == [""] and fields["credentials-domain"] == [""]
    page = send(client, place(ada.freshdesk), fields, **{"basics-name": "Renamed", "config-default_status": "open"})
    assert "Renamed is saved" in page.content.decode(), errors_of(page)
    assert credentials(ada, ada.freshdesk) == before
    page = send(client, place(ada.freshdesk), fields, **{"credentials-domain": "elsewhere"})
    assert any("decides where credentials are sent" in text for text in errors_of(page))
    assert credentials(ada, ada.freshdesk) == before
    with working_for(ada.tenant.organization):
        assert AuditEntry.objects.filter(action="integration.changed").count() == 1


def test_an_optional_credential_is_removed(ada: History, client: Any) -> None:
    fields = fields_of(client.get(place(ada.slack)), FORM)
    page = send(client, place(ada.slack), fields, **{"credentials-remove_bot_token": "on"})
    assert any("give a bot token" in text.lower() for text in errors_of(page)), errors_of(page)
    data = {"credentials-remove_bot_token": "on", "credentials-user_token": "xoxp-instead"}
    send(client, place(ada.slack), fields, **data)
    assert credentials(ada, ada.slack) == {"user_token": "xoxp-instead"}


def test_the_connection_is_tested_before_and_after_saving(ada: History, client: Any, platform: FakePlatform) -> None:
    platform.on("GET", ME, {"id": 1, "contact": {"name": "Ada", "email": "ada@example.com"}})
    fields = fields_of(client.get(f"{ADD}?platform=freshdesk"), FORM)
    data = {"credentials-domain": "acme", "credentials-api_key": "typed-canary-key"}
    page = send(client, "/admin/integrations/integration/test/", fields, **data)
    assert "It works" in page.content.decode(), page.content.decode()
    assert "typed-canary-key" not in page.content.decode()
    platform.on("GET", ME, {"code": "invalid_credentials"}, status=401)
    page = send(client, "/admin/integrations/integration/test/", fields, **data)
    assert "It does not work yet" in page.content.decode()
    page = send(client, "/admin/integrations/integration/test/", fields, **{"credentials-domain": "no host"})
    assert "Domain" in page.content.decode() and "API key" in page.content.decode()
    # What the form would store, over what is stored.
    stored = f"https://{ada.mark}.freshdesk.com/api/v2/agents/me"
    platform.on("GET", stored, {"id": 1, "contact": {"name": "Ada", "email": "ada@example.com"}})
    fields = fields_of(client.get(place(ada.freshdesk)), FORM)
    page = send(client, place(ada.freshdesk, "test_view"), fields, **{"credentials-api_key": "other-canary-key"})
    assert "It works" in page.content.decode(), page.content.decode()
    assert credentials(ada, ada.freshdesk)["api_key"] == f"{ada.mark}-canary-key-1"
    page = send(client, place(ada.freshdesk, "test_view"), fields, **{"credentials-domain": "acme"})
    assert "decides where credentials are sent" in page.content.decode()
    page = send(client, place(ada.freshdesk, "test_view"), fields)
    assert "It works" in page.content.decode()
    with working_for(ada.tenant.organization):
        ada.freshdesk.health.refresh_from_db()
        assert ada.freshdesk.health.last_success_at is not None
    assert "healthy" in client.get(place(ada.freshdesk)).content.decode()


def test_a_secret_is_rotated(ada: History, client: Any) -> None:
    page = client.post(place(ada.freshdesk, "rotate_view"), format="multipart")
    assert "no-store" in page["Cache-Control"]
    found = re.search(r'id="webhook-secret"[^>]*value="([^"]+)"', page.content.decode())
    assert found is not None
    with working_for(ada.tenant.organization):
        endpoint = endpoint_of(ada.freshdesk.pk)
        assert endpoint is not None and valid_secrets(endpoint, clock.now()) == [found[1], ada.secret]
    client.post(place(ada.freshdesk, "rotate_view"), {"at_once": "1"}, format="multipart")
    with working_for(ada.tenant.organization):
        endpoint = endpoint_of(ada.freshdesk.pk)
        assert endpoint is not None and len(valid_secrets(endpoint, clock.now())) == 1
    # Slack makes the secret: it must be given, and is not shown.
    page = client.post(place(ada.slack, "rotate_view"), {"secret": ""}, format="multipart")
    assert any("makes the signing secret" in text for text in errors_of(page))
    page = client.post(
        place(ada.slack, "rotate_view"), {"secret": "slack-canary-secret"}, format="multipart", follow=True
    )
    assert "is stored" in page.content.decode() and "slack-canary" not in page.content.decode()


def test_integrations_are_switched_and_deleted(ada: History, client: Any) -> None:
    def is_enabled() -> bool:
        with working_for(ada.tenant.organization):
            return bool(Integration.objects.get(pk=ada.slack.pk).is_enabled)

    client.post(place(ada.slack, "disable_view"), format="multipart")
    assert not is_enabled()
    client.post(place(ada.slack, "enable_view"), format="multipart")
    assert is_enabled()
    data = {"action": "disable_selected", "_selected_action": [str(ada.slack.pk), str(ada.freshdesk.pk)]}
    assert "2 integrations switched off" in send(client, "/admin/integrations/integration/", data).content.decode()
    page = client.get(place(ada.slack, "delete")).content.decode()
    assert "What it did stays in the history" in page
    send(client, place(ada.slack, "delete"), {"post": "yes"})
    with working_for(ada.tenant.organization):
        assert not Integration.objects.filter(pk=ada.slack.pk).exists()
        assert AuditEntry.objects.filter(action="integration.deleted").count() == 1


def test_an_integration_of_a_connector_that_is_gone_can_be_seen_and_deleted(ada: History, client: Any) -> None:
    with working_for(ada.tenant.organization):
        Integration.objects.filter(pk=ada.slack.pk).update(platform="gone")
    assert "is not installed any more" in client.get(place(ada.slack)).content.decode()
    assert client.get("/admin/integrations/integration/").status_code == 200
    assert client.post(place(ada.slack, "rotate_view"), format="multipart").status_code == 302
    assert send(client, place(ada.slack, "delete"), {"post": "yes"}).status_code == 200


def test_another_address_of_a_platform_is_shown(ada: History, client: Any, settings: Any) -> None:
    settings.PLATFORM_URLS = {"slack": "http://127.0.0.1:4010/slack"}
    assert "http://127.0.0.1:4010/slack" in client.get(place(ada.slack)).content.decode()
    assert "http://127.0.0.1:4010/slack" not in client.get(place(ada.freshdesk)).content.decode()


def test_options_of_the_generic_webhook_are_chosen(ada: History, client: Any) -> None:
    address = f"{ADD}?platform=webhook"
    fields = fields_of(client.get(address), FORM)
    data = {"webhook-scheme": "hmac_sha256", "webhook-option_header": "X-Sum", "webhook-option_encoding": "base64"}
    page = send(client, address, fields, **data)
    assert "is connected" in page.content.decode(), errors_of(page)
    page = send(client, address, fields, **{**data, "basics-name": "b", "webhook-option_encoding": "rot13"})
    assert any("encoding must be" in text for text in errors_of(page))
    with working_for(ada.tenant.organization):
        endpoint = endpoint_of(Integration.objects.get(platform="webhook").pk)
        assert endpoint is not None and endpoint.options["header"] == "X-Sum"


@pytest.mark.parametrize(
    "change",
    [
        {"basics-name": ""},
        {"basics-name": "x" * 300},
        {"basics-name": "\0"},
        {"basics-environment": "nowhere"},
        {"credentials-domain": "\0"},
        {"credentials-domain": "x" * 10_000},
        {"config-default_priority": "["},
        {"webhook-scheme": "rot13"},
        {"webhook-allowed_ips": "everybody"},
        {"webhook-allowed_ips": "\0"},
    ],
)
def test_odd_input_is_refused_at_its_field(ada: History, client: Any, change: dict[str, str]) -> None:
    page = client.get(place(ada.freshdesk))
    for address in (place(ada.freshdesk), f"{ADD}?platform=freshdesk"):
        fields = {**fields_of(page, FORM), "credentials-api_key": "k" * 20, "credentials-domain": "acme", **change}
        answer = send(client, address, fields)
        assert answer.status_code == 200 and errors_of(answer), address


def test_the_list_asks_the_same_however_long_it_is(ada: History, client: Any) -> None:
    from integrations import lifecycle

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert client.get("/admin/integrations/integration/").status_code == 200
        return len(asked)

    queries()
    few = queries()
    with working_for(ada.tenant.organization):
        for number in range(5):
            lifecycle.create(platform="slack", name=f"more {number}", credentials={"bot_token": "xoxb-1234567890"})
    queries()  # the organization's platforms are loaded again, once
    assert queries() == few <= 10
