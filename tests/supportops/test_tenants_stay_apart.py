"""Ada's things do not exist for Bo: not at their addresses, not in bodies, not in lists, not for the workers.

What Bo may ask comes from the URL configuration itself: an address with an id that has no row here fails.
"""

import re
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pytest
from django.apps import apps

from rules.execution import StepSource
from supportops.jobs import running
from supportops.tenancy.owned import OrganizationOwned
from supportops.tenancy.scope import working_for
from tests.belongings import HERE, Belongings, created, make_belongings, urgent_rule
from tests.builders import Tenant, World, browser
from tests.fake_platform import FakePlatform, in_place_of_the_network
from tests.supportops.test_routes_and_roles import routes
from webhooks.processing import process_due

pytestmark = pytest.mark.django_db(transaction=True)

# Addresses that name an object: its place in them → which of Ada's objects stands there.
OBJECTS = {
    "/api/integrations/{pk}": "integration",
    "/api/rules/{pk}": "rule",
    "/api/runs/{pk}": "run",
    "/api/deliveries/{pk}": "delivery",
    "/api/jobs/{pk}": "job",
    "/api/tokens/{pk}": "token",
    "/api/members/{pk}": "member",
    "/api/environments/{pk}": "environment",
    "/api/files/{pk}": "file",
    "/api/scripts/{pk}": "script",
    "/api/integration-types/{pk}": "integration_type",
    "/api/notifications/{pk}": "notification",
    "/api/recipients/{pk}": "recipients",
    "/api/variables/{pk}": "variable",
    "/api/lookup-tables/{pk}": "lookup_table",
    "/api/calendars/{pk}": "calendar",
}
# Everybody's: the catalogue, where platforms send to (a signature decides), one-time addresses of people.
SHARED = (
    "/api/platforms/{key}/",
    "/api/rules/templates/{key}/",
    "/api/webhooks/{platform}/",
    "/people/",
    "/approvals/",
)
# What makes each address do something when its object may be reached.
BODIES: dict[str, dict[str, Any]] = {
    "POST /api/integrations/{pk}/execute/": {
        "action": "send_message",
        "parameters": {"channel": "#urgent-tickets", "message": "From Bo"},
    },
    "PATCH /api/integrations/{pk}/": {"name": "Bo's now"},
    "PUT /api/rules/{pk}/": urgent_rule("Bo's now"),
    "PATCH /api/rules/{pk}/": {"name": "Bo's now"},
    "POST /api/rules/{pk}/rollback/": {"version": 1},
    "POST /api/rules/{pk}/test/": {"sample": True},
    "POST /api/runs/{pk}/steps/{step}/resolve/": {"outcome": "done"},
    "PUT /api/tokens/{pk}/": {"name": "Bo's now", "scopes": ["read"]},
    "PATCH /api/tokens/{pk}/": {"name": "Bo's now"},
    "PUT /api/members/{pk}/": {"role": "viewer"},
    "PATCH /api/members/{pk}/": {"role": "viewer"},
    "PUT /api/environments/{pk}/": {"name": "bos-now", "position": 9},
    "PATCH /api/environments/{pk}/": {"name": "bos-now"},
    "PATCH /api/notifications/{pk}/": {"name": "Bo's now"},
    "PUT /api/notifications/{pk}/": {
        "name": "Bo's now",
        "channel": "email",
        "to": ["a@b.example"],
        "events": ["integration.broken"],
    },
    "PATCH /api/lookup-tables/{pk}/": {"description": "Bo's now"},
    "PUT /api/lookup-tables/{pk}/rows/": {"billing": "Bo's now"},
    "PATCH /api/variables/{pk}/": {"value": "Bo's now"},
    "PATCH /api/calendars/{pk}/": {"name": "Bo's now"},
    "PATCH /api/scripts/{pk}/": {"text": "Bo's now"},
    "PATCH /api/integration-types/{pk}/": {"name": "Bo's now"},
    "POST /api/integration-types/{pk}/try/": {"credentials": {}},
}

