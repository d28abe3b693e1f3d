"""Calls to the Sheets API (version 4), signing in as a service account, and what answers mean.

https://developers.google.com/workspace/sheets/api/reference/rest, read 2026-11.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from integrations.answers import SAFE_METHODS
from integrations.connectors.google_sheets.cells import Cell, in_sheet
from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    IntegrationError,
    NotFound,
    Permanent,
    RateLimited,
    Unavailable,
)
from integrations.grants import token_of
from integrations.http import path
from integrations.payloads import items, mapping
from integrations.retry_after import wait_of
from integrations.specs import Token
from integrations.vendor_message import shortened
from supportops import clock

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response

Json = dict[str, Any]
# Pinned: a key names an address too, and whoever uploads one would choose where it is sent.
TOKEN_HOST, TOKEN_PATH = "https://oauth2.googleapis.com", "/token"
SCOPE = "https://www.googleapis.com/auth/spreadsheets"
# What Google may answer to a good request, too; tried again: google-auth's own list, read 2026-11.
_PASSING = frozenset({"internal_failure", "server_error", "temporarily_unavailable"})
# The window is a minute; Google names no time.
UNNAMED_WAIT = 30.0


class SheetsClient:
    """Google Sheets as one integration sees it. Keeps what it looked up for as long as it lives."""

    def __init__(self, http: "PlatformClient") -> None:
        self.http = http
        self._sheets: dict[str, list[Json]] = {}

    # --- signing in ------------------------------------------------------------------------------------------
    def token(self, form: Mapping[str, str]) -> Token:
        """Ask Google for an access token. https://developers.google.com/identity/protocols/oauth2/service-account"""
        response = self.http.post(TOKEN_PATH, host="token", data=dict(form), signs_in=True, expected={400, 401})
        answer = mapping(response.json_or_none())
        if response.is_success:
            return token_of(answer)
        # Masked before it is shortened: a part of a secret would not be recognised.
        told = self.http.mask(str(answer.get("error_description") or answer.get("error") or "no reason given"))
        said = shortened(told)
        if answer.get("error") in _PASSING:
            raise Unavailable(f"Google could not give an access token: {said}", status_code=response.status_code)
        raise CredentialsRejected(f"Google refused to give an access token: {said}", status_code=response.status_code)

    def token_of_account(self, key: Mapping[str, str]) -> Token:
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion(key)}
        return self.token(form)

    # --- values ----------------------------------------------------------------------------------------------
    def values(self, spreadsheet: str, range_: str, render: str = "FORMATTED_VALUE") -> list[list[Any]]:
        """Return the rows of a range; what is empty at their end is left out by Google."""
        params = {"valueRenderOption": render, "dateTimeRenderOption": "SERIAL_NUMBER", "majorDimension": "ROWS"}
        answer = mapping(self.http.get(self.at(spreadsheet, "values", range_), params=params).json())
        if "range" not in answer:
            # An empty range has no values, but it says which range it is. Taken for one, this would append again.
            raise Permanent("Google Sheets' answer is not of the known form.")
        return [row for row in items(answer.get("values")) if isinstance(row, list)]

    def header(self, spreadsheet: str, sheet: str) -> list[str]:
        """The headings: the texts of the first row."""
        rows = self.values(spreadsheet, in_sheet(sheet, "1:1"))
        return [str(value) for value in rows[0]] if rows else []

    def append(self, spreadsheet: str, range_: str, rows: Sequence[Sequence[Cell]], *, formulas: bool) -> Json:
        params = {"valueInputOption": _input(formulas), "insertDataOption": "INSERT_ROWS"}
        place = self.at(spreadsheet, "values", range_, verb="append")
        body = {"majorDimension": "ROWS", "values": [list(row) for row in rows]}
        made = self.http.post(place, params=params, json=body).made(by="spreadsheetId")
        return dict(mapping(made.get("updates")))

    def put(self, spreadsheet: str, range_: str, rows: Sequence[Sequence[Cell]], *, formulas: bool) -> Json:
        params = {"valueInputOption": _input(formulas)}
        body = {"range": range_, "majorDimension": "ROWS", "values": [list(row) for row in rows]}
        place = self.at(spreadsheet, "values", range_)
        return self.http.put(place, params=params, json=body).made(by="spreadsheetId")

    def put_many(self, spreadsheet: str, data: Sequence[Json], *, formulas: bool) -> Json:
        body = {"valueInputOption": _input(formulas), "data": list(data)}
        place = path("spreadsheets", spreadsheet) + "/values:batchUpdate"
        return self.http.post(place, json=body).made(by="spreadsheetId")

    # --- sheets ----------------------------------------------------------------------------------------------
    def about(self, spreadsheet: str) -> Json:
        fields = "spreadsheetId,spreadsheetUrl,properties.title,sheets.properties(sheetId,title)"
        return dict(mapping(self.http.get(path("spreadsheets", spreadsheet), params={"fields": fields}).json()))

    def sheets(self, spreadsheet: str) -> list[Json]:
        """The tabs of a spreadsheet, in their order."""
        if spreadsheet not in self._sheets:
            found = items(self.about(spreadsheet).get("sheets"))
            self._sheets[spreadsheet] = [dict(mapping(mapping(item).get("properties"))) for item in found]
        return self._sheets[spreadsheet]

    def sheet_id(self, spreadsheet: str, title: str) -> int:
        """Return the id of a tab by its title, of the first one without. Raises NotFound."""
        there = self.sheets(spreadsheet)
        for item in there:
            if not title or str(item.get("title", "")).casefold() == title.casefold():
                return int(item.get("sheetId") or 0)
        raise NotFound(
            f"The spreadsheet has no sheet '{title}'. There are: {', '.join(str(item.get('title')) for item in there)}."
        )

    def change(self, spreadsheet: str, requests: Sequence[Json]) -> list[Json]:
        """Make changes of the sheets, all of them or none, and return what came of each."""
        place = path("spreadsheets", spreadsheet) + ":batchUpdate"
        answer = self.http.post(place, json={"requests": list(requests)}).made(by="spreadsheetId")
        return [dict(mapping(reply)) for reply in items(answer.get("replies"))]

    def create(self, title: str) -> Json:
        body = {"properties": {"title": title}, "sheets": [{"properties": {"title": title}}]}
        return self.http.post("/spreadsheets", json=body).made(by="spreadsheetId")

    def at(self, spreadsheet: str, *parts: str, verb: str = "") -> str:
        tail = "".join("/" + quote(part, safe="!:") for part in parts)
        return path("spreadsheets", spreadsheet) + tail + (f":{verb}" if verb else "")


