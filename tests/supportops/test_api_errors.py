"""Errors have one form everywhere, name their place, and say nothing they should not."""

from typing import Any

import pytest
from django.test import Client

from supportops.tenancy.roles import Role
from tests import builders
from tests.builders import World, api_client, browser

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.supportops.sample_api")]


def entry(code: str, detail: str, attr: str | None = None) -> dict[str, Any]:
    return {"code": code, "detail": detail, "attr": attr}


@pytest.mark.parametrize(
    ("which", "status", "kind", "entries"),
    [
        (
            "problem",
            400,
            "validation_error",
            [entry("unknown", "There is no channel '#x'.", "actions.0.parameters.channel")],
        ),
        ("problems", 400, "validation_error", [entry("one", "One.", "a"), entry("two", "Two.")]),
        ("conflict", 409, "client_error", [entry("in_use", "Still in use.")]),
        ("nested", 400, "validation_error", [entry("invalid", "Missing.", "actions.1.parameters.channel")]),
        ("django", 400, "validation_error", [entry("unique", "Taken.", "name")]),
        ("plain-django", 400, "validation_error", [entry("wrong", "Wrong.")]),
        ("missing", 404, "client_error", [entry("not_found", "There is no such object.")]),
        ("large", 413, "client_error", [entry("too_large", "The request's body is too large.")]),
    ],
)
def test_each_error_has_its_form(
    world: World, which: str, status: int, kind: str, entries: list[dict[str, Any]]
) -> None:
    answer = world.ada.api.get(f"/api/raise/{which}")
    assert (answer.status_code, answer.json()) == (status, {"type": kind, "errors": entries})


def test_a_method_that_is_none_is_405(world: World) -> None:
    answer = world.ada.api.delete("/api/echo")
    assert (answer.status_code, answer["Allow"]) == (405, "GET, POST, HEAD, OPTIONS")
    assert answer.json()["errors"][0]["code"] == "method_not_allowed"
    # Also for who may only read: he is told that there is no such method, not that he may not.
    viewer = api_client(builders.make_token(world.ada.organization, ["read"]))
    assert viewer.delete("/api/numbers/").status_code == 405


def test_a_body_of_another_kind_is_415(world: World) -> None:
    answer = world.ada.api.post("/api/echo", "<a/>", content_type="application/xml")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("place", ["/api", "/api/", "/api/nothing", "/api/nothing/at/all/"])
@pytest.mark.parametrize("debug", [False, True])
def test_an_address_that_is_none_is_404(client: Client, settings: Any, place: str, debug: bool) -> None:
    settings.DEBUG = debug
    answer = client.post(place)
    assert answer.status_code == 404
    assert answer.json()["errors"] == [entry("not_found", "There is nothing at this address.")]


@pytest.mark.parametrize("place", ["/api/raise/bug", "/api/plain/bug"])
@pytest.mark.parametrize("debug", [False, True])
def test_what_was_unforeseen_is_told_to_the_log_only(
    world: World, settings: Any, caplog: pytest.LogCaptureFixture, place: str, debug: bool
) -> None:
    settings.DEBUG = debug
    client = world.ada.api
    client.raise_request_exception = False
    answer = client.get(place, headers={"X-Request-ID": "find-me"})
    assert answer.status_code == 500
    assert answer["X-Request-ID"] == "find-me"
    assert answer.json()["type"] == "server_error"
    for telling in ("hunter2", "Traceback", "RuntimeError", ".py"):
        assert telling not in answer.content.decode()
    assert "hunter2" in caplog.text


def test_pages_for_people_keep_their_own_form(client: Client) -> None:
    client.raise_request_exception = False
    answer = client.get("/page")
    assert (answer.status_code, answer["Content-Type"]) == (500, "text/html; charset=utf-8")


@pytest.mark.parametrize("place", ["/api/raise/database", "/api/plain/database"])
def test_a_database_out_of_reach_is_503_for_a_while(world: World, place: str) -> None:
    client = world.ada.api
    client.raise_request_exception = False
    answer = client.get(place)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer.json()["errors"][0]["code"] == "unavailable"
    assert "db.internal" not in answer.content.decode()


