"""What the actions take, and what signs them in. https://developers.google.com/workspace/sheets/api, read 2026-11."""

import json
import re
from typing import Annotated, Any, Literal, Self

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from integrations.parameters import Parameters
from integrations.specs import Choice, Credential, CredentialFields, Encode

_ID = re.compile(r"[A-Za-z0-9_-]{20,100}")
_URL = re.compile(r"https://docs\.google\.com/spreadsheets/(?:u/[0-9]+/)?d/([A-Za-z0-9_-]{20,100})(?:[/?#].*)?")
_COLOR = re.compile(r"#?([0-9A-Fa-f]{6})")
# What is used of a key; the addresses in it are not: Google's own are pinned.
_KEPT = ("type", "project_id", "private_key_id", "private_key", "client_email")


def _key(value: Any) -> Any:
    """Return a service account's JSON key, reduced to what is used. Raises ValueError that says what is wrong."""
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError("give the whole JSON file of the key") from None
    if not isinstance(value, dict) or value.get("type") != "service_account":
        raise ValueError("give the JSON key of a service account (its 'type' is service_account)")
    kept = {name: value[name] for name in _KEPT if isinstance(value.get(name), str)}
    if "@" not in kept.get("client_email", ""):
        raise ValueError("the key has no client_email")
    try:
        private_key = load_pem_private_key(kept.get("private_key", "").encode(), password=None)
    except (ValueError, TypeError):
        raise ValueError("the key's private_key cannot be read") from None
    if not isinstance(private_key, RSAPrivateKey):
        raise ValueError("the key's private_key is no RSA key")  # noqa: TRY004 - for people, not programmers
    return json.dumps(kept)


