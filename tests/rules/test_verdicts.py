"""What a delivery shows of rules that did not fire: as it was then, whatever has changed since."""

from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps

from integrations import lifecycle
from rules import authoring
from rules.models import Event, EventContent, Rule, RuleState
from rules.verdicts import verdicts_of
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.rules.engine import MESSAGE, Desk

pytestmark = pytest.mark.django_db

LOW = {"priority": 1}


@pytest.fixture
def scoped(desk: Desk) -> Any:
    with working_for(desk.organization):
        yield desk


def on(**trigger: Any) -> dict[str, Any]:
    return {"platform": "freshdesk", "event": "ticket_created", "conditions": LOW, **trigger}


def happen(desk: Desk, account: str = "Desk") -> Event:
    """Let an urgent ticket be opened in one of the accounts."""
    integration = desk.integration_named(account)
    environment = integration.environment.name if integration.environment else ""
    [planned] = desk.plan(desk.event(integration_id=integration.pk, environment=environment))
    return Event.objects.get(pk=planned.event_id)


def said(event: Event, *, without_content: bool = False) -> dict[str, tuple[Any, str]]:
    """Each rule that is shown, with its outcome and reason."""
    content = None if without_content else EventContent.objects.get(pk=event.pk)
    shown = verdicts_of(event, content)
    return {entry["rule_name"]: (entry["outcome"], entry["reason"]) for entry in shown}


NO = ("not_matched", "")


def test_a_rule_that_was_off_then_said_nothing_though_it_is_on_now(scoped: Desk) -> None:
    off = scoped.rule(MESSAGE, name="off", trigger=on(conditions={}))
    authoring.set_enabled(off, False)
    scoped.rule(MESSAGE, name="no", trigger=on())
    event = happen(scoped)
    authoring.set_enabled(off, True)
    assert said(event) == {"no": NO}
    assert event.rules_considered == 1
    assert set(said(happen(scoped))) == {"off", "no"}


def test_a_rule_that_is_off_or_gone_or_changed_now_said_what_it_said_then(scoped: Desk) -> None:
    rules = {name: scoped.rule(MESSAGE, name=name, trigger=on()) for name in ("off", "gone", "changed")}
    event = happen(scoped)
    authoring.set_enabled(rules["off"], False)
    authoring.delete(rules["gone"])
    authoring.change(rules["changed"], {"trigger": on(conditions={}), "steps": [MESSAGE]})
    scoped.rule(MESSAGE, name="later", trigger=on(conditions={}))
    assert said(event) == {"off": NO, "gone": NO, "changed": NO}
    [changed] = [
        entry for entry in verdicts_of(event, EventContent.objects.get(pk=event.pk)) if entry["rule_name"] == "changed"
    ]
    assert changed["version"] == 1
    assert [(leaf["field"], leaf["expected"], leaf["actual"]) for leaf in changed["explanation"]] == [
        ("priority", 1, 4)
    ]


def test_a_rule_that_was_switched_off_and_on_within_the_same_time_is_told_by_the_set_of_rules(scoped: Desk) -> None:
    rule = scoped.rule(MESSAGE, name="flickers", trigger=on())
    with clock.frozen(clock.now()):
        first = happen(scoped)
        authoring.set_enabled(rule, False)
        second = happen(scoped)
        authoring.set_enabled(rule, True)
        third = happen(scoped)
    assert [list(said(event)) for event in (first, second, third)] == [["flickers"], [], ["flickers"]]


def test_a_rule_bound_to_another_account_or_environment_is_not_shown(scoped: Desk) -> None:
    credentials = {"domain": "b.freshdesk.com", "api_key": "k" * 20}
    lifecycle.create(platform="freshdesk", name="Other", credentials=credentials, environment="prod")
    bound = {
        "by name": {"integration": "Other"},
        "by id": {"integration": str(scoped.integration_named("Other").pk)},
        "by environment": {"environment": "prod"},
        "by both": {"integration": "Other", "environment": "dev"},
    }
    for name, trigger in bound.items():
        scoped.rule(MESSAGE, name=name, trigger=on(**trigger))
    scoped.rule(MESSAGE, name="any", trigger=on())
    assert said(happen(scoped)) == {"any": NO}
    there = happen(scoped, "Other")
    assert said(there) == dict.fromkeys(("any", "by name", "by id", "by environment"), NO)
    assert there.rules_considered == 4


def test_what_is_not_known_any_more_is_written_as_such(scoped: Desk) -> None:
    scoped.rule(MESSAGE, name="any", trigger=on())
    scoped.rule(MESSAGE, name="bound", trigger=on(integration="Desk"))
    scoped.rule(MESSAGE, name="by id", trigger=on(integration=str(scoped.integration_named("Desk").pk)))
    event = happen(scoped)
    with clock.moved(timedelta(hours=1)):
        lifecycle.change(scoped.integration_named("Desk"), name="Renamed")
        shown = said(event)
    assert (shown["any"], shown["by id"]) == (NO, NO)
    outcome, reason = shown["bound"]
    assert outcome is None
    assert reason.startswith("Not known: the rule hears one account")


def test_without_a_record_of_that_time_nothing_is_claimed(scoped: Desk) -> None:
    scoped.rule(MESSAGE, name="old", trigger=on())
    RuleState.objects.all().delete()
    event = happen(scoped)
    outcome, reason = said(event)["old"]
    assert outcome is None
    assert reason.startswith("Not known: there is no record")


def test_the_migration_notes_what_is_on_now(scoped: Desk) -> None:
    rules = {name: scoped.rule(MESSAGE, name=name, trigger=on()) for name in ("on", "off", "gone")}
    authoring.set_enabled(rules["off"], False)
    authoring.delete(rules["gone"])
    RuleState.objects.all().delete()
    import_module("rules.migrations.0008_rule_state").note_present_states(apps, None)
    live = {state.rule.name: state.version_id is not None for state in RuleState.objects.select_related("rule")}
    assert live == {"on": True, "off": False, "gone": False}
    assert said(happen(scoped)) == {"on": NO}


def test_a_time_is_asked_as_of_then(scoped: Desk) -> None:
    soon = (clock.now() + timedelta(hours=3)).isoformat()
    scoped.rule(MESSAGE, name="soon", trigger=on(conditions={"due_by": {"within": "+2h"}}))
    [planned] = scoped.plan(scoped.event(ticket={"due_by": soon}))
    event = Event.objects.get(pk=planned.event_id)
    with clock.moved(timedelta(hours=2)):
        assert said(event) == {"soon": NO}


def test_kept_verdicts_outlive_the_content_and_the_rule(scoped: Desk) -> None:
    rule = scoped.rule(MESSAGE, name="yes", trigger=on(conditions={}))
    scoped.rule(MESSAGE, name="unsure", trigger=on(conditions={"subject": {"gt": 3}}))
    scoped.rule(MESSAGE, name="no", trigger=on())
    event = happen(scoped)
    authoring.delete(rule)
    assert said(event) == {"yes": ("matched", ""), "unsure": ("could_not_tell", ""), "no": NO}
    assert list(said(event, without_content=True)) == ["yes", "unsure"]
    assert all(entry["explanation"] == [] for entry in verdicts_of(event, None))
    assert Rule.objects.count() == 3
