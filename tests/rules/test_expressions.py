"""Expressions in `{{ }}`, read as a manual: what can be written, what comes out, what is refused and where."""

import sys
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.expressions import (
    MAX_EXPRESSION,
    MAX_OUTPUT,
    ExpressionError,
    Roots,
    compile_condition,
    compile_template,
    has_expression,
)

ROOTS = Roots(
    subjects=("ticket",),
    steps_before=("get-runbook", "note"),
    steps_after=("page", "tell"),
    inputs=("severity", "reason"),
    fields=(("ticket.subject", "text"), ("ticket.is_vip", "bool"), ("ticket.priority", "any")),
)
CONTEXT: dict[str, Any] = {
    "ticket": {
        "id": 42,
        "subject": "Refund please",
        "priority": "urgent",
        "is_vip": True,
        "amount": 12.5,
        "assignee": None,
        "tags": ["refund", "vip"],
        "lines": [{"name": "A long cable"}, {"price": 3}],
        "account number": "A-7",
    },
    "event": {"ticket": {"id": 42}},
    "meta": {"type": "ticket.created", "platform": "zendesk"},
    "steps": {"get-runbook": {"status": "failed", "failed": True, "succeeded": False, "error": "404", "output": None}},
    "inputs": {"severity": "critical"},
    "env": {"REGION": "eu-1"},
    "now": datetime(2026, 5, 4, 10, 0, tzinfo=UTC),
}


def render(text: str, context: dict[str, Any] | None = None, **options: Any) -> Any:
    return compile_template(text, ROOTS).render(CONTEXT if context is None else context, **options).value


def refusal(text: str, roots: Roots = ROOTS) -> ExpressionError:
    with pytest.raises(ExpressionError) as refused:
        compile_template(text, roots)
    return refused.value


def failure(text: str, **options: Any) -> ExpressionError:
    template = compile_template(text, ROOTS)
    with pytest.raises(ExpressionError) as failed:
        template.render(CONTEXT, **options)
    return failed.value


# --- values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no expression at all", "no expression at all"),
        ("", ""),
        ("Urgent: {{ticket.subject}}", "Urgent: Refund please"),
        ("{{ ticket.id }}/{{ ticket.id + 1 }}", "42/43"),
        ("{{ env.REGION }}", "eu-1"),
        ("{{ ticket['account number'] }}", "A-7"),
        ("{{ ticket.tags[1] }}", "vip"),
        ("{{ ticket.tags[size(ticket.tags) - 1] }}", "vip"),
        ("{{ ticket.subject.upperAscii().split(' ')[0] }}", "REFUND"),
        ("{{ math.greatest(1, 5) }}", 5),
        ("{{ 'vip' in ticket.tags }}", True),
        ("{{ ticket.tags.exists(t, t.startsWith('ref')) }}", True),
        ("{{ ticket.tags.map(t, t + '!').join(' ') }}", "refund! vip!"),
        ("{{ ticket.subject.matches('^Re.*e$') }}", True),
        ("{{ type(ticket.subject) == string }}", True),
    ],
)
def test_what_can_be_written(text: str, value: object) -> None:
    assert render(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ ticket.id }}", 42),
        ("  {{ ticket.id }}", "  42"),
        ("{{ ticket.tags }}", ["refund", "vip"]),
        ("Tags: {{ ticket.tags }}", 'Tags: ["refund","vip"]'),
        ("{{ ticket.assignee }}", None),
        ("Assignee: {{ ticket.assignee }}.", "Assignee: ."),
        ("{{ ticket.is_vip }}", True),
        ("{{ ticket.is_vip }}!", "true!"),
        ("{{ ticket.amount }}", 12.5),
        ("{{ 4.0 }} {{ 0.5 }}", "4 0.5"),
        ("{{ {'a': [1, null]} }}", {"a": [1, None]}),
        ("{{ now }}", "2026-05-04T10:00:00Z"),
        ("{{ now - duration('90m') }}", "2026-05-04T08:30:00Z"),
        ("{{ duration('2h') }}", "7200s"),
    ],
)
def test_a_whole_expression_keeps_its_type_and_text_around_it_makes_it_text(text: str, value: object) -> None:
    assert render(text) == value
    assert type(render(text)) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ ticket.priority == 'urgent' ? '#urgent' : '#general' }}", "#urgent"),
        ("{{ticket.is_vip?'VIP':'normal'}}", "VIP"),
        ("{{ ticket.is_vip ? 1 : 'one' }}", 1),
        ("{{ ticket.is_vip ? ticket.subject : null }}", "Refund please"),
        ("{{ ticket.id > 100 ? 'a' : ticket.id > 40 ? 'b' : 'c' }}", "b"),
        ("{{ has(ticket.nope) ? ticket.nope : 'none' }}", "none"),
        ("{{ ticket.is_vip ? {'a': 1} : {} }}", {"a": 1}),
    ],
)
def test_ternaries(text: str, value: object) -> None:
    rendered = compile_template(text, ROOTS).render(CONTEXT)
    assert (rendered.value, rendered.warnings) == (value, [])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ 'a }} b' }}", "a }} b"),
        ('{{ "}}" }}{{ "{{" }}', "}}{{"),
        ("{{ '''}}\n''' }}x", "}}\nx"),
        (r"{{ 'it\'s }}' }}", "it's }}"),
        (r"{{ r'\}}' }}", r"\}}"),
        ("{{ {'a': {'b': 1}}}}", {"a": {"b": 1}}),
        ("{{ 1 // it's a comment }}", 1),
        ("}} alone is text", "}} alone is text"),
    ],
)
def test_braces_inside_literals_close_nothing(text: str, value: object) -> None:
    assert render(text) == value