LISTED = {
    "/api/integrations/": "integration",
    "/api/rules/": "rule",
    "/api/runs/": "run",
    "/api/deliveries/": "delivery",
    "/api/dead-letters/": "dead_letter",
    "/api/jobs/": "job",
    "/api/tokens/": "token",
    "/api/members/": "member",
    "/api/environments/": "environment",
    "/api/files/": "file",
    "/api/scripts/": "script",
    "/api/integration-types/": "integration_type",
    "/api/notifications/": "notification",
    "/api/recipients/": "recipients",
    "/api/variables/": "variable",
    "/api/lookup-tables/": "lookup_table",
    "/api/calendars/": "calendar",
}
FILTERS = [
    ("/api/deliveries/", "integration", "helpdesk"),
    ("/api/runs/", "rule", "rule"),
    ("/api/runs/", "delivery", "delivery"),
    ("/api/dead-letters/", "rule", "rule"),
    ("/api/audit/logs/", "resource_id", "integration"),
]


@dataclass(frozen=True)
class Both:
    """Ada and Bo with one of everything each."""

    ada: Tenant
    bo: Tenant
    adas: Belongings
    bos: Belongings
    platform: FakePlatform


@pytest.fixture
def both(world: World) -> Iterator[Both]:
    with in_place_of_the_network() as platform:
        adas, bos = make_belongings(world.ada, platform), make_belongings(world.bo, platform)
        platform.requests.clear()
        yield Both(world.ada, world.bo, adas, bos, platform)


def routes_to_objects() -> dict[str, str]:
    """Return every route that names an object of an organization, with the kind of object."""
    found = {}
    for route in routes():
        template = route.split()[1]
        if "{" in template and not template.startswith(SHARED):
            prefix = next((known for known in OBJECTS if template.startswith(known + "/")), None)
            assert prefix, f"{route} names an object: add a row to OBJECTS, so that it is asked for as a stranger"
            found[route] = OBJECTS[prefix]
    return found


def lists() -> list[str]:
    """Return every address that answers a GET without naming anything."""
    addresses = [route.split()[1] for route in routes() if route.startswith("GET /api/") and "{" not in route]
    # Pages of everybody, and where a browser comes back to with what it was given.
    return [item for item in addresses if item not in ("/api/schema/", "/api/docs/", "/api/oauth/callback/")]


def ask(api: Any, route: str, owner: Belongings, kind: str) -> Any:
    """Ask for an object of `owner` as `api`, with a body that would do something."""
    method, template = route.split()
    address = template.replace("{pk}", getattr(owner, kind)).replace("{step}", owner.step).replace("{kind}", "channels")
    assert "{" not in address, f"fill in {address}"
    return getattr(api, method.lower())(address, BODIES.get(route, {}), format=None if method == "GET" else "json")


def rows_of(tenant: Tenant) -> dict[str, list[dict[str, Any]]]:
    """Return everything stored for a tenant, the audit log included; not when he was last seen."""
    stored = {}
    with working_for(tenant.organization):
        for model in apps.get_models():
            if issubclass(model, OrganizationOwned):
                rows = model.objects.order_by("pk").values()
                stored[model._meta.label] = [{k: v for k, v in row.items() if k != "last_used_at"} for row in rows]
    return stored


def assert_is_not_there(response: Any, route: str) -> None:
    assert response.status_code == 404, (route, response.status_code, response.content)
    body = response.json()
    assert body["type"] == "client_error", (route, body)
    assert [sorted(entry) for entry in body["errors"]] == [["attr", "code", "detail"]], (route, body)
    assert body["errors"][0]["code"] == "not_found", (route, body)


