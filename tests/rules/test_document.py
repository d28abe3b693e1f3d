"""The rule document, read as a manual: what can be written, and what is said of what cannot, at which place."""

import json
from typing import Annotated, Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from integrations import registry
from integrations.base import BaseIntegration
from integrations.errors import InvalidInput
from integrations.specs import READS, ActionSpec, Encode, EventSpec, Mrkdwn
from rules.catalogue import KnownIntegration, KnownScripts, KnownVariable
from rules.checking import Checked, check
from rules.document import RuleDocument
from rules.problems import Problem


class Ticket(BaseModel):
    id: int
    subject: str
    is_vip: bool = False
    priority: int | None = None


class TicketPayload(BaseModel):
    ticket: Ticket


class Send(BaseModel):
    model_config = ConfigDict(extra="forbid")

    channel: str
    message: Mrkdwn = ""
    count: int = 1
    tone: Literal["kind", "short"] = "kind"
    nested: dict[str, list[int]] = {}


class Get(BaseModel):
    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Encode("url")]
    timeout: float = Field(30, gt=0)
    headers: Annotated[dict[str, str], Encode("header")] = {}


class Desk(BaseIntegration):
    key, name = "desk", "Desk"
    events = [
        EventSpec("ticket.created", subject="ticket", model=TicketPayload),
        EventSpec("ticket.solved", subject="ticket"),
    ]


class Chat(BaseIntegration):
    key, name = "chat", "Chat"
    actions = [ActionSpec("send_message", "", model=Send, handler="send", effect=READS)]


class Web(BaseIntegration):
    key, name = "web", "Web"
    is_generic = True
    actions = [ActionSpec("http_request", "", model=Get, handler="get", effect=READS)]


class World:
    """A catalogue without a database."""

    def __init__(self, *integrations: KnownIntegration) -> None:
        self.integrations = list(integrations)
        self.environments = ["dev", "prod"]
        self.variables = [KnownVariable("REGION", False), KnownVariable("KEY", True, ("api.example.com",))]

    scripts = KnownScripts()
    calendars = ["office"]

    tables = frozenset({"teams"})

    def has_rule(self, reference: str) -> bool:
        return reference == "Known"

    def connector(self, platform: str) -> type[BaseIntegration]:
        for connector in (Desk, Chat, Web):
            if connector.key == platform:
                return connector
        raise registry.UnknownPlatform(platform, ["chat", "desk", "web"])

    def action(self, platform: str, action: str) -> tuple[type[BaseIntegration], ActionSpec]:
        if not platform:
            if action == "http_request":
                return Web, Web.actions[0]
            raise InvalidInput(f"There is no action '{action}' without a platform. Name the step's `platform`.")
        connector = self.connector(platform)
        return connector, connector.action_spec(action)


ONE_CHAT = World(KnownIntegration("0190", "acme chat", "chat", None), KnownIntegration("0191", "acme", "desk", None))
SEND: dict[str, Any] = {"platform": "chat", "action": "send_message", "parameters": {"channel": "#urgent"}}
TRIGGER: dict[str, Any] = {"platform": "desk", "event": "ticket.created"}


def rule(*steps: Any, **more: Any) -> dict[str, Any]:
    return {"name": "A rule", "trigger": TRIGGER, "actions": list(steps) or [SEND], **more}


def send(**parameters: Any) -> dict[str, Any]:
    return {**SEND, "parameters": {"channel": "#urgent", **parameters}}


def checked(document: Any, world: World = ONE_CHAT) -> Checked:
    return check(document, world)


def problem(document: Any, world: World = ONE_CHAT) -> Problem:
    """Return the only problem of a document."""
    found = checked(document, world)
    assert len(found.problems) == 1, found.problems
    return found.problems[0]


# --- what can be written --------------------------------------------------------------------------------------

ESCALATE = rule(
    {
        "id": "get-runbook",
        "action": "http_request",
        "parameters": {"url": "https://wiki.example.com/runbooks/{{ ticket.id }}", "timeout": 30},
        "on_failure": "continue",
        "retry": {"attempts": 3, "base": "2s", "factor": 2, "cap": "5m"},
        "strict": True,
        "timeout": "20s",
    },
    {
        "id": "page",
        "platform": "chat",
        "integration": "acme chat",
        "action": "send_message",
        "condition": "{{ steps.get-runbook.failed || inputs.severity == 'critical' }}",
        "parameters": {"channel": "#{{ env.REGION }}", "message": "{{ticket.subject}}", "count": "{{ ticket.id }}"},
        "on_uncertain": "retry",
        "optional": True,
    },
    trigger={
        **TRIGGER,
        "integration": "acme",
        "environment": "prod",
        "conditions": {"subject": {"contains": "refund"}},
    },
    inputs={"severity": {"type": "string", "default": "low", "required": False}},
    description="Wakes somebody.",
    enabled=False,
    late="skip",
    concurrency={"mode": "parallel"},
)


