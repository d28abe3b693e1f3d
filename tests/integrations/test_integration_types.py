"""Integration types that people make: described, connected, tried, used in rules, changed, and nobody else's."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from integrations import types
from rules.execution import perform_due
from supportops.tenancy.scope import working_for
from tests.builders import World, api_client, make_token
from tests.fake_platform import FakePlatform, in_place_of_the_network

API = "https://crm.example.com/v1"
CRM: dict[str, Any] = {
    "name": "Our CRM",
    "description": "Customers and what they bought.",
    "base_url": API,
    "sign_in": {"kind": "header", "name": "X-Crm-Key", "value": "Key {api_key}"},
    "parameters": [
        {"name": "api_key", "type": "password", "label": "API key", "description": "Under Settings"},
        {"name": "team", "type": "select", "choices": ["blue", "red"], "required": False, "default": "blue"},
    ],
    "test": {"path": "/me"},
    "actions": [
        {
            "name": "add_note",
            "description": "Add a note to a customer.",
            "method": "POST",
            "path": "/customers/{customer}/notes",
            "params": {"team": "{team}", "tag": "{tag}"},
            "headers": {"X-By": "SupportOps {tag}"},
            "body": {"text": "{text}", "meta": {"loud": "{loud}", "from": "rule {tag}"}},
            "expected_status": [201],
            "keep": {"id": "note.id", "first": "note.tags.0", "gone": "note.nothing.here"},
            "parameters": [
                {"name": "customer", "type": "text"},
                {"name": "text", "type": "text"},
                {"name": "loud", "type": "boolean", "required": False},
                {"name": "tag", "type": "text", "required": False},
            ],
        },
        {
            "name": "find",
            "method": "GET",
            "path": "/customers",
            "params": {"q": "{query}"},
            "parameters": [{"name": "query"}],
        },
    ],
}
KEY = "a-long-key-of-the-crm"


@pytest.fixture
def platform() -> Iterator[FakePlatform]:
    with in_place_of_the_network() as fake:
        yield fake


def create(api: Any, **changed: Any) -> dict[str, Any]:
    response = api.post("/api/integration-types/", {**CRM, **changed}, format="json")
    assert response.status_code == 201, response.content
    made: dict[str, Any] = response.json()
    return made


def connect(api: Any, platform: str = "our_crm", **credentials: Any) -> str:
    body = {"platform": platform, "name": "CRM", "credentials": credentials}
    response = api.post("/api/integrations/", body, format="json")
    assert response.status_code == 201, response.content
    return f"/api/integrations/{response.json()['id']}"


def errors(response: Any) -> list[tuple[str, str]]:
    assert response.status_code == 400, response.content
    return [(error["attr"], error["code"]) for error in response.json()["errors"]]


@pytest.mark.django_db(transaction=True)
def test_from_description_to_a_rules_work(world: World, platform: FakePlatform) -> None:
    api = world.ada.api
    made = create(api)
    assert (
        made["key"] == "our_crm"
        and made["actions"][0]["effect"] == "creates"
        and made["actions"][1]["effect"] == "reads"
    )
    shown = api.get("/api/platforms/our_crm/").json()
    assert shown["credentials"]["required"] == ["api_key"]
    assert shown["credentials"]["properties"]["team"]["enum"] == ["blue", "red"]
    assert [(item["name"], item["idempotent"]) for item in shown["actions"]] == [
        ("add_note", False),
        ("find", True),
        ("test_connection", True),
    ]
    assert "our_crm" in [row["key"] for row in api.get("/api/platforms/").json()["results"]]

    at = connect(api, api_key=KEY)
    platform.on("GET", f"{API}/me", {"user": "Ada", "echo": KEY})
    tested = api.post(f"{at}/test").json()
    assert tested["success"] is True and KEY not in str(tested), tested
    assert platform.requests[-1].headers["X-Crm-Key"] == f"Key {KEY}"

    rule = {
        "name": "Note",
        "trigger": {"platform": "manual"},
        "inputs": {"who": {"type": "string"}},
        "steps": [
            {
                "id": "note",
                "platform": "our_crm",
                "action": "add_note",
                "parameters": {"customer": "{{ inputs.who }}", "text": "Hello {team} {{ inputs.who }}", "loud": True},
            },
            {"platform": "our_crm", "action": "find", "parameters": {"query": "{{ steps.note.output.id }}"}},
        ],
    }
    saved = api.post("/api/rules/", rule, format="json")
    assert saved.status_code == 201, saved.content
    answer = {"note": {"id": 77, "tags": ["x"], "secret_note": "no"}}
    platform.on("POST", f"{API}/customers/evil%2Fone%20%3Fx/notes", answer, status=201)
    platform.on("GET", f"{API}/customers", {"found": [KEY]})
    started = api.post(f"/api/rules/{saved.json()['id']}/execute", {"inputs": {"who": "evil/one ?x"}}, format="json")
    perform_due()
    run = api.get(f"/api/runs/{started.json()['run']}/").json()
    assert run["status"] == "succeeded", json.dumps(run)
    assert run["steps"][0]["output"] == {"id": 77, "first": "x", "gone": None}
    assert KEY not in str(run)
    note, found = platform.requests[-2:]
    assert note.url.raw_path == b"/v1/customers/evil%2Fone%20%3Fx/notes?team=blue"
    assert json.loads(note.content) == {
        "text": "Hello {team} evil/one ?x",
        "meta": {"loud": True, "from": "rule "},
    }
    assert note.headers["X-By"] == "SupportOps"
    assert str(found.url) == f"{API}/customers?q=77"


@pytest.mark.django_db
def test_another_organization_never_sees_it(world: World) -> None:
    made = create(world.ada.api)
    bo = world.bo.api
    assert bo.get(f"/api/integration-types/{made['id']}/").status_code == 404
    assert bo.get("/api/integration-types/").json()["results"] == []
    assert bo.get("/api/platforms/our_crm/").status_code == 404
    assert "our_crm" not in str(bo.get("/api/platforms/").json())
    body = {"platform": "our_crm", "name": "x", "credentials": {"api_key": KEY}}
    assert errors(bo.post("/api/integrations/", body, format="json")) == [("platform", "unknown_platform")]
    rule = {"name": "x", "trigger": {"platform": "manual"}, "steps": [{"platform": "our_crm", "action": "find"}]}
    assert errors(bo.post("/api/rules/", rule, format="json")) == [("steps.0.platform", "unknown_platform")]
    assert "crm" not in bo.post("/api/rules/", rule, format="json").json()["errors"][0]["detail"].replace("our_crm", "")
    mine = create(bo, base_url="https://other.example.com", parameters=[], sign_in={"kind": "bearer"}, actions=[])
    assert mine["key"] == "our_crm"
    with working_for(world.ada.organization):
        assert types.connector_of("our_crm").base_url == API
    with working_for(world.bo.organization):
        assert types.connector_of("our_crm").base_url == "https://other.example.com"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changed", "at", "code"),
    [
        ({"name": ""}, "name", "blank"),
        ({"key": "Bad Key"}, "key", "string_pattern_mismatch"),
        ({"key": "slack"}, "key", "not_unique"),
        ({"base_url": ""}, "base_url", "required"),
        ({"base_url": "ftp://x.example"}, "base_url", "invalid"),
        ({"base_url": "https://user:pw@x.example"}, "base_url", "invalid"),
        ({"base_url": "https://{nobody}.example.com"}, "base_url", "unknown_parameter"),
        ({"base_url": "https://{api_key}.example.com"}, "base_url", "not_a_place"),
        ({"module": "nothing_like_it"}, "module", "not_both"),
        ({"sign_in": {"kind": "magic"}}, "sign_in.kind", "literal_error"),
        ({"sign_in": {"kind": "bearer", "username": "x"}}, "sign_in", "value_error"),
        ({"sign_in": {"kind": "header", "name": "X: Y"}}, "sign_in", "value_error"),
        ({"sign_in": {"kind": "oauth"}}, "sign_in", "value_error"),
        ({"parameters": [{"name": "a", "type": "select"}]}, "parameters.0", "value_error"),
        ({"parameters": [{"name": "a"}, {"name": "a"}]}, "parameters.1.name", "not_unique"),
        ({"parameters": [{"name": "copy"}]}, "parameters.0.name", "value_error"),
        ({"parameters": [{"name": "a", "type": "password", "default": "x"}]}, "parameters.0", "value_error"),
        ({"parameters": [{"name": "a", "type": "number", "default": "x"}]}, "parameters.0", "value_error"),
        ({"parameters": [{"name": "a", "typ": "text"}]}, "parameters.0.typ", "extra_forbidden"),
        ({"actions": [{"name": "a", "path": "https://evil.example/x"}]}, "actions.0.path", "value_error"),
        ({"actions": [{"name": "a", "path": "//evil.example/x"}]}, "actions.0.path", "value_error"),
        ({"actions": [{"name": "a", "path": "/x?y"}]}, "actions.0.path", "value_error"),
        ({"actions": [{"name": "a", "path": "/{nothing}"}]}, "actions.0", "unknown_parameter"),
        ({"actions": [{"name": "a", "body": {"x": "{{ event.id }}"}}]}, "actions.0.body", "value_error"),
        ({"actions": [{"name": "a", "method": "GET", "body": {}}]}, "actions.0", "value_error"),
        ({"actions": [{"name": "a", "headers": {"Host": "x"}}]}, "actions.0.headers", "value_error"),
        ({"actions": [{"name": "a", "headers": {"X-Y\r\nZ": "x"}}]}, "actions.0.headers", "value_error"),
        ({"actions": [{"name": "a", "expected_status": [99]}]}, "actions.0.expected_status", "value_error"),
        ({"actions": [{"name": "test_connection"}]}, "actions.0.name", "value_error"),
        ({"actions": [{"name": "a", "parameters": [{"name": "team"}]}]}, "actions.0.parameters", "not_unique"),
        ({"actions": [{"name": "a"}, {"name": "a"}]}, "actions.1.name", "not_unique"),
        ({"unknown": 1}, "unknown", "unknown_field"),
        ({"actions": "none"}, "actions", "not_a_list"),
    ],
)
def test_what_does_not_hold_is_refused_at_its_place(changed: dict[str, Any], at: str, code: str, world: World) -> None:
    response = world.ada.api.post("/api/integration-types/", {**CRM, **changed}, format="json")
    assert (at, code) in errors(response), response.json()


@pytest.mark.django_db
def test_a_key_is_given_once_and_never_changes(world: World) -> None:
    api = world.ada.api
    made = create(api)
    assert errors(api.post("/api/integration-types/", CRM, format="json")) == [("key", "not_unique")]
    at = f"/api/integration-types/{made['id']}/"
    assert errors(api.patch(at, {"key": "other"}, format="json")) == [("key", "read_only")]
    renamed = api.patch(at, {"name": "The CRM"}, format="json").json()
    assert (renamed["name"], renamed["key"], renamed["actions"]) == ("The CRM", "our_crm", made["actions"])


@pytest.mark.django_db
def test_the_place_of_its_secrets_moves_only_without_them(world: World, platform: FakePlatform) -> None:
    api = world.ada.api
    made = create(api)
    at = f"/api/integration-types/{made['id']}/"
    integration = connect(api, api_key=KEY)
    elsewhere = {"base_url": "https://evil.example.com"}
    assert errors(api.patch(at, elsewhere, format="json")) == [("base_url", "credentials_required")]
    shown_instead = {"parameters": [{"name": "api_key", "type": "url"}, *CRM["parameters"][1:]]}
    assert errors(api.patch(at, shown_instead, format="json")) == [("parameters", "credentials_required")]
    assert api.patch(at, {"description": "Other words."}, format="json").status_code == 200

    assert api.patch(at, {**elsewhere, "forget_credentials": True}, format="json").status_code == 200
    assert api.get(f"{integration}/").json()["credentials_set"] == ["team"]
    assert api.get(f"{integration}/health").json()["status"] == "unhealthy"
    assert api.post(f"{integration}/test").json()["success"] is False
    assert platform.requests == []
    assert api.patch(f"{integration}/", {"credentials": {"api_key": KEY}}, format="json").status_code == 200
    platform.on("GET", "https://evil.example.com/me", {})
    assert api.post(f"{integration}/test").json()["success"] is True


@pytest.mark.django_db
def test_a_place_among_its_parameters_is_bound_per_integration(world: World, platform: FakePlatform) -> None:
    api = world.ada.api
    parameters = [*CRM["parameters"], {"name": "account", "type": "text"}]
    create(api, base_url="https://{account}.example.com/v1", parameters=parameters)
    at = connect(api, api_key=KEY, account="acme")
    moved = api.patch(f"{at}/", {"credentials": {"account": "evil"}}, format="json")
    assert errors(moved) == [("credentials.api_key", "credentials_required")]
    odd = api.patch(f"{at}/", {"credentials": {"account": "evil.com/x", "api_key": KEY}}, format="json")
    assert odd.status_code == 200
    assert api.post(f"{at}/test").json()["success"] is False and platform.requests == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("sign_in", "credentials", "header", "query"),
    [
        ({"kind": "none"}, {}, None, ""),
        ({"kind": "header"}, {"api_key": KEY}, ("X-Api-Key", KEY), ""),
        ({"kind": "query", "name": "key"}, {"api_key": KEY}, None, f"key={KEY}"),
        ({"kind": "bearer"}, {"token": KEY}, ("Authorization", f"Bearer {KEY}"), ""),
        ({"kind": "basic"}, {"username": "ada", "password": "pw"}, ("Authorization", "Basic YWRhOnB3"), ""),
    ],
)
def test_each_sign_in(
    sign_in: dict[str, str], credentials: dict[str, str], header: Any, query: str, world: World, platform: FakePlatform
) -> None:
    api = world.ada.api
    create(api, sign_in=sign_in, parameters=[], actions=[])
    platform.on("GET", f"{API}/me", {})
    at = connect(api, **credentials)
    assert api.post(f"{at}/test").json()["success"] is True
    request = platform.requests[-1]
    assert request.url.query.decode() == query
    if header:
        assert request.headers[header[0]] == header[1]


@pytest.mark.django_db
def test_oauth_fetches_a_token_first(world: World, platform: FakePlatform) -> None:
    api = world.ada.api
    sign_in = {"kind": "oauth", "token_url": "https://login.example.com/token", "scope": "crm"}
    create(api, sign_in=sign_in, parameters=[], actions=[])
    at = connect(api, client_id="us", client_secret="a-long-client-secret")
    platform.on("POST", "https://login.example.com/token", {"access_token": "a-fetched-token", "expires_in": 60})
    platform.on("GET", f"{API}/me", {"echo": "a-fetched-token"})
    tested = api.post(f"{at}/test").json()
    assert tested["success"] is True
    token, me = platform.requests
    assert b"grant_type=client_credentials&client_id=us&client_secret=a-long-client-secret&scope=crm" in token.content
    assert me.headers["Authorization"] == "Bearer a-fetched-token"
    platform.on("POST", "https://login.example.com/token", {"error": "invalid_client"})
    assert "refused to give an access token" in api.post(f"{at}/test").json()["message"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "answer", "success"),
    [
        (201, {"note": {"id": 1}}, True),
        (200, {}, False),
        (404, {"message": "no such customer"}, False),
        (500, {}, False),
    ],
)
def test_what_counts_as_a_success(
    status: int, answer: Any, success: bool, world: World, platform: FakePlatform
) -> None:
    api = world.ada.api
    create(api)
    at = connect(api, api_key=KEY)
    platform.on("POST", f"{API}/customers/1/notes", answer, status=status)
    body = {"action": "add_note", "parameters": {"customer": "1", "text": "x"}}
    done = api.post(f"{at}/execute", body, format="json").json()
    assert done["success"] is success, done
    missing = api.post(f"{at}/execute", {"action": "add_note", "parameters": {"customer": "1"}}, format="json")
    assert errors(missing)[0][0] == "parameters.text"


@pytest.mark.django_db
def test_a_test_call_shows_request_and_answer_without_secrets(world: World, platform: FakePlatform) -> None:
    api = world.ada.api
    made = create(api, sign_in={"kind": "query", "name": "key"}, actions=[*CRM["actions"]])
    at = f"/api/integration-types/{made['id']}/try"
    connect(api, api_key=KEY)
    text = f'{{"id": 5, "you sent": "{KEY}", "token": "short", "note": {{"id": 9, "tags": []}}}}'
    platform.on("POST", f"{API}/customers/1/notes", lambda _: httpx.Response(201, text=text))
    body = {"action": "add_note", "parameters": {"customer": "1", "text": "x"}}
    tried = api.post(at, body, format="json").json()
    assert tried["success"] is True and tried["data"]["id"] == 9, tried
    [exchange] = tried["exchanges"]
    assert exchange["request"]["method"] == "POST" and exchange["request"]["url"].startswith(
        f"{API}/customers/1/notes?"
    )
    assert json.loads(exchange["request"]["body"])["text"] == "x"
    assert exchange["answer"]["status"] == 201 and '"id":5' in exchange["answer"]["body"]
    assert KEY not in str(tried) and "short" not in str(tried)
    assert platform.requests[-1].url.params["key"] == KEY

    given = {"action": "test_connection", "credentials": {"api_key": "another-long-key"}}
    platform.on("GET", f"{API}/me", {"error": "another-long-key is wrong"}, status=401)
    refused = api.post(at, given, format="json").json()
    assert refused["success"] is False and refused["exchanges"][0]["answer"]["status"] == 401
    assert "another-long-key" not in str(refused)
    operator = api_client(make_token(world.ada.organization, ["read", "execute"]))
    assert operator.post(at, given, format="json").status_code == 403
    assert operator.post(at, body, format="json").status_code == 200
    assert errors(api.post(at, {"action": "nothing"}, format="json"))[0][0] == "action"
    log = str(api.get("/api/audit/logs?action=integration_type.tried").json())
    assert "add_note" in log and KEY not in log and "another-long-key" not in log


@pytest.mark.django_db
def test_without_credentials_a_test_call_says_what_it_needs(world: World) -> None:
    made = create(world.ada.api)
    refused = world.ada.api.post(f"/api/integration-types/{made['id']}/try", {}, format="json")
    assert errors(refused) == [("integration", "required")]


@pytest.mark.django_db
def test_calls_stay_at_public_addresses(world: World) -> None:
    api = world.ada.api
    made = create(api, base_url="http://169.254.169.254/latest", sign_in={"kind": "none"}, parameters=[], actions=[])
    tried = api.post(f"/api/integration-types/{made['id']}/try", {}, format="json").json()
    assert tried["success"] is False and tried["exchanges"][0]["answer"] is None, tried


@pytest.mark.django_db
def test_it_is_deleted_when_nothing_is_of_it(world: World) -> None:
    api = world.ada.api
    made = create(api)
    integration = connect(api, api_key=KEY)
    at = f"/api/integration-types/{made['id']}/"
    assert errors(api.delete(at))[0][1] == "in_use"
    assert api.delete(f"{integration}/").status_code == 204
    assert api.delete(at).status_code == 204
    assert api.get("/api/platforms/our_crm/").status_code == 404
    actions = [row["action"] for row in api.get("/api/audit/logs?resource_type=integration_type").json()["results"]]
    assert sorted(actions) == ["integration_type.created", "integration_type.deleted"]


@pytest.mark.django_db
def test_types_are_loaded_once_for_a_version(world: World, django_assert_num_queries: Any) -> None:
    create(world.ada.api)
    with working_for(world.ada.organization):
        first = types.platforms(5)
        with django_assert_num_queries(0):
            assert types.platforms(5) is first and types.connector_of("our_crm", 5) is first.get("our_crm")
        again = types.platforms(6)
        assert again is not first and again.get("our_crm") is first.get("our_crm")
