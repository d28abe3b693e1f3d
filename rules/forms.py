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
from integrations.pieces import NotReadable, json_text, parsed, same_text
from integrations.types import connector_of as connector_in_scope
from rules.catalogue import OrganizationCatalogue
from rules.cron import SCHEDULE
from rules.document import StepDocument, Trigger
from rules.form_further import add_further, further_pieces, with_further
from rules.form_since import SINCE_FIELDS, add_since, since_of
from rules.kinds import MODELS
from rules.step_choices import action_choices
from rules.step_kinds import as_choice, choice_of, kind_of
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


def scalar_text(value: Any) -> str:
    """Return a text, number or boolean as it is typed."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def given_text(form: forms.Form, name: str) -> str:
    return str(form.cleaned_data.get(name) or "")


def field_of(form: forms.Form, name: str) -> Any:
    """Return a field, whose extra attributes templates read."""
    return form.fields[name]


def _listed(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(item) for item in value]
    return [] if value is None else [str(value)]