def test_a_whole_document() -> None:
    found = checked(ESCALATE)
    assert (found.problems, found.warnings) == ([], [])
    assert isinstance(found.document, RuleDocument)
    assert [name for name, _ in found.document.named_steps()] == ["get-runbook", "page"]


@pytest.mark.parametrize(
    "document",
    [
        {"steps": [SEND]},
        {"name": "By hand", "actions": [SEND]},
        {"actions": [SEND], "trigger": {"platform": "manual"}},
        rule(trigger={"platform": "desk", "event": ["ticket.created", "ticket.solved"]}),
        rule(trigger={"platform": "desk", "event": "*"}),
        rule(send(message="{{ ticket.subject }}"), trigger={"platform": "desk", "event": "*"}),
        {"steps": [send(message="{{ inputs.whatever }}")]},
        rule({**SEND, "condition": True}),
        rule({**SEND, "condition": "ticket.is_vip"}),
    ],
)
def test_the_short_forms(document: dict[str, Any]) -> None:
    assert checked(document).problems == []


def test_steps_without_an_id_are_named_by_their_place() -> None:
    found = checked({"steps": [SEND, {**SEND, "id": "b"}, send(message="{{ steps.step-1.output }}")]})
    assert found.problems == []
    assert found.document is not None
    assert [name for name, _ in found.document.named_steps()] == ["step-1", "b", "step-3"]


