"""Events of the organization's own: taken in once, planned like others, with an outcome that scripts go by."""

import json
import threading
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from rules import authoring
from rules.execution import StepSource
from rules.models import Event, Run
from supportops.tenancy.scope import working_for
from tests.builders import World
from tests.fake_platform import FakePlatform, in_place_of_the_network
from webhooks import own_events
from webhooks.models import Delivery
from webhooks.processing import process_due

pytestmark = pytest.mark.django_db(transaction=True)

GATE = "https://checks.example.com/gate"
NEWS = "https://news.example.com/post"


@pytest.fixture
def platform() -> Any:
    with in_place_of_the_network() as network:
        network.on("POST", GATE, {"ok": True})
        network.on("POST", NEWS, {"ok": True})
        yield network


def rule(world: World, name: str, url: str = NEWS, **more: Any) -> Any:
    typed = {
        "name": name,
        "trigger": {"platform": "custom", "event": "deployment.pre_setup", **more.pop("trigger", {})},
        "steps": [
            {
                "id": "call",
                "action": "http_request",
                "parameters": {"method": "POST", "url": url, "json": {"branch": "{{ event.branch }}"}},
            }
        ],
        **more,
    }
    with working_for(world.ada.organization):
        return authoring.create(typed)[0]


def sent(world: World, query: str = "", **fields: Any) -> Any:
    body = {"type": "deployment.pre_setup", "environment": "prod", "payload": {"branch": "main"}, **fields}
    return world.ada.api.post(f"/api/events/{query}", body, format="json")


def work() -> None:
    process_due([StepSource()])


def outcome(world: World, delivery: str) -> str:
    with working_for(world.ada.organization):
        return own_events.outcome_of(delivery)[0]  # type: ignore[arg-type]


def test_an_environment_that_only_the_payload_names_is_the_events(world: World, platform: FakePlatform) -> None:
    rule(world, "News", trigger={"environment": "staging"})
    sent(world, environment="", payload={"branch": "main", "environment": "staging"})
    work()
    with working_for(world.ada.organization):
        assert (Event.objects.get().environment, Run.objects.get().environment) == ("staging", "staging")


def test_an_event_is_kept_and_wakes_the_rules_that_listen_to_it(world: World, platform: FakePlatform) -> None:
    rule(world, "News", trigger={"conditions": {"branch": "main"}})
    rule(world, "Elsewhere", trigger={"environment": "staging"})
    answer = sent(world)
    assert (answer.status_code, answer.json()["status"]) == (202, "accepted")
    assert outcome(world, answer.json()["delivery"]) == "running"
    work()
    assert outcome(world, answer.json()["delivery"]) == "succeeded"
    assert platform.bodies(NEWS) == [{"branch": "main"}]
    shown = world.ada.api.get(f"/api/deliveries/{answer.json()['delivery']}/").json()
    assert (shown["status"], shown["platform"], shown["event"]) == ("processed", "custom", "deployment.pre_setup")
    with working_for(world.ada.organization):
        assert (Event.objects.get().environment, Run.objects.get().environment) == ("prod", "prod")


def test_the_same_id_again_is_the_same_event(world: World, platform: FakePlatform) -> None:
    rule(world, "News")
    first, again = sent(world, id="build-7"), sent(world, id="build-7")
    assert (again.status_code, again.json()) == (200, {"delivery": first.json()["delivery"], "status": "duplicate"})
    other = sent(world, id="build-7", payload={"branch": "other"})
    assert (other.status_code, other.json()["errors"][0]["attr"]) == (409, "id")
    work()
    assert len(platform.requests) == 1


def test_an_event_that_nobody_listens_to_has_succeeded(world: World) -> None:
    answer = sent(world, type="anything.at-all:really/yes", environment=None)
    work()
    assert outcome(world, answer.json()["delivery"]) == "succeeded"


@pytest.mark.parametrize(("gate", "news", "expected"), [(200, 500, "succeeded"), (400, 200, "failed")])
def test_only_gates_decide_where_there_are_any(
    world: World, platform: FakePlatform, gate: int, news: int, expected: str
) -> None:
    platform.on("POST", GATE, {}, status=gate)
    platform.on("POST", NEWS, {}, status=news)
    rule(world, "Gate", GATE, gate=True)
    rule(world, "News")
    answer = sent(world)
    work()
    assert outcome(world, answer.json()["delivery"]) == expected


