"""Cells, rows and ranges in A1 notation. Pure. https://developers.google.com/workspace/sheets/api/guides/concepts"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from integrations.errors import InvalidInput

Cell = str | int | float | bool | None
_CELL = re.compile(r"\$?([A-Za-z]{1,3})?\$?([0-9]{1,8})?")
_PLAIN_TITLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LOOKS_LIKE_A_CELL = re.compile(r"[A-Za-z]{1,3}[0-9]+|[Rr][0-9]*[Cc][0-9]*")
_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?%?")


def letters(column: int) -> str:
    """Return the name of a column by its number, from 0: A, …, Z, AA."""
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name


def number_of(column: str) -> int:
    """Return the number of a column by its name, from 0."""
    number = 0
    for letter in column.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1


def quoted(title: str) -> str:
    """Return a sheet's title as it stands in a range."""
    if _PLAIN_TITLE.fullmatch(title) and not _LOOKS_LIKE_A_CELL.fullmatch(title):
        return title
    return "'" + title.replace("'", "''") + "'"


def in_sheet(sheet: str, cells: str = "") -> str:
    """Return a range within a sheet, or the whole sheet; without a sheet the range alone, which is in the first one."""
    return f"{quoted(sheet)}!{cells}" if sheet and cells else quoted(sheet) if sheet else cells or "A:ZZZ"


def split(range_: str) -> tuple[str, str]:
    """Return sheet ("" for none) and cells of a range: ``'Bob''s'!A1:B2``."""
    if range_.startswith("'"):
        found = re.fullmatch(r"'((?:[^']|'')*)'(?:!(.*))?", range_)
        if not found:
            raise InvalidInput(f"'{range_[:60]}' is no range: the quotation mark is not closed.")
        return found[1].replace("''", "'"), found[2] or ""
    title, mark, cells = range_.rpartition("!")
    return (title, cells) if mark else ("", range_)


def grid(cells: str) -> dict[str, int]:
    """Return ``A1:C5`` (also ``A:C``, ``2:5``) as Google's half-open indexes. Raises InvalidInput."""
    first, colon, last = cells.partition(":")
    start, end = _CELL.fullmatch(first), _CELL.fullmatch(last or first)
    if start is None or end is None or not (start[0] and end[0]) or (colon and not last):
        raise InvalidInput(f"'{cells[:60]}' is no range such as A1:C5.")
    found: dict[str, int] = {}
    if start[2]:
        found["startRowIndex"] = int(start[2]) - 1
    if end[2]:
        found["endRowIndex"] = int(end[2])
    if start[1]:
        found["startColumnIndex"] = number_of(start[1])
    if end[1]:
        found["endColumnIndex"] = number_of(end[1]) + 1
    return found


def cell(value: Any, *, formulas: bool) -> Cell:
    """Return a value as it is sent. Raises InvalidInput for lists and objects, which a cell cannot hold.

    A leading apostrophe marks text, as it does where people type. Without `formulas` nothing is ever one; with it only
    what begins with an equals sign is, and what else would be taken for a formula is marked as text.
    """
    if isinstance(value, list | dict):
        raise InvalidInput("A cell holds a text, a number, true, false or nothing; no list and no object.")
    if not isinstance(value, str):
        return value  # type: ignore[no-any-return]
    if not formulas:
        return value[1:] if value[:1] == "'" and value[1:].lstrip()[:1] in tuple("=+-@'") else value
    if value.lstrip()[:1] in ("+", "-", "@") and not _NUMBER.fullmatch(value.strip()):
        return "'" + value
    return value


def row(values: Sequence[Any] | Mapping[str, Any], header: Sequence[str], *, formulas: bool) -> list[Cell]:
    """Return one row's cells; by name they go under the header's columns, and those not named stay as they are.

    Raises InvalidInput for a name that the header does not have.
    """
    if not isinstance(values, Mapping):
        return [cell(value, formulas=formulas) for value in values]
    cells: list[Cell] = [None] * len(header)
    for name, value in values.items():
        # Nothing given: an empty cell, not one that is skipped.
        cells[column_of(name, header)] = "" if value is None else cell(value, formulas=formulas)
    while cells and cells[-1] is None:
        cells.pop()
    return cells


def column_of(name: str, header: Sequence[str]) -> int:
    """Return the number of the column with this heading. Raises InvalidInput, naming those that there are."""
    for place, heading in enumerate(header):
        if heading.strip().casefold() == name.strip().casefold():
            return place
    known = ", ".join(heading for heading in header[:30] if heading) or "none: its first row is empty"
    raise InvalidInput(f"The sheet has no column '{name}'. There are: {known}.")


def named(cells: Sequence[Any], header: Sequence[str]) -> dict[str, Any]:
    """Return a row by the names of its columns; what Google leaves out at the end is empty."""
    padded = [*cells, *[""] * (len(header) - len(cells))]
    return {heading: padded[place] for place, heading in enumerate(header) if heading}
