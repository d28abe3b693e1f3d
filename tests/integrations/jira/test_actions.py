"""What Jira is asked for, and what its answers mean."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from integrations.connectors.jira.connector import Jira
from integrations.connectors.jira.documents import document_of
from integrations.connectors.jira.schemas import JiraCredentials
from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    Unavailable,
    Uncertain,
)
from integrations.specs import READS, SETS, Account, Call, File
from supportops import clock
from tests.integrations.calls import KEY, Caller, body_of
from tests.integrations.jira.test_events import ADA, BO, US

TOKEN = "ATATT3xFfGF0" + "x" * 60
SITE = "https://acme.atlassian.net"
jira = Caller(Jira, {"site_url": SITE, "email": "ops@acme.example", "api_token": TOKEN})
center = Caller(
    Jira,
    {"site_url": "https://jira.example.com/tracker", "bearer_token": "pat-" + "x" * 20},
    {"edition": "datacenter"},
)
NEW = {"project": "OPS", "summary": "Payment fails"}
MARK = [{"key": "supportops", "value": {"step": KEY}}]
STEP = Call(idempotency_key=KEY, files={"log.txt": File("log.txt", b"12345", "text/plain")})
NOW = datetime(2026, 9, 18, 0, 40, 30, 596000, tzinfo=UTC)
DONE = {"key": "OPS-7", "url": f"{SITE}/browse/OPS-7"}


# --- signing in -----------------------------------------------------------------------------------------------
def test_cloud_signs_in_with_address_and_token() -> None:
    _, [call] = jira.perform("create_issue__201", "create_issue", NEW)
    assert str(call.url) == f"{SITE}/rest/api/3/issue"
    assert call.headers["authorization"].startswith("Basic b3BzQGFjbWUuZXhhbXBsZTpBVEFUVDN4")


def test_data_center_signs_in_with_a_token_alone_and_has_its_own_version() -> None:
    _, [call] = center.perform("create_issue__201__datacenter", "create_issue", {**NEW, "assignee": "ada"})
    assert call.headers["authorization"] == "Bearer pat-" + "x" * 20
    assert str(call.url) == "https://jira.example.com/tracker/rest/api/2/issue"
    assert body_of(call)["fields"]["assignee"] == {"name": "ada"}


@pytest.mark.parametrize(
    ("given", "site"),
    [
        ("acme", SITE),
        ("ACME.atlassian.net/", SITE),
        ("https://acme.atlassian.net/jira/software/projects/OPS", SITE),
        ("https://jira.example.com/tracker/", "https://jira.example.com/tracker"),
        ("https://jira.example.com/tracker/rest/api/2", "https://jira.example.com/tracker"),
        ("https://api.atlassian.com/ex/jira/4f1c-cloud", "https://api.atlassian.com/ex/jira/4f1c-cloud"),
    ],
)
def test_the_site_is_found_in_what_people_paste(given: str, site: str) -> None:
    assert JiraCredentials(site_url=given, bearer_token="x").site_url == site


@pytest.mark.parametrize("given", [{}, {"email": "a@b.example"}, {"api_token": "x"}])
def test_one_way_of_signing_in_is_needed(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="either email and api_token, or bearer_token"):
        JiraCredentials(site_url=SITE, **given)


def test_two_ways_are_one_too_many() -> None:
    with pytest.raises(ValidationError):
        JiraCredentials(site_url=SITE, email="a@b.example", api_token="x", bearer_token="y")


def test_the_connection_test_says_who_we_are() -> None:
    given, _ = jira.ask("test_connection__200", "test_connection")
    assert given.message == "Jira knows us as SupportOps at acme.atlassian.net."
    assert given.data["account"] == Account(id="acme.atlassian.net", actor_id=US)


def test_a_token_with_scopes_goes_elsewhere_but_webhooks_name_the_site() -> None:
    scoped = Caller(Jira, {**jira.credentials, "site_url": "https://api.atlassian.com/ex/jira/4f1c-cloud"})
    given, calls = scoped.ask("test_connection__200__scoped", "test_connection")
    assert given.data["account"] == Account(id="acme.atlassian.net", actor_id=US)
    assert calls[0].url.path == "/ex/jira/4f1c-cloud/rest/api/3/myself"


def test_data_center_knows_people_by_key() -> None:
    given, _ = center.ask("test_connection__200__datacenter", "test_connection")
    assert given.data["account"] == Account(id="jira.example.com/tracker", actor_id="JIRAUSER10100")


@pytest.mark.parametrize("answers", ["test_connection__401", "test_connection__403__captcha"])
def test_a_bad_token_is_told(answers: str) -> None:
    with pytest.raises(CredentialsRejected, match=r"api\.atlassian\.com/ex/jira") as caught:
        jira.perform(answers, "test_connection", {})
    assert "<html>" not in caught.value.message


# --- opening --------------------------------------------------------------------------------------------------
def test_an_issue_bears_our_mark_where_nobody_sees_it() -> None:
    result, [call] = jira.perform(
        "create_issue__201", "create_issue", {**NEW, "description": "Since this morning."}, call=STEP
    )
    assert body_of(call) == {
        "fields": {
            "project": {"key": "OPS"},
            "issuetype": {"name": "Task"},
            "summary": "Payment fails",
            "description": document_of("Since this morning."),
        },
        "properties": MARK,
    }
    assert result.data == {**DONE, "id": "10042", "attachments": []}
    assert result.message == "OPS-7 is open."


def test_names_are_looked_up_where_jira_wants_ids() -> None:
    _, calls = jira.perform(
        "create_issue__201__names",
        "create_issue",
        {
            "title": "Payment fails",
            "project": "Operations",
            "issue_type": "10001",
            "priority": "High",
            "assignee": "bo@acme.example",
            "labels": "payments, urgent",
            "components": "Shop",
            "due_date": "2026-11-21",
            "parent": "ops-1",
            "fields": {"Story Points": 3, "environment": "prod", "customfield_10030": {"value": "A"}},
        },
    )
    assert body_of(calls[-1]) == {
        "fields": {
            "project": {"key": "OPS"},
            "issuetype": {"id": "10001"},
            "summary": "Payment fails",
            "priority": {"name": "High"},
            "assignee": {"accountId": BO},
            "labels": ["payments", "urgent"],
            "components": [{"name": "Shop"}],
            "duedate": "2026-11-21",
            "parent": {"key": "OPS-1"},
            "customfield_10016": 3,
            "environment": "prod",
            "customfield_10030": {"value": "A"},
        }
    }


def test_defaults_of_the_integration_fill_in() -> None:
    config = {"default_project": "OPS", "default_issue_type": "Bug", "default_labels": ["from-support"]}
    _, [call] = jira.perform("create_issue__201", "create_issue", {"summary": "x"}, config=config)
    assert body_of(call)["fields"] == {
        "project": {"key": "OPS"},
        "issuetype": {"name": "Bug"},
        "summary": "x",
        "labels": ["from-support"],
    }
    _, [call] = jira.perform("create_issue__201", "create_issue", {"summary": "x", "labels": []}, config=config)
    assert "labels" not in body_of(call)["fields"]
    assert "default project" in jira.refused("create_issue", {"summary": "x"})


def test_an_account_id_needs_no_look_up() -> None:
    _, [call] = jira.perform("create_issue__201", "create_issue", {**NEW, "assignee": ADA})
    assert body_of(call)["fields"]["assignee"] == {"accountId": ADA}


def test_names_that_are_not_there_or_not_one_are_told() -> None:
    with pytest.raises(NotFound, match="no project 'Sales'"):
        jira.perform("create_issue__404__project", "create_issue", {**NEW, "project": "Sales"})
    with pytest.raises(NotFound, match="nobody called 'Nobody'"):
        jira.perform("create_issue__404__person", "create_issue", {**NEW, "assignee": "Nobody"})
    with pytest.raises(InvalidInput, match="2 people called 'Ada Byron'"):
        jira.perform("create_issue__400__two", "create_issue", {**NEW, "assignee": "Ada Byron"})


def test_files_are_attached_to_the_new_issue() -> None:
    given = {**NEW, "attachments": ["log.txt"]}
    result, calls = jira.perform("create_issue__201__attached", "create_issue", given, call=STEP)
    assert result.data["attachments"] == ["10001"]
    assert calls[-1].headers["x-atlassian-token"] == "no-check"
    assert b'name="file"; filename="log.txt"' in calls[-1].content and b"12345" in calls[-1].content


def test_files_that_are_refused_do_not_undo_the_issue() -> None:
    given = {**NEW, "attachments": [{"content": "x", "filename": "a.txt"}]}
    result, _ = jira.perform("create_issue__201__not_attached", "create_issue", given)
    assert result.success and "could not be attached" in result.message
    with pytest.raises(Uncertain):
        jira.perform("create_issue__201__attaching_cut_off", "create_issue", given)
    assert "no file 'log.txt'" in jira.refused("create_issue", {**NEW, "attachments": "log.txt"})


def test_an_earlier_issue_is_found_by_its_mark() -> None:
    with clock.frozen(NOW):
        found = jira.find_earlier("find_created_issue__200", "create_issue", NEW)
        assert found is not None and found.data["key"] == "OPS-2"
        assert jira.find_earlier("find_created_issue__200__none", "create_issue", NEW) is None


def test_an_earlier_issue_gets_the_files_that_it_lacks() -> None:
    files = [{"content": "12345", "filename": "log.txt"}, {"content": "x", "filename": "more.txt"}]
    with clock.frozen(NOW):
        found = jira.find_earlier("find_created_issue__200__files", "create_issue", {**NEW, "attachments": files})
    assert found is not None and found.data["attachments"] == ["10002"]


def test_it_is_looked_for_among_our_own_since_the_step_began() -> None:
    with clock.frozen(NOW):
        caller = Caller(Jira, jira.credentials)
        from tests.integrations.recorded import FakePlatform

        with FakePlatform.of("jira", "find_created_issue__200__none") as platform:
            instance = platform.connect(Jira, caller.credentials, call=STEP)
            instance.find_created_issue(Jira.action_spec("create_issue").model.model_validate(NEW))
    assert platform.sent(0) == {
        "jql": 'project = "OPS" AND creator = currentUser() AND created >= -61m ORDER BY created DESC',
        "fields": ["summary", "attachment"],
        "maxResults": 100,
    }


@pytest.mark.parametrize(
    ("answers", "error", "says"),
    [
        ("create_issue__400", InvalidInput, "components: Component/s is required"),
        ("create_issue__401", CredentialsRejected, "401"),
        ("create_issue__403", Forbidden, "permission"),
        ("create_issue__404", NotFound, "may not see it"),
        ("create_issue__409", Unavailable, "Conflicting"),
        ("create_issue__413", InvalidInput, "too much content"),
        ("create_issue__429", RateLimited, "jira-burst-based"),
        ("create_issue__503", Unavailable, "503"),
        ("create_issue__cut_off", Uncertain, "may have had its effect"),
    ],
)
def test_a_failure_has_its_class(answers: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        jira.perform(answers, "create_issue", NEW)
    assert type(caught.value) is error
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("answers", "seconds"),
    [("create_issue__429", 11), ("create_issue__429__reset", 21), ("create_issue__429__unnamed", 4)],
)
def test_a_limit_says_how_long(answers: str, seconds: float) -> None:
    with clock.frozen(datetime(2026, 11, 20, 10, tzinfo=UTC)), pytest.raises(RateLimited) as caught:
        jira.perform(answers, "create_issue", NEW)
    assert caught.value.retry_after == seconds


# --- changing -------------------------------------------------------------------------------------------------
def test_what_is_left_out_stays_and_null_clears() -> None:
    given = {"issue": f"{SITE}/browse/OPS-7?x=1", "assignee": None, "due_date": None, "add_labels": "vip"}
    result, [call] = jira.perform("update_issue__204", "update_issue", {**given, "remove_labels": ["old"]})
    assert body_of(call) == {
        "fields": {"assignee": None, "duedate": None},
        "update": {"labels": [{"add": "vip"}, {"remove": "old"}]},
    }
    assert result.data == DONE
    assert Jira.action_spec("update_issue").effect is SETS


def test_an_update_with_everything() -> None:
    given = {
        "issue_key": "OPS-7", "summary": "New", "description": "Text", "priority": "2", "labels": ["a"],
        "components": ["Shop"], "parent": "10001", "custom_fields": {"customfield_10016": 5},
    }  # fmt: skip
    _, [call] = jira.perform("update_issue__204", "update_issue", given)
    assert body_of(call)["fields"] == {
        "summary": "New",
        "description": document_of("Text"),
        "priority": {"id": "2"},
        "labels": ["a"],
        "components": [{"name": "Shop"}],
        "parent": {"id": "10001"},
        "customfield_10016": 5,
    }


def test_an_update_may_fail() -> None:
    with pytest.raises(InvalidInput, match="summary: Field 'summary' cannot be set"):
        jira.perform("update_issue__400", "update_issue", {"issue": "OPS-7", "summary": "x"})
    with pytest.raises(NotFound):
        jira.perform("update_issue__404", "update_issue", {"issue": "OPS-7", "summary": "x"})
    assert "cleared" in jira.refused("update_issue", {"issue": "OPS-7", "summary": None})


@pytest.mark.parametrize("wanted", ["in progress", "Start", "21", 21])
def test_a_transition_is_found_by_id_name_or_status(wanted: Any) -> None:
    given = {"issue": "OPS-7", "status": wanted, "resolution": "Done", "comment": "On it."}
    result, calls = jira.perform("transition_issue__204", "transition_issue", given)
    assert body_of(calls[-1]) == {
        "transition": {"id": "21"},
        "fields": {"resolution": {"name": "Done"}},
        "update": {"comment": [{"add": {"body": document_of("On it.")}}]},
    }
    assert result.data == {**DONE, "status": "In Progress"}


@pytest.mark.parametrize(
    ("answers", "wanted"),
    [("transition_issue__200__already", "In progress"), ("transition_issue__200__leads_nowhere", "Start")],
)
def test_an_issue_that_is_there_stays(answers: str, wanted: str) -> None:
    result, _ = jira.perform(answers, "transition_issue", {"issue": "OPS-7", "transition": wanted})
    assert result.success and "already" in result.message
    assert Jira.action_spec("transition_issue").may_repeat


def test_a_transition_may_fail() -> None:
    given = {"issue": "OPS-7", "transition": "Done"}
    with pytest.raises(NotFound, match=r"cannot go from 'To Do' to 'Review'. It can: .*Resolve \(to Done\)"):
        jira.perform("transition_issue__200__none", "transition_issue", {**given, "transition": "Review"})
    with pytest.raises(InvalidInput, match="resolution"):
        jira.perform("transition_issue__400", "transition_issue", given)
    with pytest.raises(Unavailable):
        jira.perform("transition_issue__409", "transition_issue", given)
    with pytest.raises(NotFound):
        jira.perform("transition_issue__404", "transition_issue", given)


# --- comments -------------------------------------------------------------------------------------------------
def test_a_comment_is_internal_where_wanted_and_bears_our_mark() -> None:
    given = {"issue": "OPS-7", "text": "Looking into it.", "internal": True, "visible_to_role": "Administrators"}
    result, [call] = jira.perform("add_comment__201", "add_comment", given, call=STEP)
    assert body_of(call) == {
        "body": document_of("Looking into it."),
        "properties": [*MARK, {"key": "sd.public.comment", "value": {"internal": True}}],
        "visibility": {"type": "role", "value": "Administrators"},
    }
    assert result.data == {**DONE, "comment_id": "10500", "attachments": []}


def test_a_document_goes_as_it_is_and_data_center_takes_none() -> None:
    document = {"type": "doc", "version": 1, "content": [{"type": "rule"}]}
    _, [call] = jira.perform("add_comment__201", "add_comment", {"issue": "OPS-7", "body": document})
    assert body_of(call) == {"body": document}
    _, [call] = center.perform("add_comment__201__datacenter", "add_comment", {"issue": "OPS-7", "body": "*x*"})
    assert body_of(call) == {"body": "*x*"}
    assert "no documents" in center.refused("add_comment", {"issue": "OPS-7", "body": document})


def test_a_comment_comes_with_files() -> None:
    given = {"issue": "OPS-7", "comment": "See the log.", "attachments": ["log.txt"]}
    result, _ = jira.perform("add_comment__201__attached", "add_comment", given, call=STEP)
    assert result.data["attachments"] == ["10001"]


def test_an_earlier_comment_is_found_by_its_mark() -> None:
    given = {"issue": "OPS-7", "comment": "Looking into it."}
    found = jira.find_earlier("find_comment__200", "add_comment", given)
    assert found is not None and found.data["comment_id"] == "10500"
    assert jira.find_earlier("find_comment__200__older", "add_comment", given) is None
    files = [{"content": "12345", "filename": "log.txt"}]
    assert jira.find_earlier("find_comment__200__files", "add_comment", {**given, "attachments": files}) is not None


@pytest.mark.parametrize(
    ("answers", "error"),
    [("add_comment__404", NotFound), ("add_comment__413", InvalidInput), ("add_comment__cut_off", Uncertain)],
)
def test_a_comment_may_fail(answers: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        jira.perform(answers, "add_comment", {"issue": "OPS-7", "comment": "x"})


# --- searching ------------------------------------------------------------------------------------------------
def test_issues_are_found_with_texts_instead_of_documents() -> None:
    given = {"jql": "project = OPS", "fields": "summary, description, status", "limit": 1, "next_page_token": "t1"}
    result, [call] = jira.perform("search_issues__200", "search_issues", given)
    assert body_of(call) == {
        "jql": "project = OPS",
        "fields": ["summary", "description", "status"],
        "maxResults": 1,
        "nextPageToken": "t1",
    }
    [found] = result.data["issues"]
    assert (found["url"], found["fields"]["description"]) == (f"{SITE}/browse/OPS-7", "Looking into it.")
    assert (result.data["count"], result.data["next_page_token"]) == (1, "CAEaAggD")
    assert Jira.action_spec("search_issues").effect is READS


def test_data_center_counts_pages_by_position() -> None:
    result, [call] = center.perform(
        "search_issues__200__datacenter", "search_issues", {"jql": "project = OPS", "next_page_token": "50"}
    )
    assert body_of(call)["startAt"] == 50 and result.data["next_page_token"] is None


def test_a_search_without_bounds_is_refused_by_jira() -> None:
    with pytest.raises(InvalidInput, match="Unbounded"):
        jira.perform("search_issues__400", "search_issues", {"jql": "order by created"})


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        ("create_issue", {"project": "OPS"}),
        ("create_issue", {**NEW, "summary": "two\nlines"}),
        ("create_issue", {**NEW, "summary": "x" * 256}),
        ("create_issue", {**NEW, "labels": ["two words"]}),
        ("create_issue", {**NEW, "description": "x" * 32_768}),
        ("create_issue", {**NEW, "description": {"type": "paragraph"}}),
        ("create_issue", {**NEW, "colour": "red"}),
        ("update_issue", {"issue": "OPS-7"}),
        ("update_issue", {"issue": "the first", "summary": "x"}),
        ("update_issue", {"issue": "OPS-7", "labels": ["a"], "add_labels": ["b"]}),
        ("transition_issue", {"issue": "OPS-7"}),
        ("add_comment", {"issue": "OPS-7", "body": " "}),
        ("search_issues", {"jql": "x", "limit": 101}),
    ],
)
def test_what_cannot_be_is_refused_before_the_call(action: str, parameters: dict[str, Any]) -> None:
    jira.refused(action, parameters)


# --- forms and limits -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("projects", [("OPS", "Operations (OPS)"), ("WEB", "Web (WEB)")]),
        ("users", [(ADA, "Ada Byron"), (BO, "Bo Diddley")]),
        ("issue_types", [("Bug", "Bug"), ("Task", "Task")]),
        ("priorities", [("High", "High"), ("Low", "Low")]),
        ("statuses", [("To Do", "To Do"), ("In Progress", "In Progress")]),
    ],
)
def test_forms_offer_what_there_is(kind: str, found: list[tuple[str, str]]) -> None:
    given, _ = jira.ask(f"choices__200__{kind}", "choices", kind)
    assert [(item["id"], item["name"]) for item in given] == found
    assert kind in Jira.choice_kinds


def test_writes_to_one_issue_have_a_limit_of_their_own() -> None:
    spec = Jira.action_spec("add_comment").model.model_validate({"issue": "OPS-7", "body": "x"})
    search = Jira.action_spec("search_issues").model.model_validate({"jql": "x"})
    for limit in Jira.limits[1:]:
        assert limit.key is not None and limit.key("add_comment", spec) == "OPS-7"
        assert limit.key("search_issues", search) is None
        # The burst and what comes in the window stay below Jira's numbers.
        assert limit.burst + limit.calls <= {2: 20, 30: 100}[int(limit.seconds)]
