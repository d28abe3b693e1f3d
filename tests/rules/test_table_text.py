"""Lookup tables as text: what CSV and JSON become, what is refused at which line, what is written and read again."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.problems import Refused
from rules.table_text import MOST_BYTES, MOST_ROWS, as_csv, as_json, checked_rows, fits_csv, read_table


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("key,value\nbilling,#billing\n", {"billing": "#billing"}),
        ("\ufeffkey;value\r\nbilling;#billing\r\n\r\nrefund;#refund", {"billing": "#billing", "refund": "#refund"}),
        ("key\tvalue\na\tb", {"a": "b"}),
        ("team,channel\nbilling,#billing", {"billing": {"channel": "#billing"}}),
        ("id,to,level\n5,#a,2\n6,#b,2.5", {"5": {"to": "#a", "level": 2}, "6": {"to": "#b", "level": 2.5}}),
        ('key,value\na,"two\nlines, and ""quotes"""', {"a": 'two\nlines, and "quotes"'}),
        ("key,value\na,0049\nb,1e5\nc,true\nd,-1\ne,123456789012345678901\nf,+49", {
            "a": "0049", "b": "1e5", "c": True, "d": -1, "e": "123456789012345678901", "f": "+49",
        }),
        ('{"a": {"b": [1, "x"]}, "5": 1.5}', {"a": {"b": [1, "x"]}, "5": 1.5}),
        ('[{"key": 5, "value": "#five"}, {"key": "x", "channel": "#x"}]', {"5": "#five", "x": {"channel": "#x"}}),
        ('{"big": 123456789012345678901234567890}', {"big": "123456789012345678901234567890"}),
        ("key,value\n", {}),
    ],
)  # fmt: skip
def test_texts_become_rows(text: str, rows: dict[str, Any]) -> None:
    assert read_table(text) == rows


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "The text is empty"),
        ("key\na", "Line 1: the header names a key and at least one more column"),
        ("key,,x\na,b,c", "Line 1: column 2 of the header has no name"),
        ("key,a,a\nx,y,z", "Line 1: the header names 'a' twice"),
        ("key,value\na,b\nc", "Line 3 has 1 columns, where the header has 2"),
        ("key,value\na,b,c", "Line 2 has 3 columns"),
        ("key,value\n,b", "Line 2 has no key"),
        ('key,value\nx,"a\nb"\na,1\na,2', "Line 5: the key 'a' stands in line 4 already"),
        ('key,value\na,"open', "Line 2: unexpected end of data"),
        ('key,value\na,"b"c', "Line 2:"),
        ("key,value\na,b\0", "Line 2 has a null character"),
        ('{"a": 1, "a": 2}', "a"),
        ('{"a": }', "Line 1, column 7"),
        ('{"a": null}', "The row 'a' has no value"),
        ('{"": 1}', "A key is a text of 1 to 200"),
        ('{"a": ' + "[" * 12 + "]" * 12 + "}", "nested deeper"),
        ("[1]", "Item 1 is no row"),
        ('[{"key": "a", "value": 1}, {"key": "a", "value": 2}]', "Item 2: the key 'a' is there already"),
        ("5", "Line 1: the header"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, told: str) -> None:
    with pytest.raises(Refused) as refused:
        read_table(text)
    assert told in refused.value.problems[0].detail
    assert refused.value.problems[0].attr == "rows"


def test_every_line_that_is_wrong_is_told() -> None:
    with pytest.raises(Refused) as refused:
        read_table("key,value\na\nb,1\n,2\nb,3")
    assert [problem.detail[:6] for problem in refused.value.problems] == ["Line 2", "Line 4", "Line 5"]


def test_a_table_is_bounded() -> None:
    many = "key,value\n" + "".join(f"{number},x\n" for number in range(MOST_ROWS))
    assert len(read_table(many)) == MOST_ROWS
    for rows in (many + "more,x\n", {str(number): 1 for number in range(MOST_ROWS + 1)}, {"a": "x" * MOST_BYTES}):
        with pytest.raises(Refused, match="at most"):
            read_table(rows) if isinstance(rows, str) else checked_rows(rows)


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
KEYS = TEXTS.filter(lambda key: bool(key.strip()))
PLAIN = st.one_of(TEXTS, st.booleans(), st.integers(-(10**12), 10**12), st.floats(-1e6, 1e6).map(lambda x: round(x, 3)))
OBJECTS = st.fixed_dictionaries({"a": PLAIN, "b c": PLAIN})


@given(st.one_of(st.dictionaries(KEYS, PLAIN, max_size=5), st.dictionaries(KEYS, OBJECTS, max_size=5)))
def test_what_was_written_is_read_again(rows: dict[str, Any]) -> None:
    assert read_table(as_json(rows), "json") == rows
    if fits_csv(rows):
        assert read_table(as_csv(rows), "csv") == rows


@pytest.mark.parametrize(
    "rows", [{"a": [1]}, {"a": {"b": {}}}, {"a": 1, "b": {"c": 1}}, {"a": {"value": 1}}, {"a": "5"}, {"a": {}}]
)
def test_what_csv_cannot_hold_is_not_written_as_csv(rows: dict[str, Any]) -> None:
    assert not fits_csv(rows)
    with pytest.raises(Refused, match="take JSON"):
        as_csv(rows)
