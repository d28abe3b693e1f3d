"""The admin shows an organization its audit log, and lets nobody touch it."""

import html
import json
import re

import pytest
from django.db import transaction

from audit import reading, verifying
from audit.context import Actor
from audit.models import AuditEntry, AuditSeal
from audit.recording import Person, record
from audit.sealing import head, seal_all
from supportops.tenancy.roles import Role
from supportops.tenancy.scope import working_for
from tests.audit.chains import chain_of, entries_of, write
from tests.audit_guards import lowered
from tests.builders import browser, make_member

pytestmark = pytest.mark.django_db
LIST = "/admin/audit/auditentry/"


@pytest.fixture
def ada(world):
    return world.ada.organization


@pytest.fixture
def client(world):
    return browser(world.ada.owner)


def page(client, query=""):
    answer = client.get(LIST + query)
    assert answer.status_code == 200
    return [entry.resource_id for entry in answer.context["cl"].result_list]


def test_the_list_shows_the_organizations_entries_newest_first(world, ada, client):
    chain_of(ada, 2)
    write(ada, 1)
    write(world.bo.organization, 1)
    answer = client.get(LIST)
    assert [entry.resource_id for entry in answer.context["cl"].result_list] == ["3", "2", "1"]
    text = answer.content.decode()
    assert "ada@example.com (user)" in text
    assert "rule 3" in text


def test_filters_and_search(ada, client):
    write(ada, 2)
    write(ada, 1, actor=Actor("platform", "slack", ""))
    with working_for(ada), transaction.atomic():
        record("integration.tested", ("integration", "i"))
    for query, expected in {
        "?action=integration.tested": ["i"],
        "?resource_type=rule": ["3", "2", "1"],
        "?actor_type=platform": ["3"],
        "?q=2": ["2"],
        "?q=slack": ["3"],
        "?q=ADA@example.com": ["2", "1"],
        "?q=integration.tested": ["i"],
        "?q=integration": [],
        "?resource_id=2": ["2"],
        "?since=1h": ["i", "3", "2", "1"],
        "?until=2020-01-01T00:00": [],
        "?from=2020-01-01T00:00": ["i", "3", "2", "1"],
    }.items():
        assert page(client, query) == expected, query


def test_an_entry_is_shown_whole_and_escaped(ada, client):
    with working_for(ada), transaction.atomic():
        changes = {"member": Person("user", "bo", "bo@example.com"), "note": "<script>alert(1)</script>"}
        record("member.added", ("member", "m"), changes=changes)
        seal_all()
    (entry,) = entries_of(ada)
    text = client.get(f"{LIST}{entry.pk}/change/").content.decode()
    assert "bo@example.com" in text
    assert "Somebody became a member." in text
    assert "<script>alert(1)" not in text
    with working_for(ada):
        assert head().hash in text


def test_a_change_is_told_as_before_and_after(ada, client):
    with working_for(ada), transaction.atomic():
        record("rule.changed", ("rule", "r"), changes={"name": ["Old", "New"], "enabled": True})
    (entry,) = entries_of(ada)
    text = client.get(f"{LIST}{entry.pk}/change/").content.decode()
    assert '<span class="so-before">Old</span>' in text and '<span class="so-after">New</span>' in text
    assert "not sealed yet" in text


def test_the_log_is_exported_as_it_streams(ada, client):
    chain_of(ada, 3)
    answer = client.post(f"{LIST}export/", format="multipart")
    lines = [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]
    assert [line["resource_id"] for line in lines[:3]] == ["1", "2", "3"] and lines[3]["action"] == "audit.exported"
    assert answer["X-Audit-Head"].startswith("4:") and "audit-ada-" in answer["Content-Disposition"]


def test_the_log_is_verified_in_stretches(ada, client, monkeypatch):
    chain_of(ada, 30)
    monkeypatch.setattr(verifying, "BATCH", 10)
    monkeypatch.setattr("audit.admin._SECONDS_A_REQUEST", 0)
    text, asked = client.get(f"{LIST}verify/").content.decode(), 1
    assert "position 0 of 30" in text
    monkeypatch.setattr("audit.admin._SECONDS_A_REQUEST", 0.001)
    while found := re.search(r'data-poll="([^"]+)"', text):
        text, asked = client.get(html.unescape(found[1])).content.decode(), asked + 1
        assert asked < 50
    assert "The log is as it was written." in text and "30 entries were checked" in text


def test_a_log_that_was_changed_is_found_out(ada, client):
    chain_of(ada, 5)
    with lowered(), working_for(ada):
        AuditSeal.objects.filter(position=3).update(hash="f" * 64)
    text = client.get(f"{LIST}verify/").content.decode()
    assert "does not hold at position 3" in text


def test_a_forged_or_foreign_stretch_begins_anew(world, ada, client):
    chain_of(ada, 2)
    chain_of(world.bo.organization, 3)
    with working_for(world.bo.organization):
        foreign = reading.token_of(verifying.Part(head(), head()))
    for at in ("x", foreign, "a:b:c"):
        text = client.get(f"{LIST}verify/?at={at}").content.decode()
        assert "2 entries were checked" in text, at


@pytest.mark.parametrize("role", list(Role))
def test_nobody_adds_changes_or_deletes(ada, role):
    write(ada, 1)
    (entry,) = entries_of(ada)
    client = browser(make_member(ada, role))
    assert page(client) == ["1"]
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}add/", {"action": "x"}, format="multipart").status_code == 403
    assert client.post(f"{LIST}{entry.pk}/change/", {"action": "x"}, format="multipart").status_code == 403
    assert client.post(f"{LIST}{entry.pk}/delete/", {"post": "yes"}, format="multipart").status_code == 403
    client.post(LIST, {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"}, format="multipart")
    with working_for(ada):
        assert AuditEntry.objects.get().action == "rule.changed"


def test_anothers_entry_is_not_there(world, ada, client):
    write(world.bo.organization, 1)
    (entry,) = entries_of(world.bo.organization)
    for action in ("change", "history"):
        answer = client.get(f"{LIST}{entry.pk}/{action}/")
        assert answer.status_code in (302, 404)
        assert "rule.changed" not in answer.content.decode()


def test_the_price_of_the_list_does_not_grow(ada, client, django_assert_max_num_queries):
    chain_of(ada, 2)
    client.get(LIST)
    with django_assert_max_num_queries(9) as few:
        assert len(page(client)) == 2
    chain_of(ada, 60)
    with django_assert_max_num_queries(len(few)):
        assert len(page(client)) == 50
