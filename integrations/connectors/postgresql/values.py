"""Values of PostgreSQL as JSON, and how much of them is kept.

What JSON has, it is given; everything else is the text that PostgreSQL itself writes: no number loses digits, and no
date (`infinity`, 44 BC) is beyond Python's.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Loader
from psycopg.types.json import Jsonb

from supportops import odd_json

# Of a cell so many characters are kept, and of all rows so many bytes of JSON: a step's output is cut off at 256 KiB.
MOST_OF_CELL = 10_000
MOST_OF_ROWS = 200_000

_TEXTS = (
    *("numeric", "money", "bytea", "interval", "date", "time", "timetz"),
    *("int4range", "int8range", "numrange", "daterange", "tsrange", "tstzrange"),
    *("int4multirange", "int8multirange", "nummultirange", "datemultirange", "tsmultirange", "tstzmultirange"),
)
# What a transaction sets so that those texts are of one form.
FORMS = {"TimeZone": "UTC", "DateStyle": "ISO, YMD", "IntervalStyle": "iso_8601", "bytea_output": "hex"}


class _Text(Loader):
    def load(self, data: Buffer) -> str:
        return bytes(data).decode("utf-8", errors="replace")


class _Moment(_Text):
    """``2026-11-20 10:00:00+00`` in the form of RFC 3339; what that has no form for as it is."""

    def load(self, data: Buffer) -> str:
        text = super().load(data)
        if not text[:1].isdigit() or text.endswith("BC"):
            return text
        return text.replace(" ", "T", 1).replace("+00", "Z", 1)


class _Json(_Text):
    def load(self, data: Buffer) -> Any:
        try:
            return odd_json.loads(bytes(data))
        except odd_json.MalformedJson:
            return super().load(data)


def register(adapters: AdaptersMap) -> None:
    """Have a connection read values in the forms of this module."""
    for name in _TEXTS:
        adapters.register_loader(name, _Text)
    for name in ("text", "varchar", "bpchar", "name"):
        adapters.register_loader(name, _Text)
    for name in ("timestamp", "timestamptz"):
        adapters.register_loader(name, _Moment)
    for name in ("json", "jsonb"):
        adapters.register_loader(name, _Json)


def bound(parameters: Any) -> Any:
    """Return parameters as they are bound: objects, and lists that hold some, as jsonb."""
    if isinstance(parameters, dict):
        return {name: _bound(value) for name, value in parameters.items()}
    return [_bound(value) for value in parameters] if isinstance(parameters, list) else parameters


def _bound(value: Any) -> Any:
    is_json = isinstance(value, dict) or (isinstance(value, list) and any(isinstance(v, (dict, list)) for v in value))
    return Jsonb(value, dumps=odd_json.dumps) if is_json else value


def named(columns: Sequence[str]) -> list[str]:
    """Return the names of columns, each once: of two with one name the second gets a number."""
    names: list[str] = []
    for column in columns:
        name, number = column, 2
        while name in names:
            name, number = f"{column}_{number}", number + 1
        names.append(name)
    return names


def kept(columns: Sequence[str], rows: Iterable[Sequence[Any]], most_rows: int) -> tuple[list[dict[str, Any]], bool]:
    """Return rows as objects, as many as fit, and whether anything was left out."""
    found: list[dict[str, Any]] = []
    is_cut, size = False, 0
    for values in rows:
        row = {}
        for name, value in zip(columns, values, strict=True):
            row[name], cell_is_cut = _cell(plain(value))
            is_cut = is_cut or cell_is_cut
        size += len(odd_json.dumps(row))
        if len(found) == most_rows or size > MOST_OF_ROWS:
            return found, True
        found.append(row)
    return found, is_cut


def plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value)


def _cell(value: Any) -> tuple[Any, bool]:
    text = value if isinstance(value, str) else None
    if isinstance(value, (dict, list)):
        written = odd_json.dumps(value).decode()
        text = written if len(written) > MOST_OF_CELL else None
    if text is None or len(text) <= MOST_OF_CELL:
        return value, False
    return text[: MOST_OF_CELL - 1] + "…", True
