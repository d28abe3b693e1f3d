"""What a mail's parameters may be, and what they may not."""

from typing import Any

import pytest
from pydantic import ValidationError

from integrations.mail import SendEmail, address_of, distinct, written
from integrations.specs import Encode

MAIL = {"to": "ana@example.com", "subject": "Hi", "body": "x"}


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("ana@example.com", ["ana@example.com"]),
        ("ana@example.com, Bo B <bo@example.com>", ["ana@example.com", "Bo B <bo@example.com>"]),
        ("a@x.example; b@x.example", ["a@x.example", "b@x.example"]),
        (["a@x.example", '"Byron, Ada" <ada@x.example>'], ["a@x.example", '"Byron, Ada" <ada@x.example>']),
        ('"Byron, Ada" <ada@x.example>, c@x.example', ['"Byron, Ada" <ada@x.example>', "c@x.example"]),
        ("Grüße <g@x.example>", ["Grüße <g@x.example>"]),
    ],
)
def test_addresses_come_as_a_list_or_as_people_write_them(given: Any, read: list[str]) -> None:
    assert SendEmail(**{**MAIL, "to": given}).to == read


@pytest.mark.parametrize(
    "wrong",
    [
        {"to": ""},
        {"to": []},
        {"to": "ana"},
        {"to": "ana@example.com\nBcc: eve@evil.example"},
        {"to": ["ana@example.com\r\nBcc: eve@evil.example"]},
        {"to": ["Ana\n <ana@example.com>"]},
        {"to": "a@b@c.example"},
        {"to": "<ana@example.com> eve@evil.example"},
        {"to": 'ana@example.com", bo@example.com'},
        {"to": "Ana <ana@example.com, bo@example.com"},
        {"cc": "nobody"},
        {"from": "x"},
        {"reply_to": "a@x.example, b@x.example"},
        {"subject": "Hi\r\nBcc: eve@evil.example"},
        {"subject": ""},
        {"subject": "x" * 999},
        {"body": " ", "html": ""},
        {"bcc": [f"a{n}@x.example" for n in range(1000)]},
        {"attachment": "x"},
    ],
)
def test_what_is_no_mail_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SendEmail(**{**MAIL, **wrong})


def test_names_and_addresses_are_told_apart() -> None:
    assert address_of('"Byron, Ada" <ada@x.example>') == ("Byron, Ada", "ada@x.example")
    assert address_of("ada@x.example") == ("", "ada@x.example")
    assert written('Ada "A" Byron', "a@x.example") == '"Ada \\"A\\" Byron" <a@x.example>'
    assert address_of(written('Ada "A", Byron', "a@x.example")) == ('Ada "A", Byron', "a@x.example")


def test_an_address_counts_once_where_it_stands_first() -> None:
    found = distinct(["A <a@x.example>"], ["A@X.example", "b@x.example"], ["b@x.example", "c@x.example"])
    assert found == [["A <a@x.example>"], ["b@x.example"], ["c@x.example"]]


def test_values_of_events_stay_within_their_header_and_are_no_html() -> None:
    marks = {name: field.metadata for name, field in SendEmail.model_fields.items()}
    for name in ("to", "cc", "bcc", "subject"):
        assert Encode("header") in marks[name]
    assert Encode("html") in marks["html"]
