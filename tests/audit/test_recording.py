"""An entry is written with its act or not at all, under a known name, with its secrets masked."""

import datetime
import decimal
import uuid

import pytest
from django.db import transaction

from audit import vocabulary
from audit.context import Actor, acting_as
from audit.models import AuditEntry, AuditPerson
from audit.recording import Act, NotInTransaction, Person, forget_people, record, record_many, resource_type_of
from audit.redaction import MASK, redacting
from supportops import clock
from supportops.people.models import ApiToken
from supportops.tenancy.models import Environment, Membership, Organization
from supportops.tenancy.scope import NoOrganizationInScope, working_for

pytestmark = pytest.mark.django_db
ADA = Actor("user", "ada-id", "ada@example.com")


@pytest.fixture(autouse=True)
def _fresh_memory():
    forget_people()


@pytest.fixture
def organization():
    return Organization.objects.create(slug="ada", name="Ada's")


def entries(organization):
    with working_for(organization):
        return list(AuditEntry.objects.order_by("id"))


def test_an_entry_tells_who_did_what_to_what(organization):
    now = datetime.datetime(2026, 5, 4, 3, 2, 1, tzinfo=datetime.UTC)
    with (
        working_for(organization),
        clock.frozen(now),
        acting_as(ADA, ip="192.0.2.7", request_id="req", trace_id="trace"),
        transaction.atomic(),
    ):
        environment = Environment.objects.create(name="prod")
        record("environment.created", environment, changes={"name": [None, "prod"]})
    (entry,) = entries(organization)
    assert (entry.at, entry.action) == (now, "environment.created")
    assert (entry.resource_type, entry.resource_id) == ("environment", str(environment.pk))
    assert (entry.actor_type, entry.actor_id) == ("user", "ada-id")
    assert (entry.request_id, entry.trace_id) == ("req", "trace")
    assert entry.changes == {"name": [None, "prod"]}
    assert entry.organization_id == organization.id
    with working_for(organization):
        assert (entry.person.name, entry.person.ip) == ("ada@example.com", "192.0.2.7")


def test_the_system_has_no_person(organization):
    with working_for(organization), transaction.atomic():
        record("run.finished", ("run", uuid.UUID(int=7)))
    (entry,) = entries(organization)
    assert (entry.actor_type, entry.actor_id, entry.person_id) == ("system", "", None)
    assert (entry.resource_type, entry.resource_id) == ("run", str(uuid.UUID(int=7)))


def test_without_a_target_the_organization_is_meant(organization):
    with working_for(organization), transaction.atomic():
        record("signed_in", None)
    (entry,) = entries(organization)
    assert (entry.resource_type, entry.resource_id) == ("organization", str(organization.id))


def test_a_new_organization_can_be_recorded_without_scope(organization):
    with transaction.atomic():
        record("organization.created", organization)
    assert entries(organization)[0].organization_id == organization.id


def test_a_row_outside_of_scope_belongs_to_its_own_organization(organization):
    with working_for(organization):
        environment = Environment.objects.create(name="prod")
    with transaction.atomic():
        record("environment.deleted", environment)
    assert len(entries(organization)) == 1


def test_without_any_organization_nothing_is_recorded():
    with pytest.raises(NoOrganizationInScope), transaction.atomic():
        record("signed_in", None)


def test_words_for_resources():
    assert resource_type_of(ApiToken) == "token"
    assert resource_type_of(Membership) == "member"
    assert resource_type_of(AuditEntry) == "audit_entry"


def test_outside_of_a_transaction_it_is_refused(organization):
    with working_for(organization), pytest.raises(NotInTransaction):
        record("signed_in", None)
    assert entries(organization) == []


def test_what_is_rolled_back_was_not_done(organization):
    class Stop(Exception):
        pass

    with pytest.raises(Stop), working_for(organization), acting_as(ADA), transaction.atomic():
        record("signed_in", None)
        raise Stop
    assert entries(organization) == []
    with working_for(organization), acting_as(ADA), transaction.atomic():
        record("signed_in", None)
    assert len(entries(organization)) == 1


def test_an_unknown_act_is_refused(organization):
    with (
        working_for(organization),
        pytest.raises(vocabulary.UnknownAction, match=r"rule\.exploded"),
        transaction.atomic(),
    ):
        record("rule.exploded", None)


