"""Two organizations side by side, walked over every address of the admin: nothing foreign, nothing above the role."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.urls import reverse

from integrations.models import IntegrationType, NotificationTarget, SandboxArrival, Script, ScriptGrant, StoredFile
from rules.models import Calendar, LookupTable, RecipientList, Variable
from supportops.people.models import ApiToken, Invitation
from supportops.tenancy.models import Environment, Membership
from supportops.tenancy.owned import OrganizationOwned
from supportops.tenancy.pages import PagedAdmin
from supportops.tenancy.roles import Permission, Role, permissions_of
from supportops.tenancy.scope import working_for
from tests import builders
from tests.admin_world import History, make_history
from tests.builders import World, browser

pytestmark = pytest.mark.django_db
ODD_QUERIES = (
    *(
        "q=%00",
        "p=x",
        "p=99999",
        "o=9.9",
        "id=x",
        "_popup=1",
        "e=1",
        "platform=nowhere",
        "page=x",
        "needs=maybe",
        "before=x",
        "after=x",
        "since=x",
        "from=x",
        "until=x",
        "from=0001-01-01T00:00",
    ),
    *("status__exact=x", "integration__id__exact=x", "created_at__gte=x", "received_at__gte=x", "kind=x"),
    "q=" + "a" * 500,
)


@pytest.fixture
def ada(world: World) -> History:
    return make_history(world.ada)


@pytest.fixture
def bo(world: World) -> History:
    return make_history(world.bo)


def rows_of(history: History) -> list[Any]:
    """Return a row of every model that has a page."""
    with working_for(history.tenant.organization):
        entry = apps.get_model("audit", "AuditEntry").objects.first()
        kept = (
            Membership,
            Invitation,
            ApiToken,
            Environment,
            StoredFile,
            Script,
            NotificationTarget,
            LookupTable,
            RecipientList,
            Variable,
            Calendar,
            IntegrationType,
            SandboxArrival,
        )
        own = [model.objects.first() for model in kept]
    return [
        history.freshdesk,
        history.rule,
        history.failed_run,
        history.uncertain_run,
        history.delivery,
        history.failed_delivery,
        history.job,
        entry,
        *own,
    ]


def addresses_of(history: History) -> Iterator[str]:
    """Yield every address below every row, of every page that the admin has."""
    for row in rows_of(history):
        name = f"admin:{row._meta.app_label}_{row._meta.model_name}"
        for what in ("change", "delete", "history"):
            yield reverse(f"{name}_{what}", args=[row.pk])
        page = admin.site._registry[type(row)]
        for own in page.pages if isinstance(page, PagedAdmin) else ():
            if own.of_row:
                yield reverse(f"{name}_{own.view}", args=[row.pk])


def lists() -> Iterator[str]:
    """Yield every address that is of no row."""
    for model, page in admin.site._registry.items():
        if issubclass(model, OrganizationOwned):
            name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
            yield reverse(f"{name}_changelist")
            yield reverse(f"{name}_add")
            for own in page.pages if isinstance(page, PagedAdmin) else ():
                if not own.of_row:
                    yield reverse(f"{name}_{own.view}")
    yield from ("/admin/", "/admin/jsi18n/")
    yield "/admin/integrations/integration/add/?platform=freshdesk"


def everything(history: History) -> dict[str, list[Any]]:
    """Return all rows of an organization, to see that nothing of it was changed."""
    with working_for(history.tenant.organization):
        return {
            model._meta.label: sorted(map(str, model.objects.values()))
            for model in apps.get_models()
            if issubclass(model, OrganizationOwned) and model._meta.label != "jobs.Job"
        }


def test_the_walk_reaches_every_page_of_the_admin(ada: History) -> None:
    walked = {type(row) for row in rows_of(ada)}
    scoped = {model for model in admin.site._registry if issubclass(model, OrganizationOwned)}
    # One is the operator's alone: tests/integrations/test_scripts.py asks for it.
    assert walked == scoped - {ScriptGrant}


def test_ones_own_pages_show_nothing_of_others(ada: History, bo: History) -> None:
    client = browser(ada.tenant.owner)
    shown = 0
    for address in [*lists(), *addresses_of(ada)]:
        page = client.get(address)
        assert page.status_code in (200, 302, 403, 405), (address, page.status_code)
        text = page.content.decode()
        assert bo.mark not in text and "bo@example.com" not in text, address
        shown += ada.mark in text
    assert shown > 15


def test_another_organizations_pages_are_not_there(ada: History, bo: History) -> None:
    client = browser(ada.tenant.owner)
    before = everything(bo)
    for address in addresses_of(bo):
        data = {"post": "yes", "name": "mine", "_save": "1", "outcome": "done", "step": "tell", "version": "1"}
        for answer in (client.get(address), client.post(address, data, format="multipart")):
            assert answer.status_code in (302, 403, 405), (address, answer.status_code)
            assert answer.status_code != 302 or answer["Location"] == "/admin/", (address, answer["Location"])
            assert bo.mark not in answer.content.decode(), address
    # What the answers to come show is no secret of theirs either.
    assert bo.mark not in client.get("/admin/").content.decode()
    assert everything(bo) == before


def test_actions_with_forged_ids_do_nothing_elsewhere(ada: History, bo: History) -> None:
    client = browser(ada.tenant.owner)
    before = everything(bo)
    for row in rows_of(bo):
        page = admin.site._registry[type(row)]
        names = {*(page.actions or ()), *(name for _, name, _ in page._get_base_actions()), "delete_selected"}
        address = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_changelist")
        for name in sorted(map(str, names)):
            data = {"action": name, "_selected_action": [str(row.pk)], "post": "yes"}
            for across in ("0", "1"):
                answer = client.post(address, {**data, "select_across": across}, format="multipart")
                assert answer.status_code in (200, 302, 403), (name, answer.status_code)
                assert bo.mark not in answer.content.decode()
    assert everything(bo) == before


def test_the_query_string_finds_nothing_foreign(ada: History, bo: History) -> None:
    client = browser(ada.tenant.owner)
    deliveries = reverse("admin:webhooks_delivery_changelist")
    runs = reverse("admin:rules_run_changelist")
    rules = reverse("admin:rules_rule_changelist")
    integrations = reverse("admin:integrations_integration_changelist")
    for address, found in {
        f"{deliveries}?integration__id__exact={bo.freshdesk.pk}": 0,
        f"{deliveries}?integration__id__exact={ada.freshdesk.pk}": 2,
        f"{deliveries}?q={bo.delivery.pk}": 0,
        f"{deliveries}?q={ada.delivery.pk}": 1,
        f"{deliveries}?q=msg-{bo.mark}": 0,
        f"{deliveries}?id={bo.delivery.pk}": 0,
        f"{runs}?rule__id__exact={bo.rule.pk}": 0,
        f"{runs}?rule__id__exact={ada.rule.pk}": 3,
        f"{runs}?q={bo.failed_run.pk}": 0,
        f"{runs}?q={ada.delivery.pk}": 3,
        f"{runs}?needs=uncertain": 1,
        f"{rules}?q={bo.mark}": 0,
        f"{integrations}?platform=slack": 1,
        f"{integrations}?q={bo.mark}": 0,
    }.items():
        page = client.get(address)
        assert page.status_code == 200, address
        assert page.context["cl"].result_count == found, address
    for address in (
        f"{deliveries}?endpoint__key__startswith=a",
        f"{deliveries}?integration__name={bo.mark}",
        f"{deliveries}?body__raw__contains=x",
        f"{runs}?rule__organization__slug=bo",
        f"{runs}?rule__name__startswith=b",
        f"{runs}?steps__error__contains=x",
        f"{rules}?organization__slug=bo",
        f"{rules}?versions__document__contains=x",
        f"{integrations}?credentials__isnull=0",
        f"{integrations}?organization__id__exact={bo.tenant.organization.pk}",
    ):
        assert client.get(address).status_code == 400, address


def test_odd_query_strings_break_nothing(ada: History) -> None:
    client = browser(ada.tenant.owner)
    client.raise_request_exception = False
    for place in lists():
        mark = "&" if "?" in place else "?"
        for query in ODD_QUERIES:
            answer = client.get(f"{place}{mark}{query}")
            assert answer.status_code < 500, (place, query)


def test_autocomplete_offers_nothing_foreign(ada: History, bo: History) -> None:
    client = browser(ada.tenant.owner)
    for app, model, field in (
        ("webhooks", "delivery", "integration"),
        ("rules", "run", "rule"),
        ("integrations", "integration", "environment"),
        ("tenancy", "membership", "user"),
    ):
        answer = client.get(f"/admin/autocomplete/?app_label={app}&model_name={model}&field_name={field}&term=")
        assert answer.status_code in (200, 403), (model, field, answer.status_code)
        assert bo.mark not in answer.content.decode() and "bo@example.com" not in answer.content.decode()


def test_choices_and_foreign_references_in_bodies(ada: History, bo: History) -> None:
    client = browser(ada.tenant.owner)
    page = client.get(reverse("admin:rules_rule_change", args=[ada.rule.pk])).content.decode()
    assert bo.mark not in page
    tried = client.post(
        reverse("admin:rules_rule_test_view", args=[ada.rule.pk]), {"try-on": str(bo.event.pk)}, format="multipart"
    )
    assert "no such event" in tried.content.decode() and bo.mark not in tried.content.decode()
    mine = client.post(
        reverse("admin:rules_rule_test_view", args=[ada.rule.pk]), {"try-on": str(ada.event.pk)}, format="multipart"
    )
    assert f"#{ada.mark}" in mine.content.decode()


@pytest.mark.parametrize("role", list(Role))
def test_every_page_asks_for_its_permission(ada: History, role: Role) -> None:
    held = permissions_of(role)
    client = browser(builders.make_member(ada.tenant.organization, role))
    wrong = []
    for row in (ada.freshdesk, ada.rule, ada.done_run, ada.failed_delivery, ada.job):
        name = f"admin:{row._meta.app_label}_{row._meta.model_name}"
        page = admin.site._registry[type(row)]
        assert isinstance(page, PagedAdmin)
        for own in page.pages:
            address = reverse(f"{name}_{own.view}", args=[row.pk] if own.of_row else [])
            # GET changes nothing: pages that take POST alone say so to those who may.
            status = client.get(address).status_code
            if own.permission not in held:
                expected = 403
                assert client.post(address, {}, format="multipart").status_code == 403, address
            else:
                expected = 200 if "GET" in own.methods else 405
            if status != expected:
                wrong.append((own.view, status, expected))
    assert not wrong


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_who_may_not_write_sees_and_cannot_save(ada: History, role: Role) -> None:
    client = browser(builders.make_member(ada.tenant.organization, role))
    before = everything(ada)
    for row in (ada.freshdesk, ada.rule):
        place = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
        page = client.get(place)
        text = page.content.decode()
        assert page.status_code == 200 and ada.mark in text
        assert 'name="_save"' not in text and "Delete…" not in text and "Switch off" not in text
        assert ("Try" in text or "Test connection" in text) is (Permission.EXECUTE in permissions_of(role))
        data = {"_save": "1", "base": "{}", "basics-name": "mine", "rule-name": "mine", "version": row.pk}
        assert client.post(place, data, format="multipart").status_code == 403
        deletion = place.replace("/change/", "/delete/")
        assert client.post(deletion, {"post": "yes"}, format="multipart").status_code == 403
        assert client.get(reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_add")).status_code == 403
    if role is Role.VIEWER:
        for row in (ada.uncertain_run, ada.failed_run, ada.delivery):
            place = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
            text = client.get(place).content.decode()
            assert "took effect" not in text and "Retry" not in text and ">Replay<" not in text
    assert everything(ada) == before


def test_history_is_never_added_changed_or_deleted(ada: History) -> None:
    client = browser(ada.tenant.owner)
    before = everything(ada)
    for row in (ada.done_run, ada.delivery):
        name = f"admin:{row._meta.app_label}_{row._meta.model_name}"
        assert client.get(reverse(f"{name}_add")).status_code == 403
        assert (
            client.post(reverse(f"{name}_change", args=[row.pk]), {"status": "failed"}, format="multipart").status_code
            == 403
        )
        deletion = reverse(f"{name}_delete", args=[row.pk])
        assert client.post(deletion, {"post": "yes"}, format="multipart").status_code == 403
    assert everything(ada) == before


def test_what_somebody_did_stands_in_the_audit_log_of_the_row(ada: History) -> None:
    client = browser(ada.tenant.owner)
    page = client.get(reverse("admin:rules_rule_history", args=[ada.rule.pk]), follow=True)
    assert page.status_code == 200
    assert "rule.created" in page.content.decode() and "rule.changed" in page.content.decode()