def test_an_object_of_somebody_else_is_not_there_whatever_is_done_with_it(both: Both) -> None:
    before = rows_of(both.ada)
    for route, kind in routes_to_objects().items():
        assert_is_not_there(ask(both.bo.api, route, both.adas, kind), route)
    assert rows_of(both.ada) == before
    assert not both.platform.requests


def test_it_looks_just_like_one_that_never_was(both: Both) -> None:
    nowhere = Belongings(**{**asdict(both.adas), **{kind: str(uuid.uuid4()) for kind in OBJECTS.values()}})
    for route, kind in routes_to_objects().items():
        hers, nobodys = ask(both.bo.api, route, both.adas, kind), ask(both.bo.api, route, nowhere, kind)
        assert (hers.status_code, hers.json()) == (nobodys.status_code, nobodys.json()), route


def test_her_own_token_finds_every_one_of_them(both: Both) -> None:
    for route, kind in routes_to_objects().items():
        if route.startswith("GET "):
            response = ask(both.ada.api, route, both.adas, kind)
            assert response.status_code == 200, (route, response.content)


def test_a_browser_that_claims_her_organization_gets_nothing(both: Both) -> None:
    person = browser(both.bo.owner, both.ada.organization)
    for address in lists():
        response = person.get(address)
        assert response.status_code in (401, 403, 404), (address, response.content)


# --- lists ----------------------------------------------------------------------------------------------------


