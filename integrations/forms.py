"""pydantic model → Django form, for credentials, configuration and action parameters alike.

Three ways to fill a form in: `SettingsForm` (typed values), `CredentialsForm` (write-only: nothing stored is shown)
and `TemplatesForm` (texts that may hold {{ expressions }} wherever a value may stand). What a permissive model takes
without naming it stands in one further field.
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import BaseModel
from unfold.widgets import (
    UnfoldAdminExpandableTextareaWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from integrations.base import BaseIntegration
from integrations.credentials import credentials_model, secret_fields
from integrations.further_fields import FURTHER, HOW, FurtherField
from integrations.pieces import Kind, NotReadable, Piece, duration_text, merged, pieces_of, read, text_of
from supportops.texts import translated

_KEPT = gettext_lazy("A value is stored. Leave empty to keep it.")


class PieceField(forms.CharField):
    """One piece: shows a value as text, reads a text as a value. What is required says the model, not the form."""

    # What templates ask of a field; see parts/field.html.
    is_checkbox: ClassVar[bool] = False
    suggestions: tuple[Any, ...] = ()
    has_suggestions = False

    def __init__(self, piece: Piece, original: Mapping[str, Any], **kwargs: Any) -> None:
        self.piece, self.original = piece, original
        self.is_needed = kwargs.pop("is_needed", piece.is_required)
        super().__init__(
            required=False,
            strip=False,
            label=translated(piece.label),
            help_text=kwargs.pop("help_text", translated(piece.help)),
            **kwargs,
        )

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else text_of(self.piece, value)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            return read(self.piece, text, self.original)
        except NotReadable as error:
            raise ValidationError(str(error)) from None


class BooleanPieceField(forms.BooleanField):
    """A yes or no that has a default."""

    is_checkbox: ClassVar[bool] = True
    suggestions: tuple[Any, ...] = ()
    has_suggestions = False
    is_needed = False


class _ModelForm(forms.Form):
    """What the three have in common. `original` is what is stored; `values()` what shall be."""

    def __init__(
        self,
        model: type[BaseModel],
        *,
        prefix: str,
        data: Any = None,
        original: Mapping[str, Any] | None = None,
        choices_at: str = "",
    ) -> None:
        super().__init__(data, prefix=prefix)
        # Where the platform's choices are asked for, ending with `kind=`; empty: nobody can be asked.
        self.choices_at = choices_at
        self.pieces = pieces_of(model)
        self.original = dict(original or {})
        for piece in self.pieces:
            key = piece.key_in(self.original)
            field = self.field_for(piece)
            # Names of JSON may be such that no form has them; positions are always fine, but names read better.
            self.fields[piece.name] = field
            self.initial[piece.name] = self.original[key] if key is not None else self.initial_for(piece)
        self.is_open = model.model_config.get("extra") == "allow"
        if self.is_open:
            self.fields[FURTHER] = self.further_field()
            self.initial[FURTHER] = {name: value for name, value in self.original.items() if not self._is_named(name)}

    def field_for(self, piece: Piece) -> forms.Field:
        raise NotImplementedError

    def initial_for(self, piece: Piece) -> Any:
        return None

    def further_field(self) -> FurtherField:
        """Return the field for what the model takes without naming it."""
        return FurtherField(label=_("Further fields") if self.pieces else _("Fields"), help_text=HOW)

    def shows(self, name: str) -> bool:
        """Return whether a value of this name stands somewhere in the form."""
        return self.is_open or self._is_named(name)

    def _is_named(self, name: str) -> bool:
        return any(name in piece.names for piece in self.pieces)

    def values(self) -> dict[str, Any]:
        """Return the values of a form that was found right, over the original ones."""
        if not self.is_open:
            return merged(self.pieces, self.cleaned_data, self.original)
        further = self.cleaned_data[FURTHER]
        kept = {name: value for name, value in self.original.items() if self._is_named(name) or name in further}
        return {**merged(self.pieces, self.cleaned_data, kept), **further}

    def add_problem(self, path: str, detail: str) -> bool:
        """Show a problem at the field that a dotted path leads to; return whether there is such a field."""
        name = path.partition(".")[0]
        for piece in self.pieces:
            if name in piece.names:
                rest = path.partition(".")[2]
                self.add_error(piece.name, f"{rest}: {detail}" if rest else detail)
                return True
        if self.is_open:
            self.add_error(FURTHER, f"{path}: {detail}" if path else detail)
        return self.is_open


class SettingsForm(_ModelForm):
    """Values of a configuration, each by the widget of its kind."""

    def field_for(self, piece: Piece) -> forms.Field:
        if piece.kind is Kind.BOOLEAN and not piece.is_nullable:
            return BooleanPieceField(
                required=False,
                label=translated(piece.label),
                help_text=translated(piece.help),
                widget=UnfoldBooleanWidget(),
            )
        field = PieceField(piece, self.original, widget=piece_widget(piece))
        _suggest(field, piece, self.prefix or "", self.choices_at)
        return field

    def initial_for(self, piece: Piece) -> Any:
        return piece.default

    def values(self) -> dict[str, Any]:
        # A box that is not ticked says no.
        off = {piece.name: False for piece in self.pieces if self.cleaned_data.get(piece.name) is False}
        return {**super().values(), **off}


class CredentialsForm(_ModelForm):
    """Credentials. Nothing that is stored is ever shown; what is left empty is kept."""

    def __init__(
        self,
        connector: type[BaseIntegration],
        *,
        prefix: str,
        data: Any = None,
        stored: Iterable[str] = (),
        is_new: bool = True,
    ) -> None:
        self.stored, self.is_new = frozenset(stored), is_new
        self.secrets = secret_fields(connector)
        super().__init__(credentials_model(connector), prefix=prefix, data=data)
        for piece in self.pieces:
            if piece.name in self.stored and not piece.is_required:
                self.fields[self._removal(piece)] = BooleanPieceField(
                    required=False,
                    label=_("Remove the stored %(name)s") % {"name": translated(piece.label)},
                    widget=UnfoldBooleanWidget(),
                )

    def field_for(self, piece: Piece) -> forms.Field:
        is_stored = piece.name in self.stored
        help_text = f"{translated(piece.help)} {_KEPT}".strip() if is_stored else translated(piece.help)
        if self.is_secret(piece):
            attributes = {"autocomplete": "new-password", "spellcheck": "false"}
            if is_stored:
                attributes["placeholder"] = _("•••••••• (stored)")
            widget: forms.Widget = UnfoldAdminPasswordWidget(attrs=attributes)
        elif piece.kind in (Kind.CHOICE, Kind.BOOLEAN):
            widget = _select(piece)
        else:
            widget = UnfoldAdminTextInputWidget(attrs={"placeholder": _("(stored)")} if is_stored else {})
        return PieceField(piece, {}, widget=widget, help_text=help_text, is_needed=piece.is_required and not is_stored)

    def further_field(self) -> FurtherField:
        stored = sorted(self.stored - {piece.name for piece in self.pieces})
        kept = (
            _("Stored: %(names)s. What is not written here is kept.") % {"names": ", ".join(stored)} if stored else ""
        )
        return FurtherField(
            label=_("Further fields") if self.pieces else _("Fields"), help_text=f"{HOW} {kept}".strip()
        )

    def initial_for(self, piece: Piece) -> Any:
        return piece.default if self.is_new and not self.is_secret(piece) else None

    def is_secret(self, piece: Piece) -> bool:
        """Return whether what is typed must be hidden."""
        return piece.kind is Kind.SECRET or (piece.name in self.secrets and piece.kind in (Kind.TEXT, Kind.LONG))

    def values(self) -> dict[str, Any]:
        """Return what was typed; None for what shall be removed."""
        typed = super().values()
        for piece in self.pieces:
            if self.cleaned_data.get(self._removal(piece)):
                typed[piece.name] = None
        return typed

    @staticmethod
    def _removal(piece: Piece) -> str:
        return f"remove_{piece.name}"


class TemplatesForm(_ModelForm):
    """Parameters of an action, as texts that may hold expressions."""

    def further_field(self) -> FurtherField:
        return FurtherField(label=_("Further parameters"), help_text=HOW, attributes={"data-takes": "template"})

    def field_for(self, piece: Piece) -> forms.Field:
        attributes = {"data-takes": "template", "spellcheck": "false"}
        if piece.kind in (Kind.LONG, Kind.LINES, Kind.JSON):
            extra = {"class": "so-mono", "rows": 2} if piece.kind is Kind.JSON else {"rows": 2}
            widget: forms.Widget = UnfoldAdminExpandableTextareaWidget(attrs={**attributes, **extra})
        else:
            widget = UnfoldAdminTextInputWidget(attrs={**attributes, "placeholder": _placeholder(piece)})
        field = PieceField(
            piece, self.original, widget=widget, help_text=f"{translated(piece.help)} {_HOW.get(piece.kind, '')}"
        )
        if piece.kind is Kind.BOOLEAN:
            field.suggestions = ("true", "false")
            field.has_suggestions = True
            widget.attrs["list"] = f"id_{self.prefix}-{piece.name}_list"
        else:
            _suggest(field, piece, self.prefix or "", self.choices_at)
        return field


_HOW = {
    Kind.LINES: gettext_lazy("One to a line."),
    Kind.JSON: gettext_lazy("As JSON."),
    Kind.BOOLEAN: gettext_lazy("true or false."),
}


def choices_address(connector: type[BaseIntegration], integration: str) -> str:
    """Return where a form asks for a platform's choices, for the kind to be added; empty where there are none.

    `integration` is a name or an id; empty: the platform's only one.
    """
    if not connector.choice_kinds:
        return ""
    place = reverse("admin:integrations_integration_choices_view")
    return f"{place}?{urlencode({'platform': connector.key, 'integration': integration})}&kind="


def piece_widget(piece: Piece) -> forms.Widget:
    """Return the widget for a value of the piece's kind."""
    widget: forms.Widget
    if piece.kind in (Kind.CHOICE, Kind.BOOLEAN):
        return _select(piece)
    if piece.kind is Kind.SECRET:
        widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
    elif piece.kind in (Kind.LONG, Kind.LINES, Kind.JSON):
        widget = UnfoldAdminExpandableTextareaWidget(attrs={"class": "so-mono"} if piece.kind is Kind.JSON else {})
    else:
        is_number = piece.kind in (Kind.INTEGER, Kind.NUMBER)
        widget = UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"} if is_number else {})
    return widget


