"""What Notion is asked for, and what its answers mean."""

from typing import Any

import pytest
from pydantic import ValidationError

from integrations.connectors.notion.blocks import blocks_of, rich_text
from integrations.connectors.notion.connector import Notion
from integrations.connectors.notion.schemas import NotionConfig
from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    IntegrationError,
    InvalidInput,
    NotFound,
    RateLimited,
    Unavailable,
    Uncertain,
    Unreachable,
)
from integrations.specs import CREATES, READS, SETS, Account
from tests.integrations.calls import body_of
from tests.integrations.notion.test_events import ADA, BOT, COMMENT, PAGE, WORKSPACE, notion
from tests.integrations.recorded import FakePlatform

DATABASE, SOURCE = "0ef104cd-477e-80e1-8571-cfd10e92339a", "0ef104cd-477e-80e1-8571-cfd10e92339b"
PARENT, BO = "4a1104cd-477e-80e1-8571-cfd10e923311", "556a1abf-4f08-40c6-878a-75890d2a88ba"
UPLOAD = "43833259-72ae-404e-8441-b6577f3159b4"
NEW = {"title": "Post-mortem", "parent": PARENT}


# --- signing in -----------------------------------------------------------------------------------------------
def test_each_call_says_who_and_which_version() -> None:
    _, [call] = notion.perform("create_page__200", "create_page", NEW)
    assert str(call.url) == "https://api.notion.com/v1/pages"
    assert call.headers["authorization"] == f"Bearer {notion.credentials['token']}"
    assert call.headers["notion-version"] == "2025-09-03"
    _, [call] = notion.perform("create_page__200", "create_page", NEW, config={"api_version": "2026-03-11"})
    assert call.headers["notion-version"] == "2026-03-11"


def test_the_connection_test_says_who_we_are() -> None:
    given, _ = notion.ask("test_connection__200", "test_connection")
    assert given.message == "Notion knows us as SupportOps in Acme."
    assert given.data["account"] == Account(id=WORKSPACE, actor_id=BOT)
    with pytest.raises(CredentialsRejected, match="API token is invalid"):
        notion.perform("test_connection__401", "test_connection", {})


# --- pages ----------------------------------------------------------------------------------------------------
def test_a_page_goes_under_another_with_its_content() -> None:
    given = {**NEW, "content": "# What\nIt broke.", "icon": "🔥", "cover": "https://a.example/x.png"}
    result, [call] = notion.perform("create_page__200", "create_page", {**given, "children": [{"type": "divider"}]})
    assert body_of(call) == {
        "parent": {"page_id": PARENT},
        "properties": {"title": {"title": rich_text("Post-mortem")}},
        "icon": {"type": "emoji", "emoji": "🔥"},
        "cover": {"type": "external", "external": {"url": "https://a.example/x.png"}},
        "children": [*blocks_of("# What\nIt broke."), {"type": "divider"}],
    }
    assert result.data["id"] == PAGE and result.data["title"] == "Post-mortem"


def test_the_default_page_is_where_pages_go_that_name_none() -> None:
    address = "https://www.notion.so/acme/Notes-4a1104cd477e80e18571cfd10e923311"
    _, [call] = notion.perform("create_page__200", "create_page", {"title": "x"}, config={"default_page": address})
    assert body_of(call)["parent"] == {"page_id": PARENT}
    assert "default page" in notion.refused("create_page", {"title": "x"})
    with pytest.raises(ValidationError, match="default_page"):
        NotionConfig(default_page="Notes")


def test_long_content_goes_in_several_calls() -> None:
    _, calls = notion.perform("create_page__200__long", "create_page", {**NEW, "content": "a\n\n" * 101})
    assert [len(body_of(call)["children"]) for call in calls] == [100, 1]


def test_mentions_come_first_and_files_last() -> None:
    given = {
        **NEW,
        "content": "Please look.",
        "mentions": ["ada@acme.example", "Bo Diddley", f"https://www.notion.so/x-{PAGE.replace('-', '')}"],
        "attachments": [{"content": "12345", "filename": "log.txt"}],
    }
    _, calls = notion.perform("create_page__200__mentions_and_files", "create_page", given)
    first, last = body_of(calls[-1])["children"]
    mentions = [piece["mention"] for piece in first["paragraph"]["rich_text"] if piece["type"] == "mention"]
    assert mentions == [
        {"type": "user", "user": {"id": ADA}},
        {"type": "user", "user": {"id": BO}},
        {"type": "page", "page": {"id": PAGE}},
    ]
    assert first["paragraph"]["rich_text"][-1]["text"]["content"] == "Please look."
    assert last == {"type": "file", "file": {"type": "file_upload", "file_upload": {"id": UPLOAD}}}
    assert body_of(calls[0]) == {"filename": "log.txt", "content_type": "text/plain"}
    assert b'name="file"; filename="log.txt"' in calls[1].content and b"12345" in calls[1].content