def test_the_text_of_a_value_is_never_an_expression() -> None:
    evil = {"ticket": {"subject": "{{ env.SECRET }} ${1+1} {% raw %}"}, "env": {"SECRET": "s3cret"}}
    assert render("{{ ticket.subject }}", evil) == "{{ env.SECRET }} ${1+1} {% raw %}"
    assert render("> {{ ticket.subject }}", evil) == "> {{ env.SECRET }} ${1+1} {% raw %}"
    assert render("{{ ticket.subject + '!' }}", evil) == "{{ env.SECRET }} ${1+1} {% raw %}!"


def test_has_expression_says_whether_a_value_is_a_template() -> None:
    assert has_expression("a {{ b }}")
    assert not has_expression("a { b }")
    assert not has_expression(4)


# --- steps ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ steps.get-runbook.failed }}", True),
        ("{{ steps.get-runbook.error }}", "404"),
        ("{{ steps['get-runbook'].status }}", "failed"),
        ("{{ 'steps.get-runbook.error' }}", "steps.get-runbook.error"),
        ("{{ has(steps.get-runbook.output) }}", True),
        ("{{ steps.get-runbook.failed || inputs.severity == 'critical' }}", True),
        ("{{ ticket.id-steps.get-runbook.error.size() }}", 39),
    ],
)
def test_a_step_id_with_hyphens_is_one_name(text: str, value: object) -> None:
    assert render(text) == value


def test_every_step_that_may_have_run_is_there_whether_it_ran_or_not() -> None:
    for name in ("error", "output", "status"):
        rendered = compile_template(f"{{{{ steps.note.{name} }}}}", ROOTS).render(CONTEXT)
        assert (rendered.value, rendered.warnings) == (None, [])
    assert render("{{ steps.note.failed }}") is False
    assert render("{{ steps.note.succeeded || true }}") is True
    assert render("{{ steps }}")["note"] == {
        "error": None,
        "output": None,
        "status": None,
        "failed": False,
        "succeeded": False,
    }


def test_later_and_unknown_steps_are_refused_with_their_place() -> None:
    later = refusal("{{ steps.page.output }}")
    assert (later.code, later.line, later.column) == ("later_step", 1, 10)
    assert "has not run yet" in later.message
    unknown = refusal("{{ steps.get-runbok.output }}")
    assert unknown.code == "unknown_step"
    assert "did you mean 'get-runbook'?" in unknown.message
    field = refusal("{{ steps.note.body }}")
    assert "steps.note.output" in field.message
    assert compile_template("{{ steps.any-thing.output }}", Roots()).render({"steps": {}}).value is None


