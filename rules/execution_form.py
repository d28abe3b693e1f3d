"""The form by which a person starts a rule: its inputs and the environment."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget

from integrations.forms import PieceField, piece_widget
from integrations.pieces import Piece, merged
from rules.document import Input
from rules.form_inputs import KINDS
from rules.forms import JsonText, field_of
from rules.problems import Problem
from supportops.tenancy.models import Environment


class ExecutionForm(forms.Form):
    """One field for each declared input; where none are declared, JSON."""

    environment = forms.ChoiceField(required=False, label=gettext_lazy("Environment"), widget=UnfoldAdminSelectWidget())

    def __init__(self, data: Any = None, *, declared: Mapping[str, Input] | None) -> None:
        super().__init__(data, prefix="run")
        names = Environment.objects.values_list("name", flat=True)
        field_of(self, "environment").choices = [("", _("the rule's own")), *((name, name) for name in names)]
        self.pieces = [_piece(name, spec) for name, spec in (declared or {}).items()]
        for piece in self.pieces:
            self.fields[f"input_{piece.name}"] = PieceField(piece, {}, widget=piece_widget(piece))
            self.initial[f"input_{piece.name}"] = piece.default
        if declared is None:
            self.fields["any_inputs"] = JsonText(
                label=_("Inputs"), help_text=_('As JSON, such as {"severity": "high"}.')
            )
        self.order_fields([*(name for name in self.fields if name != "environment"), "environment"])

    def clean_any_inputs(self) -> Any:
        value = self.cleaned_data["any_inputs"]
        if value is not None and not isinstance(value, dict):
            raise forms.ValidationError(_('Inputs are an object, such as {"severity": "high"}.'))
        return value

    def inputs(self) -> dict[str, Any]:
        """Return the inputs as typed, of a form that was found right."""
        if not self.pieces:
            return self.cleaned_data.get("any_inputs") or {}
        typed = {piece.name: self.cleaned_data[f"input_{piece.name}"] for piece in self.pieces}
        return merged(self.pieces, typed, {})

    def show(self, problems: Sequence[Problem]) -> None:
        """Show problems at the inputs they belong to."""
        for problem in problems:
            name = f"input_{problem.attr.partition('.')[2]}"
            self.add_error(name if name in self.fields else None, problem.detail)


def _piece(name: str, spec: Input) -> Piece:
    return Piece((name,), KINDS[spec.type], name, spec.description or "", spec.required, default=spec.default)
