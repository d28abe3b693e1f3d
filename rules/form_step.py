"""A step of a rule as a form: what it does, with which account, under which circumstances."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from integrations.pieces import same_text
from rules.catalogue import OrganizationCatalogue
from rules.document import StepDocument
from rules.form_further import add_further, further_pieces, with_further
from rules.forms import connector_of, field_of, given_text, put, with_present
from rules.kinds import MODELS
from rules.step_choices import action_choices
from rules.step_kinds import as_choice, choice_of, kind_of


class StepForm(forms.Form):
    """One action: which, with which account, under which circumstances. Its parameters have a form of their own."""

    kind = forms.ChoiceField(
        required=False, label=gettext_lazy("Action"), widget=UnfoldAdminSelectWidget(attrs={"data-reload": "reload"})
    )
    integration = forms.ChoiceField(required=False, label=gettext_lazy("Account"), widget=UnfoldAdminSelectWidget())
    id = forms.CharField(
        required=False,
        label=gettext_lazy("Name"),
        widget=UnfoldAdminTextInputWidget(),
        help_text=gettext_lazy("Later steps read this one's outcome as steps.<name>.output"),
    )
    condition = forms.CharField(
        required=False,
        label=gettext_lazy("Only if"),
        widget=UnfoldAdminTextInputWidget(attrs={"data-takes": "template", "spellcheck": "false"}),
        help_text=gettext_lazy("An expression such as {{ ticket.priority == 4 }}. Empty: always."),
    )
    on_failure = forms.ChoiceField(
        required=False,
        label=gettext_lazy("If it fails"),
        choices=[
            ("abort", gettext_lazy("end the run (dead letter)")),
            ("continue", gettext_lazy("go on with the next step")),
        ],
        widget=UnfoldAdminSelectWidget(),
    )
    on_uncertain = forms.ChoiceField(
        required=False,
        label=gettext_lazy("If no answer comes"),
        choices=[("hold", gettext_lazy("hold it for a person to decide")), ("retry", gettext_lazy("do it again"))],
        widget=UnfoldAdminSelectWidget(),
        help_text=gettext_lazy("After a call was cut off: doing it again may do it twice."),
    )
    attempts = forms.CharField(
        required=False, label=gettext_lazy("Attempts"), widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "8"})
    )
    base = forms.CharField(
        required=False,
        label=gettext_lazy("First pause"),
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "2s"}),
    )
    timeout = forms.CharField(
        required=False, label=gettext_lazy("Deadline"), widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "30s"})
    )

    factor = forms.CharField(
        required=False,
        label=gettext_lazy("Times longer each time"),
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "4"}),
    )
    cap = forms.CharField(
        required=False,
        label=gettext_lazy("Longest pause"),
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "1h"}),
    )
    order = forms.ChoiceField(
        required=False,
        label=gettext_lazy("Begins"),
        choices=[
            ("before", gettext_lazy("after the step before")),
            ("once", gettext_lazy("at once")),
            ("named", gettext_lazy("after the steps named here")),
        ],
        widget=UnfoldAdminSelectWidget(),
    )
    needs = forms.CharField(
        required=False,
        label=gettext_lazy("Steps to wait for"),
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "step-1, step-2"}),
        help_text=gettext_lazy("Names of steps, separated by commas."),
    )

    # Where the form's fields stand in the document.
    _DEFAULTS = {"on_failure": "abort", "on_uncertain": "hold"}
    _TEXTS = ("id", "condition", "timeout")
    _RETRY = ("attempts", "base", "factor", "cap")
    _KNOWN = frozenset(
        {"platform", "integration", "action", "parameters", "inputs", "retry", "needs", *_DEFAULTS, *_TEXTS, *MODELS}
    )

    def __init__(
        self, data: Any = None, *, prefix: str, original: Mapping[str, Any], catalogue: OrganizationCatalogue
    ) -> None:
        super().__init__(data, prefix=prefix)
        self.original = dict(original)
        platform, action = str(original.get("platform") or ""), str(original.get("action") or "")
        retry = original.get("retry")
        retry = retry if isinstance(retry, Mapping) else {}
        needs = original.get("needs")
        self.initial = {
            "kind": choice_of(original),
            "integration": original.get("integration") or "",
            **{name: original.get(name, default) for name, default in self._DEFAULTS.items()},
            **{name: scalar_text(original.get(name)) for name in self._TEXTS},
            **{name: scalar_text(retry.get(name)) for name in self._RETRY},
            "order": "before" if needs is None else "once" if needs == [] else "named",
            "needs": ", ".join(map(str, needs)) if isinstance(needs, list) else "",
        }
        field_of(self, "kind").choices = action_choices(self.initial["kind"])
        accounts = [item.name for item in catalogue.integrations if item.platform == platform]
        self.needs_account = kind_of(original) == "action" and not is_generic(platform, action)
        self.lacks_account = self.needs_account and not accounts
        if self.needs_account:
            field_of(self, "integration").choices = with_present(
                [("", _("the one of this platform")), *((name, name) for name in accounts)], self.initial["integration"]
            )
        else:
            del self.fields["integration"]
        for name, default in self._DEFAULTS.items():
            field_of(self, name).choices = with_present(
                list(field_of(self, name).choices), str(self.initial[name] or default)
            )
        self.further = further_pieces(StepDocument, self._KNOWN)
        add_further(self, self.further, original)

    @property
    def further_fields(self) -> list[Any]:
        """Return the fields that the document's model adds to those written here."""
        return [self[piece.name] for piece in self.further]

    def values(self) -> dict[str, Any]:
        """Return the step as it shall be, with what it is given in `original`."""
        given, step = self.cleaned_data, dict(self.original)
        if given["kind"] != self.initial["kind"]:
            step = as_choice(step, given["kind"])
        elif self.needs_account and given["integration"] != self.initial["integration"]:
            put(step, "integration", given["integration"] or None)
        for name in (*self._TEXTS, *self._DEFAULTS):
            if not same_text(given[name], str(self.initial[name])):
                put(step, name, given[name].strip() or None)
        self._put_retry(step)
        self._put_needs(step)
        return with_further(self, self.further, step)

    def _put_needs(self, step: dict[str, Any]) -> None:
        order, names = given_text(self, "order") or "before", given_text(self, "needs")
        # Whoever names steps means them, whatever stands in the choice before.
        if (order, names.strip()) == (self.initial["order"], self.initial["needs"]):
            return
        named = [part.strip() for part in names.split(",") if part.strip()]
        if order == "named" or (named and names.strip() != self.initial["needs"]):
            put(step, "needs", named or None)
        else:
            put(step, "needs", [] if order == "once" else None)

    def _put_retry(self, step: dict[str, Any]) -> None:
        changed = [name for name in self._RETRY if not same_text(given_text(self, name), self.initial[name])]
        if not changed:
            return
        retry = dict(step["retry"]) if isinstance(step.get("retry"), Mapping) else {}
        for name in changed:
            text = given_text(self, name).strip()
            number = int(text) if text.isdigit() and len(text) < 10 else text
            put(retry, name, number if text else None)
        put(step, "retry", retry or None)


def is_generic(platform: str, action: str) -> bool:
    """Return whether an action needs no account."""
    if not platform:
        return True
    connector = connector_of(platform)
    return connector is not None and connector.is_generic


def scalar_text(value: Any) -> str:
    """Return a text, number or boolean as it is typed."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
