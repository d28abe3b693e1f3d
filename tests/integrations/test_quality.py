"""The quality list: what a connector has, and what is missing."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from integrations.base import BaseIntegration
from integrations.connectors.slack.connector import Slack
from integrations.quality import quality_of
from integrations.specs import ActionSpec, EventSpec

TESTS = Path(__file__).parent


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("connectors", *arguments, stdout=out)
    return out.getvalue()


def test_each_connector_is_listed_with_what_it_has() -> None:
    lines = run().splitlines()
    assert lines[0].split() == ["connector", "check", "README", "events", "actions"]
    assert "slack yes yes 5/5 12/12" in [" ".join(line.split()) for line in lines]


def test_the_list_is_also_json() -> None:
    told = json.loads(run("--json"))
    assert told["problems"] == []
    slack = next(item for item in told["connectors"] if item["key"] == "slack")
    assert slack["missing"] == [] and slack["events"]["slash_command"] == ["slash_command"]
    successes, failures = slack["actions"]["send_message"]
    assert "send_message__200" in successes
    assert {"send_message__200__not_in_channel", "send_message__429", "send_message__cut_off"} <= set(failures)


def test_strict_ends_with_an_error_where_something_is_missing(tmp_path: Path) -> None:
    assert run("--strict", "slack", "trello")
    with pytest.raises(CommandError, match="slack"):
        run("--strict", "slack", "--tests", str(tmp_path))
    with pytest.raises(CommandError, match=r"no platform 'slak'\. Did you mean slack"):
        run("slak")


def test_what_is_missing_is_said_in_sentences(tmp_path: Path) -> None:
    class Bare(BaseIntegration):
        key, name = "bare", "Bare"
        events = [EventSpec("came.in", "x.", sample={"a": 1})]
        actions = [ActionSpec("go", "Goes.", BaseIntegration.Config, "execute")]

    (tmp_path / "bare" / "answers").mkdir(parents=True)
    (tmp_path / "bare" / "answers" / "go__200.json").write_text('{"request": "GET /", "body": {}}')
    assert quality_of(Bare, tmp_path).missing() == [
        "has no connection test",
        "has no README.md",
        "has no recorded request of the event came.in",
        "has no recorded failure of the action go",
        "has no recorded success of the action test_connection",
        "has no recorded failure of the action test_connection",
    ]


@pytest.mark.parametrize(
    ("exchanges", "is_failure"),
    [
        ({"request": "GET /"}, False),
        ([{"request": "GET /", "status": 404}, {"request": "POST /", "status": 201}], False),
        ([{"request": "GET /"}, {"request": "POST /", "status": 500}], True),
        ({"request": "GET /", "raise": "ReadTimeout"}, True),
        ({"request": "GET /", "body": {"ok": False}}, True),
    ],
)
def test_the_last_answer_decides_what_a_recording_is(tmp_path: Path, exchanges: Any, is_failure: bool) -> None:
    folder = tmp_path / "slack" / "answers"
    folder.mkdir(parents=True)
    (folder / "set_topic__x.json").write_text(json.dumps(exchanges))
    successes, failures = quality_of(Slack, tmp_path).actions["set_topic"]
    assert (failures if is_failure else successes) == ["set_topic__x"]
    assert not (successes if is_failure else failures)
