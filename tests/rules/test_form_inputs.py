"""The inputs of rules that are started by hand, declared by rows of the rule's page."""

from typing import Any

import pytest

from rules import authoring
from rules.models import Rule
from supportops.tenancy.roles import Role
from supportops.tenancy.scope import working_for
from tests import builders
from tests.admin_world import History, make_history
from tests.builders import World, browser
from tests.forms import errors_of, fields_of

pytestmark = pytest.mark.django_db
STEPS = [{"action": "http_request", "parameters": {"url": "https://a.example.com"}}]
INPUTS: dict[str, Any] = {
    "severity": {"type": "string", "default": "low\nor lower", "required": False, "description": "How\nbad"},
    "plain": {},
    "count": {"type": "integer", "default": 0},
    "ratio": {"type": "number", "default": 0.5, "required": True},
    "is_urgent": {"type": "boolean", "default": False, "required": False},
    "hosts": {"type": "array", "default": ["a", "b"]},
    "numbers": {"type": "array", "default": [[1], {"a": None}]},
    "labels": {"type": "object", "default": {"a": [1, None]}},
    "empty": {"type": "string", "default": "", "description": None},
    "a.b c": {"default": None},
}


@pytest.fixture
def ada(world: World) -> History:
    return make_history(world.ada)


def rule_with(ada: History, inputs: Any, **more: Any) -> Rule:
    document: dict[str, Any] = {"name": "Asks", "actions": STEPS, **more}
    with working_for(ada.tenant.organization):
        return authoring.create(document if inputs is None else {**document, "inputs": inputs})[0]


def declared(ada: History, rule: Rule) -> Any:
    with working_for(ada.tenant.organization):
        return authoring.live_version(Rule.objects.get(pk=rule.pk)).document.get("inputs")


def change(ada: History, rule: Rule, *buttons: dict[str, Any]) -> Any:
    """Open the rule's page, and press one button after the other, with fields changed before it."""
    client, address = browser(ada.tenant.owner), f"/admin/rules/rule/{rule.pk}/change/"
    page = client.get(address)
    for fields in buttons:
        data = {name: value for name, value in {**fields_of(page, "rule_form"), **fields}.items() if value is not None}
        page = client.post(address, data, format="multipart", follow=True)
    return page


SAVE = {"_save": "1"}


@pytest.mark.parametrize("inputs", [None, {}, INPUTS])
@pytest.mark.parametrize("trigger", [{}, {"platform": "freshdesk", "event": "ticket_created"}])
def test_what_nobody_touched_stays_as_it_was(ada: History, inputs: Any, trigger: dict[str, Any]) -> None:
    rule = rule_with(ada, inputs, trigger=trigger)
    page = change(ada, rule, {"_refresh": ""}, SAVE)
    assert "is saved as version 1" in page.content.decode(), errors_of(page)
    assert declared(ada, rule) == inputs and list(declared(ada, rule) or ()) == list(inputs or ())


def test_inputs_are_declared_without_json(ada: History) -> None:
    rule = rule_with(ada, None)
    first = {"input-0-name": "severity", "input-0-default": "low", "input-0-required": None}
    second = {"input-1-name": "count", "input-1-type": "integer", "input-1-description": "How many", "_refresh": ""}
    third = {"input-1-default": "3", "_add_input": "1"}
    last = {"input-2-name": "hosts", "input-2-type": "array", "input-2-default": "a\r\nb", **SAVE}
    change(ada, rule, {"_add_input": "1"}, {**first, "_add_input": "1"}, second, third, last)
    assert declared(ada, rule) == {
        "severity": {"type": "string", "default": "low", "required": False},
        "count": {"type": "integer", "description": "How many", "default": 3},
        "hosts": {"type": "array", "default": ["a", "b"]},
    }


def test_one_is_renamed_changed_and_removed_and_the_rest_is_kept(ada: History) -> None:
    rule = rule_with(ada, INPUTS)
    change(
        ada,
        rule,
        {"_remove_input": "1"},
        {
            "input-2-name": "how_many",
            "input-2-required": None,
            "input-4-default": "true",
            "input-0-default": "",
            **SAVE,
        },
    )
    expected = {name: spec for name, spec in INPUTS.items() if name not in ("plain", "count")}
    expected["severity"] = {"type": "string", "required": False, "description": "How\nbad"}
    expected["how_many"] = {"type": "integer", "default": 0, "required": False}
    expected["is_urgent"] = {"type": "boolean", "default": True, "required": False}
    assert declared(ada, rule) == expected
    assert list(declared(ada, rule))[:2] == ["severity", "how_many"]


def test_without_a_row_anything_may_be_given(ada: History) -> None:
    rule = rule_with(ada, {"severity": {}}, trigger={"platform": "freshdesk", "event": "ticket_created"})
    change(ada, rule, {"_remove_input": "0"}, {"_refresh": ""}, SAVE)
    assert declared(ada, rule) is None


@pytest.mark.parametrize(
    ("fields", "row", "said"),
    [
        ({"input-0-name": ""}, "name", "Give it a name"),
        ({"input-0-name": "count"}, "name", "Another input is called so."),
        ({"input-0-type": "integer", "input-0-default": "many"}, "default", "is not a whole number"),
        ({"input-0-type": "boolean", "input-0-default": "many"}, "default", "must be boolean"),
        ({"input-0-type": "object", "input-0-default": "{"}, "default", "Line 1"),
        ({"input-0-description": "x" * 501}, "description", "500"),
        ({"input-0-type": "colour"}, "type", "colour"),
    ],
)
def test_what_is_wrong_stands_at_its_row(ada: History, fields: dict[str, str], row: str, said: str) -> None:
    rule = rule_with(ada, {"severity": {"type": "string"}, "count": {"type": "integer"}})
    page = change(ada, rule, {**fields, **SAVE})
    at = 1 if said.startswith("Another") else 0
    shown = page.content.decode().split(f'id="id_input-{at}-{row}_row"')[1].split('class="so-field')[0]
    assert 'role="alert"' in shown and said in shown, errors_of(page)
    assert declared(ada, rule) == {"severity": {"type": "string"}, "count": {"type": "integer"}}


def test_a_viewer_reads_them(ada: History) -> None:
    rule = rule_with(ada, INPUTS)
    viewer = builders.make_member(ada.tenant.organization, Role.VIEWER)
    text = browser(viewer).get(f"/admin/rules/rule/{rule.pk}/change/").content.decode()
    assert 'value="is_urgent"' in text and "_add_input" not in text and "_remove_input" not in text
