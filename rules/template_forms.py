"""The form by which a person installs a template: a name, whether it begins at once, and its parameters."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from integrations.forms import BooleanPieceField, SettingsForm
from rules import gallery
from rules.gallery import Template
from rules.installing import environment_names
from rules.problems import Problem


class InstallationForm(forms.Form):
    """What belongs to no parameter."""

    name = forms.CharField(
        required=False,
        max_length=150,
        label=gettext_lazy("Name"),
        widget=UnfoldAdminTextInputWidget(),
        help_text=gettext_lazy("Your own name for it; names of rules are unique."),
    )
    enabled = BooleanPieceField(
        required=False, label=gettext_lazy("Switch on at once"), help_text="", widget=UnfoldBooleanWidget()
    )


class TemplateForms:
    """Both parts of the form, with what is wrong."""

    def __init__(self, template: Template, data: Any = None) -> None:
        self.template = template
        self.basics = InstallationForm(data, prefix="install")
        self.parameters = SettingsForm(gallery.model_of(template, environment_names()), prefix="parameter", data=data)
        self.problems: list[str] = []

    def is_valid(self) -> bool:
        """Return whether both could be read; the deed says whether what they say will do."""
        return all([self.basics.is_valid(), self.parameters.is_valid()])

    def show(self, problems: Sequence[Problem]) -> None:
        """Show problems at the fields they belong to, and the others above."""
        for problem in problems:
            root, _, rest = problem.attr.partition(".")
            if root == "name":
                self.basics.add_error("name", problem.detail)
            elif root != "parameters" or not self.parameters.add_problem(rest, problem.detail):
                self.problems.append(f"{problem.attr}: {problem.detail}")