# --- problems, each at its place ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "attr", "said"),
    [
        # trigger
        (rule(trigger={**TRIGGER, "platform": "dsk"}), "trigger.platform", "desk"),
        (rule(trigger={**TRIGGER, "event": "ticket.creatd"}), "trigger.event", "did you mean 'ticket.created'?"),
        (rule(trigger={**TRIGGER, "event": ["ticket.solved", "x"]}), "trigger.event.1", "ticket.created"),
        (rule(trigger={"platform": "desk"}), "trigger.event", "which event"),
        (rule(trigger={**TRIGGER, "environment": "prd"}), "trigger.environment", "did you mean 'prod'?"),
        (rule(trigger={**TRIGGER, "conditions": {"subject": {"containz": "x"}}}), "trigger.conditions", "contains"),
        (rule(trigger={**TRIGGER, "integration": "acme chat"}), "trigger.integration", "not on desk"),
        # steps
        (rule({**SEND, "platform": "chta"}), "actions.0.platform", "chat"),
        (rule({**SEND, "action": "send_mesage"}), "actions.0.action", "send_message"),
        (rule({"action": "http_reqest", "parameters": {}}), "actions.0.action", "http_reqest"),
        (rule({**SEND, "id": "a"}, {**SEND, "id": "a"}), "actions.1.id", "unique"),
        (rule({**SEND, "id": "step-2"}, SEND), "actions.1.id", "unique"),
        (rule({**SEND, "id": "a b"}), "actions.0.id", ""),
        (rule({**SEND, "on_failure": "ignore"}), "actions.0.on_failure", "abort"),
        (rule({**SEND, "retry": {"attempts": 0}}), "actions.0.retry.attempts", "1"),
        (rule({**SEND, "retry": {"attemps": 3}}), "actions.0.retry.attemps", "did you mean 'attempts'?"),
        (rule({**SEND, "retry": {"base": "soon"}}), "actions.0.retry.base", "2s"),
        (rule({**SEND, "paramters": {}}), "actions.0.paramters", "did you mean 'parameters'?"),
        (rule(actions=[]), "actions", "at least one"),
        (rule(steps=[SEND]), "actions", "one of them"),
        (rule(actions="x"), "actions", "list"),
        (rule("x"), "actions.0", ""),
        # parameters
        (rule({**SEND, "parameters": {}}), "actions.0.parameters.channel", "required"),
        (rule(send(chanel="x")), "actions.0.parameters.chanel", "did you mean 'channel'?"),
        (rule(send(count="many")), "actions.0.parameters.count", "integer"),
        (rule(send(tone="loud")), "actions.0.parameters.tone", "kind"),
        (rule(send(nested={"a": [1, "x"]})), "actions.0.parameters.nested.a.1", "integer"),
        (
            rule({"action": "http_request", "parameters": {"url": "u", "timeout": 0}}),
            "actions.0.parameters.timeout",
            "0",
        ),
        # expressions
        (rule(send(message="x {{ ticket.subject + }}")), "actions.0.parameters.message", "line 1, column 22"),
        (rule(send(message="a\n{{ tikcet.id }}")), "actions.0.parameters.message", "line 2, column 4"),
        (rule(send(message="{{ steps.nope.output }}")), "actions.0.parameters.message", "no step 'nope'"),
        (rule(send(message="{{ steps.step-1.output }}")), "actions.0.parameters.message", "has not run yet"),
        (
            rule(send(message="{{ steps.b.output }}"), {**SEND, "id": "b"}),
            "actions.0.parameters.message",
            "not run yet",
        ),
        (rule(send(nested={"a": "{{ nope }}"})), "actions.0.parameters.nested.a", "no 'nope'"),
        (rule(send(message="{{ ticket.subject > 3 }}")), "actions.0.parameters.message", "cannot be applied to text"),
        (rule({**SEND, "condition": "{{ ticket.subject == }}"}), "actions.0.condition", "ends where a value"),
        (
            rule({**SEND, "condition": "{{ steps.b.failed }}"}, {**SEND, "id": "b"}),
            "actions.0.condition",
            "not run yet",
        ),
        (
            rule(send(message="{{ inputs.sevrity }}"), inputs={"severity": {}}),
            "actions.0.parameters.message",
            "did you mean 'severity'?",
        ),
        (rule({**SEND, "condition": "yes {{ true }}"}), "actions.0.condition", "one expression"),
        (rule(send(nested={"{{ ticket.id }}": [1]})), "actions.0.parameters.nested.{{ ticket.id }}", "in a name"),
        (rule(inputs={"n": {"type": "integer", "default": "x"}}), "inputs.n.default", "must be integer"),
        # the whole
        (rule(concurency={}), "concurency", "did you mean 'concurrency'?"),
        (rule(late="maybe"), "late", "run"),
        (rule(name="a\x00b"), "name", "u0000"),
        (rule(send(message="a\x00b")), "actions.0.parameters.message", "u0000"),
        (rule(send(**{"a\x00": 1})), "actions.0.parameters", "u0000"),
        (rule({**SEND, "parameters": {1: 2}}), "actions.0.parameters", "1"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(document: dict[str, Any], attr: str, said: str) -> None:
    found = checked(document)
    assert found.problems, "nothing was found"
    at = [item.attr for item in found.problems]
    assert any(place == attr or place.startswith(f"{attr}.") for place in at), at
    assert said in " ".join(item.detail for item in found.problems)


def test_the_list_is_called_as_the_author_called_it() -> None:
    bad = {**SEND, "parameters": {}}
    assert problem({"steps": [bad]}).attr == "steps.0.parameters.channel"
    assert problem({"actions": [bad]}).attr == "actions.0.parameters.channel"


def test_everything_that_is_wrong_is_said_at_once() -> None:
    document = rule(
        send(message="{{ nope }}", extra=1),
        {**SEND, "id": "b", "action": "sing"},
        trigger={**TRIGGER, "event": "x"},
    )
    assert {item.attr for item in checked(document).problems} == {
        "trigger.event",
        "actions.0.parameters.message",
        "actions.0.parameters.extra",
        "actions.1.action",
    }


def test_a_template_is_checked_after_rendering_and_missing_fields_before() -> None:
    assert checked(rule(send(count="{{ ticket.id }}", tone="{{ ticket.subject }}"))).problems == []
    found = problem(rule({**SEND, "parameters": {"count": "{{ ticket.id }}"}}))
    assert found.attr == "actions.0.parameters.channel"
    mixed = rule(send(count="{{ ticket.id }}", tone="loud"))
    assert problem(mixed).attr == "actions.0.parameters.tone"


def test_data_of_an_event_does_not_choose_where_credentials_go() -> None:
    def get(url: str, **headers: str) -> dict[str, Any]:
        return rule({"action": "http_request", "parameters": {"url": url, "headers": headers}})

    found = problem(get("https://{{ ticket.subject }}/x", Authorization="Bearer abc"))
    assert (found.attr, found.code) == ("actions.0.parameters.url", "host_from_event")
    assert checked(get("https://{{ ticket.subject }}/x", Accept="text/plain")).problems == []
    assert checked(get("https://{{ env.HOST }}/{{ ticket.subject }}", Authorization="Bearer abc")).problems == []


# --- order ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["parallel", "queued", "single", "restart"])
def test_a_rule_may_ask_for_order(mode: str) -> None:
    for key in ({}, {"key": "ticket.id"}, {"key": "{{ ticket.id }}"}, {"key": "event.ticket.id + meta.id"}):
        assert checked(rule(concurrency={"mode": mode, **key})).problems == []
    assert checked(rule(inputs={"who": {"type": "string"}}, concurrency={"key": "inputs.who"})).problems == []


@pytest.mark.parametrize(
    ("key", "detail"),
    [
        ("ticket.id +", "line 1"),
        ("{{ ticket.id }} and more", "one expression"),
        ("customer.id", "There is no 'customer' here"),
        ("steps.first.output", "There is no step 'first'"),
        ("env.REGION", "A key cannot name 'env'"),
        ("now", "A key cannot name 'now'"),
        ("inputs.whom", "There is no input 'whom'"),
    ],
)
def test_a_key_is_checked_when_the_rule_is_saved(key: str, detail: str) -> None:
    found = problem(rule(inputs={"who": {"type": "string"}}, concurrency={"mode": "queued", "key": key}))
    assert (found.attr, detail in found.detail) == ("concurrency.key", True), found.detail


def test_an_unknown_mode_is_refused() -> None:
    assert problem(rule(concurrency={"mode": "serial"})).attr == "concurrency.mode"


# --- for each item of a list ----------------------------------------------------------------------------------


def of_each(for_each: Any, **more: Any) -> dict[str, Any]:
    return {"id": "tell", "for_each": for_each, **send(message="{{ index }}: {{ item.name }}"), **more}


@pytest.mark.parametrize(
    "for_each",
    ["{{ ticket.subject.split(' ') }}", ["a", "{{ ticket.id }}"], [], {"items": ["a"], "max": 1000, "in_flight": 1}],
)
def test_a_step_may_be_done_for_each_item_of_a_list(for_each: Any) -> None:
    found = checked(rule(of_each(for_each, condition="{{ item.open && index < 5 }}")))
    assert (found.problems, found.warnings) == ([], [])


@pytest.mark.parametrize(
    ("step", "attr", "words"),
    [
        (of_each("a, b"), "for_each", "one expression and nothing around it"),
        (of_each("List: {{ ticket.id }}"), "for_each", "one expression and nothing around it"),
        (of_each("{{ ticket.( }}"), "for_each", ""),
        (of_each("{{ item }}"), "for_each", "known only in the parameters"),
        (of_each(["a", {"b": "{{ steps.tell.output }}"}]), "for_each.1.b", "has not run yet"),
        (of_each({"items": "{{ nothing }}"}), "for_each.items", "There is no 'nothing' here"),
        (of_each({"items": [1, 2, 3], "max": 2}), "for_each.items", "at most 2 are taken"),
        (of_each({"items": [1], "max": 1001}), "for_each.max", "1000"),
        (of_each({"items": [1], "in_flight": 0}), "for_each.in_flight", ""),
        (of_each({"items": [1], "most": 3}), "for_each.most", "Fields: items, max, in_flight"),
        (of_each("{{ [env.KEY] }}"), "for_each", "is a secret"),
        (of_each(7), "for_each", ""),
        ({**of_each([1]), "parameters": {"channel": "#a", "message": "{{ items }}"}}, "parameters.message", "item"),
        (of_each([1], throttle="one per 10m"), "for_each", "A step with `throttle` has no `for_each`"),
        ({"wait": {"for": "1h"}, "for_each": [1]}, "for_each", "write what is done for each item as a rule"),
        (send(message="{{ item }}"), "parameters.message", "known only in the parameters"),
        ({**SEND, "condition": "{{ index == 0 }}"}, "condition", "known only in the parameters"),
    ],
)
def test_what_is_wrong_with_a_list_is_told_with_its_place(step: dict[str, Any], attr: str, words: str) -> None:
    found = problem(rule(step))
    assert (found.attr, words in found.detail) == (f"actions.0.{attr}", True), found


def test_an_item_chooses_a_host_only_where_the_author_made_the_list() -> None:
    parameters = {"url": "https://{{ item }}/x", "headers": {"Authorization": "Bearer abc"}}
    step = {"action": "http_request", "parameters": parameters}
    found = problem(rule({**step, "for_each": "{{ ticket.subject.split(' ') }}"}))
    assert found.code == "host_from_event"
    assert not checked(rule({**step, "for_each": ["a.example.com", "b.example.com"]})).problems


# --- steps that call nobody -----------------------------------------------------------------------------------


def test_a_wait_an_approval_and_another_rule_are_steps() -> None:
    steps = (
        {"id": "a", "wait": {"for": "{{ ticket.priority > 3 ? '1h' : '2h' }}"}},
        {"wait": {"until": "2026-12-01T09:00:00Z"}},
        {"approval": {"message": "Refund {{ ticket.id }}?", "roles": ["admin"], "deadline": "2d"}},
        {"rule": "Known", "inputs": {"id": "{{ ticket.id }}", "waited": "{{ steps.a.output.waited_until }}"}},
    )
    found = checked(rule(*steps))
    assert (found.problems, found.warnings) == ([], [])


@pytest.mark.parametrize(
    ("step", "attr"),
    [
        ({"wait": {}}, "actions.0.wait"),
        ({"wait": {"for": "soon"}}, "actions.0.wait.for"),
        ({"wait": {"for": "2h", "until": "2026-12-01"}}, "actions.0.wait"),
        ({"wait": {"for": "{{ nope.x }}"}}, "actions.0.wait.for"),
        ({"wait": {"fro": "2h"}}, "actions.0.wait.fro"),
        ({"wait": {"for": "2h"}, "action": "http_request"}, "actions.0.action"),
        ({"wait": {"for": "2h"}, "approval": {}}, "actions.0.approval"),
        ({"approval": {"roles": ["king"]}}, "actions.0.approval.roles.0"),
        ({"approval": {"people": ["nobody"]}}, "actions.0.approval.people.0"),
        ({"rule": "Known", "inputs": {"a": "{{ oops"}}, "actions.0.inputs.a"),
        ({"inputs": {"a": 1}, **SEND}, "actions.0.inputs"),
        ({"id": "a"}, "actions.0.action"),
    ],
)
def test_what_is_wrong_with_them_is_told_at_its_place(step: dict[str, Any], attr: str) -> None:
    assert problem(rule(step)).attr == attr


def test_a_rule_that_is_not_there_yet_is_a_warning() -> None:
    found = checked(rule({"rule": "Later"}))
    assert (found.problems, [warning.code for warning in found.warnings]) == ([], ["unknown_rule"])


# --- a graph of steps -----------------------------------------------------------------------------------------


def test_steps_may_wait_for_any_other_step() -> None:
    graph = rule({**SEND, "id": "a"}, {**SEND, "id": "b", "needs": ["c"]}, {**SEND, "id": "c", "needs": []}, SEND)
    assert checked(graph).problems == []


@pytest.mark.parametrize(
    ("steps", "attr", "code"),
    [
        ([{"id": "a"}, {"id": "b", "needs": ["x"]}], "actions.1.needs.0", "unknown_step"),
        ([{"id": "a"}, {"id": "b", "needs": ["a", "b"]}], "actions.1.needs.1", "cycle"),
        ([{"id": "a", "needs": ["b"]}, {"id": "b"}], "actions.0.needs", "cycle"),
    ],
)
def test_needs_that_cannot_be_met_are_told(steps: list[dict[str, Any]], attr: str, code: str) -> None:
    found = problem(rule(*({**SEND, **step} for step in steps)))
    assert (found.attr, found.code) == (attr, code)


def test_an_expression_may_name_another_branch_but_no_step_that_waits_for_this_one() -> None:
    def told(of: str) -> dict[str, Any]:
        return {**SEND, "parameters": {"channel": "#urgent", "message": f"{{{{ steps.{of}.output }}}}"}}

    branches = [{**SEND, "id": "a"}, {**told("c"), "id": "b", "needs": ["a"]}, {**SEND, "id": "c", "needs": ["a"]}]
    assert checked(rule(*branches)).problems == []
    branches[2] = {**SEND, "id": "c", "needs": ["b"]}
    assert problem(rule(*branches)).attr == "actions.1.parameters.message"


# --- integrations ---------------------------------------------------------------------------------------------


def test_an_integration_that_does_not_exist_yet_is_a_warning() -> None:
    found = checked(rule(), World())
    assert found.problems == []
    assert "actions.0" in found.warnings[0].attr
    named = checked(rule({**SEND, "integration": "acme caht"}))
    assert named.problems == []
    assert "did you mean 'acme chat'?" in named.warnings[0].detail


def test_among_several_one_has_to_be_named() -> None:
    world = World(*(KnownIntegration(str(n), f"chat {n}", "chat", None) for n in range(2)))
    assert problem(rule(), world).attr == "actions.0.integration"
    for reference in ("chat 1", "1"):
        assert checked(rule({**SEND, "integration": reference}), world).problems == []


def test_one_for_each_environment_is_not_ambiguous() -> None:
    world = World(KnownIntegration("1", "a", "chat", "dev"), KnownIntegration("2", "b", "chat", "prod"))
    assert checked(rule(), world).problems == []


def test_an_integration_of_another_platform_is_no_use() -> None:
    assert problem(rule({**SEND, "integration": "acme"})).attr == "actions.0.integration"


# --- whatever is handed in ------------------------------------------------------------------------------------


@pytest.mark.parametrize("odd", [None, [], "x", 4, True, {}, {"": {}}, {"trigger": None}, {"actions": {}}])
def test_what_is_no_document_is_refused(odd: object) -> None:
    assert checked(odd).problems


def test_huge_and_deep_documents_are_refused() -> None:
    assert checked(rule(send(message="x" * 300_000))).problems[0].code == "too_large"
    deep: Any = "{{ ticket.id }}"
    for _ in range(3_000):
        deep = [deep]
    assert checked(rule(send(nested=deep))).problems
    assert checked(rule(*[SEND] * 500)).problems


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("{{ ticket.id }}"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=6) | st.integers() | st.none(), inner, max_size=3)
    ),
    max_leaves=8,
)
SPOTS: list[tuple[str | int, ...]] = [
    *((name,) for name in ESCALATE),
    ("gate",),
    ("environment",),
    *(("trigger", name) for name in ("platform", "event", "integration", "environment", "conditions")),
    ("concurrency", "mode"),
    ("concurrency", "key"),
    ("inputs", "severity"),
    ("inputs", "severity", "type"),
    *(("actions", 0, name) for name in ESCALATE["actions"][0]),
    *(("actions", 1, name) for name in ("condition", "integration", "needs", "wait", "approval", "for_each")),
    ("actions", 0, "retry", "base"),
    ("actions", 0, "retry", "attempts"),
    ("actions", 1, "parameters", "count"),
    ("actions", 1, "parameters", "message"),
]