# --- missing fields -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value", "missing"),
    [
        ("{{ ticket.nope }}", None, "ticket.nope"),
        ("Hi {{ ticket.nope.deeper }}!", "Hi !", "ticket.nope"),
        ("{{ ticket.assignee.name }}", None, "ticket.assignee.name"),
        ("{{ ticket.nope == 'x' ? 1 : 2 }}", 2, "ticket.nope"),
        ("{{ 'a' + ticket.nope }}", None, "ticket.nope"),
        ("{{ ticket.tags[9] }}", None, "ticket.tags[9]"),
        ("{{ ticket.lines.map(l, l.name) }}", None, "missing"),
        ("{{ vars.x }}", None, "vars"),
    ],
)
def test_a_missing_field_is_null_and_a_warning_or_with_strict_an_error(text: str, value: object, missing: str) -> None:
    rendered = compile_template(text, ROOTS).render(CONTEXT)
    assert rendered.value == value
    assert len(rendered.warnings) == 1
    assert missing in rendered.warnings[0]
    strict = failure(text, strict=True)
    assert strict.is_missing
    assert strict.code == "missing"


@pytest.mark.parametrize(
    "text",
    [
        "{{ has(ticket.nope.deeper) }}",
        "{{ has(ticket.nope) && ticket.nope }}",
        "{{ ticket.is_vip || ticket.nope }}",
        "{{ default(ticket.nope, 'x') }}",
        "{{ ticket.?nope.orValue('x') }}",
        "{{ ticket.?nope }}",
        "{{ inputs.reason }}",
    ],
)
def test_no_warning_where_the_author_provided_for_it(text: str) -> None:
    rendered = compile_template(text, ROOTS).render(CONTEXT, strict=True)
    assert rendered.warnings == []


def test_a_field_that_is_null_is_not_missing() -> None:
    rendered = compile_template("{{ ticket.assignee == null }}", ROOTS).render(CONTEXT, strict=True)
    assert rendered.value is True


# --- errors are errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ 1 / 0 }}", "divide by zero"),
        ("{{ ticket.id / 0 }}", "divide by zero"),
        ("text {{ ticket.id / 0 }}", "divide by zero"),
        ("{{ [ticket.id / 0] }}", "divide by zero"),
        ("{{ {'a': ticket.id / 0} }}", "divide by zero"),
        ("{{ ticket.amount / 0.0 }}", "not a number"),
        ("{{ 9223372036854775807 + ticket.id }}", "overflow"),
        ("{{ ticket.priority + 1 }}", "'+' cannot be applied to text and a whole number"),
        ("{{ ticket.assignee + 1 }}", "'+' cannot be applied to null and a whole number"),
        ("{{ ticket.id ? 1 : 2 }}", "before '?' must be true or false"),
        ("{{ ticket.id && true }}", "operands of '&&' must be true or false"),
        ("{{ int(ticket.priority) }}", "cannot convert"),
        ("{{ ticket.priority.matches('[') }}", "regular expression"),
        ("{{ b'abc' }}", "string(...)"),
        ("{{ [ticket.?id] }}", "orValue"),
        ("{{ {'a': ticket.?id} }}", "orValue"),
    ],
)
def test_an_error_is_raised_and_never_passes_as_a_value(text: str, said: str) -> None:
    assert said in failure(text).message


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("{{ ticket.subject + }}", 1, 20, "ends where a value is expected"),
        ("a\nbc {{ ticket.subject\n  + ) }}", 3, 5, "closes nothing"),
        ("{{ ticket.subject", 1, 1, "never closed"),
        ("ok {{ 'abc }}", 1, 7, "never closed"),
        ("{{ (1 + 2 }}", 1, 4, "never closed by ')'"),
        ("{{ }}", 1, 3, "empty"),
        ("{{ tikcet.subject }}", 1, 4, "did you mean 'ticket'?"),
        ("{{ priority }}", 1, 4, "did you mean 'ticket.priority'?"),
        ("{{ ticket.id + nope }}", 1, 16, "There is no 'nope'"),
        ("{{ shout(ticket.id) }}", 1, 4, "no function 'shout'"),
        ("{{ ticket.subject.upper() }}", 1, 19, "no function 'upper'"),
        ("{{ inputs.severty }}", 1, 11, "did you mean 'severity'?"),
        ("{{ meta.kind }}", 1, 9, "'meta' has no 'kind'"),
        ("{{ truncate(ticket.subject) }}", 1, 4, "truncate(text, length"),
        ("{{ [1].map(ticket, 2) }}", 1, 12, "another name"),
        ("{{ 1 + 'a' }}", 1, 6, "'+' cannot be applied to a whole number and text"),
        ("{{ ticket.subject > 3 }}", 1, 19, "'>' cannot be applied to text and a whole number"),
        ("{{ ticket.is_vip + 1 }}", 1, 18, "'+' cannot be applied to true or false and a whole number"),
        ("{{ google.protobuf.Timestamp{} }}", 1, 4, "There is no 'google'"),
        ("{{ " + "(" * 90 + "1" + ")" * 90 + " }}", 1, 68, "nested too deeply"),
        ("{{ " + "[" * 50 + "1" + "]" * 50 + " }}", 1, 4, "nested too deeply"),
    ],
)
def test_what_does_not_compile_says_where(text: str, line: int, column: int, said: str) -> None:
    error = refusal(text)
    assert said in error.message
    assert (error.line, error.column) == (line, column)


