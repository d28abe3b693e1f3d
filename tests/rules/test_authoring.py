"""What people do to rules: each change is one version, one entry, and one step of the organization's set of rules."""

from typing import Any

import pytest

from audit.models import AuditEntry
from rules import authoring
from rules.compiled import rules_of_organization
from rules.models import Rule, RuleState, RuleVersion
from rules.problems import Refused
from supportops.tenancy.models import Organization
from supportops.tenancy.scope import working_for
from tests.builders import World

pytestmark = pytest.mark.django_db

CALL = {"id": "call", "action": "http_request", "parameters": {"url": "https://example.com/"}}
TYPED: dict[str, Any] = {"name": "One", "trigger": {"platform": "slack", "event": "message"}, "steps": [CALL]}
OTHER = {**TYPED, "steps": [{**CALL, "id": "other"}]}


@pytest.fixture(autouse=True)
def ada(world: World) -> Any:
    with working_for(world.ada.organization):
        yield world.ada.organization


def number(ada: Organization) -> int:
    return Organization.objects.get(pk=ada.pk).rules_version


def entries() -> list[tuple[str, Any]]:
    found = AuditEntry.objects.filter(resource_type="rule").order_by("pk")
    return [(entry.action, entry.changes) for entry in found]


def live(ada: Organization) -> set[str]:
    """The names of the rules that events meet now."""
    met = rules_of_organization(number(ada)).rules
    return set(Rule.objects.filter(pk__in=met).values_list("name", flat=True))


def refusal(deed: Any) -> list[tuple[str, str]]:
    with pytest.raises(Refused) as raised:
        deed()
    return [(problem.attr, problem.code) for problem in raised.value.problems]


def test_a_new_rule_is_heard_at_once(ada: Organization) -> None:
    before = number(ada)
    rule, warnings = authoring.create({**TYPED, "description": "Calls."}, author="ada@example.com")
    assert (rule.name, rule.description, rule.is_enabled, rule.version, warnings) == ("One", "Calls.", True, 1, [])
    version = authoring.live_version(rule)
    assert (version.number, version.author, version.note) == (1, "ada@example.com", "created")
    # What belongs to the rule itself is no part of the versioned document.
    assert version.document == {"trigger": TYPED["trigger"], "steps": [CALL]}
    assert (number(ada), live(ada)) == (before + 1, {"One"})
    assert entries() == [("rule.created", {"name": "One", "enabled": True})]
    assert live(ada) == {"One"}


def test_each_change_of_the_document_is_a_version_and_the_same_document_is_none(ada: Organization) -> None:
    rule, _ = authoring.create(TYPED)
    authoring.change(rule, TYPED)
    assert Rule.objects.get().version == 1
    changed, _ = authoring.change(rule, OTHER, author="ada@example.com")
    assert (changed.version, authoring.live_version(changed).document["steps"][0]["id"]) == (2, "other")
    assert [row.number for row in RuleVersion.objects.all()] == [2, 1]
    assert entries()[-1] == ("rule.changed", {"version": [1, 2]})


def test_name_switch_and_description_change_without_a_version(ada: Organization) -> None:
    rule, _ = authoring.create(TYPED)
    changed, _ = authoring.change(rule, {**TYPED, "name": " Two ", "enabled": False, "description": "x"})
    assert (changed.name, changed.is_enabled, changed.description, changed.version) == ("Two", False, "x", 1)
    assert entries()[-1] == ("rule.changed", {"name": ["One", "Two"], "enabled": False})
    assert live(ada) == set()


def test_what_is_refused_changes_nothing(ada: Organization) -> None:
    rule, _ = authoring.create(TYPED)
    before = (number(ada), entries(), list(Rule.objects.values()), RuleVersion.objects.count())
    broken = {"name": "x", "trigger": {"platform": "nosuch", "event": "y"}, "steps": [{**CALL, "action": "nosuch"}]}
    assert {attr for attr, _ in refusal(lambda: authoring.create(broken))} == {"trigger.platform", "steps.0.action"}
    assert refusal(lambda: authoring.change(rule, {**OTHER, "steps": []}))
    for name in ("One", " One ", "", "  ", None, 5, "x" * 201):
        assert refusal(lambda name=name: authoring.create({**TYPED, "name": name}))[0][0] == "name"  # type: ignore[misc]
    assert (number(ada), entries(), list(Rule.objects.values()), RuleVersion.objects.count()) == before


def test_switching_off_and_on(ada: Organization) -> None:
    rule, _ = authoring.create(TYPED)
    for is_enabled in (False, False, True):
        assert authoring.set_enabled(rule, is_enabled).is_enabled is is_enabled
        assert live(ada) == ({"One"} if is_enabled else set())
    assert [action for action, _ in entries()] == ["rule.created", "rule.disabled", "rule.enabled"]
    assert rule.version == 1


def test_rolling_back_is_a_new_version_that_says_what_an_old_one_said(ada: Organization) -> None:
    rule, _ = authoring.create(TYPED)
    authoring.change(rule, OTHER)
    back = authoring.roll_back(rule, 1, author="ada@example.com")
    version = authoring.live_version(back)
    assert (back.version, version.document, version.note) == (
        3,
        {"trigger": TYPED["trigger"], "steps": [CALL]},
        "rolled back to version 1",
    )
    assert entries()[-1] == ("rule.rolled_back", {"to": 1, "version": 3})
    with pytest.raises(RuleVersion.DoesNotExist):
        authoring.roll_back(rule, 9)


def test_a_deleted_rule_hears_nothing_and_its_name_is_free(ada: Organization) -> None:
    rule, _ = authoring.create(TYPED)
    authoring.delete(rule)
    assert live(ada) == set()
    again, _ = authoring.create(TYPED)
    assert (again.pk != rule.pk, live(ada)) == (True, {"One"})
    assert RuleVersion.objects.filter(rule=rule).count() == 1, "runs of it still name their version"


def test_two_who_change_at_once_make_two_versions(ada: Organization) -> None:
    authoring.create(TYPED)
    first, second = Rule.objects.get(), Rule.objects.get()
    authoring.change(first, OTHER)
    authoring.change(second, {**TYPED, "steps": [{**CALL, "id": "third"}]})
    assert [(row.number, row.document["steps"][0]["id"]) for row in RuleVersion.objects.order_by("number")] == [
        (1, "call"),
        (2, "other"),
        (3, "third"),
    ]


def test_each_act_notes_what_is_on_from_then(ada: Organization) -> None:
    rule, _ = authoring.create(TYPED)
    authoring.set_enabled(rule, False)
    authoring.change(rule, OTHER)
    authoring.set_enabled(rule, True)
    authoring.delete(rule)
    states = RuleState.objects.order_by("rules_version").values_list("version__number", flat=True)
    assert list(states) == [1, None, None, 2, None]
    numbers = list(RuleState.objects.order_by("rules_version").values_list("rules_version", flat=True))
    assert numbers == list(range(numbers[0], numbers[0] + 5)) and numbers[-1] == number(ada)


def test_others_do_not_meet_it(world: World) -> None:
    authoring.create(TYPED)
    with working_for(world.bo.organization):
        assert Rule.objects.count() == 0
        assert live(world.bo.organization) == set()
        authoring.create(TYPED)
