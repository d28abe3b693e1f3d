"""What is secret in a step's output: sealed, masked everywhere, sent by later steps to its hosts alone."""

import json
from typing import Any

import httpx
import pytest

from rules import interventions
from rules.models import Run, StepSecret
from rules.sensitive import take_out, way_of
from supportops.tenancy.scope import working_for
from tests.builders import World
from tests.rules.engine import Desk, request_to
from tests.supportops.test_canary import (
    Birdcage,
    assert_it_stands_nowhere,
    canary,
    logs,  # noqa: F401 - a fixture
    look_in_the_database,
)

pytestmark = pytest.mark.django_db(transaction=True)

LOGIN, API, ELSEWHERE = "https://api.acme.example/login", "https://api.acme.example/me", "https://other.example/x"
ECHO = "https://echo.example/x"


def login(**more: Any) -> dict[str, Any]:
    return request_to(LOGIN, name="login", **{"sensitive": ["body.access_token"], **more})


def use(url: str = API, *, name: str = "use", text: str = "Bearer {{ steps.login.output.body.access_token }}") -> Any:
    return {
        "id": name,
        "action": "http_request",
        "parameters": {"url": url, "headers": {"Authorization": text, "X-Request": "a"}},
    }


@pytest.fixture
def token(desk: Desk) -> str:
    """What the login answers; the service repeats it in all that it says."""
    secret = canary()
    desk.platform.on("POST", LOGIN, {"access_token": secret, "note": f"your token is {secret}", "expires": 60})
    desk.platform.on("GET", API, lambda request: httpx.Response(200, json={"seen": request.headers["authorization"]}))
    # A step that never names it, at somebody who has heard of it elsewhere.
    desk.platform.on("POST", ECHO, {"heard": secret})
    return secret


def run(desk: Desk, *steps: dict[str, Any], **more: Any) -> Run:
    desk.rule(*steps, **more)
    desk.ticket()
    desk.perform()
    return desk.run


def seen(desk: Desk, url: str) -> list[str]:
    return [r.headers.get("authorization", "") for r in desk.platform.requests if str(r.url) == url]


def test_a_later_step_sends_it_and_it_stands_nowhere(desk: Desk, token: str, world: World, logs: list[str]) -> None:  # noqa: F811
    done = run(desk, login(), use(), use(name="again"), request_to(ECHO, name="echo"))
    assert done.status == "succeeded", done.reason
    assert seen(desk, API) == [f"Bearer {token}"] * 2
    output = desk.output("login")
    assert output["body"]["access_token"] == "••••••" and token not in json.dumps(output)
    assert output["body"]["expires"] == 60
    with working_for(desk.organization):
        (kept,) = StepSecret.objects.all()
        assert kept.values.open() == {"body.access_token": token} and kept.hosts == ["https://api.acme.example"]
    assert_it_stands_nowhere(world, [token], logs)


@pytest.mark.parametrize(
    "text",
    [
        "{{ string(steps.login.output.body) }}",
        "{{ steps.login.output.?body.?access_token.orValue('none') }}",
        "{{ steps['log' + 'in'].output.body.access_token }}",
    ],
)
def test_found_in_any_other_way_it_is_dots(desk: Desk, token: str, text: str) -> None:
    run(desk, login(), {**use(text=text), "on_failure": "continue"})
    assert not [sent for sent in seen(desk, API) if token in sent]


def test_it_is_refused_elsewhere_when_run(desk: Desk, token: str) -> None:
    done = run(desk, login(), use("{{ 'https://other.example' }}/x"))
    assert done.status == "failed" and seen(desk, ELSEWHERE) == []
    assert "is a secret for https://api.acme.example" in desk.step("use").error
    assert token not in desk.step("use").error


def test_hosts_that_are_named_are_where_it_goes(desk: Desk, token: str) -> None:
    desk.platform.on("GET", ELSEWHERE, {})
    named = {"paths": ["body.access_token"], "hosts": ["other.example"]}
    assert run(desk, login(sensitive=named), use(ELSEWHERE)).status == "succeeded"
    assert seen(desk, ELSEWHERE) == [f"Bearer {token}"]


