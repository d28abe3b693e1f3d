"""Google Sheets: rows, ranges, sheets and formats out. Drive's notices of changed files are taken and tell nothing."""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from integrations.base import BaseIntegration
from integrations.connectors.google_sheets import cells
from integrations.connectors.google_sheets.client import SCOPE, TOKEN_HOST, TOKEN_PATH, SheetsClient, error_for
from integrations.connectors.google_sheets.schemas import (
    AppendRow,
    BatchUpdate,
    CreateSheet,
    FindRow,
    FormatRange,
    GoogleSheetsConfig,
    GoogleSheetsCredentials,
    ReadRange,
    UpdateRow,
    UpsertRow,
    WithSheet,
    WithSpreadsheet,
)
from integrations.errors import CredentialsRejected, IntegrationError, InvalidInput
from integrations.grants import client_of
from integrations.payloads import mapping
from integrations.signatures import SharedSecretHeader
from integrations.specs import (
    CREATES,
    READS,
    SETS,
    Account,
    ActionSpec,
    Effect,
    Event,
    Limit,
    OAuth,
    Result,
    Token,
)

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response

Json = dict[str, Any]
_READING = frozenset({"find_row", "read_range", "upsert_row", "test_connection", "choices"})
_WRITING = frozenset({"append_row", "update_row", "upsert_row", "create_sheet", "batch_update", "format_range"})


def _reads(action: str, _: Any) -> str | None:
    return "" if action in _READING else None


def _writes(action: str, _: Any) -> str | None:
    return "" if action in _WRITING else None


def _effect_of_creating(data: CreateSheet) -> Effect:
    """A tab that is there already is not made again; a spreadsheet would be."""
    return CREATES if data.new_spreadsheet else SETS


def _effect_of_batch(data: BatchUpdate) -> Effect:
    """The same values may be written again; of other changes nobody knows."""
    return SETS if data.data else CREATES


