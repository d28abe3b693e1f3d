"""The part of a trigger's form that says when a rule runs: at once, after a silence, or before a time."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from rules.business_time import DEFAULT

_PARTS = ("for", "before", "by", "calendar")
SINCE_FIELDS = tuple(f"since_{part}" for part in _PARTS)


def add_since(form: forms.Form, original: Any, calendars: Sequence[str]) -> None:
    """Add the fields to a trigger's form, with what the document has."""
    form.fields["since_for"] = _text(
        _("When nothing else happens for"),
        _("Such as 4h: the rule runs once nothing has happened to the ticket for so long. Empty: at once."),
    )
    form.fields["since_before"] = _text(
        _("Or before this time"),
        _("A field that holds a time, such as ticket.due_by: the rule runs before it."),
    )
    form.fields["since_by"] = _text(_("How long before it"), _("Such as 1h."))
    given = original if isinstance(original, Mapping) else {}
    present = str(given.get("calendar") or "")
    choices = [("", _("all hours count")), *((name, _named(name)) for name in calendars)]
    if present not in ("", *calendars):
        choices.append((present, f"{present} (?)"))
    form.fields["since_calendar"] = forms.ChoiceField(
        required=False,
        label=_("Business hours"),
        choices=choices,
        widget=UnfoldAdminSelectWidget(),
        help_text=_("With a calendar only its hours count."),
    )
    for part in _PARTS:
        form.initial[f"since_{part}"] = _shown(given.get(part))


def since_of(form: forms.Form, original: Any) -> Any:
    """Return `since` as the form says; what nobody changed stays as it was typed. None: the rule runs at once."""
    before = original if isinstance(original, Mapping) else {}
    typed = {part: str(form.cleaned_data.get(f"since_{part}") or "").strip() for part in _PARTS}
    if all(typed[part] == _shown(before.get(part)) for part in _PARTS):
        return original
    since = dict(before)
    for part in _PARTS:
        if typed[part] != _shown(before.get(part)):
            since.pop(part, None)
            if typed[part]:
                since[part] = typed[part]
    # A calendar alone is what is left when somebody empties the others.
    return since if since.keys() - {"calendar"} else None


def field_of_since(place: str) -> str:
    """Return the field at which a problem of a part of `since` is shown."""
    part = place.partition(".")[0]
    return f"since_{part}" if part in _PARTS else "since_for"


def _text(label: Any, help_text: Any) -> forms.CharField:
    widget = UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"})
    return forms.CharField(required=False, max_length=256, label=label, help_text=help_text, widget=widget)


def _named(name: str) -> Any:
    return _("the default calendar") if name == DEFAULT else name


def _shown(value: Any) -> str:
    return "" if value is None else str(value)
