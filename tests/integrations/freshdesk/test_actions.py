"""What we ask Freshdesk to do: the requests that are made, and what becomes of its answers."""

from dataclasses import replace
from typing import Any

import pytest

from integrations import markers
from integrations.connectors.freshdesk import client
from integrations.connectors.freshdesk.connector import Freshdesk
from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    IntegrationError,
    InvalidInput,
    NotFound,
    RateLimited,
    Unavailable,
    Uncertain,
)
from integrations.specs import Account, Action, Call, Encode, File, Result
from tests.integrations import recorded
from tests.integrations.recorded import FakePlatform

CREDENTIALS = {"domain": "acme.freshdesk.com", "api_key": "fd-key-3f9a"}
KEY = "01a1f89c-fb80-7c3a-9d52-6f1e2b3c4d5e"
CALL = Call(idempotency_key=KEY, deadline=30)
TAG = markers.tag(KEY)
MARK = markers.hidden(KEY)

CREATE = {"subject": "Charged twice", "description": "My card\nwas charged", "email": "grace.okafor@northwind.example"}
NOTE = {"ticket_id": 3417, "body": "<div>Refund of <b>129.90</b> approved.</div>"}
REPLY = {"ticket_id": "3417", "body": "We are looking into it."}
TIME = {"ticket_id": 3417, "time_spent": "1:30", "note": "Called the bank"}
CONTACT = {"name": "Grace Okafor", "email": "grace.okafor@northwind.example"}
BULK = {"ticket_ids": [3417, "3418"], "status": "resolved", "priority": "low"}

# Answers, action, parameters, and the body of the last request.
SUCCESSES: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    (
        "create_ticket__201",
        "create_ticket",
        {**CREATE, "priority": "urgent", "tags": ["billing"], "custom_fields": {"cf_amount": 129.9}},
        {
            "subject": "Charged twice",
            "description": "My card<br>\nwas charged",
            "email": "grace.okafor@northwind.example",
            "priority": 4,
            "status": 2,
            "source": 2,
            "tags": ["billing", TAG],
            "custom_fields": {"cf_amount": 129.9},
        },
    ),
    (
        "create_ticket__201__named",
        "create_ticket",
        {**CREATE, "agent": "mina.park@acme.example", "group": "billing", "source": "phone"},
        {
            "subject": "Charged twice",
            "description": "My card<br>\nwas charged",
            "email": "grace.okafor@northwind.example",
            "priority": 1,
            "status": 2,
            "source": 3,
            "tags": [TAG],
            "responder_id": 43001902117,
            "group_id": 43000187422,
        },
    ),
    ("update_ticket__200", "update_ticket", {"ticket_id": 3417, "priority": "high"}, {"priority": 3}),
    (
        "update_ticket__200",
        "update_ticket",
        {"ticket_id": "3417", "tags": ["vip"], "due_by": "2026-11-24T10:00:00Z", "fr_due_by": "2026-11-23T10:00:00Z"},
        {"tags": ["vip"], "due_by": "2026-11-24T10:00:00Z", "fr_due_by": "2026-11-23T10:00:00Z"},
    ),
    (
        "update_ticket__200__tags",
        "update_ticket",
        {"ticket_id": 3417, "add_tags": ["escalated", "vip"], "remove_tags": ["Billing"]},
        {"tags": ["vip", "escalated"]},
    ),
    ("add_note__201", "add_note", NOTE, {"body": NOTE["body"] + MARK, "private": True, "incoming": False}),
    ("add_reply__201", "add_reply", REPLY, {"body": REPLY["body"] + MARK}),
    ("assign_ticket__200", "assign_ticket", {"ticket_id": 3417, "agent": "mina park"}, {"responder_id": 43001902117}),
    ("update_ticket__200", "assign_ticket", {"ticket_id": 3417, "group_id": "43000187422"}, {"group_id": 43000187422}),
    ("change_status__200", "change_status", {"ticket_id": 3417, "status": "Resolved"}, {"status": 4}),
    ("change_status__200", "change_status", {"ticket_id": 3417, "status": "4"}, {"status": 4}),
    ("change_status__200__own", "change_status", {"ticket_id": 3417, "status": "waiting on customer"}, {"status": 6}),
    (
        "add_time_entry__201",
        "add_time_entry",
        TIME,
        {"time_spent": "1:30", "note": "Called the bank", "billable": True, "timer_running": False},
    ),
    (
        "create_contact__201",
        "create_contact",
        {**CONTACT, "company": "Northwind Traders"},
        {"name": "Grace Okafor", "email": "grace.okafor@northwind.example", "company_id": 43000218114},
    ),
    (
        "update_contact__200",
        "update_contact",
        {"contact_id": 43004412765, "job_title": "Head of purchasing"},
        {"job_title": "Head of purchasing"},
    ),
    (
        "create_company__201",
        "create_company",
        {"name": "Northwind Traders", "domains": ["northwind.example"]},
        {"name": "Northwind Traders", "domains": ["northwind.example"]},
    ),
    ("update_company__200", "update_company", {"company_id": 43000218114, "account_tier": "Basic"},
     {"account_tier": "Basic"}),
]  # fmt: skip