def _spreadsheet(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip()
    found = _URL.fullmatch(text)
    if found:
        return found[1]
    if not _ID.fullmatch(text):
        raise ValueError("a spreadsheet is named by its address or id")
    return text


def _color(value: str) -> str:
    found = _COLOR.fullmatch(value.strip())
    if not found:
        raise ValueError("a colour is written as #RRGGBB")
    return found[1].lower()


Spreadsheet = Annotated[str, BeforeValidator(_spreadsheet)]
Color = Annotated[str, AfterValidator(_color)]
CellValue = Annotated[Any, Encode("cell")]
# Marked as a whole too, for an expression that gives all of it.
Row = Annotated[list[CellValue] | dict[str, CellValue], Encode("cell")]


class GoogleSheetsCredentials(CredentialFields):
    """One of: a service account's key, or what a person granted by OAuth."""

    service_account: Annotated[
        str | None,
        BeforeValidator(_key),
        Credential(where="https://console.cloud.google.com → IAM → Service accounts → Keys → Add key → JSON"),
    ] = Field(None, title="Service account key", description="The whole JSON file.")
    client_id: Annotated[str | None, Credential(is_secret=False)] = Field(
        None, title="OAuth client: id", description="Of an OAuth client of your own that shall be authorized."
    )
    client_secret: Annotated[str | None, Credential()] = Field(None, title="OAuth client: secret")
    access_token: Annotated[str | None, Credential()] = Field(
        None, title="Access token", description="What a person granted."
    )
    refresh_token: Annotated[str | None, Credential()] = Field(
        None, title="Refresh token", description="With which a new access token is fetched each hour."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.service_account and (self.access_token or self.refresh_token):
            raise ValueError("give either service_account or tokens by OAuth, not both")
        if bool(self.client_id) != bool(self.client_secret):
            raise ValueError("client_id and client_secret belong together")
        if not (self.service_account or self.access_token or self.refresh_token or self.client_id):
            raise ValueError("give service_account, or sign in by OAuth (access_token, refresh_token)")
        return self


class GoogleSheetsConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    default_spreadsheet: Spreadsheet | Literal[""] = Field(
        "", title="Default spreadsheet", description="Address or id; for actions that name none."
    )
    default_sheet: Annotated[str, Choice("sheets")] = Field(
        "", title="Default sheet", description="For actions that name none; else the spreadsheet's first one."
    )


class WithSpreadsheet(Parameters):
    spreadsheet: Spreadsheet | None = Field(
        None,
        title="Spreadsheet",
        description="Address or id; the integration's default spreadsheet otherwise.",
        validation_alias=AliasChoices("spreadsheet", "spreadsheet_id", "spreadsheet_url"),
    )


class WithSheet(WithSpreadsheet):
    sheet: Annotated[str, Choice("sheets")] | None = Field(
        None,
        title="Sheet",
        description="Its title; the integration's default sheet otherwise, or the first one.",
        min_length=1,
        max_length=100,
        validation_alias=AliasChoices("sheet", "sheet_name", "tab", "worksheet"),
    )


class WithFormulas(Parameters):
    formulas: bool = Field(
        False,
        title="Formulas",
        description="Own text that begins with = is a formula, dates and numbers are read as typed. Values of events "
        "never become formulas.",
    )


class AppendRow(WithSheet, WithFormulas):
    values: Row = Field(
        title="Values",
        description="A list, or an object by the headings of the first row.",
        min_length=1,
        validation_alias=AliasChoices("values", "row"),
    )


class UpdateRow(WithSheet, WithFormulas):
    row: int = Field(
        title="Row", description="Its number, from 1.", ge=1, validation_alias=AliasChoices("row", "row_number")
    )
    values: Row = Field(
        title="Values", description="A list, or an object by the headings of the first row.", min_length=1
    )


class FindRow(WithSheet):
    column: str = Field(title="Column", description="Its heading in the first row.", min_length=1)
    value: str | int | float | bool = Field(title="Value", description="What the cell shows; case does not count.")


class UpsertRow(WithSheet, WithFormulas):
    key: str = Field(
        title="Key column", description="The heading of the column by which a row is known.", min_length=1,
        validation_alias=AliasChoices("key", "key_column", "column"),
    )  # fmt: skip
    values: Annotated[dict[str, CellValue], Encode("cell")] = Field(
        title="Values", description="By the headings of the first row, the key among them.", min_length=1
    )

    @model_validator(mode="after")
    def _has_key(self) -> Self:
        if not any(name.strip().casefold() == self.key.strip().casefold() for name in self.values):
            raise ValueError("values must hold the key column")
        return self


class ReadRange(WithSheet):
    range: str = Field("", title="Range", description="Such as A1:C10; the whole sheet otherwise.", max_length=200)
    render: Literal["FORMATTED_VALUE", "UNFORMATTED_VALUE", "FORMULA"] = Field(
        "FORMATTED_VALUE", title="As", description="What people see, the values behind it, or the formulas."
    )


class CreateSheet(WithSpreadsheet):
    title: str = Field(
        title="Title", min_length=1, max_length=100, validation_alias=AliasChoices("title", "name", "sheet")
    )
    new_spreadsheet: bool = Field(
        False, title="In a new spreadsheet", description="Makes a spreadsheet of that title instead of a tab."
    )
    headings: list[str] = Field([], title="Headings", description="Of the first row.", max_length=500)


class RangeValues(BaseModel):
    model_config = ConfigDict(extra="forbid")

    range: str = Field(min_length=1, max_length=200)
    values: Annotated[list[list[CellValue]], Encode("cell")] = Field(min_length=1)


class BatchUpdate(WithSpreadsheet, WithFormulas):
    data: Annotated[list[RangeValues], Encode("cell")] = Field(
        [], title="Values", description="Ranges and the rows that go there.", max_length=500
    )
    requests: list[dict[str, Any]] = Field(
        [], title="Requests", description="Changes of the sheets in Google's own form, all or none.", max_length=500
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if bool(self.data) == bool(self.requests):
            raise ValueError("give either data or requests")
        return self


class FormatRange(WithSheet):
    range: str = Field(title="Range", description="Such as A1:C1.", min_length=1, max_length=200)
    bold: bool | None = Field(None, title="Bold")
    italic: bool | None = Field(None, title="Italic")
    font_size: int | None = Field(None, title="Font size", ge=1, le=400)
    text_color: Color | None = Field(None, title="Text colour", description="Such as #ff0000.")
    background: Color | None = Field(
        None, title="Background", description="Such as #ffee00.",
        validation_alias=AliasChoices("background", "background_color"),
    )  # fmt: skip
    align: Literal["LEFT", "CENTER", "RIGHT"] | None = Field(None, title="Alignment")
    number_format: str = Field("", title="Number format", description="A pattern, such as #,##0.00 or yyyy-mm-dd.")

    @model_validator(mode="after")
    def _formats_something(self) -> Self:
        if not self.model_fields_set - {"range", "sheet", "spreadsheet"}:
            raise ValueError("name at least one thing to format")
        return self