def test_apps_add_their_own_acts(organization, monkeypatch):
    monkeypatch.setattr(vocabulary, "_actions", dict(vocabulary._actions))
    vocabulary.add({"calendar.created": "A calendar was created."})
    with working_for(organization), transaction.atomic():
        record("calendar.created", None)
    assert vocabulary.meaning_of("calendar.created") == "A calendar was created."
    with pytest.raises(ValueError, match="Calendar"):
        vocabulary.add({"Calendar created": "x"})


def test_secrets_are_masked_before_they_are_stored(organization):
    with working_for(organization), redacting(["correct horse battery"]), transaction.atomic():
        changes = {"api_key": "x", "error": "bad token correct horse battery!"}
        record("integration.changed", None, changes=changes)
    assert entries(organization)[0].changes == {"api_key": MASK, "error": f"bad token {MASK}!"}


def test_an_act_keeps_the_secrets_of_where_it_was_made(organization):
    with redacting(["correct horse battery"]):
        act = Act("run.finished", ("run", 1), {"error": "correct horse battery?"}, organization.id)
    with transaction.atomic():
        record_many([act])
    assert entries(organization)[0].changes == {"error": f"{MASK}?"}


def test_any_value_becomes_json_that_reads_back_alike(organization):
    at = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
    changes = {
        "at": at,
        "id": uuid.UUID(int=1),
        "price": decimal.Decimal("1.50"),
        "big": 2**70,
        "set": {"x"},
        "odd": "\ud800\u0000",
        "long": "x" * 20_000,
        5: 1.5,
    }
    with working_for(organization), transaction.atomic():
        record("rule.changed", None, changes=changes)
    stored = entries(organization)[0].changes
    assert stored["long"].endswith("x… (20000 characters)")
    assert len(stored.pop("long")) < 17_000
    assert stored == {
        "at": str(at),
        "id": str(uuid.UUID(int=1)),
        "price": "1.50",
        "big": str(2**70),
        "set": ["x"],
        "odd": "\ufffd\u0000",
        "5": 1.5,
    }


def test_too_much_is_left_out(organization):
    with working_for(organization), transaction.atomic():
        record("rule.changed", None, changes={"lines": ["y" * 10_000] * 30})
    assert list(entries(organization)[0].changes) == ["omitted"]


def test_people_within_changes_stand_apart(organization):
    bo = Person("user", "bo-id", "bo@example.com")
    with working_for(organization), acting_as(ADA), transaction.atomic():
        record("member.added", ("member", "1"), changes={"member": bo, "role": [None, "viewer"]})
    (entry,) = entries(organization)
    with working_for(organization):
        row = AuditPerson.objects.get(kind="user", identifier="bo-id")
    assert entry.changes == {"member": {"person": str(row.id)}, "role": [None, "viewer"]}
    assert row.name == "bo@example.com"


def test_one_entry_costs_one_insert(organization, django_assert_num_queries, django_capture_on_commit_callbacks):
    def act():
        with working_for(organization), acting_as(ADA, ip="192.0.2.7"):
            record("signed_in", None)

    with transaction.atomic():
        # The first time this process meets a person: look, make.
        with django_capture_on_commit_callbacks(execute=True), django_assert_num_queries(3):
            act()
        with django_assert_num_queries(1):
            act()
        forget_people()
        with django_assert_num_queries(2):
            act()
    assert len({entry.person_id for entry in entries(organization)}) == 1


def test_many_entries_cost_one_insert(organization, django_assert_num_queries, django_capture_on_commit_callbacks):
    bo = Organization.objects.create(slug="bo", name="Bo's")

    def acts():
        for owner in (organization, bo):
            with working_for(owner), acting_as(ADA):
                yield from [
                    Act("run.finished", ("run", number), {"status": "succeeded"}, owner.id) for number in range(20)
                ]

    with transaction.atomic():
        with django_capture_on_commit_callbacks(execute=True), django_assert_num_queries(3):
            record_many(acts())
        with django_assert_num_queries(1):
            record_many(acts())
        with django_assert_num_queries(0):
            record_many([])
    assert [entry.resource_id for entry in entries(bo)] == [str(number) for number in range(20)] * 2
    assert {entry.person_id for entry in entries(bo)}.isdisjoint(entry.person_id for entry in entries(organization))


def test_each_act_carries_its_own_trace(organization):
    with working_for(organization), acting_as(trace_id="worker"), transaction.atomic():
        record_many([Act("run.finished", ("run", 1), trace_id="one"), Act("run.finished", ("run", 2))])
    assert [entry.trace_id for entry in entries(organization)] == ["one", "worker"]