def test_an_upload_that_was_cut_off_may_be_made_again() -> None:
    given = {**NEW, "attachments": [{"content": "x", "filename": "log.txt"}]}
    with FakePlatform.of("notion", "create_page__200__upload_cut_off") as platform:
        instance = platform.connect(Notion, notion.credentials)
        with pytest.raises(Unreachable, match="cut off"):
            instance.create_page(Notion.action_spec("create_page").model.model_validate(given))
        assert not instance.http.has_written


def test_nobody_of_that_name_is_told() -> None:
    with pytest.raises(NotFound, match="nobody called 'Zoe'"):
        notion.perform("create_page__200__nobody", "create_page", {**NEW, "mentions": "Zoe"})


def test_what_was_saved_in_spite_of_a_503_is_a_success() -> None:
    result, calls = notion.perform("create_page__503__saved", "create_page", NEW)
    assert result.success and result.data["id"] == PAGE and len(calls) == 2
    result, _ = notion.perform("create_page__503__saved_unreadable", "create_page", NEW)
    assert result.success and result.data["id"] == PAGE
    result, _ = notion.perform("append_content__503__saved", "append_content", {"page": PAGE, "content": "x\n\ny"})
    assert result.data["block_ids"] == ["b1", "b2"]
    result, _ = notion.perform("add_comment__503__saved", "add_comment", {"page": PAGE, "text": "x"})
    assert result.data["comment_id"] == COMMENT


