"""What Google Sheets is asked for, and what its answers mean."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_curve_key
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import ValidationError

from integrations.connectors.google_sheets.connector import GoogleSheets
from integrations.connectors.google_sheets.schemas import GoogleSheetsConfig, GoogleSheetsCredentials
from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    Unavailable,
    Uncertain,
)
from integrations.specs import CREATES, READS, SETS, Account, Token
from supportops import clock
from tests.integrations.calls import Caller, body_of
from tests.integrations.recorded import FakePlatform

_PRIVATE = generate_private_key(65537, 2048)


def pem(key: Any) -> str:
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


EMAIL = "supportops@acme.iam.gserviceaccount.com"
KEY: dict[str, Any] = {
    "type": "service_account",
    "project_id": "acme",
    "private_key_id": "4f1c",
    "private_key": pem(_PRIVATE),
    "client_email": EMAIL,
    "client_id": "1",
    "auth_uri": "https://evil.example/auth",
    "token_uri": "https://evil.example/token",
    "universe_domain": "evil.example",
}
SPREADSHEET = "1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms"
ADDRESS = f"https://docs.google.com/spreadsheets/d/{SPREADSHEET}/edit?gid=0#gid=0"
CONFIG = {"default_spreadsheet": ADDRESS, "default_sheet": "Tickets"}
sheets = Caller(GoogleSheets, {"service_account": json.dumps(KEY)}, CONFIG)


# --- signing in -----------------------------------------------------------------------------------------------
def test_a_service_account_signs_for_a_token_at_googles_own_address() -> None:
    now = datetime(2026, 11, 20, 10, tzinfo=UTC)
    with clock.frozen(now):
        _, [asked, call] = sheets.perform("append_row__200", "append_row", {"values": ["x"]})
    assert str(asked.url) == "https://oauth2.googleapis.com/token"
    assert "authorization" not in asked.headers
    form = {name: values[0] for name, values in parse_qs(asked.content.decode()).items()}
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    header, claims, signature = (part + "=" * (-len(part) % 4) for part in form["assertion"].split("."))
    assert json.loads(base64.urlsafe_b64decode(header)) == {"alg": "RS256", "typ": "JWT", "kid": "4f1c"}
    assert json.loads(base64.urlsafe_b64decode(claims)) == {
        "iss": EMAIL,
        "scope": "https://www.googleapis.com/auth/spreadsheets",
        "aud": "https://oauth2.googleapis.com/token",
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(hours=1)).timestamp()),
    }
    signed = form["assertion"].rpartition(".")[0].encode()
    _PRIVATE.public_key().verify(base64.urlsafe_b64decode(signature), signed, PKCS1v15(), SHA256())
    assert call.headers["authorization"] == "Bearer ya29.c.b0Aaekm1K"
    assert call.url.host == "sheets.googleapis.com"


def test_of_a_key_only_what_is_used_is_kept() -> None:
    for given in (KEY, json.dumps(KEY)):
        kept = GoogleSheetsCredentials(service_account=given).service_account
        assert kept is not None and set(json.loads(kept)) == {
            "type", "project_id", "private_key_id", "private_key", "client_email",
        }  # fmt: skip
        assert "evil" not in kept


@pytest.mark.parametrize(
    "given",
    [
        "no json",
        "[]",
        json.dumps({**KEY, "type": "external_account"}),
        json.dumps({**KEY, "client_email": ""}),
        json.dumps({**KEY, "private_key": "x"}),
        json.dumps({**KEY, "private_key": pem(generate_curve_key(SECP256R1()))}),
    ],
)
def test_what_is_no_key_of_a_service_account_is_refused(given: str) -> None:
    with pytest.raises(ValidationError) as caught:
        GoogleSheetsCredentials(service_account=given)
    assert "BEGIN" not in str(caught.value)


@pytest.mark.parametrize(
    "given", [{}, {"client_id": "x"}, {"service_account": KEY, "access_token": "x"}], ids=["none", "half", "two"]
)
def test_one_way_of_signing_in_is_needed(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GoogleSheetsCredentials(**given)


def test_what_a_person_granted_is_refreshed() -> None:
    granted = {"access_token": "ya29.old", "refresh_token": "1//r", "client_id": "c", "client_secret": "s"}
    with FakePlatform.of("google_sheets", "test_connection__200") as google:
        token = google.connect(GoogleSheets, granted).obtain_token(None)
    assert parse_qs(google.requests[0].content.decode()) == {
        "grant_type": ["refresh_token"], "refresh_token": ["1//r"], "client_id": ["c"], "client_secret": ["s"],
    }  # fmt: skip
    assert (token.access_token, token.refresh_token) == ("ya29.c.b0Aaekm1K", "1//r")


def test_an_access_token_alone_lasts_as_long_as_it_does() -> None:
    instance: Any = FakePlatform([]).connect(GoogleSheets, {"access_token": "ya29.a"})
    assert instance.obtain_token(None) == Token("ya29.a")
    with pytest.raises(CredentialsRejected, match="sign in again"):
        instance.obtain_token(Token("ya29.a"))


def test_the_connection_test_proves_the_key_and_opens_the_spreadsheet() -> None:
    given, _ = sheets.ask("test_connection__200__spreadsheet", "test_connection")
    assert given.message == f"Google knows us as {EMAIL}, and 'Support' can be opened."
    assert given.data["account"] == Account(actor_id=EMAIL)
    bare = Caller(GoogleSheets, sheets.credentials)
    result, _ = bare.perform("test_connection__200", "test_connection", {})
    assert f"Google knows us as {EMAIL}" in result.message


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ("test_connection__400", CredentialsRejected),
        ("test_connection__401", CredentialsRejected),
        ("test_connection__400__passing", Unavailable),
        ("test_connection__503", Unavailable),
    ],
)
def test_no_token_no_connection(answers: str, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        Caller(GoogleSheets, sheets.credentials).perform(answers, "test_connection", {})
    assert type(caught.value) is error and "BEGIN" not in str(caught.value)


# --- rows -----------------------------------------------------------------------------------------------------
def test_a_row_is_stored_as_it_is() -> None:
    given = {"values": ["=IMPORTXML(1)", 7, True, None, "+49"]}
    result, [_, call] = sheets.perform("append_row__200", "append_row", given)
    assert body_of(call) == {"majorDimension": "ROWS", "values": [["=IMPORTXML(1)", 7, True, "", "+49"]]}
    assert result.data == {"row": 5, "range": "Tickets!A5:D5", "is_new": True}
    assert GoogleSheets.action_spec("append_row").effect is CREATES


def test_a_row_by_the_names_of_its_columns() -> None:
    _, calls = sheets.perform("append_row__200__by_name", "append_row", {"row": {"subject": "x", "Status": "Open"}})
    assert body_of(calls[-1])["values"] == [["", "x", "Open"]]
    with pytest.raises(InvalidInput, match=r"no column 'Colour'. There are: Id, Subject"):
        sheets.perform("append_row__200__no_column", "append_row", {"values": {"Colour": "red"}})


def test_formulas_are_the_authors_own() -> None:
    given = {"values": ["=A1*2", "'=A1", "-x"], "formulas": True}
    _, calls = sheets.perform("append_row__200__formulas", "append_row", given)
    assert body_of(calls[-1])["values"] == [["=A1*2", "'=A1", "'-x"]]


def test_without_a_sheet_the_first_one_is_meant() -> None:
    config = {"default_spreadsheet": SPREADSHEET}
    sheets.perform("append_row__200__first_sheet", "append_row", {"values": ["x"]}, config=config)
    sheets.perform("append_row__200__quoted", "append_row", {"values": ["x"], "spreadsheet": ADDRESS, "tab": "Bob's"})
    bare = Caller(GoogleSheets, sheets.credentials)
    assert "default spreadsheet" in bare.refused("append_row", {"values": ["x"]})
    with pytest.raises(ValidationError):
        GoogleSheetsConfig(default_spreadsheet="Support")


@pytest.mark.parametrize(
    ("answers", "error", "says"),
    [
        ("append_row__400", InvalidInput, "Unable to parse range"),
        ("append_row__401", CredentialsRejected, "401"),
        ("append_row__403", Forbidden, f"Share the spreadsheet with {EMAIL}"),
        ("append_row__403__disabled", Forbidden, "Enable the Google Sheets API"),
        ("append_row__404", NotFound, "not found"),
        ("append_row__429", RateLimited, "Quota exceeded"),
        ("append_row__503", Unavailable, "currently unavailable"),
        ("append_row__cut_off", Uncertain, "may have had its effect"),
    ],
)
def test_a_failure_has_its_class(answers: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        sheets.perform(answers, "append_row", {"values": ["x"]})
    assert type(caught.value) is error
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after == 30
    if answers == "append_row__503":
        assert getattr(caught.value, "may_have_reached", False)


def test_a_row_is_set_and_what_is_not_named_stays() -> None:
    result, calls = sheets.perform("update_row__200", "update_row", {"row": 5, "values": ["7", "x"]})
    assert body_of(calls[-1]) == {"range": "Tickets!A5:B5", "majorDimension": "ROWS", "values": [["7", "x"]]}
    assert result.data["row"] == 5
    _, calls = sheets.perform("update_row__200__by_name", "update_row", {"row_number": 5, "values": {"Status": None}})
    assert body_of(calls[-1])["values"] == [[None, None, ""]]
    with pytest.raises(NotFound):
        sheets.perform("update_row__404", "update_row", {"row": 5, "values": ["7", "x"]})


def test_rows_are_found_by_what_is_shown() -> None:
    result, _ = sheets.perform("find_row__200", "find_row", {"column": "subject", "value": "payment FAILS"})
    assert result.data["row"] == 2 and result.data["found"] is True
    assert result.data["values"] == {"Id": "7", "Subject": "Payment fails", "Status": "Open", "Note": ""}
    result, _ = sheets.perform("find_row__200", "find_row", {"column": "Id", "value": 7})
    assert result.data["count"] == 1, "007 is another text"
    result, _ = sheets.perform("find_row__200", "find_row", {"column": "Id", "value": "none"})
    assert result.success and result.data["row"] is None and result.data["found"] is False
    with pytest.raises(Forbidden):
        sheets.perform("find_row__403", "find_row", {"column": "Id", "value": 7})


def test_a_row_with_the_key_is_set_and_else_added() -> None:
    given = {"key": "Id", "values": {"id": 7, "Status": "Done"}}
    result, calls = sheets.perform("upsert_row__200__there", "upsert_row", given)
    assert body_of(calls[-1])["values"] == [[7, None, "Done"]] and result.data["is_new"] is False
    new = {**given, "values": {"Id": "9", "Status": "Open"}}
    result, calls = sheets.perform("upsert_row__200__new", "upsert_row", new)
    assert body_of(calls[-1])["values"] == [["9", "", "Open"]] and result.data["is_new"] is True
    with pytest.raises(InvalidInput, match=r"2 rows have this 'Id' \(rows 2, 5\)"):
        sheets.perform("upsert_row__200__two", "upsert_row", given)
    with pytest.raises(RateLimited):
        sheets.perform("upsert_row__429", "upsert_row", new)
    assert GoogleSheets.action_spec("upsert_row").effect is SETS


# --- ranges and sheets ----------------------------------------------------------------------------------------
def test_a_range_is_read_with_even_rows() -> None:
    result, _ = sheets.perform("read_range__200", "read_range", {"range": "A1:C3"})
    assert result.data == {"values": [["a", ""], ["", ""], ["b", "c"]], "rows": 3, "columns": 2}
    given = {"range": "'Bob''s'!A1:B2", "render": "FORMULA"}
    result, _ = sheets.perform("read_range__200__empty", "read_range", given)
    assert result.data["values"] == []
    with pytest.raises(InvalidInput):
        sheets.perform("read_range__400", "read_range", {"range": "1A"})
    assert GoogleSheets.action_spec("read_range").effect is READS


def test_a_sheet_is_added_once() -> None:
    result, calls = sheets.perform(
        "create_sheet__200", "create_sheet", {"title": "November", "headings": ["Id", "Subject"]}
    )
    assert body_of(calls[2]) == {"requests": [{"addSheet": {"properties": {"title": "November"}}}]}
    assert body_of(calls[3])["values"] == [["Id", "Subject"]]
    assert result.data == {"spreadsheet": SPREADSHEET, "sheet": "November", "sheet_id": 99, "is_new": True}
    result, _ = sheets.perform("create_sheet__200__there", "create_sheet", {"title": "Tickets"})
    assert result.data["is_new"] is False and result.data["sheet_id"] == 0


def test_a_spreadsheet_is_made_and_might_be_twice() -> None:
    given = {"title": "November", "new_spreadsheet": True}
    result, calls = sheets.perform("create_sheet__200__spreadsheet", "create_sheet", given)
    assert body_of(calls[-1])["properties"] == {"title": "November"}
    assert result.data["url"].startswith("https://docs.google.com/spreadsheets/d/")
    with pytest.raises(Forbidden, match="storage quota"):
        sheets.perform("create_sheet__403", "create_sheet", given)
    spec = GoogleSheets.action_spec("create_sheet")
    assert not spec.may_repeat_with(spec.model.model_validate(given))
    assert spec.may_repeat_with(spec.model.model_validate({"title": "November"}))


def test_several_ranges_are_written_at_once() -> None:
    given = {"data": [{"range": "Tickets!A1:B1", "values": [["=1", 2]]}, {"range": "Tickets!C1", "values": [["x"]]}]}
    result, calls = sheets.perform("batch_update__200", "batch_update", given)
    assert body_of(calls[-1]) == {
        "valueInputOption": "RAW",
        "data": [
            {"range": "Tickets!A1:B1", "majorDimension": "ROWS", "values": [["=1", 2]]},
            {"range": "Tickets!C1", "majorDimension": "ROWS", "values": [["x"]]},
        ],
    }
    assert result.data == {"cells": 3, "rows": 2}
    spec = GoogleSheets.action_spec("batch_update")
    assert spec.may_repeat_with(spec.model.model_validate(given))


def test_changes_of_sheets_go_as_google_wants_them() -> None:
    given = {"requests": [{"deleteSheet": {"sheetId": 5}}]}
    result, calls = sheets.perform("batch_update__200__requests", "batch_update", given)
    assert body_of(calls[-1]) == given and result.data == {"replies": [{}]}
    with pytest.raises(InvalidInput, match="No sheet with id"):
        sheets.perform("batch_update__400", "batch_update", given)
    spec = GoogleSheets.action_spec("batch_update")
    assert not spec.may_repeat_with(spec.model.model_validate(given))


def test_a_format_sets_what_was_named() -> None:
    given = {
        "range": "'Bob''s'!A1:C1", "bold": True, "background": "#FF0000", "align": "CENTER", "text_color": "0000ff",
        "number_format": "yyyy-mm-dd", "font_size": 12, "italic": False,
    }  # fmt: skip
    _, calls = sheets.perform("format_range__200", "format_range", given)
    [request] = body_of(calls[-1])["requests"]
    assert request["repeatCell"]["range"] == {
        "sheetId": 1874, "startRowIndex": 0, "endRowIndex": 1, "startColumnIndex": 0, "endColumnIndex": 3,
    }  # fmt: skip
    assert request["repeatCell"]["cell"]["userEnteredFormat"] == {
        "textFormat": {
            "bold": True, "italic": False, "fontSize": 12, "foregroundColor": {"red": 0, "green": 0, "blue": 1},
        },
        "backgroundColor": {"red": 1, "green": 0, "blue": 0},
        "horizontalAlignment": "CENTER",
        "numberFormat": {"type": "DATE", "pattern": "yyyy-mm-dd"},
    }  # fmt: skip
    assert request["repeatCell"]["fields"].split(",") == [
        f"userEnteredFormat.{name}"
        for name in (
            "textFormat.bold", "textFormat.italic", "textFormat.fontSize", "textFormat.foregroundColor",
            "backgroundColor", "horizontalAlignment", "numberFormat",
        )
    ]  # fmt: skip


def test_a_format_may_fail() -> None:
    with pytest.raises(NotFound, match=r"no sheet 'March'. There are: Tickets, Bob's"):
        sheets.perform("format_range__200__no_sheet", "format_range", {"range": "March!A1", "bold": True})
    with pytest.raises(Unavailable):
        sheets.perform("format_range__500", "format_range", {"range": "A1", "bold": True})


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        ("append_row", {}),
        ("append_row", {"values": []}),
        ("append_row", {"values": "x"}),
        ("append_row", {"values": [[1]]}),
        ("append_row", {"values": ["x"], "spreadsheet": "Support"}),
        ("append_row", {"values": ["x"], "spreadsheet": f"https://evil.example/spreadsheets/d/{SPREADSHEET}"}),
        ("append_row", {"values": ["x"], "colour": "red"}),
        ("update_row", {"row": 0, "values": ["x"]}),
        ("upsert_row", {"key": "Id", "values": {"Status": "x"}}),
        ("batch_update", {}),
        ("batch_update", {"data": [{"range": "A1", "values": [["x"]]}], "requests": [{}]}),
        ("format_range", {"range": "A1"}),
        ("format_range", {"range": "A1", "background": "red"}),
    ],
)
def test_what_cannot_be_is_refused_before_the_call(action: str, parameters: dict[str, Any]) -> None:
    sheets.refused(action, parameters)


def test_forms_offer_the_sheets() -> None:
    given, _ = sheets.ask("choices__200__sheets", "choices", "sheets")
    assert given == [{"id": "Tickets", "name": "Tickets"}, {"id": "Bob's", "name": "Bob's"}]


def test_reading_and_writing_are_counted_apart() -> None:
    reads, writes = GoogleSheets.limits
    assert reads.key is not None and writes.key is not None
    assert (reads.key("find_row", None), writes.key("find_row", None)) == ("", None)
    assert (reads.key("append_row", None), writes.key("append_row", None)) == (None, "")


def test_the_private_key_stays_out_of_what_is_told() -> None:
    def repeat(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"error": "invalid_grant", "error_description": KEY["private_key"]})

    google = FakePlatform([])
    google._answer = repeat  # type: ignore[method-assign]
    with pytest.raises(CredentialsRejected) as caught:
        google.connect(GoogleSheets, sheets.credentials).obtain_token(None)
    assert KEY["private_key"].splitlines()[1] not in str(caught.value)
