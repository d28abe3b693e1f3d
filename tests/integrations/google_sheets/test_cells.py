"""Cells, rows and ranges."""

from typing import Any

import pytest

from integrations.connectors.google_sheets import cells
from integrations.errors import InvalidInput

HEADER = ["Id", "Subject", "", "Note"]


@pytest.mark.parametrize(("number", "name"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")])
def test_columns_have_letters(number: int, name: str) -> None:
    assert cells.letters(number) == name and cells.number_of(name) == number


@pytest.mark.parametrize(
    ("title", "written"),
    [
        ("Tickets", "Tickets"),
        ("Bob's", "'Bob''s'"),
        ("A1", "'A1'"),
        ("R1C1", "'R1C1'"),
        ("2026", "'2026'"),
        ("a b", "'a b'"),
    ],
)
def test_titles_are_quoted_where_they_must_be(title: str, written: str) -> None:
    assert cells.quoted(title) == written
    assert cells.split(f"{written}!A1:B2") == (title, "A1:B2")


def test_ranges_are_put_together_and_taken_apart() -> None:
    assert cells.in_sheet("Tickets") == "Tickets" and cells.in_sheet("", "A1") == "A1"
    assert cells.in_sheet("") == "A:ZZZ"
    assert cells.split("'Bob''s'") == ("Bob's", "") and cells.split("A1") == ("", "A1")
    with pytest.raises(InvalidInput):
        cells.split("'Bob!A1")


@pytest.mark.parametrize(
    ("range_", "grid"),
    [
        ("A1", {"startRowIndex": 0, "endRowIndex": 1, "startColumnIndex": 0, "endColumnIndex": 1}),
        ("$B$2:C5", {"startRowIndex": 1, "endRowIndex": 5, "startColumnIndex": 1, "endColumnIndex": 3}),
        ("A:C", {"startColumnIndex": 0, "endColumnIndex": 3}),
        ("2:5", {"startRowIndex": 1, "endRowIndex": 5}),
    ],
)
def test_a_range_is_half_open_for_google(range_: str, grid: dict[str, int]) -> None:
    assert cells.grid(range_) == grid


@pytest.mark.parametrize("range_", ["", "1A", "A1:", "A1:B2:C3", "Tickets"])
def test_what_is_no_range_is_refused(range_: str) -> None:
    with pytest.raises(InvalidInput):
        cells.grid(range_)


@pytest.mark.parametrize(
    ("value", "raw", "entered"),
    [
        ("=1+1", "=1+1", "=1+1"),
        ("'=1+1", "=1+1", "'=1+1"),
        ("+49 30 1", "+49 30 1", "'+49 30 1"),
        ("-5", "-5", "-5"),
        ("@ada", "@ada", "'@ada"),
        ("'quoted'", "'quoted'", "'quoted'"),
        (3.5, 3.5, 3.5),
        (True, True, True),
        (None, None, None),
    ],
)
def test_a_cell_is_a_formula_only_where_its_author_wants_one(value: Any, raw: Any, entered: Any) -> None:
    assert cells.cell(value, formulas=False) == raw
    assert cells.cell(value, formulas=True) == entered


@pytest.mark.parametrize("value", [[1], {"a": 1}])
def test_a_cell_holds_no_list(value: Any) -> None:
    with pytest.raises(InvalidInput):
        cells.cell(value, formulas=False)


def test_values_by_name_go_under_their_headings() -> None:
    assert cells.row({"note": "x", "Id": 7}, HEADER, formulas=False) == [7, None, None, "x"]
    assert cells.row({"id": None}, HEADER, formulas=False) == [""]
    with pytest.raises(InvalidInput, match=r"no column 'Colour'. There are: Id, Subject, Note"):
        cells.row({"Colour": 1}, HEADER, formulas=False)
    assert cells.named(["7"], HEADER) == {"Id": "7", "Subject": "", "Note": ""}
