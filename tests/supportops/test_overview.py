"""The admin's first page and frame: what needs attention, where to begin, and what browsers may load."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from integrations import usage
from integrations.models import IntegrationHealth
from rules.models import Step, Worker
from supportops import clock
from supportops.tenancy.roles import Role
from supportops.tenancy.scope import working_for
from tests import builders
from tests.admin_world import make_history
from tests.builders import World, browser
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db


def test_a_new_organization_is_told_where_to_begin(world: World) -> None:
    Worker.objects.create(beat_at=clock.now())
    text = browser(world.ada.owner).get("/admin/").content.decode()
    assert "Begin here" in text and "Connect a platform" in text and "None yet." in text and "0 of 4 done" in text
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
    assert '<span class="so-figure">7</span> <span class="so-note">received' in text
    assert "ada-mark" not in browser(world.bo.owner).get("/admin/").content.decode()


def test_each_window_has_its_figures_and_its_table(world: World) -> None:
    ada = make_history(world.ada)
    with working_for(world.ada.organization):
        usage.count("integration", ada.freshdesk.pk, "received", 7)
        usage.count("rule", ada.rule.pk, "runs", 5)
    client = browser(world.ada.owner)
    for window, rows in (("1h", 12), ("24h", 24), ("7d", 28), ("30d", 30), ("x", 24)):
        text = client.get(f"/admin/?window={window}").content.decode()
        assert text.count('<th scope="row">') == rows, window
        assert text.count("<polyline") == 4 and "As a table" in text


def test_what_says_that_nobody_works_is_said(world: World) -> None:
    ada = make_history(world.ada)
    client = browser(world.ada.owner)
    assert "No worker is alive" in client.get("/admin/").content.decode()
    with working_for(world.ada.organization):
        Worker.objects.create(beat_at=clock.now())
        Step.objects.filter(run=ada.uncertain_run).update(waits_for="approval", status="waiting")
        long_ago = clock.now() - timedelta(minutes=30)
        Delivery.objects.filter(pk=ada.failed_delivery.pk).update(status="accepted", received_at=long_ago)
    text = client.get("/admin/").content.decode()
    assert "No worker is alive" not in text
    assert "1 approval waits" in text and "A delivery has waited for 30 minutes" in text


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
