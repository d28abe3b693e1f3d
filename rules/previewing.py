"""What a text of a rule's page becomes for one event, while somebody writes it; and what could stand in it.

Nothing is sent and nothing is kept. Secrets are dots. What earlier steps brought is what they brought last.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import BaseModel

from audit.redaction import Redactor
from integrations.pieces import NotReadable, json_text, pieces_of, value_of
from rules.catalogue import OrganizationCatalogue
from rules.cel.roots import META, OF_ITEM
from rules.checking import subjects_of
from rules.event_fields import EventFields, fields_below, shown
from rules.expressions import ExpressionError, Roots, compile_condition, compile_template
from rules.kinds import MODELS
from rules.lookup_tables import tables_at
from rules.models import LookupTable, RecipientList, Step, StepStatus
from rules.recipients import Recipients
from rules.rendering import render
from rules.step_cards import spec_of
from rules.step_kinds import MARK
from rules.trial import meta_of_trial
from rules.trying import NothingToTry, chosen_event, specs_of
from rules.variables import Variables
from supportops import clock
from supportops.tenancy.models import Organization

MOST_TEXTS = 100
LONGEST_TEXT = 20_000
_LONGEST_SHOWN = 2_000
_MOST_OF_EACH = 100
_OF_ITEM = gettext_lazy("It differs from item to item.")


@dataclass(frozen=True)
class Wanted:
    """One text to be shown: of which step (its place in the order) and parameter; a condition where that is empty."""

    key: str
    text: str
    choice: str
    parameter: str
    position: int


class Preview:
    """Texts of one page over one event. `names` are those of its steps, in order."""

    def __init__(
        self,
        catalogue: OrganizationCatalogue,
        organization: Organization,
        *,
        platform: str,
        types: Sequence[str],
        chosen: str,
        names: Sequence[str],
        rule_id: uuid.UUID | None = None,
    ) -> None:
        self.catalogue, self.names = catalogue, list(names)
        self.subjects = subjects_of(specs_of(platform, types))
        self.context = _context(organization, platform, types, chosen, self.subjects)
        self.context["steps"] = last_outcomes(rule_id, names)

    def of(self, wanted: Wanted) -> dict[str, Any]:
        """Return the rendered `value` as a text, or the `error`; and `warnings`."""
        before = tuple(self.names[: wanted.position])
        roots = Roots(
            subjects=self.subjects,
            steps_before=before,
            steps_after=tuple(self.names[wanted.position :]),
            # Whether the step has a list of items is said where it is saved.
            is_of_item=True,
        )
        try:
            if not wanted.parameter:
                condition = compile_condition(wanted.text, roots)
                if not condition.expression.node.roots().isdisjoint(OF_ITEM):
                    return {"value": _OF_ITEM}
                met = condition.is_met(self.context)
                return {"value": _("It would be done.") if met else _("It would be left out.")}
            if not compile_template(wanted.text, roots).roots_used().isdisjoint(OF_ITEM):
                return {"value": _OF_ITEM}
            model = self._model(wanted.choice)
            value = _typed(model, wanted)
            rendered = render({wanted.parameter: value}, self.context, model=model)
        except ExpressionError as error:
            where = _("line %(line)s, column %(column)s") % {"line": error.line, "column": error.column}
            return {"error": error.message, "where": where}
        except NotReadable as error:
            return {"error": str(error)}
        result = Redactor().value(rendered.value[wanted.parameter])
        return {"value": _text(result), "warnings": [text.partition(": ")[2] for text in rendered.warnings]}

    def _model(self, choice: str) -> type[BaseModel] | None:
        if choice.startswith(MARK):
            return MODELS.get(choice[1:])
        platform, _mark, action = choice.partition(":")
        spec = spec_of(self.catalogue, {"platform": platform, "action": action})
        return spec.model if spec else None


def _typed(model: type[BaseModel] | None, wanted: Wanted) -> Any:
    for piece in pieces_of(model) if model is not None else ():
        if wanted.parameter in piece.names:
            return value_of(piece, wanted.text)
    return wanted.text


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json_text(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _context(
    organization: Organization, platform: str, types: Sequence[str], chosen: str, subjects: Sequence[str]
) -> dict[str, Any]:
    payload: Mapping[str, Any] = {}
    meta: Mapping[str, Any] = {}
    environment = ""
    try:
        event, of_platform = chosen_event(platform, types or ("*",), chosen)
        payload, meta, environment = event.payload, meta_of_trial(event, of_platform), event.environment
    except NothingToTry:
        pass
    tables = LookupTable.objects.order_by("name").values_list("name", flat=True)[:_MOST_OF_EACH]
    context: dict[str, Any] = {
        "event": payload,
        "meta": meta,
        "inputs": {},
        "env": Variables().shown(environment),
        "vars": tables_at(list(tables)),
        "recipients": Recipients().root(environment),
        "run": {"environment": environment},
        "rule": {},
        "organization": {"id": str(organization.pk), "slug": organization.slug, "name": organization.name},
        "integration": {},
        "now": clock.now().isoformat(),
    }
    return context | {subject: payload.get(subject) for subject in subjects}


def last_outcomes(rule_id: uuid.UUID | None, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return what `steps` is: for each step what it brought when it last succeeded, null where it never did."""
    nothing: dict[str, Any] = {"output": None, "error": None, "status": None, "failed": False, "succeeded": False}
    outcomes = {name: dict(nothing) for name in names}
    for name in names[:_MOST_OF_EACH] if rule_id is not None else ():
        rows = Step.objects.filter(run__rule_id=rule_id, name=name, status=StepStatus.SUCCEEDED)
        step = rows.select_related("content").order_by("-id").first()
        content = getattr(step, "content", None) if step is not None else None
        if content is not None:
            outcomes[name] |= {"output": content.output, "status": "succeeded", "succeeded": True}
    return outcomes


