"""JSON as it really comes: one form for every later stop."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportops import odd_json
from supportops.odd_json import MalformedJson

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_was_written_is_read_again(value: object) -> None:
    text = odd_json.dumps(value)
    assert odd_json.loads(text) == value
    assert odd_json.loads(text, strict=True) == value


@given(st.binary(max_size=60))
def test_anything_is_read_or_refused(body: bytes) -> None:
    for strict in (False, True):
        try:
            odd_json.dumps(odd_json.loads(body, strict=strict))
        except MalformedJson as error:
            assert str(error)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"\xef\xbb\xbf[1]", [1]),
        (b"9223372036854775807", 2**63 - 1),
        (b"-9223372036854775808", -(2**63)),
        (b"9223372036854775808", "9223372036854775808"),
        (b"[-9223372036854775809]", ["-9223372036854775809"]),
        (b"[" + b"9" * 5000 + b"]", ["9" * 5000]),
        (b'"\\ud800"', "\ufffd"),
        (b'{"\\udfff": ["\\ud83d\\ude00"]}', {"\ufffd": ["😀"]}),
        (b'"a\\u0000b"', "a\0b"),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b'{"a": 12345678901234567890, "a": 2}', {"a": 2}),
    ],
)
def test_odd_values_take_one_form(body: bytes, value: object) -> None:
    assert odd_json.loads(body) == value


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"NaN", ()),
        (b'{"a": [0, -Infinity]}', ("a", "1")),
        (b'{"a": 1e400, "b": 1234567890123456789}', ("a",)),
        (b'{"a": {"b": 1, "b": 2}}', ("a", "b")),
        # The outer object is refused first: what stands in it has no place of its own.
        (b'{"a": {"b": 1, "b": 2}, "a": 1}', ("a",)),
    ],
)
def test_what_has_no_meaning_is_refused_by_its_path(body: bytes, path: tuple[str, ...]) -> None:
    with pytest.raises(MalformedJson) as caught:
        odd_json.loads(body, strict=True)
    assert caught.value.path == path


@pytest.mark.parametrize("body", [b"NaN", b"[Infinity]", b"1e400", b"[1e400, 1234567890123456789]"])
def test_numbers_that_are_none_are_refused_either_way(body: bytes) -> None:
    with pytest.raises(MalformedJson):
        odd_json.loads(body)


def test_a_refused_value_that_another_replaced_is_refused_all_the_same() -> None:
    with pytest.raises(MalformedJson):
        odd_json.loads(b'{"a": NaN, "a": 1234567890123456789}')


def test_errors_name_their_place() -> None:
    for body in (b'{\n  "a": ]\n}', b'{\n  "a": ], "b": 1234567890123456789\n}'):
        with pytest.raises(MalformedJson) as caught:
            odd_json.loads(body)
        assert caught.value.line == 2 and caught.value.column in (8, 9)


def test_depth_is_bounded() -> None:
    assert odd_json.loads(b"[" * 100 + b"]" * 100)
    for depth in (101, 900, 100_000):
        for strict in (False, True):
            with pytest.raises(MalformedJson, match="deeper"):
                odd_json.loads(b'{"a":' * depth + b"1" + b"}" * depth, strict=strict)
    assert odd_json.loads(b"[" + b"[]," * 5000 + b"[]]")  # wide is not deep


def test_many_keys_are_no_burden() -> None:
    body = b"{" + b",".join(b'"%d":1' % number for number in range(200_000)) + b',"7":1}'
    with pytest.raises(MalformedJson, match="'7' stands twice"):
        odd_json.loads(body, strict=True)


def test_canonical_form_is_one_form() -> None:
    assert odd_json.canonical({"b": 1, "a": [1, {"d": 1, "c": 2}]}) == b'{"a":[1,{"c":2,"d":1}],"b":1}'
