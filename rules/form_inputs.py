"""The inputs that a rule asks for when it is started by hand, as rows of its page: what each is called and takes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminExpandableTextareaWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from integrations.forms import PieceField, piece_widget
from integrations.pieces import Kind, NotReadable, Piece, parsed, same_text
from rules.forms import field_of, given_text, put, with_present

# How a value of each type is written, in the order in which the types are offered.
KINDS: Mapping[str, Kind] = {
    "string": Kind.TEXT,
    "number": Kind.NUMBER,
    "integer": Kind.INTEGER,
    "boolean": Kind.BOOLEAN,
    "array": Kind.LINES,
    "object": Kind.JSON,
}
_TYPES = [
    ("string", gettext_lazy("Text")),
    ("number", gettext_lazy("Number")),
    ("integer", gettext_lazy("Whole number")),
    ("boolean", gettext_lazy("Yes or no")),
    ("array", gettext_lazy("List")),
    ("object", gettext_lazy("Object (JSON)")),
]
_DEFAULT_TYPE = "string"
# Django takes up to 1000 fields from a page, and its steps need most of them.
MOST_ROWS = 50
# The page sends the places of its rows under this name, and this mark also where there is none.
PLACES, SHOWN = "input-rows", "inputs-shown"


class NotRows(ValueError):
    """These inputs cannot be shown as rows, or no page of ours sends such."""


class InputRow(forms.Form):
    """One input. `place` tells it from the others on the page; `name` and `spec` are what the document has."""

    name = forms.CharField(
        required=False,
        label=gettext_lazy("Name"),
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    type = forms.ChoiceField(
        required=False,
        label=gettext_lazy("Type"),
        widget=UnfoldAdminSelectWidget(attrs={"data-reload": "reload"}),
    )
    description = forms.CharField(
        required=False,
        max_length=500,
        label=gettext_lazy("What it is for"),
        widget=UnfoldAdminTextInputWidget(),
    )
    required = forms.BooleanField(required=False, label=gettext_lazy("Required"), widget=UnfoldBooleanWidget())

    def __init__(self, place: int, name: str, spec: Mapping[str, Any], data: Any = None) -> None:
        super().__init__(data, prefix=f"input-{place}")
        self.place, self.original_name, self.original = place, name, dict(spec)
        before = str(spec.get("type") or _DEFAULT_TYPE)
        self.initial = {
            "name": name,
            "type": before,
            "description": str(spec.get("description") or ""),
            "required": bool(spec.get("required", True)),
            "default": spec.get("default"),
        }
        field_of(self, "name").is_needed = True
        field_of(self, "required").is_checkbox = True
        field_of(self, "type").choices = with_present([(name, str(label)) for name, label in _TYPES], before)
        chosen = str(self["type"].value() or _DEFAULT_TYPE)
        kind = KINDS.get(chosen, Kind.TEXT)
        # An input of one line would take the line breaks away.
        if kind is Kind.TEXT and "\n" in str(spec.get("default")):
            kind = Kind.LONG
        if "\n" in self.initial["description"]:
            field_of(self, "description").widget = UnfoldAdminExpandableTextareaWidget(attrs={"rows": 2})
        piece = Piece(("default",), kind, _("Default"), _("One to a line.") if kind is Kind.LINES else "")
        widget = piece_widget(piece)
        if isinstance(widget, forms.Textarea):
            widget.attrs["rows"] = 2
        # A default that was written for another type is read anew.
        self.fields["default"] = PieceField(piece, self.original if chosen == before else {}, widget=widget)

    @property
    def was(self) -> str:
        """Return what the document has, for the page to send it back."""
        return json.dumps({"name": self.original_name, "spec": self.original}, ensure_ascii=False)

    @property
    def typed_name(self) -> str:
        """Return what it is called: as in the document, where nobody changed that."""
        typed = str(self["name"].value() or "")
        return self.original_name if same_text(typed, self.original_name) else typed.strip()

    def focus(self) -> None:
        """Let the caret be here when the page is drawn."""
        field_of(self, "name").widget.attrs["data-autofocus"] = ""

    def spec(self) -> dict[str, Any]:
        """Return the input as it shall be, of a row that was found right. What nobody changed stays as it was."""
        spec, given = dict(self.original), self.cleaned_data
        if given["type"] != self.initial["type"] or not self.original_name:
            put(spec, "type", given["type"] or None)
        if not same_text(given_text(self, "description"), self.initial["description"]):
            put(spec, "description", given_text(self, "description").replace("\r\n", "\n").strip() or None)
        default = given["default"]
        if default in ("", None):
            # A default of null, or an empty one, that nobody touched.
            if self.original.get("default") not in ("", None):
                spec.pop("default")
        else:
            spec["default"] = default
        if given["required"] is not self.initial["required"]:
            put(spec, "required", None if given["required"] else False)
        return spec


class InputsForm:
    """All rows. `original` is what the document has: an object, or None where it declares no inputs."""

    def __init__(self, rows: Sequence[InputRow], original: Any) -> None:
        self.rows, self.original = list(rows), original
        # Problems that belong to no row.
        self.problems: list[str] = []
        self.has_focus = False

    @classmethod
    def of_document(cls, inputs: Any) -> "InputsForm":
        """Return the rows of a document's inputs. Raises NotRows for what rows cannot show."""
        if inputs is None:
            return cls([], None)
        if not isinstance(inputs, Mapping) or not all(isinstance(spec, Mapping) for spec in inputs.values()):
            raise NotRows("`inputs` is an object with an object for each input; the form cannot show it otherwise.")
        if len(inputs) > MOST_ROWS:
            raise NotRows(f"The form shows up to {MOST_ROWS} inputs, and these are {len(inputs)}.")
        return cls([InputRow(place, str(name), spec) for place, (name, spec) in enumerate(inputs.items())], inputs)

    @classmethod
    def of_post(cls, post: Any, original: Any) -> "InputsForm":
        """Return the rows that a page sent. Raises NotRows for what no page sends."""
        if SHOWN not in post:
            return cls.of_document(original)
        places = post.getlist(PLACES)
        if len(places) > MOST_ROWS or not all(place.isdigit() and len(place) < 6 for place in places):
            raise NotRows("These inputs are none of this page.")
        rows = []
        for place in dict.fromkeys(map(int, places)):
            name, spec = _was(post.get(f"input-{place}-was", ""))
            rows.append(InputRow(place, name, spec, post))
        return cls(rows, original)

    @property
    def names(self) -> list[str]:
        """Return the names as they are typed."""
        return [row.typed_name for row in self.rows if row.typed_name]

    @property
    def is_full(self) -> bool:
        return len(self.rows) >= MOST_ROWS

    @property
    def is_changed(self) -> bool:
        """Return whether what the page sent differs from the document."""
        return any(row.is_bound for row in self.rows) or len(self.rows) != len(self.original or {})

    def is_valid(self) -> bool:
        """Return whether all rows can be read; what is wrong is marked at its row."""
        taken: set[str] = set()
        for row in self.rows:
            if not row.is_bound or not row.is_valid():
                continue
            if not row.typed_name:
                row.add_error("name", _("Give it a name, or remove it."))
            elif row.typed_name in taken:
                row.add_error("name", _("Another input is called so."))
            taken.add(row.typed_name)
        return not any(row.errors for row in self.rows)

    def value(self) -> dict[str, Any] | None:
        """Return the inputs of rows that were found right; None where the rule declares none."""
        if not self.rows:
            return None if self.original else self.original
        return {row.typed_name: row.spec() if row.is_bound else row.original for row in self.rows}

    def add(self) -> None:
        """Append an empty row."""
        if not self.is_full:
            row = InputRow(max((row.place for row in self.rows), default=-1) + 1, "", {})
            row.focus()
            self.rows.append(row)

    def remove(self, place: int) -> None:
        """Take a row away. The one that takes its place is where the caret belongs then."""
        at = next((index for index, row in enumerate(self.rows) if row.place == place), None)
        if at is None:
            return
        del self.rows[at]
        if self.rows:
            self.rows[min(at, len(self.rows) - 1)].focus()
        else:
            self.has_focus = True

    def add_problem(self, path: str, detail: str) -> None:
        """Show a problem at the row that a path such as `severity.default` leads to."""
        for row in self.rows:
            if row.is_bound and (path == row.typed_name or path.startswith(f"{row.typed_name}.")):
                part = path[len(row.typed_name) + 1 :]
                row.add_error(part if part in row.fields else "name", detail)
                return
        self.problems.append(f"{path}: {detail}" if path else detail)

    def errors(self) -> list[str]:
        """Return what is wrong, as one list."""
        found = [
            f"{row.typed_name or _('Input')}: {text}"
            for row in self.rows
            for texts in row.errors.values()
            for text in texts
        ]
        return [*self.problems, *found]

    @property
    def has_errors(self) -> bool:
        return bool(self.problems) or any(row.errors for row in self.rows)

    def disable(self) -> None:
        """Let everything be read and nothing be typed."""
        for row in self.rows:
            for field in row.fields.values():
                field.disabled = True


def _was(text: str) -> tuple[str, Mapping[str, Any]]:
    try:
        was = parsed(text)
    except NotReadable:
        was = None
    if not isinstance(was, dict) or not isinstance(was.get("name"), str) or not isinstance(was.get("spec"), dict):
        raise NotRows("The page was changed on its way.")
    return was["name"], was["spec"]
