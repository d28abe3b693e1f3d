"""A run's environment decides which account and which variables its steps use, whatever started it."""

from typing import Any

import pytest

from integrations import lifecycle
from integrations.models import Integration
from rules import interventions, variables
from rules.models import Run
from rules.variables import Wish
from supportops.tenancy.scope import working_for
from tests.rules.engine import MESSAGE, SLACK, Desk

pytestmark = pytest.mark.django_db(transaction=True)
TOKENS = {"all": "xoxb-all-1234567890", "live": "xoxb-live-1234567890"}
TELL = {**MESSAGE, "parameters": {"channel": "#desk", "message": "{{ env.STAGE }}"}}


@pytest.fixture
def staged(desk: Desk) -> Desk:
    """A desk whose Freshdesk is prod's, with a Slack for prod and one for all."""
    with working_for(desk.organization):
        lifecycle.change(Integration.objects.get(platform="freshdesk"), environment="prod")
        lifecycle.delete(Integration.objects.get(platform="slack"))
        for name, environment in (("all", None), ("live", "prod")):
            lifecycle.create(
                platform="slack", name=name, credentials={"bot_token": TOKENS[name]}, environment=environment
            )
            variables.create(Wish("STAGE", name, environment=environment))
    return desk


def sent(desk: Desk) -> list[tuple[str, str]]:
    """Return for each message by whose token it went, and its text."""
    names = {f"Bearer {token}": name for name, token in TOKENS.items()}
    requests = [request for request in desk.platform.requests if str(request.url) == SLACK]
    texts = [body["text"] for body in desk.platform.bodies(SLACK)]
    return [(names[request.headers["authorization"]], text) for request, text in zip(requests, texts, strict=True)]


def event(desk: Desk, environment: str) -> Any:
    with working_for(desk.organization):
        account = Integration.objects.get(platform="freshdesk").pk
    return desk.event(integration_id=account, environment=environment)


def test_an_event_brings_the_environment_of_its_account(staged: Desk) -> None:
    staged.rule(TELL)
    staged.plan(event(staged, "prod"))
    staged.perform()
    staged.plan(event(staged, "dev"))
    staged.perform()
    assert sent(staged) == [("live", "live"), ("all", "all")]


def test_a_person_names_the_environment_else_the_rule_does(staged: Desk) -> None:
    rule = staged.rule(TELL, trigger={"platform": "manual"}, environment="prod")
    for environment in ("", "dev", "prod"):
        with working_for(staged.organization):
            interventions.start(rule, {}, environment=environment)
        staged.perform()
    assert sent(staged) == [("live", "live"), ("all", "all"), ("live", "live")]


def test_a_rule_that_another_starts_has_its_environment(staged: Desk) -> None:
    staged.rule(TELL, name="Inner", trigger={"platform": "manual"})
    outer = staged.rule({"id": "call", "rule": "Inner"}, trigger={"platform": "manual"})
    with working_for(staged.organization):
        interventions.start(outer, {}, environment="prod")
    staged.perform()
    staged.perform()
    assert sent(staged) == [("live", "live")]
    with working_for(staged.organization):
        assert set(Run.objects.values_list("environment", flat=True)) == {"prod"}


def test_an_environment_without_an_account_fails_and_says_so(staged: Desk) -> None:
    with working_for(staged.organization):
        lifecycle.delete(Integration.objects.get(name="all"))
    staged.rule(MESSAGE)
    staged.plan(event(staged, "dev"))
    staged.perform()
    assert sent(staged) == []
    assert "There is no slack integration for the environment 'dev'" in staged.step("message").error
