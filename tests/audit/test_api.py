"""What the API shows of the audit log, to whom, and at what price."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from audit import verify_export
from audit.context import Actor
from audit.models import AuditEntry
from audit.recording import Person, record
from audit.sealing import head, seal_all
from supportops import clock
from supportops.tenancy.roles import Role
from supportops.tenancy.scope import working_for
from tests.audit.chains import ADA, chain_of, entries_of, write
from tests.audit_guards import lowered
from tests.builders import browser, make_member, make_token

pytestmark = pytest.mark.django_db
LOGS = "/api/audit/logs"
# The token, the entries, their seals, their people.
PRICE = 4


@pytest.fixture
def ada(world):
    return world.ada.organization


def ids(response):
    assert response.status_code == 200, response.json()
    return [entry["resource_id"] for entry in response.json()["results"]]


def test_entries_have_the_agreed_form(world, ada):
    (seal,) = chain_of(ada, 1)
    (entry,) = entries_of(ada)
    body = world.ada.api.get(LOGS).json()
    assert (body["next"], body["previous"]) == (None, None)
    assert body["results"] == [
        {
            "id": str(entry.id),
            "at": entry.at.isoformat().replace("+00:00", "Z"),
            "actor": {"type": "user", "id": "ada-id", "name": "ada@example.com"},
            "action": "rule.changed",
            "resource_type": "rule",
            "resource_id": "1",
            "changes": {"name": ["a", "b1"], "limit": 1e16},
            "ip": "192.0.2.7",
            "request_id": "req",
            "trace_id": "trace",
            "sealed": True,
            "position": 1,
            "hash": seal.hash,
        }
    ]


def test_an_entry_without_seal_and_person(world, ada):
    with working_for(ada), transaction.atomic():
        record("run.finished", ("run", 1))
    (entry,) = world.ada.api.get(LOGS + "/").json()["results"]
    assert entry["actor"] == {"type": "system", "id": "", "name": "system"}
    assert (entry["ip"], entry["sealed"], entry["position"], entry["hash"]) == (None, False, None, None)


def test_people_named_in_changes_are_shown_by_name(world, ada):
    with working_for(ada), transaction.atomic():
        changes = {"member": Person("user", "bo-id", "bo@example.com"), "other": {"person": "not an id"}}
        record("member.added", ("member", 1), changes=changes)
    (entry,) = world.ada.api.get(LOGS).json()["results"]
    assert entry["changes"] == {
        "member": {"type": "user", "id": "bo-id", "name": "bo@example.com"},
        "other": {"person": "not an id"},
    }


def test_pages_go_newest_first_through_the_whole_log(world, ada):
    write(ada, 7)
    api, seen = world.ada.api, []
    address = f"{LOGS}?page_size=3"
    while address:
        body = api.get(address).json()
        seen.append([entry["resource_id"] for entry in body["results"]])
        address = body["next"]
    assert seen == [["7", "6", "5"], ["4", "3", "2"], ["1"]]


def test_filters(world, ada):
    write(ada, 2)
    write(ada, 1, actor=Actor("platform", "slack", ""))
    with working_for(ada), transaction.atomic():
        record("integration.tested", ("integration", "i"))
    api = world.ada.api
    for query, expected in {
        "resource_type=rule": ["3", "2", "1"],
        "resource_type=rule&resource_id=2": ["2"],
        "action=integration.tested": ["i"],
        "actor=ada-id": ["2", "1"],
        "actor=ADA@example.com": ["2", "1"],
        "actor=system": ["i"],
        "actor=slack": ["3"],
        "actor=nobody@example.com": [],
    }.items():
        assert ids(api.get(f"{LOGS}?{query}")) == expected, query


def test_filters_of_time(world, ada):
    start = datetime(2026, 5, 1, tzinfo=UTC)
    for day in range(4):
        with clock.frozen(start + timedelta(days=day)):
            write(ada, 1)
    api = world.ada.api
    assert ids(api.get(f"{LOGS}?after=2026-05-02T00:00:00Z&before=2026-05-04T00:00:00Z")) == ["3", "2"]
    assert ids(api.get(LOGS, {"after": "2026-05-03T02:00:00+02:00"})) == ["4", "3"]
    answer = api.get(f"{LOGS}?after=yesterday")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "after")


def test_nobody_sees_anothers_log(world, ada):
    write(ada, 2)
    write(world.bo.organization, 1)
    assert ids(world.bo.api.get(LOGS)) == ["1"]
    assert ids(world.bo.api.get(f"{LOGS}?actor=ada@example.com")) == ["1"]
    assert world.bo.api.get("/api/audit/verify").json()["unsealed"] == 1
    assert {line["organization"] for line in lines(world.bo.api.get("/api/audit/export"))} == {
        str(world.bo.organization.id)
    }


@pytest.mark.parametrize("address", ["logs", "verify", "export"])
def test_looking_needs_read_and_nothing_can_be_changed(world, ada, address, client):
    address = f"/api/audit/{address}"
    assert client.get(address).status_code == 401
    assert browser(make_member(ada, Role.VIEWER), ada).get(address).status_code == 200
    from tests.builders import api_client

    assert api_client(make_token(ada, ["execute"])).get(address).status_code == 403
    for method in ("post", "put", "patch", "delete"):
        assert getattr(world.ada.api, method)(address).status_code == 405


def test_the_price_of_a_page_does_not_grow_with_it(world, ada, django_assert_num_queries):
    chain_of(ada, 60)
    api = world.ada.api
    api.get(LOGS)
    with django_assert_num_queries(PRICE):
        assert len(ids(api.get(f"{LOGS}?page_size=2"))) == 2
    with django_assert_num_queries(PRICE):
        assert len(ids(api.get(LOGS))) == 50


def test_verification_says_that_it_holds(world, ada):
    seals = chain_of(ada, 3)
    write(ada, 1)
    found = world.ada.api.get("/api/audit/verify").json()
    assert found.pop("oldest_unsealed_at")
    assert found == {
        "valid": True,
        "entries": 3,
        "first_broken": None,
        "reason": None,
        "entry": None,
        "head": {"position": 3, "hash": seals[-1].hash},
        "trimmed_to": 0,
        "unsealed": 1,
    }


def test_verification_says_where_it_is_broken(world, ada):
    seals = chain_of(ada, 3)
    with lowered(), working_for(ada):
        AuditEntry.objects.filter(id=seals[1].entry_id).update(actor_id="somebody")
    found = world.ada.api.get("/api/audit/verify").json()
    assert (found["valid"], found["first_broken"], found["entry"]) == (False, 2, str(seals[1].entry_id))


def lines(response):
    assert response.status_code == 200
    return [json.loads(line) for line in b"".join(response.streaming_content).splitlines()]


def test_an_export_is_streamed_verifiable_and_recorded(world, ada):
    write(ada, 3)
    response = world.ada.api.get("/api/audit/export/")
    assert response["Content-Type"] == "application/x-ndjson"
    assert response["Content-Disposition"].startswith('attachment; filename="audit-ada-')
    texts = b"".join(response.streaming_content).decode().splitlines()
    assert verify_export.verify(texts, response["X-Audit-Head"]).position == 4
    last = entries_of(ada)[-1]
    assert (last.action, last.actor_type) == ("audit.exported", "token")
    with working_for(ada):
        seal_all()
        assert str(head()) == response["X-Audit-Head"]


def test_an_actor_is_named_in_each_line(world, ada):
    write(ada, 1)
    assert lines(world.ada.api.get("/api/audit/export"))[0]["actor"]["name"] == ADA.name