def test_an_expression_has_a_length_and_a_text_a_number_of_them() -> None:
    assert refusal("{{ " + "1+" * MAX_EXPRESSION + "1 }}").code == "too_large"
    assert "at most" in refusal("{{ 1 }}" * 300).message
    big = {"ticket": {"subject": "x" * (MAX_OUTPUT // 2)}}
    with pytest.raises(ExpressionError, match="characters when rendered"):
        compile_template("{{ ticket.subject }} {{ ticket.subject }} .", ROOTS).render(big)


# --- our functions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ default(ticket.assignee, 'nobody') }}", "nobody"),
        ("{{ default(ticket.nope.deeper, 7) + 1 }}", 8),
        ("{{ default(ticket.subject, 'x') }}", "Refund please"),
        ("{{ default(ticket.is_vip && false, true) }}", False),
        ("{{ json(ticket.tags) }}", '["refund","vip"]'),
        ("{{ json({'a': ticket.assignee}) }}", '{"a":null}'),
        ("{{ slug('Größe: 10 m²!') }}", "grosse-10-m2"),
        ("{{ truncate(ticket.subject, 6) }}", "Refun…"),
        ("{{ truncate(ticket.subject, 9, '...') }}", "Refund..."),
        ("{{ truncate(ticket.subject, 99) }}", "Refund please"),
        ("{{ date(now) }}", "2026-05-04"),
        ("{{ date(now, '%d.%m.%Y %H:%M', 'Europe/Berlin') }}", "04.05.2026 12:00"),
        ("{{ date('2026-12-31T23:30:00-02:00', '%-d %b %Y') }}", "1 Jan 2027"),
        ("{{ date(1777888800, '%Y') }}", "2026"),
        ("{{ date(ticket.assignee) }}", ""),
        ("{{ slug(truncate(ticket.subject, 6)) + '-' + string(ticket.id) }}", "refun-42"),
        ("{{ ticket.lines.map(l, default(l.name, '?')) }}", ["A long cable", "?"]),
        ("{{ ticket.lines.filter(l, default(l.price, 0) > 1).size() }}", 1),
        ("{{ ticket.tags.map(t, truncate(t, 2)).join(',') }}", "r…,v…"),
        ("{{ ticket.tags.map(t, ticket.tags.map(u, slug(t + ' ' + u)))[0][1] }}", "refund-vip"),
        ("{{ ticket.tags.exists(t, slug(t) == 'vip') }}", True),
        ("{{ ticket.tags.all(t, slug(t) == 'vip') }}", False),
        ("{{ ticket.tags.exists_one(t, slug(t) == 'vip') }}", True),
        ("{{ ticket.tags.map(t, slug(t) != 'vip', t) }}", ["refund"]),
    ],
)
def test_our_functions(text: str, value: object) -> None:
    rendered = compile_template(text, ROOTS).render(CONTEXT)
    assert (rendered.value, rendered.warnings) == (value, [])


def test_slug_writes_sharp_s_like_its_letters() -> None:
    assert render("{{ slug('Straße') }}") == "strasse"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ date('yesterday') }}", "is no time"),
        ("{{ date(now, '%Y', 'Mars/Olympus') }}", "no time zone 'Mars/Olympus'"),
        ("{{ date(now, '%Y', '../../etc/passwd') }}", "no time zone"),
        ("{{ date(now, '%999999999d') }}", "no '%9'"),
        ("{{ truncate(ticket.subject, -1) }}", "whole number"),
        ("{{ truncate(ticket.subject, 'x') }}", "whole number"),
        ("{{ ticket.subject.map(x, slug(x)) }}", "loops over a list"),
    ],
)
def test_our_functions_refuse_with_a_reason(text: str, said: str) -> None:
    assert said in failure(text).message