class GoogleSheets(BaseIntegration):
    key, name = "google_sheets", "Google Sheets"
    description = "Rows, ranges, sheets and formats of spreadsheets."
    Credentials = GoogleSheetsCredentials
    Config = GoogleSheetsConfig
    base_url = "https://sheets.googleapis.com/v4"
    other_urls = {"token": TOKEN_HOST, "accounts": "https://accounts.google.com"}
    # https://developers.google.com/identity/protocols/oauth2/web-server, read 2026-11
    oauth = OAuth(
        authorize_path="/o/oauth2/v2/auth",
        authorize_host="accounts",
        token_path=TOKEN_PATH,
        token_host="token",  # noqa: S106 - the name of a host
        scopes=(SCOPE,),
        # Without these no refresh token comes.
        parameters={"access_type": "offline", "prompt": "consent"},
    )
    choice_kinds = ("sheets",)
    # https://developers.google.com/workspace/sheets/api/limits, read 2026-11: 60 a minute for each user, and a service
    # account is one user.
    limits = [
        Limit("reads", calls=60, seconds=60, burst=15, key=_reads),
        Limit("writes", calls=60, seconds=60, burst=15, key=_writes),
    ]
    # https://developers.google.com/workspace/drive/api/guides/push, read 2026-11: nothing is signed and the body is
    # empty; the token that was given when the channel was opened comes back.
    signature = SharedSecretHeader(
        header="X-Goog-Channel-Token",
        basic="",
        scheme="google_drive",
        description="Drive repeats the token of the channel; nothing is signed.",
    )
    actions = [
        ActionSpec("append_row", "Add a row at the end of a sheet.", AppendRow, "append_row", label="Append a row"),
        ActionSpec("update_row", "Set cells of a row by its number.", UpdateRow, "update_row", SETS,
                   label="Update a row"),
        ActionSpec("find_row", "Find rows by what a column holds.", FindRow, "find_row", READS, label="Find a row"),
        ActionSpec("upsert_row", "Set the row with a key, or add it where there is none.", UpsertRow, "upsert_row",
                   SETS, label="Update or add a row"),
        ActionSpec("read_range", "Read cells.", ReadRange, "read_range", READS, label="Read a range"),
        ActionSpec("create_sheet", "Add a sheet to a spreadsheet, or make a new spreadsheet.", CreateSheet,
                   "create_sheet", effect_of=_effect_of_creating, label="Create a sheet"),
        ActionSpec("batch_update", "Write several ranges, or make several changes of sheets.", BatchUpdate,
                   "batch_update", effect_of=_effect_of_batch, label="Several changes at once"),
        ActionSpec("format_range", "Set how cells look.", FormatRange, "format_range", SETS, label="Format a range"),
    ]  # fmt: skip

    credentials: GoogleSheetsCredentials
    config: GoogleSheetsConfig

    # --- signing in ------------------------------------------------------------------------------------------
    def authorize(self, http: "PlatformClient") -> None:
        if self._key:
            # It stands within the JSON that is stored, where it would not be recognised by itself.
            http.add_secret(self._key["private_key"])
            http.add_secret(" ".join(self._key["private_key"].split()))
        http.bearer = self.access_token

    def obtain_token(self, last: Token | None) -> Token:
        """Fetch a token as the service account, or with the refresh token that a person granted."""
        known = self.credentials
        if self._key:
            return self.client.token_of_account(self._key)
        refresh = (last.refresh_token if last is not None else None) or known.refresh_token
        if refresh:
            client_id, client_secret = client_of(type(self), known.model_dump())
            grant = {"grant_type": "refresh_token", "refresh_token": refresh}
            fresh = self.client.token({**grant, "client_id": client_id, "client_secret": client_secret})
            return Token(fresh.access_token, fresh.expires_at, fresh.refresh_token or refresh)
        if last is None and known.access_token:
            return Token(known.access_token)
        raise CredentialsRejected("Google's access token has expired, or access was not granted yet: sign in again.")

    def classify(self, response: "Response") -> IntegrationError | None:
        return error_for(response, self._key.get("client_email", ""))

    @cached_property
    def client(self) -> SheetsClient:
        return SheetsClient(self.http)

    @cached_property
    def _key(self) -> dict[str, str]:
        return json.loads(self.credentials.service_account) if self.credentials.service_account else {}

    # --- out -------------------------------------------------------------------------------------------------
    def test_connection(self) -> Result:
        """Fetch a token, which proves the key, or look at the default spreadsheet; changes nothing."""
        who = self._key.get("client_email") or "an account that granted access"
        data: Json = {"account": Account(actor_id=self._key.get("client_email", "")), "email": who}
        if not self.config.default_spreadsheet:
            # A fresh one: a kept token proves nothing of the key.
            self.obtain_token(None)
            return Result(True, f"Google knows us as {who}. Share spreadsheets with it.", data)
        about = self.client.about(self.config.default_spreadsheet)
        title = mapping(about.get("properties")).get("title")
        return Result(True, f"Google knows us as {who}, and '{title}' can be opened.", {**data, "spreadsheet": title})

    def choices(self, kind: str) -> list[dict[str, Any]]:
        if kind == "sheets":
            there = self.client.sheets(self._spreadsheet(WithSpreadsheet()))
            return [{"id": item["title"], "name": item["title"]} for item in there]
        return super().choices(kind)

    def append_row(self, data: AppendRow) -> Result:
        spreadsheet, sheet = self._place(data)
        header = self.client.header(spreadsheet, sheet) if isinstance(data.values, dict) else []
        row = cells.row(data.values, header, formulas=data.formulas)
        # Empty, not skipped: there is nothing in a new row that could stay.
        row = ["" if value is None else value for value in row]
        return self._appended(spreadsheet, sheet, row, formulas=data.formulas)

    def update_row(self, data: UpdateRow) -> Result:
        spreadsheet, sheet = self._place(data)
        header = self.client.header(spreadsheet, sheet) if isinstance(data.values, dict) else []
        row = cells.row(data.values, header, formulas=data.formulas)
        return self._updated(spreadsheet, sheet, data.row, row, formulas=data.formulas)

    def find_row(self, data: FindRow) -> Result:
        spreadsheet, sheet = self._place(data)
        rows = self.client.values(spreadsheet, cells.in_sheet(sheet))
        header = [str(value) for value in rows[0]] if rows else []
        found = _matching(rows, cells.column_of(data.column, header), data.value)
        known = [{"row": number, "values": cells.named(rows[number - 1], header)} for number in found]
        first = known[0] if known else {"row": None, "values": {}}
        message = f"Row {first['row']} has it." if known else f"No row has '{data.value}' in '{data.column}'."
        return Result(True, message, {**first, "found": bool(known), "count": len(known), "rows": known[:100]})

    def upsert_row(self, data: UpsertRow) -> Result:
        spreadsheet, sheet = self._place(data)
        rows = self.client.values(spreadsheet, cells.in_sheet(sheet))
        header = [str(value) for value in rows[0]] if rows else []
        column = cells.column_of(data.key, header)
        row = cells.row(data.values, header, formulas=data.formulas)
        found = _matching(rows, column, _shown(row[column]))
        if len(found) > 1:
            raise InvalidInput(f"{len(found)} rows have this '{data.key}' (rows {', '.join(map(str, found[:5]))}).")
        if found:
            return self._updated(spreadsheet, sheet, found[0], row, formulas=data.formulas)
        return self._appended(spreadsheet, sheet, ["" if v is None else v for v in row], formulas=data.formulas)

    def read_range(self, data: ReadRange) -> Result:
        spreadsheet, sheet = self._place(data)
        named, inner = cells.split(data.range) if data.range else ("", "")
        rows = self.client.values(spreadsheet, cells.in_sheet(named or sheet, inner), data.render)
        width = max(map(len, rows), default=0)
        padded = [[*row, *[""] * (width - len(row))] for row in rows]
        return Result(True, f"{len(rows)} rows were read.", {"values": padded, "rows": len(rows), "columns": width})

    def create_sheet(self, data: CreateSheet) -> Result:
        if data.new_spreadsheet:
            made = self.client.create(data.title)
            spreadsheet, url = str(made["spreadsheetId"]), made.get("spreadsheetUrl")
            known: Json = {"spreadsheet": spreadsheet, "url": url, "sheet": data.title, "is_new": True}
        else:
            spreadsheet = self._spreadsheet(data)
            there = {str(item.get("title", "")): item.get("sheetId") for item in self.client.sheets(spreadsheet)}
            is_new = data.title not in there
            if is_new:
                replies = self.client.change(spreadsheet, [{"addSheet": {"properties": {"title": data.title}}}])
                added = mapping(mapping(mapping(replies[0] if replies else {}).get("addSheet")).get("properties"))
                there[data.title] = added.get("sheetId")
            known = {"spreadsheet": spreadsheet, "sheet": data.title, "sheet_id": there[data.title], "is_new": is_new}
        if data.headings:
            self.client.put(spreadsheet, cells.in_sheet(data.title, "A1"), [data.headings], formulas=False)
        return Result(True, f"The sheet '{data.title}' is there.", known)

    def batch_update(self, data: BatchUpdate) -> Result:
        spreadsheet = self._spreadsheet(data)
        if data.requests:
            replies = self.client.change(spreadsheet, data.requests)
            return Result(True, f"{len(data.requests)} changes were made.", {"replies": replies})
        written = [
            {
                "range": item.range,
                "majorDimension": "ROWS",
                "values": [cells.row(row, (), formulas=data.formulas) for row in item.values],
            }
            for item in data.data
        ]
        answer = self.client.put_many(spreadsheet, written, formulas=data.formulas)
        known = {"cells": answer.get("totalUpdatedCells"), "rows": answer.get("totalUpdatedRows")}
        return Result(True, f"{len(written)} ranges were written.", known)

    def format_range(self, data: FormatRange) -> Result:
        spreadsheet, sheet = self._place(data)
        named, inner = cells.split(data.range)
        place = {"sheetId": self.client.sheet_id(spreadsheet, named or sheet), **cells.grid(inner)}
        look, fields = _look(data)
        request = {"repeatCell": {"range": place, "cell": {"userEnteredFormat": look}, "fields": fields}}
        self.client.change(spreadsheet, [request])
        return Result(True, f"{data.range} is formatted.", {"spreadsheet": spreadsheet, "range": data.range})

    # --- parts -----------------------------------------------------------------------------------------------
    def _spreadsheet(self, data: WithSpreadsheet) -> str:
        spreadsheet = data.spreadsheet or self.config.default_spreadsheet
        if not spreadsheet:
            raise InvalidInput("Name a spreadsheet, or set a default spreadsheet in the integration.")
        return spreadsheet

    def _place(self, data: WithSheet) -> tuple[str, str]:
        return self._spreadsheet(data), data.sheet or self.config.default_sheet

    def _appended(self, spreadsheet: str, sheet: str, row: list[cells.Cell], *, formulas: bool) -> Result:
        range_ = cells.in_sheet(sheet, "A1")
        updates = self.client.append(spreadsheet, range_, [row], formulas=formulas)
        where = str(updates.get("updatedRange") or "")
        number = _row_of(where)
        known = {"row": number, "range": where, "is_new": True}
        return Result(True, f"Row {number} was added." if number else "The row was added.", known)

    def _updated(self, spreadsheet: str, sheet: str, number: int, row: list[cells.Cell], *, formulas: bool) -> Result:
        if not row:
            raise InvalidInput("There is nothing to set.")
        range_ = cells.in_sheet(sheet, f"A{number}:{cells.letters(len(row) - 1)}{number}")
        answer = self.client.put(spreadsheet, range_, [row], formulas=formulas)
        known = {"row": number, "range": answer.get("updatedRange"), "is_new": False}
        return Result(True, f"Row {number} is set.", known)

    # --- in --------------------------------------------------------------------------------------------------
    def handle_webhook(self, payload: Any) -> list[Event]:
        # A notice says that a file changed, and nothing of what.
        return []

    @classmethod
    def delivery_key(cls, headers: Mapping[str, str], payload: Any) -> str | None:
        channel, number = headers.get("x-goog-channel-id"), headers.get("x-goog-message-number")
        return f"{channel}:{number}" if channel and number else None


