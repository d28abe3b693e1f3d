"""The forms of integration types: what people type, as the document of integrations/type_documents.py, and back."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.forms.formsets import BaseFormSet
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminExpandableTextareaWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from integrations import registry
from integrations.further_fields import HOW, FurtherField
from integrations.lifecycle import Problem

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_KINDS = [
    ("text", gettext_lazy("text")),
    ("password", gettext_lazy("password")),
    ("number", gettext_lazy("number")),
    ("boolean", gettext_lazy("yes or no")),
    ("url", gettext_lazy("URL")),
    ("select", gettext_lazy("choice of several")),
]
_METHODS = [(method, method) for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")]
_SIGN_INS = [
    ("none", gettext_lazy("none")),
    ("header", gettext_lazy("a header")),
    ("query", gettext_lazy("a field of the query")),
    ("basic", gettext_lazy("user name and password (Basic)")),
    ("bearer", gettext_lazy("a bearer token")),
    ("oauth", gettext_lazy("OAuth client credentials")),
]
_EFFECTS = [
    ("", gettext_lazy("what the method says")),
    ("reads", gettext_lazy("reads")),
    ("sets", gettext_lazy("sets: repeating sets the same again")),
    ("creates", gettext_lazy("creates: repeating makes another")),
]


def _text(label: "StrOrPromise" = "", help_text: "StrOrPromise" = "", **more: Any) -> forms.CharField:
    widget = UnfoldAdminTextInputWidget(attrs={"spellcheck": "false", "autocomplete": "off"})
    return forms.CharField(required=False, label=label or None, help_text=help_text, widget=widget, **more)


def _choice(
    choices: Sequence[tuple[str, "StrOrPromise"]], label: "StrOrPromise" = "", help_text: "StrOrPromise" = ""
) -> forms.ChoiceField:
    return forms.ChoiceField(
        required=False, choices=choices, label=label or None, help_text=help_text, widget=UnfoldAdminSelectWidget()
    )


class TypeForm(forms.Form):
    """A type but for its parameters, sign-in and actions."""

    name = _text(gettext_lazy("Name"), gettext_lazy("As people call it."))
    key = _text(
        gettext_lazy("Key"),
        gettext_lazy("How rules name it; made from the name when left empty, and never changed."),
    )
    description = forms.CharField(
        required=False,
        label=gettext_lazy("Description"),
        widget=UnfoldAdminExpandableTextareaWidget(attrs={"rows": 2}),
    )
    module = _choice(
        [],
        gettext_lazy("Module"),
        gettext_lazy("A plain module that does its work; without one, HTTP actions do."),
    )
    base_url = _text(
        gettext_lazy("Base URL"),
        gettext_lazy("Such as https://api.example.com/v1. A parameter may stand in it: https://{account}.example.com"),
    )
    test_method = _choice(
        [("", gettext_lazy("no test")), *_METHODS], gettext_lazy("Connection test"), gettext_lazy("A harmless request.")
    )
    test_path = _text(gettext_lazy("Path of the test"), gettext_lazy("Under the base URL, such as /me."))
    forget_credentials = forms.BooleanField(
        required=False,
        label=gettext_lazy("Forget the stored credentials where they would go elsewhere"),
        widget=UnfoldBooleanWidget(),
        help_text=gettext_lazy("Its integrations then wait for new ones."),
    )

    def __init__(self, data: Any = None, *, document: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, prefix="type")
        document = document or {}
        module: Any = self.fields["module"]
        known = [cls.key for cls in registry.plain_modules()]
        present = [document["module"]] if document.get("module") and document["module"] not in known else []
        module.choices = [("", _("none")), *((key, key) for key in [*known, *present])]
        box: Any = self.fields["forget_credentials"]
        box.is_checkbox = True
        if document:
            del self.fields["key"]
        else:
            del self.fields["forget_credentials"]
        self.test = document.get("test") or {}
        self.initial = {
            **{name: document.get(name, "") for name in ("name", "description", "module", "base_url")},
            "test_method": self.test.get("method", "") if self.test else "",
            "test_path": self.test.get("path", ""),
        }

    def values(self) -> dict[str, Any]:
        """Return this part of the document."""
        given = self.cleaned_data
        wanted = {name: given[name] for name in ("name", "description", "module", "base_url")}
        if given.get("key"):
            wanted["key"] = given["key"]
        method = given["test_method"]
        wanted["test"] = {**self.test, "method": method, "path": given["test_path"]} if method else None
        return wanted


class SignInForm(forms.Form):
    """How requests are signed in. Only what the kind asks for counts."""

    kind = _choice(_SIGN_INS, gettext_lazy("Signed in by"))
    name = _text(gettext_lazy("Name"), gettext_lazy("Of the header, or of the query's field."))
    value = _text(
        gettext_lazy("Value"),
        gettext_lazy("Such as {token}; for a header or query what stands there, for a bearer token the token."),
    )
    username = _text(gettext_lazy("User name"), gettext_lazy("{username} unless given."))
    password = _text(
        gettext_lazy("Password"), gettext_lazy("{password} unless given: a parameter, never the password itself.")
    )
    token_url = _text(gettext_lazy("Token URL"), gettext_lazy("Where OAuth gives tokens."))
    client_id = _text(gettext_lazy("Client id"), gettext_lazy("{client_id} unless given."))
    client_secret = _text(gettext_lazy("Client secret"), gettext_lazy("{client_secret} unless given."))
    scope = _text(gettext_lazy("Scope"))

    _USED: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "header": ("name", "value"),
        "query": ("name", "value"),
        "basic": ("username", "password"),
        "bearer": ("value",),
        "oauth": ("token_url", "client_id", "client_secret", "scope"),
    }

    def __init__(self, data: Any = None, *, document: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, prefix="sign")
        self.initial = dict((document or {}).get("sign_in") or {"kind": "none"})

    def values(self) -> dict[str, Any]:
        """Return the sign-in; what its kind does not use is left out."""
        kind = self.cleaned_data["kind"] or "none"
        return {"kind": kind, **{name: self.cleaned_data[name] for name in self._USED.get(kind, ())}}


class ParameterForm(forms.Form):
    """One parameter; a row without a name is none."""

    name = _text(gettext_lazy("Name"))
    label = _text(gettext_lazy("Label"))
    type = _choice(_KINDS, gettext_lazy("Type"))
    description = _text(gettext_lazy("Description"))
    default = _text(gettext_lazy("Default"))
    choices = _text(gettext_lazy("Choices"), gettext_lazy("For a choice of several: a, b, c"))
    required = forms.BooleanField(
        required=False, label=gettext_lazy("Required"), initial=True, widget=UnfoldBooleanWidget()
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        box: Any = self.fields["required"]
        box.is_checkbox = True

    def clean_default(self) -> Any:
        text, kind = self.cleaned_data["default"].strip(), self.data.get(self.add_prefix("type"), "text")
        if not text:
            return None
        if kind == "boolean":
            if text.lower() not in ("true", "false"):
                raise ValidationError(_("true or false."))
            return text.lower() == "true"
        if kind == "number":
            try:
                return float(text) if "." in text else int(text)
            except ValueError:
                raise ValidationError(_("'%(text)s' is not a number.") % {"text": text[:40]}) from None
        return text

    def values(self) -> dict[str, Any]:
        """Return the parameter."""
        given = self.cleaned_data
        choices = [item.strip() for item in given["choices"].split(",") if item.strip()]
        texts = {name: given[name] for name in ("name", "label", "description")}
        return {
            **texts,
            "type": given["type"] or "text",
            "default": given["default"],
            "choices": choices,
            "required": given["required"],
        }


_ParameterFormSet = forms.formset_factory(ParameterForm, extra=2, can_delete=True, max_num=50)


def parameter_forms(data: Any, parameters: Sequence[Mapping[str, Any]]) -> "BaseFormSet[ParameterForm]":
    """Return the rows of parameters, and two empty ones."""
    initial = [
        {
            **parameter,
            "choices": ", ".join(parameter.get("choices", ())),
            "default": _shown(parameter.get("default")),
        }
        for parameter in parameters
    ]
    made: BaseFormSet[ParameterForm] = _ParameterFormSet(data, initial=initial, prefix="parameters")
    return made


def parameters_of(rows: "BaseFormSet[ParameterForm]") -> list[dict[str, Any]]:
    """Return the parameters of valid rows: those with a name that are not to be removed."""
    kept = [row for row in rows.forms if not row.cleaned_data.get("DELETE") and row.cleaned_data.get("name")]
    return [row.values() for row in kept]


def _shown(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


class ActionForm(forms.Form):
    """An HTTP action but for its parameters. Values of parameters are written as {name}."""

    name = _text(gettext_lazy("Name"), gettext_lazy("Lower case, such as create_customer."))
    label = _text(gettext_lazy("Label"))
    description = forms.CharField(
        required=False,
        label=gettext_lazy("Description"),
        widget=UnfoldAdminExpandableTextareaWidget(attrs={"rows": 2}),
    )
    method = _choice(_METHODS, gettext_lazy("Method"))
    path = _text(gettext_lazy("Path"), gettext_lazy("Under the base URL, such as /customers/{customer}/notes."))
    params = FurtherField(label=gettext_lazy("Query"), help_text=HOW)
    headers = FurtherField(label=gettext_lazy("Headers"), help_text=HOW)
    body = FurtherField(
        label=gettext_lazy("Body"),
        help_text=format_lazy("{} {}", HOW, gettext_lazy("A whole {name} keeps the value's type.")),
    )
    body_format = _choice([("json", "JSON"), ("form", gettext_lazy("form"))], gettext_lazy("Body is sent as"))
    expected_status = _text(
        gettext_lazy("Expected status"), gettext_lazy("Such as 200, 201. Empty: every 2xx is a success.")
    )
    keep = FurtherField(
        label=gettext_lazy("Keep of the answer"),
        help_text=gettext_lazy("One to a line: name = dotted.path.0. Empty: all of it."),
    )
    effect = _choice(
        _EFFECTS, gettext_lazy("Effect"), gettext_lazy("Decides whether a call that was cut off is repeated.")
    )
    idempotency_header = _text(
        gettext_lazy("Idempotency header"), gettext_lazy("One that takes a key of ours, where the platform has one.")
    )

    _TEXTS: ClassVar = ("name", "label", "description", "path", "idempotency_header")

    def __init__(self, data: Any = None, *, action: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, prefix="action")
        action = action or {"method": "POST"}
        self.initial = {
            **action,
            "expected_status": ", ".join(str(status) for status in action.get("expected_status", ())),
        }

    def clean_expected_status(self) -> list[int]:
        parts = [part.strip() for part in self.cleaned_data["expected_status"].split(",") if part.strip()]
        if not all(part.isdecimal() for part in parts):
            raise ValidationError(_("Numbers, with commas between them."))
        return [int(part) for part in parts]

    def values(self) -> dict[str, Any]:
        """Return this part of the action."""
        given = self.cleaned_data
        texts = {name: given[name] for name in self._TEXTS}
        lines = {
            name: {key: _line(value) for key, value in given[name].items()} for name in ("params", "headers", "keep")
        }
        return {
            **texts,
            **lines,
            "method": given["method"] or "POST",
            "body": given["body"] or None,
            "body_format": given["body_format"] or "json",
            "expected_status": given["expected_status"],
            "effect": given["effect"] or None,
        }


def _line(value: Any) -> str:
    return value if isinstance(value, str) else _shown(value)


def show(problems: Sequence[Problem], form: forms.Form, at: str = "") -> list[str]:
    """Show problems at the fields of `form` that they name (below `at`), and return the others as sentences."""
    others = []
    for problem in problems:
        name = problem.attr.removeprefix(at).lstrip(".")
        if name in form.fields:
            form.add_error(name, problem.detail)
        else:
            others.append(f"{name}: {problem.detail}" if name else problem.detail)
    return others