# --- conditions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "is_met"),
    [
        ("{{ ticket.is_vip }}", True),
        ("ticket.is_vip", True),
        (" {{ ticket.is_vip }} ", True),
        ("{{ steps.get-runbook.error }}", True),
        ("{{ steps.note.error }}", False),
        ("{{ !steps.note.failed && ticket.priority == 'urgent' }}", True),
        ("{{ ticket.assignee }}", False),
        ("{{ 0 }}", False),
        ("{{ 0.0 }}", False),
        ("{{ '' }}", False),
        ("{{ 'false' }}", True),
        ("{{ [] }}", False),
        ("{{ {} }}", False),
        ("{{ ticket.tags }}", True),
        ("{{ now }}", True),
        ("{{ has(ticket.nope) }}", False),
        ("{{ default(ticket.nope, false) }}", False),
    ],
)
def test_a_condition_is_met_by_what_is_not_empty(text: str, is_met: bool) -> None:
    assert compile_condition(text, ROOTS).is_met(CONTEXT) is is_met


@pytest.mark.parametrize("text", ["{{ ticket.nope }}", "{{ ticket.nope == 1 }}", "{{ 1 / (ticket.id - 42) == 1 }}"])
def test_a_condition_that_cannot_be_evaluated_is_neither_met_nor_unmet(text: str) -> None:
    with pytest.raises(ExpressionError):
        compile_condition(text, ROOTS).is_met(CONTEXT)


@pytest.mark.parametrize("text", ["", "{{ }}", "yes {{ true }}", "{{ true }}{{ true }}", "ticket.is_vip &&", "{{ true"])
def test_a_condition_is_exactly_one_expression(text: str) -> None:
    with pytest.raises(ExpressionError):
        compile_condition(text, ROOTS)


def test_without_roots_any_name_may_be_asked_for() -> None:
    condition = compile_condition("priority == 'urgent' && ticket.id > 4")
    assert condition.is_met({"priority": "urgent", "ticket": {"id": 5}})


# --- data as it really comes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (2**63 - 1, 2**63 - 1),
        (2**63, "9223372036854775808"),
        (-(2**70), "-1180591620717411303424"),
        ("a\x00b", "a\ufffdb"),
        ("half \ud83d", "half \ufffd"),
        ("😀é", "😀é"),
        (float("nan"), None),
        ((1, 2), [1, 2]),
        ({1: "a", None: "b"}, {"1": "a", "None": "b"}),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00Z"),
    ],
)
def test_odd_values_come_out_as_json_holds_them(value: object, seen: object) -> None:
    context = {"ticket": {"x": value}}
    assert render("{{ ticket.x }}", context) == seen
    assert render("{{ [ticket.x][0] }}", context) == seen
    assert render("{{ ticket }}", context) == {"x": seen}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=4),
    max_leaves=12,
)
SHAPES = st.sampled_from(
    [
        "{{ ticket.x }}",
        "a {{ ticket.x }} b",
        "{{ [ticket.x, {'a': ticket.x}] }}",
        "{{ ticket.x.a.b }}",
        "{{ ticket.x[0] + 1 }}",
        "{{ json(ticket.x) + slug(ticket.x) + truncate(ticket.x, 3) + date(ticket.x) }}",
        "{{ ticket.x.map(i, i.a) }}",
        "{{ ticket.x.filter(i, default(i.a, false)) }}",
        "{{ ticket.x ? 1 : 2 }}",
        "{{ ticket.?x.?y.orValue(1) }}",
        "{{ string(ticket.x) + '%s'.format([ticket.x]) }}",
        "{{ now - timestamp(ticket.x) }}",
    ]
)