FAILURES: list[tuple[str, dict[str, Any]]] = [
    ("create_ticket", CREATE),
    ("update_ticket", {"ticket_id": 3417, "priority": 3}),
    ("add_note", NOTE),
    ("add_reply", REPLY),
    ("assign_ticket", {"ticket_id": 3417, "agent": 43001902117}),
    ("change_status", {"ticket_id": 3417, "status": "closed"}),
    ("add_time_entry", TIME),
    ("create_contact", CONTACT),
    ("update_contact", {"contact_id": 43004412765, "name": "Grace"}),
    ("create_company", {"name": "Northwind Traders"}),
    ("update_company", {"company_id": 43000218114, "note": "x"}),
    ("bulk_update", BULK),
]
CLASSES: dict[str, type[IntegrationError]] = {
    "400": InvalidInput,
    "401": CredentialsRejected,
    "403": Forbidden,
    "404": NotFound,
    "409": InvalidInput,
    "429": RateLimited,
    "500": Unavailable,
    "cut_off": Uncertain,
}


def execute(
    platform: FakePlatform, action: str, parameters: dict[str, Any], config: dict[str, Any] | None = None
) -> Result:
    connector = platform.connect(Freshdesk, CREDENTIALS, config, call=CALL)
    result: Result = connector.execute(Action(action, parameters))
    return result


