"""JSON as it really comes: parsed once, in a form that every later stop can store, compare and write again.

* NaN and Infinity are not JSON and are refused.
* Integers beyond 64 bits become text: neither databases nor expressions hold them.
* A lone surrogate (half of a character) becomes U+FFFD: it cannot be written as UTF-8.
* Of two equal keys in an object the last one counts, or with `strict` the document is refused.
* Deeper than 100 levels is refused.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import orjson
import re2

JsonValue = Any

MAX_DEPTH = 100
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
# What orjson either refuses or reads otherwise than we want; such bodies take the slow way. By RE2, which needs a sixth
# of the time for a text in which nothing is found.
_NEEDS_CARE = re2.compile(rb"[0-9]{19}|\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")


class MalformedJson(ValueError):
    """The text is not JSON that we take.

    `line` and `column` count from 1; 0 when no place in the text can be named. `path` leads to a value that is
    refused in a text that is JSON otherwise.
    """

    def __init__(self, message: str, line: int = 0, column: int = 0, path: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.line, self.column, self.path = line, column, path


class _Refused:
    """Stands where a value was refused, until its path is known: the parser meets inner values first."""

    def __init__(self, message: str, key: str | None = None) -> None:
        self.message, self.key = message, key


def loads(body: bytes | str, *, strict: bool = False) -> JsonValue:
    """Return the value of `body`. Raises MalformedJson, which says what is wrong and where."""
    raw = body.encode() if isinstance(body, str) else bytes(body)
    if raw.startswith(b"\xef\xbb\xbf"):
        raw = raw[3:]
    if strict or _NEEDS_CARE.search(raw):
        value = _loads_carefully(raw, strict=strict)
    else:
        try:
            value = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            if "depth limit" in error.msg:
                raise MalformedJson(f"nested deeper than {MAX_DEPTH} levels") from None
            raise MalformedJson(f"not valid JSON: {error.msg}", error.lineno, error.colno) from None
    _refuse_depth(raw, value)
    return value


def dumps(value: JsonValue) -> bytes:
    """Return `value` as compact UTF-8 JSON, keys in the order they have. Dates, UUIDs and the like are texts."""
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)


def canonical(value: JsonValue) -> bytes:
    """Return the one form of `value` that digests are taken of: keys sorted, no spaces."""
    return orjson.dumps(value, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def _loads_carefully(raw: bytes, *, strict: bool) -> JsonValue:
    refused: list[_Refused] = []

    def refuse(message: str, key: str | None = None) -> _Refused:
        refused.append(_Refused(message, key))
        return refused[-1]

    def integer(digits: str) -> int | str:
        if len(digits) > 20:
            return digits
        number = int(digits)
        return number if _INT64_MIN <= number <= _INT64_MAX else digits

    def real(digits: str) -> float | _Refused:
        number = float(digits)
        return number if math.isfinite(number) else refuse(f"not valid here: the number {digits[:40]} is too large")

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any] | _Refused:
        result = {_whole(key): _whole(value) if isinstance(value, str) else value for key, value in items}
        if strict and len(result) != len(items):
            seen: set[str] = set()
            double = next(key for key, _ in items if _whole(key) in seen or seen.add(_whole(key)))  # type: ignore[func-returns-value]
            return refuse(f"not clear: the key '{double}' stands twice in one object", double)
        return result

    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedJson(f"not valid UTF-8 at byte {error.start}") from None
    try:
        value = json.loads(
            text,
            parse_int=integer,
            parse_constant=lambda name: refuse(f"not valid JSON: {name} is not a number"),
            parse_float=real,
            object_pairs_hook=pairs,
        )
        if refused:
            # Not to be found where a later value under the same key took its place.
            path, problem = next(_find_refused(value, ()), ((), refused[0]))
            raise MalformedJson(problem.message, path=path)
        return _whole_texts(value)
    except json.JSONDecodeError as error:
        raise MalformedJson(f"not valid JSON: {error.msg}", error.lineno, error.colno) from None
    except RecursionError:
        raise MalformedJson(f"nested deeper than {MAX_DEPTH} levels") from None


def _find_refused(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], _Refused]]:
    if isinstance(value, _Refused):
        yield (path if value.key is None else (*path, value.key)), value
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _find_refused(item, (*path, str(position)))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _find_refused(item, (*path, key))


def _whole(text: str) -> str:
    return _SURROGATE.sub("\ufffd", text)


def _whole_texts(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return _whole(value)
    if isinstance(value, list):
        return [_whole_texts(item) for item in value]
    if isinstance(value, dict):
        return {key: _whole_texts(item) for key, item in value.items()}
    return value


def _refuse_depth(raw: bytes, value: JsonValue) -> None:
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return
    level, layer = 0, [value]
    while layer:
        level += 1
        if level > MAX_DEPTH + 1:
            raise MalformedJson(f"nested deeper than {MAX_DEPTH} levels")
        layer = [
            child
            for item in layer
            if isinstance(item, (dict, list))
            for child in (item.values() if isinstance(item, dict) else item)
        ]