@given(SHAPES, ANYTHING)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_the_data_is_there_is_a_value_or_a_reason(text: str, value: object) -> None:
    template = compile_template(text, ROOTS)
    try:
        template.render({"ticket": {"x": value}, "now": CONTEXT["now"]})
    except ExpressionError as error:
        assert error.message
        assert error.line >= 1


@given(st.text(st.sampled_from(list("{}[]()'\"`\\.,?:+-*/!&|=<> \n019abrticket_stepsmap")), max_size=60))
@settings(deadline=None, max_examples=400)
def test_whatever_is_written_compiles_or_is_refused_with_its_place(source: str) -> None:
    text = "x\n{{" + source + "}}"
    try:
        compile_template(text, ROOTS)
    except ExpressionError as error:
        lines = text.split("\n")
        assert 1 <= error.line <= len(lines)
        assert 1 <= error.column <= len(lines[error.line - 1]) + 1


# --- bounds ---------------------------------------------------------------------------------------------------

ITEMS = {"ticket": {"xs": [{"n": str(n)} for n in range(900)], "text": "x" * 200_000}}


@pytest.mark.parametrize(
    "text",
    [
        "{{ ['ab']" + ".map(a, a + a + a + a)" * 12 + " }}",
        "{{ 'aaaaaaaaaa'" + ".replace('a', 'aaaaaaaaaaaaaaa')" * 7 + " }}",
        "{{ ticket.xs.all(a, ticket.xs.all(b, ticket.xs.all(c, true))) }}",
        "{{ ticket.xs.map(a, ticket.xs.map(b, slug(a.n + b.n))) }}",
        "{{ ticket.xs.map(a, ticket.text) }}",
        "{{ ticket.xs.map(a, slug(ticket.text)) }}",
        "{{ ticket.xs.all(a, ticket.xs == ticket.xs) }}",
        "{{ ticket.text.matches('(((x?){100}){10})y') }}",
        "{{ ticket.text.split('') }}",
        "{{ " + " + ".join(["ticket.text"] * 20) + " }}",
    ],
)
def test_what_would_grow_or_loop_too_far_is_refused_before_it_hurts(text: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        compile_template(text, ROOTS).render(ITEMS)
    assert refused.value.code == "too_large"


def test_ordinary_work_on_ordinary_lists_is_within_bounds() -> None:
    assert len(render("{{ ticket.xs.map(x, x.n) }}", ITEMS)) == 900
    assert render("{{ ticket.xs.filter(x, x.n.endsWith('7')).size() }}", ITEMS) == 90
    assert render("{{ ticket.text.matches('^x+$') }}", ITEMS) is True


def test_nulls_cost_the_interpreter_nothing() -> None:
    """The library loses a reference to None for each null that is read from it; a long run would end the process."""
    template = compile_template("{{ [ticket.assignee, {'a': ticket.assignee}, null] }}", ROOTS)
    template.render(CONTEXT)
    before = sys.getrefcount(None)
    for _ in range(2_000):
        template.render(CONTEXT)
    assert abs(sys.getrefcount(None) - before) < 1_000


def test_one_template_serves_many_threads() -> None:
    template = compile_template("{{ [ticket.id, ticket.id + 1] }} {{ slug('T ' + string(ticket.id)) }}", ROOTS)
    wrong: list[str] = []

    def work(number: int) -> None:
        for turn in range(200):
            number += turn
            value = template.render({"ticket": {"id": number}}).value
            if value != f"[{number},{number + 1}] t-{number}":
                wrong.append(value)
            compile_template(f"{{{{ ticket.id + {number} }}}}", ROOTS)

    threads = [threading.Thread(target=work, args=(n * 1000,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_template_tells_which_data_it_asks_for() -> None:
    template = compile_template("{{ env.REGION + default(ticket.a.b, vars.c) }} {{ has(inputs.severity) }}", ROOTS)
    assert template.roots_used() == {"env", "ticket", "vars", "inputs"}
    assert ("env", "REGION") in template.paths_used()
    assert template.paths_used() >= {("ticket", "a", "b"), ("vars", "c"), ("inputs", "severity")}