@pytest.mark.parametrize(
    ("answers", "error", "says"),
    [
        ("create_page__400", InvalidInput, "validation_error"),
        ("create_page__401", CredentialsRejected, "401"),
        ("create_page__403", Forbidden, "Insufficient permissions"),
        ("create_page__403__blocks", Forbidden, "block limit"),
        ("create_page__404", NotFound, "not shared with the connection"),
        ("create_page__409", Unavailable, "Conflict"),
        ("create_page__429", RateLimited, "rate_limited"),
        ("create_page__429__blocked", Forbidden, "has blocked the connection"),
        ("create_page__500", Unavailable, "500"),
        ("create_page__503", Unavailable, "503"),
        ("create_page__529", RateLimited, "overloaded"),
        ("create_page__cut_off", Uncertain, "may have had its effect"),
    ],
)
def test_a_failure_has_its_class(answers: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        notion.perform(answers, "create_page", NEW)
    assert type(caught.value) is error
    assert notion.credentials["token"] not in str(caught.value)


def test_the_request_id_is_for_the_logs() -> None:
    with pytest.raises(IntegrationError) as caught:
        notion.perform("create_page__400", "create_page", NEW)
    assert caught.value.detail == "request f1c1e5f0-1111-4f00-9000-000000000001"


@pytest.mark.parametrize(
    ("answers", "seconds"),
    [("create_page__429", 12), ("create_page__429__in_the_body", 12), ("create_page__529", 30)],
)
def test_a_limit_says_how_long(answers: str, seconds: float) -> None:
    with pytest.raises(RateLimited) as caught:
        notion.perform(answers, "create_page", NEW)
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize("answers", ["create_page__500", "create_page__503"])
def test_such_an_answer_may_have_had_its_effect(answers: str) -> None:
    with pytest.raises(Unavailable) as caught:
        notion.perform(answers, "create_page", NEW)
    assert caught.value.may_have_reached


def test_a_page_is_changed() -> None:
    given = {"page": PAGE, "title": "New", "archived": True, "is_locked": False, "icon": "https://a.example/x.png"}
    result, [call] = notion.perform("update_page__200", "update_page", given)
    assert body_of(call) == {
        "icon": {"type": "external", "external": {"url": "https://a.example/x.png"}},
        "in_trash": True,
        "is_locked": False,
        "properties": {"title": {"title": rich_text("New")}},
    }
    assert result.data["in_trash"] is True
    with pytest.raises(NotFound):
        notion.perform("update_page__404", "update_page", given)
    assert "cleared" in notion.refused("update_page", {"page": PAGE, "title": None})


def test_content_is_appended() -> None:
    result, [call] = notion.perform("append_content__200", "append_content", {"page": PAGE, "text": "a\n\nb"})
    assert body_of(call) == {"children": blocks_of("a\n\nb")}
    assert result.data == {"page_id": PAGE, "block_ids": ["b1", "b2"]}
    with pytest.raises(NotFound):
        notion.perform("append_content__404", "append_content", {"page": PAGE, "text": "a"})


# --- databases ------------------------------------------------------------------------------------------------
def test_an_entry_has_values_in_the_form_of_its_columns() -> None:
    columns = {
        "status": "Open",
        "Priority": "2",
        "Tags": "a, b",
        "Notes": "See https://a.example",
        "Due": "2026-11-21",
        "Done": False,
        "Owner": ["bo@acme.example"],
        "Related": [PAGE],
        "Link": "https://a.example",
        "Kind": {"select": {"name": "Bug"}},
        "Log": "https://a.example/log.txt",
    }
    given = {"database": DATABASE, "title": "Payment fails", "properties": columns, "content": "Text"}
    result, calls = notion.perform("create_database_entry__200", "create_database_entry", given)
    assert body_of(calls[-1]) == {
        "parent": {"type": "data_source_id", "data_source_id": SOURCE},
        "properties": {
            "Name": {"title": rich_text("Payment fails")},
            "Status": {"status": {"name": "Open"}},
            "Priority": {"number": 2},
            "Tags": {"multi_select": [{"name": "a"}, {"name": "b"}]},
            "Notes": {"rich_text": rich_text("See https://a.example")},
            "Due": {"date": {"start": "2026-11-21"}},
            "Done": {"checkbox": False},
            "Owner": {"people": [{"id": BO}]},
            "Related": {"relation": [{"id": PAGE}]},
            "Link": {"url": "https://a.example"},
            "Kind": {"select": {"name": "Bug"}},
            "Log": {"files": [{"name": "log.txt", "external": {"url": "https://a.example/log.txt"}}]},
        },
        "children": blocks_of("Text"),
    }
    assert result.data["id"] == PAGE


def test_a_database_is_found_by_name_or_by_its_data_source() -> None:
    given = {"title": "x"}
    _, calls = notion.perform(
        "create_database_entry__200__by_name", "create_database_entry", given, config={"default_database": "tickets"}
    )
    assert body_of(calls[0]) == {
        "filter": {"property": "object", "value": "data_source"},
        "query": "tickets",
        "page_size": 100,
    }
    notion.perform(
        "create_database_entry__200__by_data_source", "create_database_entry", {**given, "data_source_id": SOURCE}
    )
    with pytest.raises(InvalidInput, match=r"2 data sources.*'Archive' \(y\)"):
        notion.perform(
            "create_database_entry__200__two_sources", "create_database_entry", {**given, "database": DATABASE}
        )
    with pytest.raises(NotFound, match=r"no database 'Deals'.*'Tickets'"):
        notion.perform(
            "create_database_entry__200__no_such_name", "create_database_entry", {**given, "database": "Deals"}
        )
    assert "default database" in notion.refused("create_database_entry", given)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"Colour": "red"}, "no column 'Colour'. There are: Age, Done"),
        ({"Age": 3}, "works it out"),
        ({"Priority": "high"}, "kind number"),
        ({"Done": "yes"}, "true or false"),
        ({"Tags": 3}, "give a list"),
        ({"Related": "the other"}, "neither the id nor the address"),
    ],
)
def test_a_value_that_does_not_fit_is_told(columns: dict[str, Any], says: str) -> None:
    given = {"database": DATABASE, "properties": columns}
    with pytest.raises(InvalidInput, match=says):
        notion.perform("create_database_entry__200__refused_here", "create_database_entry", given)


def test_an_entry_is_changed_by_its_own_columns() -> None:
    given = {"page": PAGE, "properties": {"Status": "Done", "Priority": None}, "title": "New"}
    _, calls = notion.perform("update_database_entry__200", "update_database_entry", given)
    assert body_of(calls[-1]) == {
        "properties": {
            "Name": {"title": rich_text("New")},
            "Status": {"status": {"name": "Done"}},
            "Priority": {"number": None},
        }
    }
    with pytest.raises(InvalidInput):
        notion.perform("update_database_entry__400", "update_database_entry", given)
    with pytest.raises(InvalidInput, match="Status option"):
        notion.perform("create_database_entry__400", "create_database_entry", {"database": DATABASE, "title": "x"})