def find_earlier(platform: FakePlatform, action: str, parameters: dict[str, Any], call: Call = CALL) -> Result | None:
    connector = platform.connect(Freshdesk, CREDENTIALS, call=call)
    spec = Freshdesk.action_spec(action)
    result: Result | None = getattr(connector, spec.find_earlier)(spec.model.model_validate(parameters))
    return result


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited for jobs, without waiting."""
    seconds: list[float] = []
    monkeypatch.setattr(client, "pause", seconds.append)
    return seconds


@pytest.mark.parametrize(("answers", "action", "parameters", "body"), SUCCESSES)
def test_the_request_that_an_action_makes(
    answers: str, action: str, parameters: dict[str, Any], body: dict[str, Any]
) -> None:
    with FakePlatform.of("freshdesk", answers) as platform:
        result = execute(platform, action, parameters)
    assert result.success
    assert platform.sent() == body
    assert result.data["id"]
    # HTTP Basic: the key as user, X as password.
    assert platform.requests[0].headers["authorization"] == "Basic ZmQta2V5LTNmOWE6WA=="
    assert platform.requests[0].url.host == "acme.freshdesk.com"


def test_there_are_recorded_answers_for_each_action() -> None:
    for spec in Freshdesk.actions:
        statuses = {name.split("__")[1] for name in recorded.answer_names("freshdesk", f"{spec.name}__")}
        assert statuses & {"200", "201", "202"}, spec.name
        assert len(statuses - {"200", "201", "202"}) >= 2, spec.name
        assert spec.name in {action for action, _ in FAILURES}


@pytest.mark.parametrize(("action", "parameters"), FAILURES)
def test_refusals_are_sorted_into_classes(action: str, parameters: dict[str, Any]) -> None:
    tried = 0
    for name in recorded.answer_names("freshdesk", f"{action}__"):
        status = name.split("__")[1]
        if status not in CLASSES:
            continue
        tried += 1
        with FakePlatform.of("freshdesk", name) as platform, pytest.raises(IntegrationError) as raised:
            execute(platform, action, parameters)
        assert type(raised.value) is CLASSES[status], name
        assert CREDENTIALS["api_key"] not in f"{raised.value} {raised.value.detail}"
    assert tried >= 2


def test_refusals_name_the_fields() -> None:
    with FakePlatform.of("freshdesk", "create_ticket__400") as platform, pytest.raises(InvalidInput) as raised:
        execute(platform, "create_ticket", CREATE)
    assert "email: It should be a valid email address." in raised.value.message
    assert "type: It should be one of these values" in raised.value.message


def test_the_wait_that_freshdesk_asks_for_is_kept() -> None:
    with FakePlatform.of("freshdesk", "create_ticket__429") as platform, pytest.raises(RateLimited) as raised:
        execute(platform, "create_ticket", CREATE)
    assert raised.value.retry_after == 27


def test_tickets_are_answered_with_names_and_address() -> None:
    with FakePlatform.of("freshdesk", "create_ticket__201") as platform:
        result = execute(platform, "create_ticket", CREATE)
    assert result.message == "Ticket 3417 was opened."
    assert result.data["url"] == "https://acme.freshdesk.com/a/tickets/3417"
    assert (result.data["priority"], result.data["priority_name"]) == (4, "urgent")


def test_a_ticket_without_description_says_its_subject() -> None:
    with FakePlatform.of("freshdesk", "create_ticket__201") as platform:
        execute(platform, "create_ticket", {"subject": "Charged <b>twice", "requester_id": "43004412765"})
    assert platform.sent()["description"] == "Charged &lt;b&gt;twice"
    assert platform.sent()["requester_id"] == 43004412765


@pytest.mark.parametrize(
    ("action", "field"),
    [("create_ticket", "description"), ("update_ticket", "description"), ("add_note", "body"), ("add_reply", "body")],
)
def test_values_of_events_are_escaped_in_html(action: str, field: str) -> None:
    assert Encode("html") in Freshdesk.action_spec(action).model.model_fields[field].metadata


# --- configuration -------------------------------------------------------------------------------------------
def test_defaults_fill_in_what_a_rule_leaves_out() -> None:
    with FakePlatform.of("freshdesk", "create_ticket__201") as platform:
        execute(platform, "create_ticket", CREATE, {"default_priority": 2, "default_status": "pending"})
    assert (platform.sent()["priority"], platform.sent()["status"]) == (2, 3)
    with FakePlatform.of("freshdesk", "create_ticket__201") as platform:
        execute(platform, "create_ticket", {**CREATE, "priority": 4, "status": 2}, {"default_priority": "medium"})
    assert (platform.sent()["priority"], platform.sent()["status"]) == (4, 2)


def test_a_default_status_may_be_one_of_the_accounts_own() -> None:
    with FakePlatform.of("freshdesk", "create_ticket__201__own_status") as platform:
        execute(platform, "create_ticket", CREATE, {"default_status": "Waiting on Customer"})
    assert platform.sent()["status"] == 6


def test_new_tickets_go_to_the_group_of_the_configuration() -> None:
    with FakePlatform.of("freshdesk", "create_ticket__201__auto_assign") as platform:
        execute(platform, "create_ticket", CREATE, {"auto_assign": True, "auto_assign_group": "Billing"})
    assert platform.sent()["group_id"] == 43000187422


@pytest.mark.parametrize("chosen", [{"agent": 7}, {"group": 8}])
def test_a_ticket_that_has_somebody_keeps_them(chosen: dict[str, int]) -> None:
    config = {"auto_assign": True, "auto_assign_agent": 43001902117}
    with FakePlatform.of("freshdesk", "create_ticket__201") as platform:
        execute(platform, "create_ticket", {**CREATE, **chosen}, config)
    assert platform.sent().get("responder_id") != 43001902117


def test_assigning_switched_off_assigns_nobody() -> None:
    with FakePlatform.of("freshdesk", "create_ticket__201") as platform:
        execute(platform, "create_ticket", CREATE, {"auto_assign": False, "auto_assign_agent": 43001902117})
    assert "responder_id" not in platform.sent()


def test_assigning_to_nobody_is_a_warning() -> None:
    config = {"auto_assign": True, "default_priority": 2}
    with FakePlatform.of("freshdesk", "create_ticket__201") as platform:
        result = execute(platform, "create_ticket", CREATE, config)
    assert result.success
    assert "names no group and no agent" in result.message
    with FakePlatform.of("freshdesk", "test_connection__200") as platform:
        result = platform.connect(Freshdesk, CREDENTIALS, config).test_connection()
    assert result.data["warnings"] == [
        "New tickets are to be assigned, but the configuration names no group and no agent."
    ]


def test_assigning_to_a_group_that_is_gone_still_opens_the_ticket() -> None:
    with FakePlatform.of("freshdesk", "create_ticket__201__auto_assign_unknown") as platform:
        result = execute(platform, "create_ticket", CREATE, {"auto_assign": True, "auto_assign_group": "Billing"})
    assert result.success
    assert "Freshdesk has no group 'Billing'" in result.message
    assert "group_id" not in platform.sent()


# --- names ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ("assign_ticket__200__nobody", "Freshdesk has no agent 'Mina Park'."),
        ("assign_ticket__200__two", "Freshdesk has 2 agents 'Mina Park': give the e-mail address."),
    ],
)
def test_names_that_fit_nobody_or_several_are_refused(answers: str, message: str) -> None:
    with FakePlatform.of("freshdesk", answers) as platform, pytest.raises(InvalidInput, match=message):
        execute(platform, "assign_ticket", {"ticket_id": 3417, "agent": "Mina Park"})


def test_an_unknown_status_is_refused_with_those_there_are() -> None:
    with FakePlatform.of("freshdesk", "change_status__200__unknown") as platform, pytest.raises(InvalidInput) as raised:
        execute(platform, "change_status", {"ticket_id": 3417, "status": "on hold"})
    assert "Open, Pending, Resolved, Closed, Waiting on Customer" in raised.value.message


# --- many tickets --------------------------------------------------------------------------------------------
def test_a_bulk_update_waits_for_its_job(waits: list[float]) -> None:
    with FakePlatform.of("freshdesk", "bulk_update__202") as platform:
        result = execute(platform, "bulk_update", BULK)
    assert platform.sent(0) == {"bulk_action": {"ids": [3417, 3418], "properties": {"priority": 1, "status": 4}}}
    assert result.success
    assert result.data == {"job_id": "7ffb2ac1d8", "updated": [3417, 3418], "failed": []}
    assert len(waits) == 2


def test_a_bulk_update_lists_what_failed() -> None:
    with FakePlatform.of("freshdesk", "bulk_update__202__partly") as platform:
        result = execute(platform, "bulk_update", BULK)
    assert not result.success
    assert result.message.startswith("1 of 2 tickets were not changed. 3418: status: is not allowed")
    assert result.data["updated"] == [3417]
    with FakePlatform.of("freshdesk", "bulk_update__202__failed") as platform:
        result = execute(platform, "bulk_update", BULK)
    assert [item["id"] for item in result.data["failed"]] == [3417, 3418]


def test_a_bulk_update_gives_up_with_its_time() -> None:
    with FakePlatform.of("freshdesk", "bulk_update__202__slow") as platform:
        connector = platform.connect(Freshdesk, CREDENTIALS, call=Call(idempotency_key=KEY, deadline=4.3))
        with pytest.raises(Unavailable, match="still at work") as raised:
            connector.execute(Action("bulk_update", BULK))
    assert raised.value.may_have_reached


# --- earlier work --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("answers", "action", "parameters", "found"),
    [
        ("find_created_ticket__200", "create_ticket", CREATE, 3417),
        ("find_created_ticket__200__none", "create_ticket", CREATE, None),
        (
            "find_created_ticket__200__by_index",
            "create_ticket",
            {"subject": "x", "description": "y", "phone": "+49151", "name": "Grace"},
            3417,
        ),
        ("find_note__200__marked", "add_note", NOTE, 43029384800),
        ("find_note__200__unmarked", "add_note", NOTE, 43029384800),
        ("find_note__200__none", "add_note", NOTE, None),
        ("find_reply__200", "add_reply", REPLY, 43029384102),
        ("find_time_entry__200", "add_time_entry", TIME, 43000901),
        ("find_created_contact__200", "create_contact", CONTACT, 43004412765),
        ("find_created_contact__200__older", "create_contact", CONTACT, None),
        ("find_created_company__200", "create_company", {"name": "Northwind Traders"}, 43000218114),
    ],
)
def test_earlier_work_is_found(answers: str, action: str, parameters: dict[str, Any], found: int | None) -> None:
    with FakePlatform.of("freshdesk", answers) as platform:
        result = find_earlier(platform, action, parameters)
    assert (result and result.data["id"]) == found


def test_every_action_that_creates_can_be_looked_up() -> None:
    for spec in Freshdesk.actions:
        assert spec.may_repeat, spec.name


# --- signing in ----------------------------------------------------------------------------------------------
def test_the_connection_test_says_who_we_are() -> None:
    with FakePlatform.of("freshdesk", "test_connection__200") as platform:
        result = platform.connect(Freshdesk, CREDENTIALS).test_connection()
    assert result.message == "Signed in at acme.freshdesk.com as robot@acme.example."
    assert result.data["account"] == Account(id="acme.freshdesk.com", actor_id="43001900001")


@pytest.mark.parametrize(("status", "error"), [("401", CredentialsRejected), ("403", Forbidden), ("404", NotFound)])
def test_a_connection_that_does_not_work(status: str, error: type[IntegrationError]) -> None:
    with FakePlatform.of("freshdesk", f"test_connection__{status}") as platform, pytest.raises(error):
        platform.connect(Freshdesk, CREDENTIALS).test_connection()


@pytest.mark.parametrize("typed", ["acme", "ACME.freshdesk.com", " acme.freshdesk.com "])
def test_an_account_may_be_given_by_name_or_address(typed: str) -> None:
    with FakePlatform.of("freshdesk", "test_connection__200") as platform:
        platform.connect(Freshdesk, {**CREDENTIALS, "domain": typed}).test_connection()
    assert str(platform.requests[0].url) == "https://acme.freshdesk.com/api/v2/agents/me"


@pytest.mark.parametrize(
    "typed",
    ["https://acme.freshdesk.com", "help.acme.example", "acme.freshdesk.com.evil.example", "a/b", "a@b", "", "-a"],
)
def test_other_hosts_are_refused(typed: str) -> None:
    with FakePlatform([]) as platform, pytest.raises(InvalidInput, match="domain"):
        platform.connect(Freshdesk, {**CREDENTIALS, "domain": typed})


@pytest.mark.parametrize(("kind", "name"), [("agents", "Mina Park"), ("groups", "Billing")])
def test_forms_can_offer_choices(kind: str, name: str) -> None:
    with FakePlatform.of("freshdesk", f"choices_{kind}__200") as platform:
        (choice,) = platform.connect(Freshdesk, CREDENTIALS).choices(kind)
    assert choice["name"] == name


# --- parameters ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("action", "parameters", "message"),
    [
        ("create_ticket", {"description": "y", "email": "a@b.example"}, "subject"),
        ("create_ticket", {"subject": "x", "description": "y"}, "needs a requester"),
        ("create_ticket", {"subject": "x", "description": "y", "phone": "+49151"}, "needs a name"),
        ("create_ticket", {**CREATE, "priority": "top"}, "'top' is not a priority"),
        ("create_ticket", {**CREATE, "priority": 5}, "'5' is not a priority"),
        ("create_ticket", {**CREATE, "priority": True}, "not a priority"),
        ("create_ticket", {**CREATE, "colour": "red"}, "colour"),
        ("create_ticket", {**CREATE, "due_by": "2026-11-24T10:00:00Z"}, "belong together"),
        ("create_ticket", {**CREATE, "tags": ["x" * 33]}, "tags"),
        ("update_ticket", {"ticket_id": 3417}, "nothing to change"),
        ("update_ticket", {"ticket_id": 3417, "tags": ["a"], "add_tags": ["b"]}, "does not go with"),
        ("update_ticket", {"ticket_id": "../agents/me", "priority": 1}, "not an id"),
        ("add_note", {"ticket_id": 3417, "body": ""}, "body"),
        ("assign_ticket", {"ticket_id": 3417}, "give an agent or a group"),
        ("add_time_entry", {"ticket_id": 3417}, "time_spent"),
        ("add_time_entry", {"ticket_id": 3417, "time_spent": "90 min"}, "time_spent"),
        ("create_contact", {"name": "Grace"}, "needs one of"),
        ("bulk_update", {"ticket_ids": list(range(1, 102)), "status": 4}, "ticket_ids"),
        ("bulk_update", {"ticket_ids": [], "status": 4}, "ticket_ids"),
        ("bulk_update", {"ticket_ids": [1]}, "nothing to change"),
    ],
)
def test_parameters_that_cannot_be_are_refused_before_a_call(
    action: str, parameters: dict[str, Any], message: str
) -> None:
    with FakePlatform([]) as platform, pytest.raises(InvalidInput, match=message):
        execute(platform, action, parameters)


def test_parameters_have_a_schema_for_forms() -> None:
    for spec in Freshdesk.actions:
        schema = spec.model.model_json_schema()
        assert schema["additionalProperties"] is False
        assert all(field.get("title") for field in schema["properties"].values()), spec.name


# --- attachments ----------------------------------------------------------------------------------------------
FILES = {"notes.txt": File("notes.txt", b"hello", "text/plain")}


@pytest.mark.parametrize(
    ("answers", "action", "parameters", "fields"),
    [
        (
            "create_ticket__201",
            "create_ticket",
            {**CREATE, "tags": ["billing", "vip"], "custom_fields": {"cf_amount": 129.9, "cf_done": True}},
            [
                ("subject", b"Charged twice"),
                ("email", b"grace.okafor@northwind.example"),
                ("custom_fields[cf_amount]", b"129.9"),
                ("custom_fields[cf_done]", b"true"),
                ("description", b"My card<br>\nwas charged"),
                ("priority", b"1"),
                ("status", b"2"),
                ("source", b"2"),
                ("tags[]", b"billing"),
                ("tags[]", b"vip"),
                ("tags[]", TAG.encode()),
            ],
        ),
        ("update_ticket__200", "update_ticket", {"ticket_id": 3417}, []),
        (
            "add_note__201",
            "add_note",
            NOTE,
            [("private", b"true"), ("incoming", b"false"), ("body", f"{NOTE['body']}{MARK}".encode())],
        ),
        ("add_reply__201", "add_reply", REPLY, [("body", f"{REPLY['body']}{MARK}".encode())]),
    ],
)
def test_files_go_along_as_a_form(
    answers: str, action: str, parameters: dict[str, Any], fields: list[tuple[str, bytes]]
) -> None:
    """https://developers.freshdesk.com/api/#create_ticket_with_attachment"""
    given = {**parameters, "attachments": ["notes.txt", {"content": "more", "filename": "more.md"}]}
    with FakePlatform.of("freshdesk", answers) as freshdesk:
        call = replace(CALL, files=FILES)
        assert freshdesk.connect(Freshdesk, CREDENTIALS, call=call).execute(Action(action, given)).success
    parts = recorded.parts_of(freshdesk.requests[-1])
    assert sorted((name, content) for name, filename, content in parts if filename is None) == sorted(fields)
    assert [part for part in parts if part[1]] == [
        ("attachments[]", "notes.txt", b"hello"),
        ("attachments[]", "more.md", b"more"),
    ]


def test_an_update_with_files_is_not_simply_repeated() -> None:
    spec = Freshdesk.action_spec("update_ticket")
    with_file = spec.model.model_validate({"ticket_id": 1, "attachments": "notes.txt"})
    assert not spec.may_repeat_with(with_file)
    assert spec.may_repeat_with(spec.model.model_validate({"ticket_id": 1, "priority": "low"}))


def test_more_than_freshdesk_takes_is_refused_before_the_call() -> None:
    call = replace(CALL, files={"big": File("big", b"x" * (20 * 1024 * 1024 + 1))})
    with FakePlatform([]) as freshdesk, pytest.raises(InvalidInput, match="20 MB"):
        freshdesk.connect(Freshdesk, CREDENTIALS, call=call).execute(Action("add_note", {**NOTE, "attachments": "big"}))


def test_a_file_that_is_not_there_is_named() -> None:
    with FakePlatform([]) as freshdesk, pytest.raises(InvalidInput, match=r"no file 'a\.txt'"):
        freshdesk.connect(Freshdesk, CREDENTIALS).execute(Action("add_note", {**NOTE, "attachments": ["a.txt"]}))