def assertion(key: Mapping[str, str]) -> str:
    """Return the signed statement with which a service account asks for a token: a JWT, RS256 (RFC 7523)."""
    now = int(clock.now().timestamp())
    header = {"alg": "RS256", "typ": "JWT", "kid": key.get("private_key_id", "")}
    claims = {
        "iss": key["client_email"],
        "scope": SCOPE,
        "aud": TOKEN_HOST + TOKEN_PATH,
        "iat": now,
        # The longest that Google takes.
        "exp": now + 3600,
    }
    signed = b".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
    private_key = load_pem_private_key(key["private_key"].encode(), password=None)
    if not isinstance(private_key, RSAPrivateKey):
        raise Permanent("The service account's key is no RSA key.")
    return b".".join((signed, _base64url(private_key.sign(signed, PKCS1v15(), SHA256())))).decode()


def error_for(response: "Response", account: str = "") -> IntegrationError | None:
    """Return the error that an answer means; `account` is with whom a spreadsheet has to be shared."""
    status = response.status_code
    if 200 <= status < 300:
        return None
    error = mapping(mapping(response.json_or_none()).get("error"))
    said = shortened(str(error.get("message") or response.message))
    words = f"Google Sheets answered {status}" + (f": {said}" if said else ".")
    wait = wait_of(response.headers.get("retry-after"), clock.now(), date=response.headers.get("date"))
    if status == 429:
        return RateLimited(words, retry_after=wait or UNNAMED_WAIT, status_code=status)
    if status == 403:
        reasons = {str(mapping(item).get("reason")) for item in items(error.get("details"))}
        if "SERVICE_DISABLED" in reasons:
            return Forbidden(f"{words} Enable the Google Sheets API in the project.", status_code=status)
        hint = f" Share the spreadsheet with {account} as an editor." if account else ""
        return Forbidden(words + hint, status_code=status)
    if status >= 500:
        # A 503 too may come after the work was done.
        reached = response.method not in SAFE_METHODS
        return Unavailable(words, retry_after=wait, status_code=status, may_have_reached=reached)
    return None


def _input(formulas: bool) -> str:
    return "USER_ENTERED" if formulas else "RAW"


def _base64url(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