def test_a_database_is_asked_with_conditions() -> None:
    given = {
        "database": DATABASE,
        "where": {"status": "Open", "Tags": "vip", "Due": None},
        "filter": {"property": "Priority", "number": {"greater_than": 1}},
        "sorts": [{"property": "Due", "direction": "ascending"}],
        "limit": 1,
        "start_cursor": "c1",
    }
    result, calls = notion.perform("query_database__200", "query_database", given)
    assert body_of(calls[-1]) == {
        "page_size": 1,
        "filter": {
            "and": [
                {"property": "Status", "status": {"equals": "Open"}},
                {"property": "Tags", "multi_select": {"contains": "vip"}},
                {"property": "Due", "date": {"is_empty": True}},
                given["filter"],
            ]
        },
        "sorts": given["sorts"],
        "start_cursor": "c1",
    }
    assert (result.data["count"], result.data["next_cursor"]) == (1, "c2")
    assert result.data["results"][0]["values"]["Status"] == "Open"
    with pytest.raises(InvalidInput, match="sort property"):
        notion.perform("query_database__400", "query_database", {"database": DATABASE})


# --- comments -------------------------------------------------------------------------------------------------
def test_a_comment_mentions_people() -> None:
    given = {"page": PAGE, "comment": "please look", "mentions": "Ada Byron"}
    result, calls = notion.perform("add_comment__200__mentions", "add_comment", given)
    assert body_of(calls[-1]) == {
        "parent": {"page_id": PAGE},
        "rich_text": [
            {"type": "mention", "mention": {"type": "user", "user": {"id": ADA}}},
            *rich_text(" "),
            *rich_text("please look"),
        ],
    }
    assert result.data == {"comment_id": COMMENT, "discussion_id": "f4be6752-a539-4da2-a8a9-c3953e13bc0b"}


def test_a_comment_stands_at_a_block_or_in_a_discussion_and_holds_files() -> None:
    _, [call] = notion.perform("add_comment__200", "add_comment", {"block_id": PAGE, "text": "x"})
    assert body_of(call)["parent"] == {"block_id": PAGE}
    _, [call] = notion.perform("add_comment__200", "add_comment", {"discussion_id": PAGE, "text": "x"})
    assert body_of(call)["discussion_id"] == PAGE and "parent" not in body_of(call)
    given = {"page": PAGE, "text": "x", "attachments": [{"content": "12345", "filename": "log.txt"}]}
    _, calls = notion.perform("add_comment__200__file", "add_comment", given)
    assert body_of(calls[-1])["attachments"] == [{"type": "file_upload", "file_upload_id": UPLOAD}]


@pytest.mark.parametrize(("answers", "error"), [("add_comment__403", Forbidden), ("add_comment__cut_off", Uncertain)])
def test_a_comment_may_fail(answers: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        notion.perform(answers, "add_comment", {"page": PAGE, "text": "x"})


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        ("create_page", {"parent": PARENT}),
        ("create_page", {**NEW, "parent": "Notes"}),
        ("create_page", {**NEW, "colour": "red"}),
        ("update_page", {"page": PAGE}),
        ("append_content", {"page": PAGE}),
        ("create_database_entry", {"database": DATABASE}),
        ("update_database_entry", {"page": PAGE}),
        ("add_comment", {"text": "x"}),
        ("add_comment", {"page": PAGE, "block": PAGE, "text": "x"}),
        ("add_comment", {"page": PAGE, "text": "x", "attachments": [{"content": "x"}] * 4}),
        ("query_database", {"database": DATABASE, "limit": 101}),
    ],
)
def test_what_cannot_be_is_refused_before_the_call(action: str, parameters: dict[str, Any]) -> None:
    notion.refused(action, parameters)


# --- forms and effects ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("databases", [(SOURCE, "Tickets"), ("y", "Untitled")]),
        ("pages", [(PAGE, "Payment fails"), (PAGE, "Post-mortem")]),
        ("users", [(ADA, "Ada Byron"), (BO, "Bo Diddley")]),
    ],
)
def test_forms_offer_what_there_is(kind: str, found: list[tuple[str, str]]) -> None:
    given, _ = notion.ask(f"choices__200__{kind}", "choices", kind)
    assert [(item["id"], item["name"]) for item in given] == found
    assert kind in Notion.choice_kinds


def test_effects_tell_what_may_be_repeated() -> None:
    effects = {spec.name: spec.effect for spec in Notion.actions}
    assert effects == {
        "create_page": CREATES,
        "update_page": SETS,
        "append_content": CREATES,
        "create_database_entry": CREATES,
        "update_database_entry": SETS,
        "add_comment": CREATES,
        "query_database": READS,
    }