def test_lists_show_the_own_things_and_never_hers(both: Both) -> None:
    hers = {str(row["id"]) for rows in rows_of(both.ada).values() for row in rows} | {str(both.ada.organization.pk)}
    for address in lists():
        response = both.bo.api.get(address)
        assert response.status_code == 200, (address, response.content)
        text = response.getvalue().decode()
        shown = set(re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", text))
        assert not shown & hers, (address, shown & hers)
        if not address.startswith(SHARED[0].removesuffix("{key}/")):
            assert not re.findall(r"\bada\b", text, re.IGNORECASE), address


def test_each_list_shows_its_owner_what_is_his(both: Both) -> None:
    for address, kind in LISTED.items():
        for tenant, own, other in ((both.ada, both.adas, both.bos), (both.bo, both.bos, both.adas)):
            ids = [row["id"] for row in tenant.api.get(address).json()["results"]]
            assert getattr(own, kind) in ids, address
            assert getattr(other, kind) not in ids, address


def test_a_filter_by_her_id_finds_nothing(both: Both) -> None:
    for address, name, kind in FILTERS:
        assert both.bo.api.get(address, {name: getattr(both.adas, kind)}).json()["results"] == [], (address, name)
        assert both.bo.api.get(address, {name: getattr(both.bos, kind)}).json()["results"] != [], (address, name)


# --- her ids in his bodies ------------------------------------------------------------------------------------


def test_a_rule_cannot_name_her_integration(both: Both) -> None:
    in_step = urgent_rule("In a step", integration=both.adas.integration)
    in_trigger = urgent_rule("In the trigger")
    in_trigger["trigger"]["integration"] = both.adas.helpdesk
    for body, attr in ((in_step, "actions.0.integration"), (in_trigger, "trigger.integration")):
        for method, address in (
            ("post", "/api/rules/"),
            ("put", f"/api/rules/{both.bos.rule}/"),
            ("patch", f"/api/rules/{both.bos.rule}/"),
        ):
            response = getattr(both.bo.api, method)(address, body, format="json")
            assert response.status_code == 400, (method, attr, response.content)
            assert attr in [entry["attr"] for entry in response.json()["errors"]], (method, response.json())
        response = both.bo.api.post("/api/rules/test/", {"document": body, "sample": True}, format="json")
        assert response.status_code == 400, (attr, response.content)
        assert f"document.{attr}" in [entry["attr"] for entry in response.json()["errors"]]


def test_her_integrations_name_means_nothing_to_him(both: Both) -> None:
    """Names may come later than rules that use them: a warning when saved, a step without an account when run."""
    hers = created(both.bo.api, "/api/rules/", urgent_rule("By her name", integration="ada's chat"))
    nobodys = created(both.bo.api, "/api/rules/", urgent_rule("By no name", integration="nobody's chat"))
    assert [text.replace("ada's", "nobody's") for text in hers["warnings"]] == nobodys["warnings"] != []
    body = {"inputs": {}}
    run = both.bo.api.post(f"/api/rules/{hers['id']}/execute/", body, format="json").json()["run"]
    before = rows_of(both.ada)
    process_due([StepSource()])
    assert both.bo.api.get(f"/api/runs/{run}/").json()["status"] == "failed"
    assert not both.platform.requests
    assert rows_of(both.ada) == before


def test_a_rule_cannot_be_tried_on_her_delivery(both: Both) -> None:
    tried = both.bo.api.post(f"/api/rules/{both.bos.rule}/test/", {"delivery": both.adas.delivery}, format="json")
    unsaved = both.bo.api.post(
        "/api/rules/test/", {"document": urgent_rule("Mine"), "delivery": both.adas.delivery}, format="json"
    )
    for response in (tried, unsaved):
        assert response.status_code == 400, response.content
        assert [(e["attr"], e["code"]) for e in response.json()["errors"]] == [("delivery", "not_found")]


def test_an_integration_cannot_stand_in_her_environment(both: Both) -> None:
    response = both.bo.api.patch(
        f"/api/integrations/{both.bos.integration}/", {"environment": "ada-only"}, format="json"
    )
    assert response.status_code == 400, response.content
    (problem,) = response.json()["errors"]
    assert (problem["attr"], problem["code"]) == ("environment", "unknown_environment")
    # The detail lists what there is: his alone.
    assert "bo-only" in problem["detail"] and "ada-only" not in problem["detail"].split("Environments:")[1]


def test_only_his_own_dead_letters_are_retried(both: Both) -> None:
    running.work_due()
    before = rows_of(both.ada)
    for means in ({"ids": [both.adas.dead_letter]}, {"filter": {"rule": both.adas.rule}}):
        job = both.bo.api.post("/api/dead-letters/retry/", means, format="json").json()["job"]
        running.work_due()
        done = both.bo.api.get(f"/api/jobs/{job}/").json()
        assert (done["status"], done["result"]) == ("succeeded", {"retried": 0}), means
    assert rows_of(both.ada) == before
    ids = [both.adas.dead_letter, both.bos.dead_letter]
    job = both.bo.api.post("/api/dead-letters/retry/", {"ids": ids}, format="json").json()["job"]
    running.work_due()
    assert both.bo.api.get(f"/api/jobs/{job}/").json()["result"] == {"retried": 1}
    assert rows_of(both.ada) == before


# --- her secrets and keys -------------------------------------------------------------------------------------


def test_his_signature_opens_nothing_at_her_address(both: Both, client: Any) -> None:
    address = both.adas.webhook["url"].removeprefix(HERE)
    before = len(rows_of(both.ada)["webhooks.Delivery"])
    response = client.post(
        address,
        b'{"event": "ticket_created", "ticket_id": "42"}',
        content_type="application/json",
        headers={"X-SupportOps-Token": both.bos.webhook["secret"]},
    )
    assert response.status_code == 401, response.content
    assert len(rows_of(both.ada)["webhooks.Delivery"]) == before


def test_an_idempotency_key_of_hers_gives_him_no_answer_of_hers(both: Both) -> None:
    body = {"name": "the same", "scopes": ["read"]}
    key = {"Idempotency-Key": "one-key-for-both"}
    hers = both.ada.api.post("/api/tokens/", body, format="json", headers=key)
    his = both.bo.api.post("/api/tokens/", body, format="json", headers=key)
    assert (hers.status_code, his.status_code) == (201, 201)
    assert hers.json()["token"] != his.json()["token"]
    assert both.ada.api.post("/api/tokens/", body, format="json", headers=key).json() == hers.json()