def test_without_gates_every_run_decides(world: World, platform: FakePlatform) -> None:
    platform.on("POST", NEWS, {}, status=400)
    rule(world, "News")
    answer = sent(world)
    work()
    assert outcome(world, answer.json()["delivery"]) == "failed"


def test_who_waits_hears_the_outcome_and_one_who_cannot_wait_so_long_that_it_runs(
    world: World, platform: FakePlatform
) -> None:
    rule(world, "Gate", GATE, gate=True)
    early = sent(world, "?wait=1", id="one").json()
    assert (early["outcome"], early["runs"]) == ("running", [])

    def worker() -> None:
        work()
        connection.close()

    thread = threading.Thread(target=worker)
    thread.start()
    late = sent(world, "?wait=30", id="one").json()
    thread.join()
    assert (late["delivery"], late["outcome"]) == (early["delivery"], "succeeded")
    assert [(run["rule_name"], run["status"]) for run in late["runs"]] == [("Gate", "succeeded")]


@pytest.mark.parametrize(
    ("fields", "attr"),
    [
        ({"type": ""}, "type"),
        ({"type": "two words"}, "type"),
        ({"type": "x" * 121}, "type"),
        ({"type": []}, "type"),
        ({"environment": "moon"}, "environment"),
        ({"payload": []}, "payload"),
        ({"payload": {"x": "y" * (1024 * 1024)}}, "payload"),
        ({"id": "x" * 201}, "id"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_bad_input_is_told_with_its_place(world: World, fields: dict[str, Any], attr: str) -> None:
    answer = sent(world, **fields)
    assert (answer.status_code, answer.json()["errors"][0]["attr"].split(".")[0]) == (400, attr)
    with working_for(world.ada.organization):
        assert not Delivery.objects.exists()


def test_two_at_once_with_one_id_are_one_event(world: World) -> None:
    answers: list[Any] = []

    def send() -> None:
        try:
            with working_for(world.ada.organization):
                answers.append(own_events.emit("a.b", {"n": 1}, event_id="once"))
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({answer.delivery_id for answer in answers}) == 1
    assert sum(not answer.is_duplicate for answer in answers) == 1
    with working_for(world.ada.organization):
        assert Delivery.objects.count() == 1


# --- the command ------------------------------------------------------------------------------------------------
class TestEmit:
    def emit(self, *arguments: str) -> str:
        out = StringIO()
        call_command("emit", "deployment.pre_setup", "--organization", "ada", *arguments, stdout=out)
        return out.getvalue()

    def test_its_exit_code_is_the_outcome(self, world: World, platform: FakePlatform) -> None:
        rule(world, "Gate", GATE, gate=True)
        assert self.emit("--id", "one", "--payload", json.dumps({"branch": "main"})).startswith("delivery ")
        with pytest.raises(SystemExit) as still:
            self.emit("--id", "one", "--payload", '{"branch": "main"}', "--wait", "0.1")
        assert still.value.code == 3
        work()
        done = self.emit("--id", "one", "--payload", '{"branch": "main"}', "--wait", "1")
        assert "succeeded  Gate" in done and "outcome  succeeded" in done
        platform.on("POST", GATE, {}, status=400)
        self.emit("--id", "two")
        work()
        with pytest.raises(SystemExit) as failed:
            self.emit("--id", "two", "--wait", "1")
        assert failed.value.code == 1

    def test_what_is_wrong_is_told(self, world: World, tmp_path: Any) -> None:
        (tmp_path / "payload.json").write_text('{"branch": "main"}')
        assert "delivery" in self.emit("--payload", f"@{tmp_path}/payload.json")
        for arguments, words in (
            (["--payload", "{"], "no JSON"),
            (["--payload", "[]"], "object"),
            (["--payload", f"@{tmp_path}/none"], "cannot be read"),
            (["--environment", "moon"], "no environment 'moon'"),
        ):
            with pytest.raises(CommandError, match=words):
                self.emit(*arguments)
        with pytest.raises(CommandError, match="no organization"):
            call_command("emit", "x", "--organization", "nobody")
