"""Conditions on a rule's page: read from rows or from JSON, whichever was changed, and marked where they are wrong."""

import json
from typing import Any

import pytest
from django.http import QueryDict

from rules.event_fields import EventField, EventFields
from rules.form_conditions import BASE, TEXT, ConditionsForm, NotOfThisPage, Shown

FIELDS = EventFields(
    {
        "ticket.priority": EventField("ticket.priority", "ticket.priority", "number", (), "4"),
        "ticket.tags": EventField("ticket.tags", "ticket.tags", "list"),
        "ticket.zip": EventField("ticket.zip", "ticket.zip", "text"),
        "ticket.created_at": EventField("ticket.created_at", "ticket.created_at", "time"),
    },
    ("ticket",),
)
CONDITIONS = {
    "priority": {"gte": 3, "lte": 5},
    "ticket.tags": {"contains_any": ["vip", "refund"]},
    "any": [{"zip": "10115"}, {"expr": "event.a > 1"}, {"not": {"status": [4, 5]}}, {"ticket.x": {"exists": False}}],
    "ticket.created_at": {"within": "-2h"},
    "n": {"between": [1, 5]},
    "odd": {"nearly": {"a": 1}},
}


def page_of(form: ConditionsForm) -> dict[str, list[str]]:
    """Return what a browser would send of a page with these conditions."""
    sent: dict[str, list[str]] = {TEXT: [form.text], BASE: [form.base]}

    def add(shown: Shown) -> None:
        number = str(shown.number)
        sent.setdefault("c", []).append(number)
        if shown.parent is not None:
            sent[f"c-{number}-in"] = [str(shown.parent)]
        if shown.is_group:
            sent[f"c-{number}-is"] = ["group"]
            sent[f"c-{number}-kind"] = [shown.node.kind]  # type: ignore[union-attr]
            sent[f"c-{number}-typed"] = [f"{shown.node.typed} {shown.node.kind}"]  # type: ignore[union-attr]
        elif shown.is_expression:
            sent[f"c-{number}-is"] = ["expression"]
            sent[f"c-{number}-text"] = [str(shown.node.text)]  # type: ignore[union-attr]
        else:
            sent[f"c-{number}-is"], sent[f"c-{number}-was"] = ["row"], [shown.was]
            sent[f"c-{number}-field"], sent[f"c-{number}-op"] = [shown.node.field], [shown.operator]  # type: ignore[union-attr]
            if shown.shape != "nothing":
                sent[f"c-{number}-value"] = shown.texts
        for member in shown.members:
            add(member)

    if not form.no_rows:
        add(form.shown)
    return sent


def posted(sent: dict[str, Any], original: Any = None) -> ConditionsForm:
    data = QueryDict(mutable=True)
    for name, values in sent.items():
        data.setlist(name, values)
    return ConditionsForm(data, original=original, fields=FIELDS)


def number_of(form: ConditionsForm, field: str) -> int:
    def found(shown: Shown) -> list[int]:
        own = [shown.number] if getattr(shown.node, "field", None) == field else []
        return own + [number for member in shown.members for number in found(member)]

    return found(form.shown)[0]


def drawn(conditions: Any = None) -> tuple[ConditionsForm, dict[str, list[str]]]:
    form = ConditionsForm(original=conditions, fields=FIELDS)
    return form, page_of(form)


@pytest.mark.parametrize(
    "conditions", [CONDITIONS, None, {}, {"any": [{"a": 1}]}, {"field": "a", "op": "eq", "value": 1}]
)
def test_an_untouched_page_says_what_was_typed(conditions: Any) -> None:
    _, sent = drawn(conditions)
    form = posted(sent, conditions)
    assert form.is_valid() and json.dumps(form.value) == json.dumps(conditions)


def test_a_row_is_changed_and_its_neighbours_stay() -> None:
    form, sent = drawn(CONDITIONS)
    sent[f"c-{number_of(form, 'zip')}-value"] = ["10119"]
    sent[f"c-{number_of(form, 'n')}-op"] = ["gte"]
    sent[f"c-{number_of(form, 'ticket.x')}-op"] = ["exists"]
    after = posted(sent, CONDITIONS).value
    assert after["any"] == [{"zip": "10119"}, *CONDITIONS["any"][1:3], {"ticket.x": {"exists": True}}]
    assert after["n"] == {"gte": 1}
    assert {**after, "any": 0, "n": 0} == {**CONDITIONS, "any": 0, "n": 0}