def test_without_the_database_nobody_can_be_recognised_either(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    from supportops.people import authentication

    def gone(token: str) -> None:
        raise OperationalError("the connection is closed")

    monkeypatch.setattr(authentication, "find_token", gone)
    client = world.ada.api
    client.raise_request_exception = False
    assert client.get("/api/echo").status_code == 503


@pytest.mark.parametrize(
    ("body", "code", "attr", "says"),
    [
        ('{"a": 1,\n "b": }', "parse_error", None, "(line 2, column 7)"),
        (" ", "parse_error", None, "(line 1, column 2)"),
        ('{"a": {"b": [1, NaN]}}', "parse_error", "a.b.1", "NaN is not a number"),
        ('{"a": [{"b": 1, "c": 2, "b": 3}]}', "parse_error", "a.0.b", "'b' stands twice"),
        ('{"a": 1e999}', "parse_error", "a", "too large"),
        ('{"a": ["x", {"b": "y\\u0000"}]}', "null_character", "a.1.b", "null character"),
        ('{"a\\u0000b": 1}', "null_character", "a\\u0000b", "null character"),
        ("[" * 200 + "]" * 200, "parse_error", None, "nested deeper"),
        (b'{"a": "\xff"}', "parse_error", None, "UTF-8"),
    ],
)
def test_a_body_that_cannot_be_kept_is_refused_with_its_place(
    world: World, body: str | bytes, code: str, attr: str | None, says: str
) -> None:
    answer = world.ada.api.generic("POST", "/api/echo", body, content_type="application/json")
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["code"], error["attr"]) == (400, code, attr)
    assert says in error["detail"]


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "big"}])
def test_a_body_over_the_limit_is_413(world: World, settings: Any, headers: dict[str, str]) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 2048
    body = '{"a": "' + "x" * 2048 + '"}'
    answer = world.ada.api.generic("POST", "/api/echo", body, content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (413, "too_large")


def test_odd_but_whole_bodies_are_taken(world: World) -> None:
    body = '{"long": 123456789012345678901234567890, "half": "\\ud83d", "whole": "\\ud83d\\ude00", "text": "ünïcode"}'
    answer = world.ada.api.generic("POST", "/api/echo", body, content_type="application/json; charset=utf-8")
    assert answer.status_code == 201
    assert answer.json()["got"] == {
        "long": "123456789012345678901234567890",
        "half": "\ufffd",
        "whole": "😀",
        "text": "ünïcode",
    }


@pytest.mark.parametrize(
    ("query", "attr"),
    [
        ("id=7", "id"),
        ("at=yesterday", "at"),
        ("at=2026-13-01T00:00:00Z", "at"),
        ("window=1y", "window"),
        ("limit=0", "limit"),
        ("limit=21", "limit"),
        ("limit=%D9%A3", "limit"),
        ("limit=-1", "limit"),
    ],
)
def test_a_query_that_cannot_be_read_names_its_parameter(world: World, query: str, attr: str) -> None:
    answer = world.ada.api.get(f"/api/query?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, attr)


def test_a_query_that_can_be_read_is(world: World) -> None:
    answer = world.ada.api.get("/api/query?at=2026-11-21T12:00:00%2B01:00&limit=3&unknown=ignored")
    assert answer.json() == {"id": None, "at": "2026-11-21T11:00:00Z", "window": "24h", "limit": 3}
    # A plus sign that nobody encoded.
    assert world.ada.api.get("/api/query?at=2026-11-21T12:00:00+01:00").json()["at"] == "2026-11-21T11:00:00Z"


@pytest.mark.parametrize(
    ("query", "attr"),
    [
        ("worker_id=nonsense", "worker_id"),
        ("status=done", "status"),
        ("created_after=soon", "created_after"),
        ("status=a%00b", "status"),
    ],
)
def test_a_filter_that_cannot_be_read_names_its_parameter(world: World, query: str, attr: str) -> None:
    answer = world.ada.api.get(f"/api/numbers?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, attr)


def test_the_callers_request_id_is_kept_when_it_is_well_formed(world: World) -> None:
    answer = world.ada.api.get("/api/echo", headers={"X-Request-ID": "deploy-42:a.b"})
    assert answer["X-Request-ID"] == answer.json()["request_id"] == "deploy-42:a.b"
    for bad in ("", "a b", "x" * 65, "a\nb", "-x", "<script>"):
        answer = world.ada.api.get("/api/echo", headers={"X-Request-ID": bad})
        assert answer["X-Request-ID"] == answer.json()["request_id"] != bad
        assert len(answer["X-Request-ID"]) == 36


def test_a_view_works_for_the_callers_organization_in_his_name(world: World) -> None:
    seen = world.ada.api.get("/api/echo").json()
    assert seen["organization"] == str(world.ada.organization.pk)
    assert (seen["actor"][0], seen["actor"][2], seen["ip"]) == ("token", "test", "127.0.0.1")
    seen = browser(world.bo.owner).get("/api/echo").json()
    assert seen["organization"] == str(world.bo.organization.pk)
    assert seen["actor"] == ["user", str(world.bo.owner.pk), "bo@example.com"]


def test_a_streamed_answer_keeps_the_scope_it_was_asked_in(world: World) -> None:
    answers = {name: getattr(world, name).api.get("/api/lines").streaming_content for name in ("ada", "bo")}
    # Read in turns: neither sees the other's organization.
    for name in ("dev", "staging", "prod"):
        for tenant in (world.ada, world.bo):
            line = next(answers[tenant.organization.slug]).decode()
            assert line == f"{name} {tenant.organization.pk} token\n"


@pytest.mark.parametrize("slash", ["", "/"])
def test_addresses_are_right_with_and_without_their_slash(world: World, slash: str) -> None:
    assert world.ada.api.get(f"/api/echo{slash}").status_code == 200
    assert world.ada.api.post(f"/api/echo{slash}", {"a": 1}).status_code == 201
    made = world.ada.api.post(f"/api/numbers{slash}", {"done": 3})
    assert made.status_code == 201
    assert world.ada.api.get(f"/api/numbers/{made.json()['id']}{slash}").json()["done"] == 3


def test_permissions_are_by_action_with_reading_and_writing_as_the_rule(world: World) -> None:
    made = world.ada.api.post("/api/numbers", {"done": 3}).json()["id"]
    for role, expected in {
        Role.VIEWER: (200, 403, 403),
        Role.OPERATOR: (200, 200, 403),
        Role.EDITOR: (200, 200, 201),
    }.items():
        client = browser(builders.make_member(world.ada.organization, role))
        answers = (client.get("/api/numbers"), client.get(f"/api/numbers/{made}"), client.post("/api/numbers", {}))
        assert tuple(answer.status_code for answer in answers) == expected
    reader = api_client(builders.make_token(world.ada.organization, ["read"]))
    assert reader.post("/api/numbers", {}).json()["errors"] == [
        entry("permission_denied", "This needs the permission 'write'; you have: read.")
    ]


def test_a_session_needs_the_csrf_token(world: World) -> None:
    from rest_framework.test import APIClient

    client = APIClient(enforce_csrf_checks=True)
    client.cookies = browser(world.ada.owner).cookies
    assert client.get("/api/echo").status_code == 200
    answer = client.post("/api/echo", {"a": 1})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "permission_denied")
    # A token is sent by programs alone, so that no browser can be made to send it.
    client = api_client(world.ada.token)
    client.handler.enforce_csrf_checks = True
    assert client.post("/api/echo", {"a": 1}).status_code == 201


def test_no_address_is_404_for_every_method_also_where_cookies_would_need_a_token() -> None:
    from rest_framework.test import APIClient

    client = APIClient(enforce_csrf_checks=True)
    for method in (client.get, client.post, client.put, client.patch, client.delete):
        answer = method("/api/nothing/here")
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "not_found")
