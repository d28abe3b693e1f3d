"""How a rule's runs go, beside what wakes it and what it does: order, late events, environment, gate."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from rules.catalogue import OrganizationCatalogue
from rules.document import RuleDocument
from rules.form_further import add_further, further_pieces, with_further
from rules.forms import field_of, given_text, put, with_present

_KNOWN = frozenset(
    {"name", "description", "enabled", "trigger", "inputs", "steps", "actions", "concurrency", "late", "environment"}
)


class OptionsForm(forms.Form):
    """What a rule says of its runs as a whole. `original` is the document."""

    late = forms.ChoiceField(
        required=False,
        label=_("Events that come late"),
        choices=[("run", _("start the rule like any other")), ("skip", _("are passed over"))],
        widget=UnfoldAdminSelectWidget(),
    )
    environment = forms.ChoiceField(required=False, label=_("Environment"), widget=UnfoldAdminSelectWidget())
    mode = forms.ChoiceField(
        required=False,
        label=_("Runs with the same key"),
        choices=[
            ("parallel", _("go side by side")),
            ("queued", _("go one after the other")),
            ("single", _("are left out while one goes")),
            ("restart", _("take the place of the one before")),
        ],
        widget=UnfoldAdminSelectWidget(),
    )
    key = forms.CharField(
        required=False,
        label=_("Key"),
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "ticket.id", "spellcheck": "false"}),
        help_text=_("An expression; without one, all runs of this rule share a key."),
    )

    def __init__(self, data: Any = None, *, original: Mapping[str, Any], catalogue: OrganizationCatalogue) -> None:
        super().__init__(data, prefix="options")
        self.original = dict(original)
        concurrency = original.get("concurrency")
        self.concurrency = dict(concurrency) if isinstance(concurrency, Mapping) else {}
        self.initial = {
            "late": str(original.get("late") or "run"),
            "environment": str(original.get("environment") or ""),
            "mode": str(self.concurrency.get("mode") or "parallel"),
            "key": str(self.concurrency.get("key") or ""),
        }
        environments: list[Any] = [("", _("that of the event")), *((name, name) for name in catalogue.environments)]
        field_of(self, "environment").choices = with_present(environments, self.initial["environment"])
        for name in ("late", "mode"):
            field_of(self, name).choices = with_present(list(field_of(self, name).choices), self.initial[name])
        self.further = further_pieces(RuleDocument, _KNOWN)
        add_further(self, self.further, original)

    @property
    def has_something(self) -> bool:
        """Return whether anything is said here, or wrong."""
        return bool(self.errors) or any(
            name in self.original for name in ("late", "concurrency", "gate", "environment")
        )

    def values(self) -> dict[str, Any]:
        """Return the document with these options. What nobody changed stays as it was typed."""
        document = dict(self.original)
        for name in ("late", "environment"):
            if given_text(self, name) != self.initial[name]:
                put(document, name, given_text(self, name) or None)
        concurrency = dict(self.concurrency)
        for name in ("key", "mode"):
            if given_text(self, name).strip() != self.initial[name]:
                put(concurrency, name, given_text(self, name).strip() or None)
        if concurrency != self.concurrency:
            put(document, "concurrency", concurrency or None)
        return with_further(self, self.further, document)