def test_what_was_typed_follows_the_fields_type() -> None:
    _, sent = drawn()
    form = posted(sent)
    for name, operator, value, meant in (
        ("priority", "eq", "4", {"priority": 4}),
        ("ticket.zip", "eq", "10115", {"ticket.zip": "10115"}),
        ("nobody.knows", "ne", "4", {"nobody.knows": {"ne": 4}}),
        ("ticket.tags", "contains_any", "vip\r\nrefund", {"ticket.tags": {"contains_any": ["vip", "refund"]}}),
        ("status", "changed_to", "5", {"status": {"changed_to": 5}}),
        ("a", "empty:not", "", {"a": {"empty": False}}),
    ):
        form = ConditionsForm(original=None, fields=FIELDS)
        form.change("add:0")
        sent = page_of(form)
        sent |= {"c-1-field": [name], "c-1-op": [operator], "c-1-value": [value]}
        assert posted(sent).value == meant


def test_a_new_row_begins_with_what_suits_its_field() -> None:
    form, _ = drawn()
    form.change("add:0")
    form = posted({**page_of(form), "c-1-field": ["ticket.tags"]})
    assert form.shown.members[0].operator == "contains" and not form.is_valid()
    assert form.shown.members[0].problems == ["Say what to compare with."] and form.value is None


def test_the_json_has_its_way_where_it_was_changed() -> None:
    form, sent = drawn(CONDITIONS)
    sent[f"c-{number_of(form, 'n')}-op"] = ["gte"]
    form = posted({**sent, TEXT: ['{"a": 1}']}, CONDITIONS)
    assert form.value == {"a": 1} and form.shown.members[0].node.field == "a"  # type: ignore[union-attr]
    form = posted({**sent, TEXT: ['{"a": 1,\n }']}, CONDITIONS)
    assert not form.is_valid() and "Line 2" in form.problems[0] and form.text == '{"a": 1,\n }' and form.no_rows
    # What cannot be read stays, and is still the person's own when the page is sent again.
    assert not posted(page_of(form), CONDITIONS).is_valid()


def test_json_that_no_rows_show_is_kept_as_json() -> None:
    form, sent = drawn({"any": 5})
    assert form.no_rows and posted(sent, {"any": 5}).value == {"any": 5}


def test_buttons_change_the_rows() -> None:
    form, _ = drawn({"a": 1, "b": 2})
    for button, value in (
        ("in:1", {"any": [{"a": 1}], "b": 2}),
        ("copy:1", {"all": [{"any": [{"a": 1}]}, {"any": [{"a": 1}]}, {"b": 2}]}),
        ("remove:1", {"any": [{"a": 1}], "b": 2}),
        ("down:1", {"b": 2, "any": [{"a": 1}]}),
        ("out:3", {"b": 2, "a": 1}),
        ("nonsense", {"b": 2, "a": 1}),
        ("remove:99", {"b": 2, "a": 1}),
        ("add:x", {"b": 2, "a": 1}),
    ):
        form.change(button)
        assert form.value == value, button
        form = posted(page_of(form))


def test_problems_stand_at_their_rows() -> None:
    form, _ = drawn(CONDITIONS)
    form.add_problem("priority.gte", "no")
    form.add_problem("any.2.not.status.1", "not this")
    form.add_problem("", "in general")
    assert form.shown.members[0].problems == ["no"] and form.problems == ["in general"]
    assert form.shown.members[3].members[2].members[0].problems == ["not this"]


@pytest.mark.parametrize(
    "odd",
    [
        {"c": ["1"]},
        {"c": ["0", "0"]},
        {"c": ["0", "9"]},
        {"c": ["0"] + [str(number) for number in range(1, 400)]},
        {"c-0-is": ["row"]},
        {"c-0-kind": ["some"]},
        {"c-1-was": ["{"]},
        {"c-1-was": ["[]"]},
        {"c-1-was": ['{"typed": "oddly"}']},
        {"c-1-in": ["1"]},
    ],
)
def test_what_no_page_sends_is_refused(odd: dict[str, list[str]]) -> None:
    _, sent = drawn({"a": 1})
    with pytest.raises(NotOfThisPage):
        posted({**sent, **odd})
