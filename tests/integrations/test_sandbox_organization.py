"""An organization that works in the sandbox: its platforms are played, and nothing of it leaves this process."""

from typing import Any

import httpx
import pytest

from integrations import lifecycle
from integrations.connecting import connect_with
from integrations.errors import Permanent
from integrations.http import PlatformClient
from integrations.models import SandboxArrival
from integrations.registry import get
from integrations.sandbox_platform import PLATFORMS, keeping
from integrations.sandbox_platform.exchange import Asked
from integrations.specs import Call
from supportops.tenancy.models import Organization
from supportops.tenancy.scope import working_for
from tests.builders import World

pytestmark = pytest.mark.django_db
SLACK = {"bot_token": "xoxb-1234567890-abcdef"}


@pytest.fixture
def demo(world: World) -> Organization:
    return Organization.objects.create(slug="demo", name="Demo", works_in_sandbox=True)


def test_the_played_platform_answers_and_what_arrived_is_kept(demo: Organization) -> None:
    with working_for(demo):
        row, _, _ = lifecycle.create(
            platform="slack", name="Our Slack", credentials={"bot_token": "xoxb-1234567890-abcdef"}
        )
        assert lifecycle.test(row)["success"]
        result = lifecycle.execute(row, "send_message", {"channel": "#support", "message": "Hello"})
        assert result.success
        newest = SandboxArrival.objects.order_by("-id")[0]
    assert (newest.platform, newest.path, newest.has_effect) == ("slack", "/chat.postMessage", True)
    assert newest.body["text"] == "Hello"


def test_what_was_made_is_there_for_the_next_call(demo: Organization) -> None:
    credentials = {"domain": "acme.freshdesk.com", "api_key": "abcdefghij1234567890"}
    with working_for(demo):
        row, _, _ = lifecycle.create(platform="freshdesk", name="Desk", credentials=credentials)
        given = {"subject": "Printer", "description": "On fire", "email": "ada@example.com"}
        made = lifecycle.execute(row, "create_ticket", given)
        assert made.success
        noted = lifecycle.execute(row, "add_note", {"ticket_id": made.data["id"], "body": "Looking"})
        unknown = lifecycle.execute(row, "add_note", {"ticket_id": 999_999, "body": "Looking"})
    assert (noted.success, unknown.success) == (True, False)


def test_what_is_there_from_the_beginning_stays_as_it_was_first_seen(demo: Organization) -> None:
    look = Asked("GET", "/members/me/boards", {"token": "any"}, {}, None, "")
    with working_for(demo):
        assert keeping.answer("trello", look).body == keeping.answer("trello", look).body


def test_any_other_address_is_answered_here_too(demo: Organization) -> None:
    with working_for(demo):
        client = PlatformClient(call=Call(organization_id=str(demo.pk)))
        answer = client.post("https://hooks.example.com/a?token=secret", json={"a": 1}, signed_in=False)
        kept = SandboxArrival.objects.get()
    assert answer.json()["sandbox"] is True
    assert (kept.platform, kept.path, kept.body, kept.query) == ("http", "https://hooks.example.com/a", {"a": 1}, {})


def test_another_organization_s_calls_are_not_taken(world: World, demo: Organization) -> None:
    with working_for(world.ada.organization):
        row, _, _ = lifecycle.create(
            platform="slack", name="Our Slack", credentials={"bot_token": "xoxb-1234567890-abcdef"}
        )
        # The guard of all tests refuses the connection: it would have left.
        assert not lifecycle.test(row)["success"]
        assert not SandboxArrival.objects.exists()


def test_sandboxes_know_nothing_of_each_other(demo: Organization) -> None:
    other = Organization.objects.create(slug="other", name="Other", works_in_sandbox=True)
    with working_for(demo):
        keeping.put("freshdesk", "tickets", {"id": 7})
    with working_for(other):
        assert keeping.find("freshdesk", "tickets", 7) is None


@pytest.mark.parametrize(
    ("platform", "credentials"),
    [
        ("smtp", {"host": "mail.example.com", "user": "u", "password": "a-long-password", "sender": "a@example.com"}),
        ("postgresql", {"host": "db.example.com", "database": "d", "user": "u", "password": "a-long-password"}),
    ],
)
def test_what_is_no_http_is_refused(demo: Organization, platform: str, credentials: dict[str, Any]) -> None:
    with working_for(demo), pytest.raises(Permanent, match="sandbox"):
        connect_with(get(platform), credentials, call=Call(organization_id=str(demo.pk)))


def test_a_platform_that_is_not_played_says_so(demo: Organization) -> None:
    with working_for(demo):
        row, _, _ = lifecycle.create(platform="notion", name="Notes", credentials={"token": "ntn_1234567890abcdefghij"})
        answer = lifecycle.test(row)
    assert not answer["success"]
    assert "cannot play" in answer["message"]


def test_only_so_much_is_kept(demo: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MOST_ARRIVALS", 3)
    monkeypatch.setattr(keeping, "MOST_OBJECTS", 2)
    with working_for(demo):
        client = PlatformClient(call=Call(organization_id=str(demo.pk)))
        for number in range(6):
            client.get(f"https://example.com/{number}", signed_in=False)
            keeping.put("freshdesk", "tickets", {"id": number})
        assert [row.path[-1] for row in SandboxArrival.objects.order_by("id")] == ["3", "4", "5"]
        assert keeping.find("freshdesk", "tickets", 3) is None
        assert keeping.find("freshdesk", "tickets", 5) is not None
        client.post("https://example.com/", content=b"x" * 100_000, signed_in=False)
        assert "not_kept" in SandboxArrival.objects.order_by("-id")[0].body


@pytest.mark.parametrize("platform", sorted(PLATFORMS))
def test_what_a_platform_knows_survives_the_way_to_the_database(platform: str) -> None:
    asked = Asked("GET", "/nothing", {}, {}, None, "")
    played = PLATFORMS[platform]()
    again = PLATFORMS[platform](played.state())
    assert again.state() == played.state()
    assert again.answer(asked).status == played.answer(asked).status
    assert again.number() == played.number() > 0


def test_secrets_are_not_kept(demo: Organization) -> None:
    with working_for(demo):
        client = PlatformClient(call=Call(organization_id=str(demo.pk)))
        client.headers["Authorization"] = "Bearer very-secret-token"
        client.post(
            "https://example.com/x?key=very-secret-key",
            data={"client_secret": "very-secret-secret", "grant": "code"},
            signed_in=False,
        )
        kept = SandboxArrival.objects.get()
    assert kept.body == {"grant": "code"}
    assert "very-secret" not in f"{kept.path}{kept.query}{kept.body}"
    assert httpx.URL("https://sandbox.invalid").host.endswith(".invalid")
