"""One step, or what wakes the rule, as a form beside the picture: made from the document, and turned into it again."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.pieces import NotReadable, json_text, parsed
from rules.catalogue import OrganizationCatalogue
from rules.forms import JsonText, RuleForm, TriggerForm, put
from rules.step_cards import Card, without_strangers
from rules.step_choices import choice_groups
from rules.step_kinds import as_choice

_PLACE = 0
_PREFIX = f"step-{_PLACE}"


class NotOfAPicture(ValueError):
    """This is none of what the picture's forms send."""


class WholeForm(forms.Form):
    """A step of a kind that has no fields of its own here."""

    step = JsonText(label=gettext_lazy("The step as JSON"), attributes={"rows": 14})

    def clean_step(self) -> Any:
        value = self.cleaned_data["step"]
        if not isinstance(value, dict):
            raise forms.ValidationError(_("A step is an object."))
        return value


class StepPanel:
    """The form of one step: the card that the rule's page has for it, or its JSON, where somebody wants that."""

    def __init__(
        self,
        step: Mapping[str, Any],
        catalogue: OrganizationCatalogue,
        post: QueryDict | None = None,
        *,
        is_json: bool = False,
    ) -> None:
        self.original = dict(step)
        self.catalogue = catalogue
        self.card = Card.of(_PLACE, step, catalogue, None if is_json else post)
        self.whole = WholeForm(post, prefix=_PREFIX, initial={"step": self.original}) if is_json else None

    @property
    def base(self) -> str:
        return json_text(self.original)

    def step(self) -> dict[str, Any] | None:
        """Return the step as it shall be; None where something cannot be read, which is marked in the form.

        What it waits for is drawn, and no matter of its form.
        """
        if self.whole is not None:
            made = self.whole.cleaned_data["step"] if self.whole.is_valid() else None
        else:
            made = self.card.step(self.catalogue) if self.card.is_valid() else None
        return None if made is None else {name: value for name, value in made.items() if name != "needs"}

    @property
    def errors(self) -> list[str]:
        """Return what cannot be read, each with the name of its field."""
        return _errors([self.whole] if self.whole is not None else [self.card.form, self.card.parameters])


class StartPanel:
    """The form of what wakes a rule, and of its name. Conditions stay as they are: they have a page of their own."""

    def __init__(
        self, base: Mapping[str, Any], catalogue: OrganizationCatalogue, post: QueryDict | None = None
    ) -> None:
        trigger = base.get("trigger")
        self.original = dict(base)
        self.catalogue = catalogue
        self._trigger = dict(trigger) if isinstance(trigger, Mapping) else {}
        initial = {name: base.get(name) or "" for name in ("name", "description")}
        self.rule = RuleForm(post, initial={**initial, "enabled": bool(base.get("enabled", True))})
        shown = str(post.get("shown-platform") or "") if post is not None else ""
        self.trigger = TriggerForm(post, original=self._trigger, catalogue=catalogue, platform=shown or None)

    @property
    def base(self) -> str:
        return json_text(self.original)

    def document(self) -> dict[str, Any] | None:
        """Return the document's parts beside its steps as they shall be; None where something cannot be read."""
        if not all([self.rule.is_valid(), self.trigger.is_valid()]):
            return None
        given = self.rule.cleaned_data
        document = {**self.original, "name": given["name"].strip(), "enabled": given["enabled"]}
        put(document, "description", given["description"].strip() or None)
        trigger = self.trigger.values()
        if "conditions" in self._trigger and trigger.get("platform") == self._trigger.get("platform"):
            trigger["conditions"] = self._trigger["conditions"]
        else:
            trigger.pop("conditions", None)
        document["trigger"] = trigger
        return document

    @property
    def errors(self) -> list[str]:
        """Return what cannot be read, each with the name of its field."""
        return _errors([self.rule, self.trigger])


def chosen_step(step: Mapping[str, Any], choice: str, catalogue: OrganizationCatalogue) -> dict[str, Any]:
    """Return the step doing what a person chose instead. Raises NotOfAPicture for what is no choice."""
    known = {item.value for group in choice_groups(catalogue) for item in group.choices}
    if choice not in known:
        raise NotOfAPicture(f"'{choice[:100]}' is nothing that a step can do here.")
    return without_strangers(as_choice(step, choice), catalogue)


def palette(catalogue: OrganizationCatalogue) -> list[dict[str, Any]]:
    """Return what a step can do, in groups, as pages are given it: what needs no platform first."""
    return [
        {
            "label": group.label,
            "note": "" if group.is_connected else _("no account yet"),
            "items": [
                {"value": item.value, "icon": item.icon, "label": item.label, "description": item.description}
                for item in group.choices
            ],
        }
        for group in sorted(choice_groups(catalogue), key=lambda group: bool(group.platform))
    ]


def posted_object(post: QueryDict, name: str) -> dict[str, Any]:
    """Return a part of a document that a page sent along. Raises NotOfAPicture for what is none."""
    try:
        value = parsed(post.get(name, ""))
    except NotReadable as error:
        raise NotOfAPicture(f"`{name}` is a part of a document as JSON. {error}") from None
    if not isinstance(value, dict):
        raise NotOfAPicture(f"`{name}` is a part of a document: an object.")
    return value


def _errors(shown: Sequence[Any]) -> list[str]:
    return [
        text if name == "__all__" else f"{form[name].label}: {text}"
        for form in shown
        if form is not None
        for name, texts in form.errors.items()
        for text in texts
    ]
