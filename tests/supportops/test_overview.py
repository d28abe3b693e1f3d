"""The admin's first page and frame: what needs attention, where to begin, and what browsers may load."""

import re
from typing import Any

import pytest
from django.test import Client

from integrations import usage
from integrations.models import IntegrationHealth
from supportops import clock
from supportops.tenancy.roles import Role
from supportops.tenancy.scope import working_for
from tests import builders
from tests.admin_world import make_history
from tests.builders import World, browser

pytestmark = pytest.mark.django_db


def test_a_new_organization_is_told_where_to_begin(world: World) -> None:
    text = browser(world.ada.owner).get("/admin/").content.decode()
    assert "Begin here" in text and "Connect a platform" in text and "None yet." in text
    assert "Nothing: no dead letter" in text


def test_what_needs_attention_comes_first(world: World) -> None:
    ada = make_history(world.ada)
    with working_for(world.ada.organization):
        IntegrationHealth.objects.filter(integration=ada.slack).update(
            checked_at=clock.now(), credentials_rejected_at=clock.now(), message="The token was revoked."
        )
        usage.count("integration", ada.freshdesk.pk, "received", 7)
    text = browser(world.ada.owner).get("/admin/").content.decode()
    for part in ("1 uncertain step", "2 dead letters", f"{ada.slack.name} is unhealthy", "The token was revoked."):
        assert part in text, part
    assert "Begin here" not in text
    assert text.index("uncertain step") < text.index("dead letters")
    assert 'class="so-figure">7<' in text
    assert "ada-mark" not in browser(world.bo.owner).get("/admin/").content.decode()


@pytest.mark.parametrize("role", list(Role))
def test_the_sidebar_shows_what_the_role_opens(world: World, role: Role) -> None:
    client = browser(builders.make_member(world.ada.organization, role))
    text = client.get("/admin/").content.decode()
    assert f"Ada · {role}" in text and "/admin/rules/rule/" in text
    assert ("/admin/people/apitoken/" in text) is (role in (Role.OWNER, Role.ADMIN))
    assert "/admin/people/user/" not in text


def test_the_operator_and_the_stranger_have_a_page_too(world: World) -> None:
    text = browser(builders.make_user(is_superuser=True)).get("/admin/").content.decode()
    assert "You work for no organization yet" in text and "/admin/tenancy/organization/" in text
    text = browser(builders.make_user()).get("/admin/").content.decode()
    assert "Ask an owner to add you" in text and "/admin/rules/rule/" not in text


def test_browsers_load_from_here_alone(world: World, client: Client) -> None:
    signed_in = browser(world.ada.owner)
    for address, allows_eval in (
        ("/admin/", True),
        ("/admin/login/", True),
        ("/api/docs/", False),
        ("/api/schema/", False),
    ):
        answer: Any = (signed_in if address == "/admin/" else client).get(address)
        policy = answer["Content-Security-Policy"]
        scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
        assert scripts == "script-src 'self'" + (" 'unsafe-eval'" if allows_eval else ""), address
        assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy
        assert "http:" not in policy and "https:" not in policy


def test_no_page_holds_a_script_of_ours(world: World) -> None:
    ada = make_history(world.ada)
    client = browser(world.ada.owner)
    for address in (
        "/admin/",
        "/admin/rules/rule/add/",
        f"/admin/rules/rule/{ada.rule.pk}/change/",
        f"/admin/integrations/integration/{ada.freshdesk.pk}/change/",
        f"/admin/rules/run/{ada.failed_run.pk}/change/",
        f"/admin/webhooks/delivery/{ada.delivery.pk}/change/",
        "/admin/rules/run/",
    ):
        text = client.get(address).content.decode()
        assert not re.findall(r'<script(?![^>]*(?:\bsrc=|type="application/json"))[^>]*>', text), address
        assert not re.findall(r"\son(?:click|submit|change|load)=", text), address
        assert not re.findall(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="(?:https?:)?//', text), address


def test_an_installation_bears_its_label(world: World, settings: Any) -> None:
    settings.INSTALLATION_LABEL = "Staging"
    assert "Staging" in browser(world.ada.owner).get("/admin/").content.decode()
