"""Fields that no model names: what people write them as in a form, one ``name = value`` to a line.

A value is JSON where it reads as JSON, else the text itself; so each value has a text that gives it back.
"""

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminExpandableTextareaWidget

from integrations.pieces import NotReadable, parsed

# No field of a model can be called like this.
FURTHER = "further-fields"
HOW = gettext_lazy("One to a line: name = value. A value that reads as JSON is taken as JSON.")


class FurtherField(forms.CharField):
    """Shows a mapping as lines, reads lines as a mapping."""

    is_checkbox = False
    is_needed = False
    suggestions: tuple[Any, ...] = ()

    def __init__(self, **kwargs: Any) -> None:
        attributes = {"spellcheck": "false", "class": "so-mono", **kwargs.pop("attributes", {})}
        super().__init__(
            required=False, strip=False, widget=UnfoldAdminExpandableTextareaWidget(attrs=attributes), **kwargs
        )

    def prepare_value(self, value: Any) -> Any:
        return lines_of(value) if isinstance(value, Mapping) else value

    def clean(self, value: Any) -> Any:
        try:
            return read_lines(super().clean(value))
        except NotReadable as error:
            raise ValidationError(str(error)) from None


def lines_of(values: Mapping[str, Any]) -> str:
    """Return values as lines that `read_lines` takes back."""
    return "\n".join(f"{name} = {_text(value)}" for name, value in values.items())


def read_lines(text: str) -> dict[str, Any]:
    """Return the values of lines, or of a JSON object. Raises NotReadable, naming the line."""
    if text.strip().startswith("{") and not text.strip().startswith("{{"):
        whole = parsed(text)
        return {str(name): value for name, value in whole.items()}
    values: dict[str, Any] = {}
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if not line.strip():
            continue
        name, mark, value = line.partition("=")
        name = name.strip()
        if not mark or not name:
            raise NotReadable(f"Line {number}: expected name = value.")
        if name in values:
            raise NotReadable(f"Line {number}: '{name}' stands there twice.")
        values[name] = _value(value.strip())
    return values


def _text(value: Any) -> str:
    if isinstance(value, str) and value == value.strip() and not {"\n", "\r"} & set(value) and _value(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False)


def _value(text: str) -> Any:
    try:
        return parsed(text)
    except NotReadable:
        return text