def _select(piece: Piece) -> forms.Widget:
    values = ("true", "false") if piece.kind is Kind.BOOLEAN else piece.choices
    empty = [] if piece.is_required and piece.default is not None else [("", "–")]
    widget: forms.Widget = UnfoldAdminSelectWidget(choices=[*empty, *((str(value), str(value)) for value in values)])
    return widget


def _suggest(field: PieceField, piece: Piece, prefix: str, choices_at: str) -> None:
    """Offer what the model names; else what the platform has, fetched when somebody comes to the field."""
    if isinstance(field.widget, forms.Select | forms.Textarea):
        return
    list_id = f"id_{prefix}-{piece.name}_list"
    if piece.choice_kind and choices_at:
        field.has_suggestions = True
        field.widget.attrs |= {
            "list": list_id,
            "hx-get": choices_at + piece.choice_kind,
            "hx-trigger": "focus once",
            "hx-target": f"#{list_id}",
            "hx-swap": "innerHTML",
        }
    elif piece.choices:
        field.suggestions = piece.choices
        field.has_suggestions = True
        field.widget.attrs["list"] = list_id


def _placeholder(piece: Piece) -> str:
    if piece.default in (None, "", [], {}):
        return ""
    return duration_text(piece.default) if piece.kind is Kind.DURATION else text_of(piece, piece.default)
