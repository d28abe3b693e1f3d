"""The files of docs/examples: applied as they stand, started, and run against platforms that keep what arrives."""

import json
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Any

import httpx
import pytest
from django.core.management import call_command

from integrations import lifecycle
from rules import interventions, variables
from rules.api_runs import run_as_dict
from rules.exchange import name_of_file
from rules.execution import perform_due
from rules.inputs import checked_inputs
from rules.models import Rule
from rules.variables import Wish
from supportops.tenancy.scope import working_for
from tests.builders import World
from tests.docs import playbooks
from tests.docs.fenced import ROOT
from tests.docs.playbooks import Call, Playbook
from tests.fake_platform import in_place_of_the_network
from tests.integrations.samples import CONFIG, CREDENTIALS
from tests.rules.engine import Desk

pytestmark = pytest.mark.django_db(transaction=True)

EXAMPLES = ROOT / "docs" / "examples"
PLATFORMS = ("slack", "jira", "pagerduty", "datadog", "github", "sendgrid", "freshdesk")


@pytest.fixture
def desk(world: World, settings: Any) -> Iterator[Desk]:
    """Ada's organization with everything that the examples need."""
    settings.PLATFORM_LIMITS = dict.fromkeys(PLATFORMS)
    with in_place_of_the_network() as platform, working_for(world.ada.organization):
        for key in PLATFORMS:
            lifecycle.create(platform=key, name=key, credentials=CREDENTIALS[key], config=CONFIG.get(key, {}))
        for name, value in playbooks.VARIABLES.items():
            variables.create(Wish(name, value))
        for name, host in playbooks.SECRETS.items():
            variables.create(Wish(name, f"secret-{name}", is_secret=True, hosts=(host,)))
        yield Desk(world.ada.organization, platform)


def applied(file: str, organization: Any, *options: str) -> tuple[str, str]:
    """Return what `apply` says of a file: its plan, and its warnings."""
    out, err = StringIO(), StringIO()
    path = str(EXAMPLES / f"{file}.yaml")
    call_command("apply", path, "--organization", organization.slug, *options, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_every_file_is_run_here() -> None:
    assert {playbook.file for playbook in playbooks.ALL} == {path.stem for path in EXAMPLES.glob("*.yaml")}


@pytest.mark.parametrize("file", sorted({playbook.file for playbook in playbooks.ALL}))
def test_a_file_is_planned_and_applied_without_a_word_against_it(desk: Desk, file: str) -> None:
    name = name_of_file(f"{file}.yaml")
    said, warnings = applied(file, desk.organization, "--dry-run")
    assert (said.splitlines()[0], warnings) == (f"+ {name}", "")
    assert not Rule.objects.exists()
    assert applied(file, desk.organization) == (f"+ {name}\n", "")
    assert applied(file, desk.organization) == (f"= {name}\n", "")


def test_where_nothing_is_connected_yet_a_file_is_taken_with_warnings(world: World) -> None:
    said, warnings = applied("restart-with-fallback", world.ada.organization)
    assert said == "+ restart with fallback\n"
    assert "There is no PagerDuty integration yet" in warnings and "no Slack integration yet" in warnings


@pytest.mark.parametrize("playbook", playbooks.ALL, ids=lambda it: " ".join(filter(None, (it.file, it.name))))
def test_its_calls_arrive_in_order_with_the_right_contents(desk: Desk, playbook: Playbook) -> None:
    for what, answer in playbook.answers.items():
        desk.platform.on(*what.split(" ", 1), answer)
    applied(playbook.file, desk.organization)
    if playbook.inputs is None:
        desk.ticket()
    else:
        rule = Rule.objects.get()
        interventions.start(rule, checked_inputs(interventions.live_document(rule).inputs, playbook.inputs))
    perform_due()
    assert desk.run.status == "succeeded", [(step["id"], step["error"]) for step in run_as_dict(desk.run.pk)["steps"]]
    assert {name: status for name, status in desk.statuses().items() if status != "succeeded"} == playbook.others
    requests, first = desk.platform.requests, playbook.at_once
    arrived = sorted(requests[:first], key=what_of) + requests[first:]
    calls = sorted(playbook.calls[:first], key=lambda call: call.what) + playbook.calls[first:]
    assert [what_of(request) for request in arrived] == [call.what for call in calls]
    for request, call in zip(arrived, calls, strict=True):
        check(request, call)


def what_of(request: httpx.Request) -> str:
    return f"{request.method} {request.url.copy_with(query=None)}"


def check(request: httpx.Request, call: Call) -> None:
    """Hold what arrived against what should have."""
    assert holds(dict(request.url.params), call.query), (call.what, request.url)
    assert holds(dict(request.headers), call.headers), (call.what, request.headers)
    if call.body is not None:
        body = json.loads(request.content)
        assert holds(body, call.body), (call.what, body)


def holds(actual: Any, wanted: Any) -> bool:
    """Whether objects have at least the wanted fields; lists and values are the same, of the same types."""
    if isinstance(wanted, Mapping):
        return isinstance(actual, Mapping) and all(
            name in actual and holds(actual[name], value) for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        is_like = isinstance(actual, list) and len(actual) == len(wanted)
        return is_like and all(holds(one, other) for one, other in zip(actual, wanted, strict=True))
    return type(actual) is type(wanted) and bool(actual == wanted)