# --- what could stand in a text ---------------------------------------------------------------------------------
def insertable(
    fields: EventFields, names: Sequence[str], inputs: Sequence[str], outcomes: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return what a text may name: what is written, a hint, its group, and after which step it is there."""
    found = [_item(_("Event"), one.template, one.example or "") for one in fields]
    for place, name in enumerate(names):
        group = _("Step %(number)s: %(name)s") % {"number": place + 1, "name": name}
        parts = {
            "output": _("what it brought"),
            "status": _("how it ended"),
            "failed": _("true or false"),
            "error": _("why it failed"),
        }
        found += [_item(group, f"steps.{name}.{part}", hint, place + 1) for part, hint in parts.items()]
        output = outcomes.get(name, {}).get("output")
        if isinstance(output, Mapping):
            found += [
                _item(group, one.template, one.example or "", place + 1)
                for one in list(fields_below(output, f"steps.{name}.output"))[:_MOST_OF_EACH]
            ]
    found += [_item(_("Inputs"), f"inputs.{name}", "") for name in inputs]
    found += [_item(_("Variables"), f"env.{name}", hint or "") for name, hint in _variables()]
    tables = LookupTable.objects.order_by("name").values_list("name", "description")[:_MOST_OF_EACH]
    found += [_item(_("Lookup tables"), f'vars.{name}["…"]', about) for name, about in tables]
    lists = RecipientList.objects.order_by("name").values_list("name", flat=True).distinct()[:_MOST_OF_EACH]
    found += [_item(_("People"), f"recipients.{name}.emails", "") for name in lists]
    found += [_item(_("About the event"), f"meta.{name}", "") for name in META]
    others = {"rule.name": "", "organization.name": "", "run.id": "", "now": _("the time")}
    return found + [_item(_("More"), name, hint) for name, hint in others.items()]


def _variables() -> list[tuple[str, str | None]]:
    return [(name, shown(value)) for name, value in list(Variables().shown("").items())[:_MOST_OF_EACH]]


def _item(group: str, text: str, hint: str, after: int = 0) -> dict[str, Any]:
    return {"group": group, "text": text, "hint": str(hint), "after": after}