def with_part(spot: tuple[str | int, ...], part: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(ESCALATE))
    inside: Any = document
    for name in spot[:-1]:
        inside = inside[name]
    inside[spot[-1]] = part
    return document


@given(JSON)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_value_gives_problems_and_never_an_exception(value: Any) -> None:
    found = checked(value)
    assert all(isinstance(item.attr, str) and item.code and item.detail for item in found.problems)


@given(st.sampled_from(SPOTS), JSON, st.sampled_from(SPOTS), JSON)
@settings(deadline=None, max_examples=600, suppress_health_check=[HealthCheck.too_slow])
def test_odd_values_anywhere_give_problems_and_never_an_exception(
    spot: tuple[str | int, ...], part: Any, other: tuple[str | int, ...], another: Any
) -> None:
    document = with_part(spot, part)
    inside: Any = document
    for name in other[:-1]:
        is_item = isinstance(inside, list) and isinstance(name, int) and name < len(inside)
        if is_item or (isinstance(inside, dict) and name in inside):
            inside = inside[name]
    if isinstance(inside, dict):
        inside[other[-1]] = another
    found = checked(document)
    assert all(isinstance(item.attr, str) and item.code and item.detail for item in found.problems + found.warnings)
    if not found.problems:
        # What was let through can be read again and again.
        assert found.document is not None
        assert RuleDocument.model_validate(document) == found.document


def test_an_id_of_an_integration_that_is_not_here_is_refused_while_a_name_may_come_later() -> None:
    foreign = rule({**SEND, "integration": "01a1fe23-785c-707f-9fa8-5bcb448fe531"})
    assert problem(foreign).attr == "actions.0.integration"
    named = checked(rule({**SEND, "integration": "not yet there"}))
    assert not named.problems
    assert [warning.attr for warning in named.warnings] == ["actions.0.integration"]