def _matching(rows: list[list[Any]], column: int, value: Any) -> list[int]:
    """The numbers of the rows, from 1, whose cell shows a value; the first row holds the headings."""
    wanted = _shown(value).strip().casefold()
    return [
        number
        for number, row in enumerate(rows, 1)
        if number > 1 and len(row) > column and _shown(row[column]).strip().casefold() == wanted
    ]


def _shown(value: Any) -> str:
    """A value as a cell shows it: TRUE and FALSE, whole numbers without a point."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)


def _row_of(range_: str) -> int | None:
    try:
        place = cells.grid(cells.split(range_)[1])
    except InvalidInput:
        return None
    return place["startRowIndex"] + 1 if "startRowIndex" in place else None


def _look(data: FormatRange) -> tuple[Json, str]:
    """The format in Google's form, and the names of what it sets: the rest stays."""
    text: Json = {name: value for name, value in (("bold", data.bold), ("italic", data.italic)) if value is not None}
    if data.font_size is not None:
        text["fontSize"] = data.font_size
    if data.text_color is not None:
        text["foregroundColor"] = _rgb(data.text_color)
    look: Json = {"textFormat": text} if text else {}
    if data.background is not None:
        look["backgroundColor"] = _rgb(data.background)
    if data.align is not None:
        look["horizontalAlignment"] = data.align
    if data.number_format:
        kind = "DATE" if any(letter in data.number_format.lower() for letter in "yd") else "NUMBER"
        look["numberFormat"] = {"type": kind, "pattern": data.number_format}
    names = [f"textFormat.{name}" for name in text] + [name for name in look if name != "textFormat"]
    return look, ",".join(f"userEnteredFormat.{name}" for name in names)


def _rgb(color: str) -> Json:
    parts = (int(color[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return dict(zip(("red", "green", "blue"), parts, strict=True))
