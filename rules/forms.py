"""The parts of a rule's page as forms. Each shows a piece of the document and says what it shall be.

A value whose text nobody changed stays exactly as it was typed; what a form does not know it leaves alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminExpandableTextareaWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from integrations import registry
from integrations.base import BaseIntegration
from integrations.pieces import NotReadable, json_text, parsed
from integrations.types import connector_of as connector_in_scope
from rules.catalogue import OrganizationCatalogue
from rules.cron import SCHEDULE
from rules.document import Trigger
from rules.form_further import add_further, further_pieces, with_further
from rules.form_since import SINCE_FIELDS, add_since, since_of
from supportops.texts import translated

MANUAL = "manual"
_MISSING = object()
_OF_EVENTS = ("event", "integration", "environment")
_OF_TIMES = ("cron", "zone")


class JsonText(forms.CharField):
    """JSON that a person writes; empty means nothing. What is wrong is said with line and column."""

    def __init__(self, **kwargs: Any) -> None:
        attributes = {"class": "so-mono", "rows": 4, "spellcheck": "false", **kwargs.pop("attributes", {})}
        widget = UnfoldAdminExpandableTextareaWidget(attrs=attributes)
        super().__init__(required=False, widget=widget, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else json_text(value)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            return parsed(text) if text.strip() else None
        except NotReadable as error:
            raise ValidationError(str(error)) from None


class RuleForm(forms.Form):
    """The rule itself."""

    name = forms.CharField(
        required=False, max_length=200, label=gettext_lazy("Name"), widget=UnfoldAdminTextInputWidget()
    )
    description = forms.CharField(
        required=False,
        max_length=5000,
        label=gettext_lazy("Description"),
        widget=UnfoldAdminExpandableTextareaWidget(),
    )
    enabled = forms.BooleanField(
        required=False,
        label=gettext_lazy("Enabled"),
        widget=UnfoldBooleanWidget(),
        help_text=gettext_lazy("Switched off, no event wakes it."),
    )

    def __init__(self, data: Any = None, *, initial: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, prefix="rule", initial=dict(initial or {}))
        field_of(self, "enabled").is_checkbox = True
        field_of(self, "name").is_needed = True


class TriggerForm(forms.Form):
    """What wakes the rule."""

    platform = forms.ChoiceField(
        required=False, widget=UnfoldAdminSelectWidget(attrs={"data-reload": "reload"}), label=gettext_lazy("Platform")
    )
    event = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"data-reload": "reload"}),
        label=gettext_lazy("Events"),
    )
    integration = forms.ChoiceField(required=False, widget=UnfoldAdminSelectWidget(), label=gettext_lazy("Account"))
    environment = forms.ChoiceField(required=False, label=gettext_lazy("Environment"), widget=UnfoldAdminSelectWidget())
    cron = forms.CharField(
        required=False,
        max_length=200,
        label=gettext_lazy("When"),
        widget=UnfoldAdminTextInputWidget(),
        help_text=gettext_lazy("Minute, hour, day, month, weekday: 0 9 * * 1-5 is nine o'clock from Monday to Friday."),
    )
    zone = forms.CharField(
        required=False,
        max_length=63,
        label=gettext_lazy("Time zone"),
        widget=UnfoldAdminTextInputWidget(),
        help_text=gettext_lazy("Such as Europe/Berlin; UTC when empty."),
    )

    def __init__(
        self,
        data: Any = None,
        *,
        original: Mapping[str, Any],
        catalogue: OrganizationCatalogue,
        platform: str | None = None,
    ) -> None:
        super().__init__(data, prefix="trigger")
        self.original = dict(original)
        self.shown_platform = platform or str(original.get("platform") or MANUAL)
        self.connector = connector_of(self.shown_platform)
        self.initial = {
            "platform": self.shown_platform,
            "event": _listed(original.get("event")),
            "integration": original.get("integration") or "",
            "environment": original.get("environment") or "",
            "cron": original.get("cron") or "",
            "zone": original.get("zone") or "",
        }
        self._offer(catalogue)

    def _offer(self, catalogue: OrganizationCatalogue) -> None:
        self.further = further_pieces(Trigger, {"platform", "conditions", "since", *_OF_EVENTS, *_OF_TIMES})
        add_further(self, self.further, self.original)
        platforms = [(c.key, c.name) for c in registry.all_connectors() if c.events or c.open_events]
        field_of(self, "platform").choices = with_present(
            [
                (MANUAL, _("by hand, or by the API")),
                (SCHEDULE, _("at set times")),
                *sorted(platforms, key=lambda item: item[1]),
            ],
            self.shown_platform,
        )
        if not self.hears_events:
            shown = _OF_TIMES if self.shown_platform == SCHEDULE else ()
            for name in {*_OF_EVENTS, *_OF_TIMES} - set(shown):
                del self.fields[name]
            return
        for name in _OF_TIMES:
            del self.fields[name]
        add_since(self, self.original.get("since"), catalogue.calendars)
        self._offer_events()
        accounts = [item.name for item in catalogue.integrations if item.platform == self.shown_platform]
        field_of(self, "integration").choices = with_present(
            [("", _("any account")), *((name, name) for name in accounts)], self.initial["integration"]
        )
        field_of(self, "environment").choices = with_present(
            [("", _("any environment")), *((name, name) for name in catalogue.environments)],
            self.initial["environment"],
        )

    def _offer_events(self) -> None:
        chosen = self.initial["event"]
        if self.connector is not None and self.connector.open_events:
            self.fields["event"] = forms.CharField(
                required=False,
                label=gettext_lazy("Events"),
                widget=UnfoldAdminTextInputWidget(),
                help_text=gettext_lazy("The names that the sender uses, separated by commas; * for every one."),
            )
            self.order_fields(["platform", "event"])
            self.initial["event"] = ", ".join(chosen)
            return
        specs = self.connector.events if self.connector is not None else []
        known = [(spec.name, f"{spec.name} – {translated(spec.label or spec.description)}") for spec in specs]
        choices = [*known, ("*", _("every event"))]
        field_of(self, "event").choices = choices + [(name, name) for name in chosen if name not in dict(choices)]

    @property
    def hears_events(self) -> bool:
        """Return whether events of a platform wake the rule."""
        return self.shown_platform not in (MANUAL, SCHEDULE)

    @property
    def shown_first(self) -> list[Any]:
        """Return the fields but those of a timer, which is folded away."""
        return [bound for bound in self if bound.name not in SINCE_FIELDS]

    @property
    def shown_later(self) -> list[Any]:
        """Return the fields of a timer; none where no event of a platform wakes the rule."""
        return [bound for bound in self if bound.name in SINCE_FIELDS]

    @property
    def has_since(self) -> bool:
        """Return whether something is said of a timer, or wrong."""
        return any(bound.value() or bound.errors for bound in self.shown_later)

    def values(self) -> dict[str, Any]:
        """Return the trigger as it shall be. Only of a form that was found right."""
        given = self.cleaned_data
        trigger = dict(self.original)
        before = str(self.original.get("platform") or MANUAL)
        if given["platform"] != before:
            trigger["platform"] = given["platform"]
        if self.shown_platform != given["platform"]:
            # The fields on the page were those of the platform before.
            return TriggerForm.of_platform(given["platform"])
        trigger = with_further(self, self.further, trigger)
        for name in _OF_TIMES if self.shown_platform == SCHEDULE else ():
            if given[name] != (self.original.get(name) or ""):
                put(trigger, name, given[name] or None)
        if not self.hears_events:
            return trigger
        since = since_of(self, self.original.get("since"))
        if since is not self.original.get("since"):
            put(trigger, "since", since)
        events = given["event"]
        events = [part.strip() for part in events.split(",") if part.strip()] if isinstance(events, str) else events
        if set(events) != set(_listed(self.original.get("event"))):
            put(trigger, "event", (events[0] if len(events) == 1 else events) or None)
        for name in ("integration", "environment"):
            if given[name] != (self.original.get(name) or ""):
                put(trigger, name, given[name] or None)
        return trigger

    @staticmethod
    def of_platform(platform: str) -> dict[str, Any]:
        """Return the trigger of somebody who has chosen the platform and nothing else yet."""
        return {} if platform == MANUAL else {"platform": platform}

    @property
    def chosen_platform(self) -> str:
        """Return the platform that the page says, whether or not the rest of it can be read."""
        return str(self["platform"].value() or MANUAL)


def connector_of(platform: str) -> type[BaseIntegration] | None:
    """Return a platform's connector, None when there is none."""
    try:
        return connector_in_scope(platform)
    except registry.UnknownPlatform:
        return None


def with_present(choices: Sequence[tuple[str, str]], present: str) -> list[tuple[str, str]]:
    """Return the choices, and what is written already even where it is none of them."""
    known = {value for value, _label in choices}
    return [*choices, *([] if present in known else [(present, _("%(name)s (not there)") % {"name": present})])]


def put(target: dict[str, Any], name: str, value: Any) -> None:
    """Set a value, or take the name away where there is none."""
    if value is None:
        target.pop(name, None)
    else:
        target[name] = value


def given_text(form: forms.Form, name: str) -> str:
    return str(form.cleaned_data.get(name) or "")


def field_of(form: forms.Form, name: str) -> Any:
    """Return a field, whose extra attributes templates read."""
    return form.fields[name]


def _listed(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(item) for item in value]
    return [] if value is None else [str(value)]
