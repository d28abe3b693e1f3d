"""Pure: what a row compares with, as the text of an input, and back.

What is typed follows the field's type: for a text "4" is a text, for a number 4; where the type is not known, what
looks like a number, true, false or null is that, and a text that looks so stands in double quotes.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from integrations.pieces import NotReadable, json_text, parsed
from rules.operands import MAX_VALUES
from rules.operator_words import Shape

_NUMBER = re.compile(r"-?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_DATE_AND_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d)?", re.ASCII)
_WORDS = {"true": True, "false": False, "null": None}


class NoValue(ValueError):
    """Nothing, or not enough, was given to compare with."""


def shown_shape(shape: Shape, value: Any) -> Shape:
    """Return the shape in which a value is shown: its operator's, or JSON where it does not fit that."""
    fits = {
        Shape.ONE: _is_line(value),
        Shape.TEXT: isinstance(value, str) and "\n" not in value,
        Shape.MANY: _is_line(value) or (isinstance(value, list) and bool(value) and all(map(_is_item, value))),
        Shape.RANGE: isinstance(value, list) and len(value) == 2 and all(map(_is_line, value)),
        Shape.NOTHING: isinstance(value, bool),
        Shape.TIME: isinstance(value, str) and "\n" not in value,
        Shape.SPAN: isinstance(value, str) and "\n" not in value,
    }
    return shape if fits.get(shape, False) else Shape.JSON


def texts_of(value: Any, shape: Shape, type_: str) -> list[str]:
    """Return a value as the texts of its inputs: two for a range, one for everything else."""
    if shape is Shape.JSON:
        return [value if isinstance(value, str) and not _is_json(value) else json_text(value)]
    if shape is Shape.RANGE:
        return [_text(item, type_) for item in value]
    if shape is Shape.MANY:
        return ["\n".join(_text(item, type_) for item in (value if isinstance(value, list) else [value]))]
    if shape is Shape.NOTHING:
        return [""]
    return [value if shape is not Shape.ONE else _text(value, type_)]


def value_of(texts: Sequence[str], shape: Shape, type_: str, *, may_be_single: bool = False) -> Any:
    """Return what was typed as the value of its shape. Raises NoValue, and NotReadable for JSON that is none.

    `may_be_single`: one line alone is that value instead of a list of one.
    """
    first = texts[0] if texts else ""
    if shape is Shape.RANGE:
        ends = [text.strip() for text in (*texts, "", "")[:2]]
        if not all(ends):
            raise NoValue
        return [_one(text, type_) for text in ends]
    if shape is Shape.NOTHING:
        return True
    if not first.strip():
        raise NoValue
    if shape is Shape.MANY:
        lines = [line.strip() for line in first.split("\n") if line.strip()][: MAX_VALUES + 1]
        values = [_one(line, type_) for line in lines]
        return values[0] if may_be_single and len(values) == 1 else values
    if shape is Shape.JSON:
        return parsed(first) if _looks_like_json(first) else first.strip()
    line = first.replace("\n", " ")
    if shape is Shape.TEXT:
        return line
    if shape is Shape.SPAN:
        return line.strip()
    return _moment(line.strip()) if shape is Shape.TIME else _one(line, type_)


def _one(text: str, type_: str) -> Any:
    typed = text.strip()
    if type_ == "text":
        return text
    if type_ != "time" and _NUMBER.fullmatch(typed):
        return _number(typed)
    if type_ != "time" and typed in _WORDS:
        return _WORDS[typed]
    if len(typed) > 1 and typed[0] == typed[-1] == '"':
        try:
            return parsed(typed)
        except NotReadable:
            return typed
    return _moment(typed) if type_ == "time" else typed


def _number(text: str) -> Any:
    try:
        return parsed(text)
    except NotReadable:  # 007 is no number of JSON
        return text


def _moment(text: str) -> str:
    """Return a time in full where somebody wrote it shortly; without a zone it is UTC."""
    if found := _DATE_AND_TIME.fullmatch(text):
        return f"{found[1]}T{found[2]}{found[3] or ':00'}Z"
    return text


def _text(value: Any, type_: str) -> str:
    """Return a single value as a line, such that it is read as the same value."""
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if type_ == "text" or _one(value, type_) == value:
        return value
    return json.dumps(value, ensure_ascii=False)


def _is_line(value: Any) -> bool:
    return not isinstance(value, (list, dict)) and not (isinstance(value, str) and ("\n" in value or "\r" in value))


def _is_item(value: Any) -> bool:
    return _is_line(value) and not (isinstance(value, str) and (not value.strip() or value != value.strip()))


def _looks_like_json(text: str) -> bool:
    typed = text.strip()
    return typed[:1] in '[{"' or typed in _WORDS or _NUMBER.fullmatch(typed) is not None


def _is_json(text: str) -> bool:
    return not text.strip() or text != text.strip() or _looks_like_json(text)
