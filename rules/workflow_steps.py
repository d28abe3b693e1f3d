"""One step, or what wakes the rule, as a form beside the picture: made from the document, and turned into it again."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.forms import TemplatesForm
from integrations.pieces import NotReadable, json_text, parsed
from rules.catalogue import OrganizationCatalogue
from rules.drafts import Card, RuleDraft
from rules.forms import JsonText, RuleForm, StepForm, TriggerForm, put
from rules.kinds import MODELS

_PLACE = 0
_PREFIX = f"step-{_PLACE}"
# A step of these kinds has what it is given beside its kind, not below it.
_BESIDE = {"rule": ("rule", "inputs")}


class NotOfAPicture(ValueError):
    """This is none of what the picture's forms send."""


class CircumstancesForm(StepForm):
    """Name, condition and failure of a step that calls nobody."""

    _SHOWN = ("id", "condition", "on_failure")

    def __init__(self, data: Any, *, original: Mapping[str, Any], catalogue: OrganizationCatalogue) -> None:
        super().__init__(data, prefix=_PREFIX, original=original, catalogue=catalogue)
        for name in [name for name in self.fields if name not in self._SHOWN]:
            del self.fields[name]

    def values(self) -> dict[str, Any]:
        step = dict(self.original)
        for name in self._SHOWN:
            if self.cleaned_data[name] != str(self.initial[name]):
                put(step, name, self.cleaned_data[name].strip() or None)
        return step


class WholeForm(forms.Form):
    """A step of a kind that has no fields of its own here."""

    step = JsonText(label=gettext_lazy("The step as JSON"), attributes={"rows": 14})

    def clean_step(self) -> Any:
        value = self.cleaned_data["step"]
        if not isinstance(value, dict):
            raise forms.ValidationError(_("A step is an object."))
        return value


class StepPanel:
    """The form of one step. `card`: of an action; `given`: of a kind that calls nobody; `whole`: of any other, JSON."""

    def __init__(
        self, step: Mapping[str, Any], catalogue: OrganizationCatalogue, post: QueryDict | None = None
    ) -> None:
        self.original = dict(step)
        self.kind = next((name for name in MODELS if name in step), "action")
        self.catalogue = catalogue
        self.card: Card | None = None
        self.given: TemplatesForm | None = None
        self.circumstances: CircumstancesForm | None = None
        self.whole: WholeForm | None = None
        if self.kind == "action":
            self.card = self._card(post)
        elif isinstance(self._given, Mapping):
            self.given = TemplatesForm(MODELS[self.kind], prefix=f"{_PREFIX}-p", data=post, original=self._given)
            self.circumstances = CircumstancesForm(post, original=step, catalogue=catalogue)
        else:
            self.whole = WholeForm(post, prefix=_PREFIX, initial={"step": self.original})

    @property
    def base(self) -> str:
        return json_text(self.original)

    def step(self) -> dict[str, Any] | None:
        """Return the step as it shall be; None where something cannot be read, which is marked in the form."""
        if self.card is not None:
            return self.card.step(self.catalogue) if self.card.is_valid() else None
        if self.whole is not None:
            return dict(self.whole.cleaned_data["step"]) if self.whole.is_valid() else None
        if self.given is None or self.circumstances is None:
            return self.original
        if not all([self.given.is_valid(), self.circumstances.is_valid()]):
            return None
        step, values = self.circumstances.values(), self.given.values()
        if self.kind not in _BESIDE:
            return {**step, self.kind: values}
        for name in _BESIDE[self.kind]:
            put(step, name, values.get(name) or None)
        return {**step, self.kind: values.get(self.kind) or ""}

    @property
    def errors(self) -> list[str]:
        """Return what cannot be read, each with the name of its field."""
        forms: list[Any] = [self.given, self.circumstances, self.whole]
        if self.card is not None:
            forms += [self.card.form, self.card.parameters]
        return [
            text if name == "__all__" else f"{form[name].label}: {text}"
            for form in forms
            if form is not None
            for name, texts in form.errors.items()
            for text in texts
        ]

    @property
    def _given(self) -> Any:
        beside = _BESIDE.get(self.kind)
        if beside is None:
            return self.original.get(self.kind)
        return {name: self.original[name] for name in beside if self.original.get(name) is not None}

    def _card(self, post: QueryDict | None) -> Card:
        if post is None:
            return RuleDraft.of_document({"actions": [self.original]}, self.catalogue).cards[0]
        data = post.copy()
        data["base"], data["steps"] = "{}", str(_PLACE)
        data[f"{_PREFIX}-original"] = json_text(self.original)
        return RuleDraft.of_post(data, self.catalogue).cards[0]


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

    @property
    def trigger_fields(self) -> list[Any]:
        return [field for field in self.trigger if field.name != "conditions"]

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
        forms = (self.rule, self.trigger)
        return [
            f"{form[name].label}: {text}" for form in forms for name, texts in form.errors.items() for text in texts
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
