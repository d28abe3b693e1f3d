"""A step as a card: its form, made from its document, and its document again from what the form sent."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations import registry
from integrations.errors import IntegrationError
from integrations.forms import TemplatesForm, choices_address
from integrations.pieces import pieces_of
from integrations.specs import ActionSpec
from rules.catalogue import OrganizationCatalogue
from rules.form_step import StepForm
from rules.forms import connector_of
from rules.kinds import MODELS
from rules.step_kinds import given_of, kind_of, with_given
from rules.workflow_faces import face_of

# A card with more parameters than this folds away those that are optional and empty.
_FEW = 6
_FIRST = 4
_LONGEST_SUMMARY = 140


@dataclass
class Card:
    """One step on the page. `place` tells it from the others wherever it is moved."""

    place: int
    original: dict[str, Any]
    form: StepForm
    parameters: TemplatesForm | None
    description: str = ""
    # What it is and does, as pictures of the rule say it.
    face: Mapping[str, Any] = field(default_factory=dict)
    # Problems that belong to no field of the card.
    problems: list[str] = field(default_factory=list)
    # Somebody is choosing what it shall do instead.
    is_choosing: bool = False

    @classmethod
    def of(cls, place: int, step: Mapping[str, Any], catalogue: OrganizationCatalogue, data: Any = None) -> "Card":
        """Return the card of a step, filled in with what a page sent where it did."""
        prefix = f"step-{place}"
        return cls(
            place,
            dict(step),
            StepForm(data, prefix=prefix, original=step, catalogue=catalogue),
            parameters_form(data, prefix=f"{prefix}-p", step=step, catalogue=catalogue),
            _description(step, catalogue),
            face_of(step, catalogue),
        )

    @property
    def base(self) -> str:
        return json.dumps(self.original, ensure_ascii=False)

    @property
    def kind(self) -> str:
        return kind_of(self.original)

    @property
    def name(self) -> str:
        """Return the step's id; empty where it has none of its own."""
        return str(self.original.get("id") or "")

    @property
    def is_empty(self) -> bool:
        """Return whether nobody has said yet what it does."""
        return self.kind == "action" and not self.original.get("action")

    @property
    def summary(self) -> str:
        """Return what it is given, in one line."""
        given = given_of(self.original)
        texts = [_line(value) for value in given.values()] if isinstance(given, Mapping) else []
        text = " · ".join(part for part in texts[:3] if part)
        return text if len(text) <= _LONGEST_SUMMARY else f"{text[:_LONGEST_SUMMARY]}…"

    @property
    def unknown(self) -> list[str]:
        """Return the names of what the card does not show, but keeps."""
        shown = {"id", "platform", "action", "integration", "condition", "on_failure", "on_uncertain", "timeout"}
        shown |= {"parameters", "retry", "needs", *(piece.name for piece in self.form.further)}
        if self.kind != "action" and self.parameters is not None:
            shown |= {self.kind, *(("inputs",) if self.kind == "rule" else ())}
        names = [name for name in self.original if name not in shown]
        given = given_of(self.original)
        if isinstance(given, Mapping) and self.parameters is not None:
            path = "parameters" if self.kind == "action" else self.kind
            names += [f"{path}.{name}" for name in given if not self.parameters.shows(name)]
        return names

    @property
    def shown_first(self) -> list[Any]:
        """Return the parameters that are needed, filled in or wrong, and a few more where these are few."""
        return self._arranged[0]

    @property
    def shown_later(self) -> list[Any]:
        return self._arranged[1]

    @property
    def has_later_errors(self) -> bool:
        return any(bound.errors for bound in self.shown_later)

    @property
    def has_errors(self) -> bool:
        """Return whether something in the card is wrong."""
        return bool(self.problems or self.form.errors or (self.parameters is not None and self.parameters.errors))

    @property
    def has_circumstances(self) -> bool:
        """Return whether something wrong stands in the part that is folded away."""
        return any(self.form[name].errors for name in self.form.fields if name not in ("kind", "integration"))

    @property
    def _arranged(self) -> tuple[list[Any], list[Any]]:
        bound = list(self.parameters or ())
        if len(bound) <= _FEW:
            return bound, []
        first = [item for place, item in enumerate(bound) if place < _FIRST or _matters(item)]
        return first, [item for item in bound if item not in first]

    def is_valid(self) -> bool:
        is_valid = self.form.is_valid()
        return (self.parameters is None or self.parameters.is_valid()) and is_valid

    def step(self, catalogue: OrganizationCatalogue) -> dict[str, Any]:
        """Return the step as it shall be. Parameters that another action does not have go with the change to it."""
        step = self.form.values()
        has_same_kind = kind_of(step) == self.kind
        if self.parameters is not None and has_same_kind:
            values = self.parameters.values()
            if values != (given_of(self.original) or {}):
                step = with_given(step, values)
        if self.form.cleaned_data["kind"] != self.form.initial["kind"] and kind_of(step) == "action":
            step = without_strangers(step, catalogue)
        return step


def parameters_form(
    data: Any, *, prefix: str, step: Mapping[str, Any], catalogue: OrganizationCatalogue
) -> TemplatesForm | None:
    """Return the form of what a step is given; None where it names no action that exists."""
    original = given_of(step)
    if not isinstance(original, (Mapping, type(None))):
        return None
    kind = kind_of(step)
    if kind != "action":
        form = TemplatesForm(MODELS[kind], prefix=prefix, data=data, original=original or {})
        if kind == "rule":
            field_: Any = form.fields["rule"]
            field_.suggestions, field_.has_suggestions = tuple(catalogue.rule_names), True
            field_.widget.attrs["list"] = f"id_{prefix}-rule_list"
        return form
    spec = spec_of(catalogue, step)
    if spec is None:
        return None
    connector = connector_of(str(step.get("platform") or ""))
    at = choices_address(connector, str(step.get("integration") or "")) if connector is not None else ""
    return TemplatesForm(spec.model, prefix=prefix, data=data, original=original or {}, choices_at=at)


def without_strangers(step: Mapping[str, Any], catalogue: OrganizationCatalogue) -> dict[str, Any]:
    """Return a step without parameters that its action does not have."""
    spec, given = spec_of(catalogue, step), step.get("parameters")
    if kind_of(step) != "action" or not isinstance(given, Mapping):
        return dict(step)
    if spec is not None and spec.model.model_config.get("extra") == "allow":
        return dict(step)
    known = {name for piece in pieces_of(spec.model) for name in piece.names} if spec else set()
    return {**step, "parameters": {name: value for name, value in given.items() if name in known}}


def spec_of(catalogue: OrganizationCatalogue, step: Mapping[str, Any]) -> ActionSpec | None:
    """Return what the catalogue says of a step's action, None when there is no such action."""
    try:
        return catalogue.action(str(step.get("platform") or ""), str(step.get("action") or ""))[1]
    except (IntegrationError, registry.UnknownPlatform):
        return None


def _description(step: Mapping[str, Any], catalogue: OrganizationCatalogue) -> str:
    kind = kind_of(step)
    if kind != "action":
        return (MODELS[kind].__doc__ or "").strip()
    spec = spec_of(catalogue, step)
    return spec.description if spec else ""


def _line(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) if value is not None else ""
    return " ".join(text.split())[:_LONGEST_SUMMARY]


def _matters(bound: Any) -> bool:
    return bool(bound.field.is_needed or bound.value() not in (None, "") or bound.errors)