def test_a_step_that_is_retried_seals_what_it_gets_then(desk: Desk, token: str) -> None:
    desk.platform.on("GET", API, {"no": 1}, status=400)
    done = run(desk, login(), use())
    assert done.status == "failed"
    desk.platform.on("GET", API, {})
    with working_for(desk.organization):
        interventions.retry_run(done.pk)
    desk.perform()
    assert desk.run.status == "succeeded" and seen(desk, API)[-1] == f"Bearer {token}"
    assert token not in json.dumps([desk.output("use"), desk.step("use").error])


def test_what_is_not_there_is_a_warning(desk: Desk, token: str, world: World) -> None:
    done = run(desk, login(sensitive=["body.access_token", "body.nothing"]))
    (step,) = world.ada.api.get(f"/api/runs/{done.pk}").json()["steps"]
    assert step["status"] == "succeeded" and "no body.nothing" in step["warnings"][0]


def test_a_condition_may_look_at_it(desk: Desk, token: str) -> None:
    looks = {**use(), "condition": "{{ steps.login.output.body.access_token.startsWith('cAnArY') }}"}
    run(desk, login(), looks)
    assert seen(desk, API) == [f"Bearer {token}"]


def test_a_key_sees_dots_alone(desk: Desk, token: str) -> None:
    with pytest.raises(Exception, match="is a secret: it cannot stand here"):
        run(desk, login(), {**use(), "throttle": "one per 1h per steps.login.output.body.access_token"})
    run(desk, login(), {**use(), "throttle": "one per 1h per string(steps.login.output.body)"})
    cage = Birdcage([token])
    look_in_the_database(cage)
    assert not cage.found


@pytest.mark.parametrize(
    ("steps", "at", "code"),
    [
        ([login(sensitive=["body..x"])], "steps.0.sensitive.paths.0", "invalid"),
        ([login(sensitive={"paths": ["a"], "hosts": ["a b"]})], "steps.0.sensitive.hosts.0", "invalid"),
        ([login(sensitive=[])], "steps.0.sensitive", "too_short"),
        ([{"wait": {"for": "1m"}, "sensitive": ["a"]}], "steps.0.sensitive", "not_for_kind"),
        (
            [{"platform": "freshdesk", "action": "test_connection", "sensitive": ["a"]}],
            "steps.0.sensitive.hosts",
            "required",
        ),
        ([login(), use(ELSEWHERE)], "steps.1.parameters", "secret_host"),
        (
            [login(), {"approval": {"message": "{{ steps.login.output.body.access_token }}"}}],
            "steps.1.approval",
            "secret_not_allowed",
        ),
        (
            [
                login(),
                {
                    "platform": "slack",
                    "action": "send_message",
                    "parameters": {"channel": "#x", "message": "{{ steps.login.output.body.access_token }}"},
                },
            ],
            "steps.1.parameters",
            "secret_not_allowed",
        ),
    ],
)
def test_what_would_go_astray_is_refused_when_saved(
    desk: Desk, world: World, steps: list[dict[str, Any]], at: str, code: str
) -> None:
    document = {"name": "X", "trigger": {"platform": "freshdesk", "event": "ticket_created"}, "steps": steps}
    errors = world.ada.api.post("/api/rules", document, format="json").json()["errors"]
    assert [(error["attr"], error["code"]) for error in errors] == [(at, code)], errors


def test_what_is_taken_out_is_whatever_stands_there() -> None:
    given = {"a": [{"t": "one"}, {"t": "two"}], "b": {"c": {"d": 12345678}}, "e": None}
    taken = take_out(given, [way_of("a.1.t"), way_of("b.c"), way_of("e"), way_of("a.9.t"), way_of("b.c.d.x")])
    assert taken.values == {"a.1.t": "two", "b.c": {"d": 12345678}}
    assert taken.missing == ["e", "a.9.t", "b.c.d.x"]
    assert taken.output == {"a": [{"t": "one"}, {"t": "••••••"}], "b": {"c": "••••••"}, "e": None}
    assert given["a"][1]["t"] == "two"
